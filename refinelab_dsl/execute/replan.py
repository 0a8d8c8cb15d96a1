"""Legs: a run whose plan has `replan` pauses after each share of its budget, and what is left is solved again.

A leg is a run of its own, with its plan, journal and log. What it had accepted is inventory of the next one, whose plan
lists it first, so the last leg alone holds and writes the whole result; its log starts with the root of the log before
it. What a leg kept apart is in no later plan: it is made again from its log (`execute.carry`). The budget is one: what
legs paid, and what they may have been charged beyond that, is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from refinelab_dsl.artifacts.evidence import AnyRecord
from refinelab_dsl.artifacts.plan import DecisionSet, Header
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.execute.harvest import harvest
from refinelab_dsl.execute.interpret import Pause
from refinelab_dsl.execute.journal import JournalError, read_entries
from refinelab_dsl.execute.ledger import Amount
from refinelab_dsl.execute.runs import RunDamaged, RunFolder, RunRecord, find_runs
from refinelab_dsl.execute.vectors import BEFORE_STEPS
from refinelab_dsl.project import Project


@dataclass(frozen=True)
class Rest:
    """What solving the rest of a run again needs. tokens, usd: paid so far, by all legs; limit: the budget in tokens as
    the first plan settled it. learnt: how the operators fared. variables: what the first plan was given. embedded: the
    embeddings whose vectors of all items are there; what they took is in tokens and usd. decisions: of the first
    plan."""

    spec_path: str
    variables: Mapping[str, str]
    tokens: int
    usd: Decimal
    limit: int | None
    learnt: tuple[AnyRecord, ...]
    embedded: frozenset[str] = frozenset()
    decisions: DecisionSet | None = None


Replan: TypeAlias = Callable[[Rest, Path], tuple[Diagnostic, ...]]
"""Writes the plan of the rest to a path, or says why there is none. The compiler's: the runtime does not solve."""


def settle_pause(header: Header, earlier: tuple[RunRecord, ...]) -> Pause | None:
    """What a leg may pay before the rest is solved again: up to the next multiple of the share."""
    if header.envelope is None:
        return None
    share, budget = header.envelope.share, header.budget
    tokens = usd = None
    if budget.tokens is not None:
        tokens = _next(Decimal(budget.tokens) * share, Decimal(sum(each.paid_tokens for each in earlier)))
    if budget.usd is not None:
        usd = _next(budget.usd * share, sum((each.paid_usd for each in earlier), Decimal(0)))
    return Pause(None if tokens is None else int(tokens), usd)


def _next(step: Decimal, paid: Decimal) -> Decimal:
    """What is left to the next multiple of `step`."""
    return step - paid % step if step > 0 else Decimal(1)


def find_legs(project: Project, numbers: tuple[int, ...]) -> tuple[tuple[RunFolder, RunRecord], ...]:
    """The folders and records of earlier legs.

    Raises:
        RunDamaged: one of them cannot be read.
    """
    folders = {folder.number: folder for folder in find_runs(project)}
    return tuple((folders[number], folders[number].load_record()) for number in numbers if number in folders)


def find_next(project: Project, number: int) -> tuple[RunFolder, RunRecord] | None:
    """The leg that follows a run, where there is one."""
    for folder in find_runs(project):
        if folder.number <= number:  # a leg is begun after the one before it
            continue
        try:
            record = folder.load_record()
        except RunDamaged:
            continue
        if record.legs and record.legs[-1] == number:
            return folder, record
    return None


def describe_rest(header: Header, legs: tuple[tuple[RunFolder, RunRecord], ...]) -> Rest:
    """What the legs so far leave to be done. header: of any of their plans.

    Raises:
        RunDamaged: the journal of a leg cannot be read.
    """
    learnt: list[AnyRecord] = []
    embedded: set[str] = set()
    spent = Amount(
        sum(record.paid_tokens for _, record in legs), sum((record.paid_usd for _, record in legs), Decimal(0))
    )
    for folder, record in legs:
        plan, _ = PlanFile.open(folder.plan)
        if plan is not None:
            told = frozenset(step.id for step in plan.steps() if step.replies)  # by the legs that bought them
            learnt += harvest(folder.log, plan.header, record.plan_id, told)[0]
            if plan.header.originals:
                embedded.update(plan.header.originals)
                spent += _sum_vectors(folder)
    return Rest(
        header.spec_path, header.variables, spent.tokens, spent.usd or Decimal(0), header.budget.tokens, tuple(learnt),
        frozenset(embedded), header.decisions,
    )


def _sum_vectors(leg: RunFolder) -> Amount:
    """What a leg paid for vectors of all items, which no step has and so is not among what it paid for those."""
    try:
        entries = [entry for entry in read_entries(leg.journal) if entry.step == BEFORE_STEPS]
    except JournalError as error:
        raise RunDamaged(leg.journal, str(error)) from error
    settled = [entry.settled for entry in entries if entry.state == "answered" and not entry.cached]
    return Amount(sum(each.tokens for each in settled), sum((each.usd or Decimal(0) for each in settled), Decimal(0)))


def check_envelope(header: Header, plan: Header) -> str | None:
    """Why a plan of the rest is not inside what was approved, by which nobody else is asked and no more is spent."""
    assert header.envelope is not None
    other = [
        *(name for name in plan.hosts if name not in header.hosts),
        *(each.operator for each in plan.actions if each.operator not in header.envelope.operators),
        *(each.model for each in plan.templates if each.model not in header.envelope.models),
    ]
    if (plan.spec_sha256, plan.dataset_sha256) != (header.spec_sha256, header.dataset_sha256):
        return "the spec or its data have changed since the run began"
    if plan.budget.tokens != header.budget.tokens or plan.budget.usd != header.budget.usd:
        other.append("its budget")
    return f"it would go beyond what was approved: {', '.join(dict.fromkeys(other))}" if other else None
