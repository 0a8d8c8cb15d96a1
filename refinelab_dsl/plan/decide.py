"""Stages 6 to 8 as one decision: from a profile to a plan in memory, with what earlier runs bought."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from refinelab_dsl import __version__, data, estimate, ir, solve
from refinelab_dsl.artifacts.evidence import Evidence
from refinelab_dsl.artifacts.inventory import EarlierRun
from refinelab_dsl.artifacts.plan import SeedSet
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan import build, inventory, reserve
from refinelab_dsl.plan.build import Draft, Situation
from refinelab_dsl.plan.inventory import Inventory
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.steps import StepContext, StepFault
from refinelab_dsl.solve.problem import Paid, Problem
from refinelab_dsl.solve.stock import NOTHING

_MARGIN: Final = 1.01  # on counted tokens when solving again: other items are chosen, with prompts of other lengths


@dataclass(frozen=True)
class Case:
    """What stages 6 to 8 decide about. spec_path, variables: as plans have them. paid: what earlier legs of a run have,
    whose rest is planned where `is_rest`."""

    program: ir.Program
    profile: Profile
    context: StepContext
    project: Project
    allow_outside: bool
    solver: Literal["auto", "glpk", "highs"]
    evidence: Evidence
    seeds: Mapping[str, SeedSet]
    spec_path: str
    variables: Mapping[str, str]
    paid: Paid
    is_rest: bool = False


@dataclass(frozen=True)
class Drafted:
    """A plan in memory, and what there is to say of it."""

    situation: Situation
    draft: Draft
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Failed:
    """Why there is no plan."""

    exit_code: ExitCode
    diagnostics: tuple[Diagnostic, ...]
    problem: Problem | None = None


def decide(case: Case, runs: Sequence[EarlierRun]) -> Drafted | Failed:
    """The plan, with what earlier runs bought where that makes it better or cheaper.

    What was planned and applied before is planned again, byte for byte: such a plan costs nothing. So the inventory of
    the last run of this very spec, perhaps none, comes first. A plan that needs no inventory and buys nothing stands,
    unless what is there makes a better one.
    """
    everything = inventory.take_inventory(case.program, case.profile, case.context, runs)
    if case.is_rest:
        return _draft(case, everything)

    def is_answered(answer: Drafted | Failed) -> bool:
        return isinstance(answer, Drafted) and inventory.is_answered(
            answer.draft.header.actions, answer.draft.steps, everything.outcomes
        )

    then = inventory.recall_inventory(case.program, case.profile, case.context, runs)
    if then is not None and then.runs and is_answered(again := _draft(case, then)):
        return again
    plain = _draft(case)
    if not everything.outcomes or (then is not None and not then.runs and is_answered(plain)):
        return plain
    richer = _draft(case, everything)
    if isinstance(plain, Failed) or isinstance(richer, Failed):
        return richer if isinstance(plain, Failed) else plain
    one, other = plain.situation.assignment, richer.situation.assignment
    return plain if is_answered(plain) and one.objective <= other.objective + other.gap else richer


def _draft(case: Case, stocked: Inventory | None = None) -> Drafted | Failed:
    """Where the chosen prompts turn out dearer than their cells' means and break the budget, the allocation is solved
    once more with what was counted; and without those results that were made of other requests than we compose now."""
    program, profile = case.program, case.profile
    stock = NOTHING if stocked is None else stocked.stock
    said: list[Diagnostic] = []
    corrections: Mapping[str, tuple[float, float]] = {}
    seconds = float(program.solve.time_limit)  # for both rounds
    for last_round in (False, True):
        try:
            estimates = estimate.estimate(program, profile, case.context, corrections, case.evidence)
        except StepFault as fault:
            return Failed(ExitCode.SPEC, (*said, blame_template(program, fault)))
        problem, found = solve.build_problem(program, profile, estimates, stock, case.paid)
        said += found
        if problem is None:
            return Failed(ExitCode.INFEASIBLE, tuple(said))
        started = time.monotonic()
        allocation = reserve.allocate(program, profile, problem, estimates, case.solver, stock, started + seconds)
        seconds -= time.monotonic() - started
        if not isinstance(allocation, reserve.Allocation):
            problem, answer = allocation
            return Failed(ExitCode.INFEASIBLE, (*said, *solve.explain(program, problem, answer)), problem)
        chosen = allocation.sketch
        files, _ = data.find_files(program.dataset, case.project, allow_outside=case.allow_outside)
        items = data.load_items(program.dataset, files, case.project, chosen.keys)
        situation = build.Situation(
            program,
            profile,
            estimates,
            allocation.problem,
            allocation.assignment,
            case.context,
            __version__,
            case.spec_path,
            case.variables,
            allocation.luck,
            stocked,
            case.evidence,
            case.seeds,
            case.paid,
        )
        try:
            draft = build.draft_plan(situation, chosen, items)
        except StepFault as fault:
            return Failed(ExitCode.SPEC, (*said, blame_template(program, fault)))
        if draft.unlike and stocked is not None:
            return _draft(case, stocked.without(draft.unlike))
        if not draft.over or last_round:
            break
        corrections = {
            name: (tokens_in * _MARGIN, tokens_out) for name, (tokens_in, tokens_out) in draft.corrections.items()
        }
    return Drafted(situation, draft, tuple(said))


def blame_template(program: ir.Program, fault: StepFault) -> Diagnostic:
    """A template whose types are right, and that an item of the data made fail."""
    span = program.origins.get(f"operator.{fault.template}") or program.origins.get(fault.template)
    return faults.template_failed(fault.template, fault.line, fault.message, span)
