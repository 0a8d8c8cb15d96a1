"""Vectors of all items of the source, by which checks and measures compare: asked for before the first step.

Each text is kept under a content key of its own, so what was bought in whatever batch is not bought again, and one new
row costs one text. Batches are cut by position (`prompts.vectors.batch_texts`): of each, what is not there is asked
about with one request, or with several where the budget has no room for the worst case of all at once. They start in
order and only where their worst case fits, so that a run stops at the same text however many are in flight.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.evidence import KEY_LENGTH
from refinelab_dsl.artifacts.plan import CLUSTER, Header
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding, Measure
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.effects import Embed, effect_line
from refinelab_dsl.embeddings import Vectors, read_row
from refinelab_dsl.execute.calls import Answer, Caller, CallFailed, Starved, Stopped
from refinelab_dsl.execute.ledger import Amount, Reservation
from refinelab_dsl.execute.tally import Tally
from refinelab_dsl.likeness.text import digest_items
from refinelab_dsl.measures.near_duplicate import clustering_embedding, find_clusters
from refinelab_dsl.prompts.vectors import batch_texts, compared_originals, comparing_embeddings
from refinelab_dsl.provenance import LogWriter

BEFORE_STEPS: Final = 0
"""The step that the journal has these calls under: those of a plan are counted from 1."""


def list_compared(header: Header) -> tuple[Embedding, ...]:
    """The embeddings that the plan asks about all items of the source: for the clusters that its actions find, and for
    checks of its operators."""
    declared = {embedding.name: embedding for embedding in header.embeddings}
    validators = {validator.name: validator for validator in header.validators}
    acting = {action.operator for action in header.actions}
    operators = (operator for operator in header.operators if operator.name in acting)
    found = {each.name: each for each in comparing_embeddings(operators, validators, declared)}
    clustering = {action.operator for action in header.actions if action.kind == CLUSTER}
    for measure in header.measures:
        embedding = clustering_embedding(measure, declared) if measure.name in clustering else None
        if embedding is not None:
            found[embedding.name] = embedding
    return tuple(found[name] for name in sorted(found))


@dataclass(frozen=True, slots=True)
class Compared:
    """What a measure that compares all items found. items: the digest of what was compared; count: how many items.
    copies: the beginning of the key of each that is like another -> that of the first of its cluster."""

    items: str
    count: int
    copies: Mapping[str, str]


@dataclass
class Originals:
    """The items of the source and their vectors, by embedding, while a run goes on.

    read: all items, those included that a dimension with `unknown = drop` leaves out. base: the folder of the spec.
    """

    header: Header
    read: Callable[[], Iterable[Item]]
    base: Path
    vectors: dict[str, Vectors] = field(default_factory=dict)
    _flying: set[asyncio.Task[Amount | None]] = field(default_factory=set)

    async def fetch(self, caller: Caller, log: LogWriter, tally: Tally) -> Amount | None:
        """Asks for what is not there, and logs what it takes. Returns None, or what the next batch would have had to
        claim where the budget has no room for it; where the run is to stop for another reason, its halt says why.

        Raises:
            JournalError, StoreError: a reply could not be kept.
        """
        embeddings = list_compared(self.header)
        texts = compared_originals(self.read()) if embeddings else ()
        first = 0  # batches of all embeddings are numbered through, in the journal
        for embedding in embeddings:
            batches = batch_texts(texts)
            needed = await self._ask_batches(caller, embedding, batches, first)
            rows = {}
            for number, batch in enumerate(batches):
                answers = caller.look_up_texts(Embed(embedding, batch), first + number)
                found = [answer for answer in answers if answer is not None]
                if len(found) < len(batch):
                    return needed
                _log_batch(log, tally, embedding, number, found)
                for text, answer in zip(batch, found, strict=True):
                    rows[text] = read_row(answer.completion.text)
            self.vectors[embedding.name] = Vectors(rows)
            first += len(batches)
        return None

    async def _ask_batches(
        self, caller: Caller, embedding: Embedding, batches: Sequence[tuple[str, ...]], first: int
    ) -> Amount | None:
        """Buys what is missing; see `fetch`."""
        needed: Amount | None = None
        for number, batch in enumerate(batches, start=first):
            answers = caller.look_up_texts(Embed(embedding, batch), number)
            missing = tuple(text for text, answer in zip(batch, answers, strict=True) if answer is None)
            while missing and needed is None and not caller.halt.is_set:
                effect = Embed(embedding, missing)
                claim = caller.ledger.reserve(caller.worst_case(effect))
                if claim is None and self._flying:
                    needed = await self._collect()
                    continue
                while claim is None and len(effect.texts) > 1:
                    effect = Embed(embedding, effect.texts[: len(effect.texts) // 2])
                    claim = caller.ledger.reserve(caller.worst_case(effect))
                if claim is None:
                    needed = caller.worst_case(effect)
                    break
                self._flying.add(asyncio.create_task(_ask_together(caller, effect, number, claim)))
                missing = missing[len(effect.texts) :]
        while self._flying:
            starved = await self._collect()
            needed = needed or starved
        if needed is not None and not caller.halt.is_set:
            caller.halt.stop("budget")
        return needed

    async def _collect(self) -> Amount | None:
        """Waits for requests that end; gives what the first of them that was starved needs."""
        ended, _ = await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
        self._flying -= ended
        amounts = [task.result() for task in ended if not task.cancelled()]
        return next((amount for amount in amounts if amount is not None), None)

    def abandon(self) -> None:
        """Gives up the requests in flight; each keeps its claim on the budget."""
        for task in self._flying:
            task.cancel()

    def cluster(self, measure: Measure) -> Compared:
        """Which items are nearly the same. The vectors of the measure's embedding were fetched."""
        embedding = clustering_embedding(measure, {each.name: each for each in self.header.embeddings})
        assert embedding is not None, measure.name
        items = list(self.read())
        values = find_clusters(
            measure, items, self.header.embeddings, self.base, self.vectors[embedding.name]
        )
        copies = {
            item.key[:KEY_LENGTH]: value for item, value in zip(items, values, strict=True) if value is not None
        }
        return Compared(digest_items(item.hash for item in items), len(items), copies)


async def _ask_together(caller: Caller, effect: Embed, number: int, claim: Reservation) -> Amount | None:
    """One request. Returns what it would need where a further try has no room in the budget."""
    try:
        await caller.ask(effect, BEFORE_STEPS, number, claim)
    except Stopped:
        return None
    except Starved:
        return caller.worst_case(effect)
    except CallFailed as failure:
        if not caller.halt.is_set:
            name, reason = effect_line(effect), failure.kind.replace("_", " ")
            tries = caller.settings.retries + 1
            caller.halt.stop("model", faults.model_unavailable(name, tries, reason, asked_by="tries"))
    return None


def _log_batch(log: LogWriter, tally: Tally, embedding: Embedding, number: int, answers: Sequence[Answer]) -> None:
    tokens = sum(answer.usage.input_tokens for answer in answers)
    prices = [answer.price.usd for answer in answers]
    usd = None if any(each is None for each in prices) else sum((each or Decimal(0) for each in prices), Decimal(0))
    tally.calls += 1
    tally.input_tokens += tokens
    tally.usd = None if tally.usd is None or usd is None else tally.usd + usd
    log.append(events.Vectors(
        embedding=embedding.name, batch=number, texts=len(answers),
        requests=_digest(answer.request_key for answer in answers), replies=_digest(answer.reply for answer in answers),
        model_id=answers[0].completion.model, input_tokens=tokens, usd=usd,
    ))


def _digest(hashes: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
