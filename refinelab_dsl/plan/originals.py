"""What the vectors of all items of a dataset take, where an endpoint is asked for them: requests, tokens, dollars."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from refinelab_dsl.artifacts.plan import Embedded
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.profile import Originals, Profile
from refinelab_dsl.data.read import read_items
from refinelab_dsl.declarations import Dataset, Embedding
from refinelab_dsl.effects import Embed, effect_ceiling, effect_key, effect_tokens
from refinelab_dsl.estimate.originals import originals_use, price_tokens
from refinelab_dsl.ir import Program
from refinelab_dsl.measures.near_duplicate import clustering_embedding
from refinelab_dsl.plan.price import round_usd
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.asking import Use
from refinelab_dsl.prompts.vectors import batch_texts, compared_originals, comparing_embeddings
from refinelab_dsl.store import Store, StoreError


def find_compared(program: Program) -> tuple[Embedding, ...]:
    """The embeddings that an endpoint is asked for about all items: by a measure that finds clusters, or by a check of
    an operator."""
    declared = {embedding.name: embedding for embedding in program.embeddings}
    validators = {validator.name: validator for validator in program.validators}
    found = {each.name: each for each in comparing_embeddings(program.operators, validators, declared)}
    for measure in program.measures:
        embedding = clustering_embedding(measure, declared)
        if embedding is not None:
            found[embedding.name] = embedding
    return tuple(found[name] for name in sorted(found))


def survey_originals(program: Program, files: Sequence[Path], project: Project) -> dict[str, Originals]:
    """What asking about all items takes, by embedding; reads the dataset once where there is such an embedding."""
    embeddings = find_compared(program)
    texts = _read_texts(program.dataset, files, project) if embeddings else ()
    found = {}
    for embedding in embeddings:
        whole = Embed(embedding, texts)
        found[embedding.name] = Originals(
            len(texts), len(batch_texts(texts)), effect_tokens(whole), effect_ceiling(whole)[0]
        )
    return found


def set_bought(profile: Profile, names: Collection[str]) -> Profile:
    """The profile where vectors of all items are there already, by these embeddings."""
    bought = {
        name: replace(found, calls=0, tokens=0, most=0) for name, found in profile.originals.items() if name in names
    }
    return replace(profile, originals={**profile.originals, **bought})


def describe_originals(profile: Profile, embeddings: Iterable[Embedding]) -> dict[str, Embedded]:
    """The same as a plan states it, by embedding."""
    found = {}
    for embedding in embeddings:
        use, worst = originals_use(profile, (embedding,))
        found[embedding.name] = Embedded(
            texts=profile.originals[embedding.name].texts, calls=int(use.calls), tokens=int(use.tokens),
            ceiling=int(worst.tokens), usd=None if use.usd is None else round_usd(use.usd),
            usd_ceiling=None if worst.usd is None else round_usd(worst.usd),
        )  # fmt: skip
    return found


def remaining_uses(
    embeddings: Sequence[Embedding], dataset: Dataset, files: Sequence[Path], project: Project
) -> Mapping[str, tuple[Use, Use]]:
    """What asking about all items takes where the store of replies is now, by embedding: expected, and at the most.
    Nothing where there is no store, or none that can be read."""
    if not embeddings or not project.store.exists():
        return {}
    texts = _read_texts(dataset, files, project)
    found = {}
    try:
        with Store(project.store, is_read=True) as store:
            for embedding in embeddings:
                missing = {text for text in texts if not store.holds(effect_key(Embed(embedding, (text,))))}
                calls = sum(not missing.isdisjoint(batch) for batch in batch_texts(texts))
                whole = Embed(embedding, tuple(missing))
                tokens, most = effect_tokens(whole), effect_ceiling(whole)[0]
                found[embedding.name] = (
                    Use(calls, tokens, 0, price_tokens(embedding, tokens)),
                    Use(calls, most, 0, price_tokens(embedding, most)),
                )
    except StoreError:
        return {}
    return found


def _read_texts(dataset: Dataset, files: Sequence[Path], project: Project) -> tuple[str, ...]:
    return compared_originals(entry for entry in read_items(dataset, files, project) if isinstance(entry, Item))
