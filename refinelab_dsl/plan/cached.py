"""What the store of replies already answers of a plan: known where and when it is shown, no part of its bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from refinelab_dsl import data
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.effects import EMBEDDING_LINE, Embed, effect_key
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.request import request_key
from refinelab_dsl.prompts.steps import StepContext, StepFault, compose_step
from refinelab_dsl.prompts.vectors import batch_texts, compared_originals
from refinelab_dsl.store import Store, StoreError

LIMIT = 20_000  # steps whose prompts are rendered again just to be counted


def count_cached(
    plan: PlanFile, project: Project, source: tuple[str, ...], *, allow_outside: bool = False
) -> Mapping[str, int] | None:
    """Operator -> how many of its listed attempts need no call; `embedding.NAME` -> how many of the calls about all
    items that it is asked about before.

    None where that is not known: there is no store, it cannot be read, or the plan lists too many attempts.
    source: the dataset's patterns, as the spec has them.
    """
    if not project.store.exists() or plan.trailer.steps > LIMIT:
        return None
    dataset = plan.header.dataset.model_copy(update={"source": source})
    paths, problems = data.find_files(dataset, project, allow_outside=allow_outside)
    if problems:
        return None
    items = data.load_items(dataset, paths, project, {key for step in plan.steps() for key in step.items})
    context = StepContext.of_header(plan.header)
    tally: Counter[str] = Counter()
    try:
        with Store(project.store, is_read=True) as store:
            for step in plan.steps():
                sources = [items[key] for key in step.items]
                request = compose_step(context, step.operator, sources, step.target, step.sample)
                tally[step.operator] += store.get(request_key(request)) is not None
            for embedding in plan.header.embeddings:
                if embedding.name in plan.header.originals:
                    entries = data.read_items(dataset, paths, project)
                    texts = compared_originals(entry for entry in entries if isinstance(entry, data.Item))
                    tally[f"{EMBEDDING_LINE}{embedding.name}"] = sum(
                        all(store.holds(effect_key(Embed(embedding, (text,)))) for text in batch)
                        for batch in batch_texts(texts)
                    )
    except (StoreError, StepFault, KeyError):
        return None
    return dict(tally)
