"""Which items leave a set because they could not be scrubbed. What was to be cleaned and was not is not passed on: not
where every rewrite failed, in this leg of a run or an earlier one, and not where the budget ended before its turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.execute.tally import Additions
from refinelab_dsl.operators.scrub import NOTHING_TO_SCRUB
from refinelab_dsl.prompts.scrubbing import SCRUB
from refinelab_dsl.provenance.log import LogLine, read_log


def list_scrubbers(header: Header) -> frozenset[str]:
    """The operators of a plan that scrub."""
    return frozenset(operator.name for operator in header.operators if operator.kind == SCRUB)


def find_scrubbed(header: Header, plan: PlanFile) -> frozenset[str]:
    """The keys of the items that a plan has steps to scrub for."""
    names = list_scrubbers(header)
    return frozenset(key for step in plan.steps() if step.operator in names for key in step.items) if names else names


def find_leaving(
    plan: PlanFile, failed: Mapping[str, str], additions: Additions, legs: Iterable[tuple[Path, Path]], *,
    is_partial: bool,
) -> dict[str, str]:
    """Key of an item that leaves -> the operator that did not clean it.

    failed: as the run itself tells. legs: plan and log of each leg before. is_partial: the run ended before its steps.
    """
    names = list_scrubbers(plan.header)
    if not names:
        return {}
    leaving = dict(failed)
    for earlier, log in legs:
        leaving.update(_find_failed(earlier, log, names))
    if is_partial:
        leaving.update((key, step.operator) for step in plan.steps() if step.operator in names for key in step.items)
    if leaving:
        for addition in additions:
            if addition.kind == SCRUB:
                for key in addition.row.parents:
                    leaving.pop(key, None)
    return dict(sorted(leaving.items()))


def _find_failed(path: Path, log: Path, names: frozenset[str]) -> dict[str, str]:
    """Of a leg: its items that no rewrite was accepted of."""
    plan, _ = PlanFile.open(path)
    if plan is None:
        return {}
    rejected = {
        line.event.step
        for line in read_log(log)
        if isinstance(line, LogLine)
        and isinstance(line.event, events.Reject)
        and line.event.operator in names
        and line.event.reason != NOTHING_TO_SCRUB
    }
    return {key: step.operator for step in plan.steps() if step.id in rejected for key in step.items}
