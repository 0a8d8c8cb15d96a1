"""Stages 6 to 8: what earlier runs bought is weighed, the allocation is solved, the plan is drafted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from refinelab_dsl import data, estimate, solve
from refinelab_dsl.artifacts.evidence import Evidence
from refinelab_dsl.artifacts.inventory import EarlierRun
from refinelab_dsl.artifacts.plan import DecisionSet, SeedSet
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.data.read import read_items
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import decisions as decision_faults
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.ir import Program
from refinelab_dsl.plan import build, reserve
from refinelab_dsl.plan.budgets import find_dear, state_least, warn_of_budget
from refinelab_dsl.plan.build import Draft, Situation
from refinelab_dsl.plan.claims import find_least_budget
from refinelab_dsl.plan.decisions import Settled
from refinelab_dsl.plan.inventory import (
    Inventory,
    is_answered,
    protect_decided,
    recall_inventory,
    take_inventory,
)
from refinelab_dsl.plan.price import Ceiling
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.steps import StepContext, StepFault
from refinelab_dsl.solve.problem import NOT_PAID, Paid, Problem
from refinelab_dsl.solve.stock import NOTHING

_MARGIN = 1.01  # on counted tokens when solving again: other items are chosen then, with prompts of other lengths


@dataclass(frozen=True)
class Case:
    """What is decided about. compiler: the version. spec_path, variables: as a plan has them. paid: what earlier legs
    of a run have, whose rest is planned; else None. decided: what a person decided about edits of earlier runs. used:
    the runs whose results stand among the items already."""

    program: Program
    given: Profile
    project: Project
    compiler: str
    spec_path: str
    variables: Mapping[str, str]
    evidence: Evidence
    seeds: Mapping[str, SeedSet]
    solver: Literal["auto", "glpk", "highs"] | None = None
    allow_outside: bool = False
    paid: Paid | None = None
    decided: Settled | None = None
    used: tuple[int, ...] = ()

    @property
    def told(self) -> DecisionSet | None:
        """The decisions as the plan will hold them."""
        return None if self.decided is None else self.decided.told

    @cached_property
    def profile(self) -> Profile:
        """The data, with the items protected whose removal a person rejected."""
        return protect_decided(self.given, self.told)

    @cached_property
    def context(self) -> StepContext:
        """What composing prompts needs."""
        return build.build_context(self.program, self.profile, self.evidence, self.seeds)

    @cached_property
    def least(self) -> Ceiling:
        """What the budget must be at least; reads the dataset once, where somebody asks."""
        return read_least(self.program, self.profile, self.context, self.project, allow_outside=self.allow_outside)


@dataclass(frozen=True)
class Drafted:
    situation: Situation
    draft: Draft
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Failed:
    exit_code: ExitCode
    diagnostics: tuple[Diagnostic, ...]
    problem: Problem | None = None


def decide(case: Case, runs: Sequence[EarlierRun]) -> Drafted | Failed:
    """The plan, with what earlier runs bought where that makes it better or cheaper.

    What was planned and applied before is planned again, byte for byte: such a plan costs nothing. So the inventory of
    the last run of this very spec, perhaps none, comes first. A plan that needs no inventory and buys nothing stands,
    unless what is there makes a better one. Where a person decided about it, it is always taken into account.
    """
    everything = take_inventory(case.program, case.profile, case.context, runs, case.told, case.used)
    if everything.unfit:
        return _refuse_pins(case, everything)
    if case.paid is not None:
        return _draft(case, everything)

    def costs_nothing(answer: Drafted | Failed) -> bool:
        return isinstance(answer, Drafted) and is_answered(
            answer.draft.header.actions, answer.draft.steps, everything.outcomes
        )

    then = recall_inventory(case.program, case.profile, case.context, runs, case.told)
    if then is not None and then.runs and not then.unfit and costs_nothing(again := _draft(case, then)):
        return again
    if case.decided is not None:
        return _draft(case, everything)
    plain = _draft(case)
    if not everything.outcomes or (then is not None and not then.runs and costs_nothing(plain)):
        return plain
    richer = _draft(case, everything)
    if isinstance(plain, Failed) or isinstance(richer, Failed):
        return richer if isinstance(plain, Failed) else plain
    one, other = plain.situation.assignment, richer.situation.assignment
    return plain if costs_nothing(plain) and one.objective <= other.objective + other.gap else richer


def _refuse_pins(case: Case, inventory: Inventory) -> Failed:
    assert case.decided is not None
    return Failed(ExitCode.SPEC, tuple(
        decision_faults.pin_unfit(row.id, reason, case.decided.place(row), by_hand=row.by_hand)
        for row, reason in inventory.unfit
    ))


def _find_lost(case: Case, inventory: Inventory) -> Inventory:
    """The inventory, which names what is pinned and no longer in it."""
    there = {each.key for each in inventory.stock.bought}
    rows = () if case.told is None else case.told.rows
    lost = [row for row in rows if row.is_held and row.key not in there]
    return replace(inventory, unfit=tuple((row, "its prompt is composed in another way now") for row in lost))


def _draft(case: Case, inventory: Inventory | None = None) -> Drafted | Failed:
    """Where the chosen prompts turn out dearer than their cells' means and break the budget, the allocation is solved
    once more with what was counted; and without those results that were made of other requests than we compose now."""
    program, profile = case.program, case.profile
    paid = case.paid or NOT_PAID
    stock = NOTHING if inventory is None else inventory.stock
    said: list[Diagnostic] = []
    corrections: Mapping[str, tuple[float, float]] = {}
    seconds = float(program.solve.time_limit)  # for both rounds
    for last_round in (False, True):
        try:
            estimates = estimate.estimate(program, profile, case.context, corrections, case.evidence)
        except StepFault as fault:
            return Failed(ExitCode.SPEC, (*said, blame_template(program, fault)))
        problem, found = solve.build_problem(program, profile, estimates, stock, paid)
        said += found
        if problem is None:
            return Failed(ExitCode.INFEASIBLE, tuple(said))
        said += warn_of_budget(program, problem, lambda: case.least)
        solver = case.solver or program.solve.solver
        started = time.monotonic()
        allocation = reserve.allocate(program, profile, problem, estimates, solver, stock, started + seconds)
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
            case.compiler,
            case.spec_path,
            case.variables,
            allocation.luck,
            inventory,
            case.evidence,
            case.seeds,
            paid,
            case.told,
        )
        try:
            draft = build.draft_plan(situation, chosen, items)
        except StepFault as fault:
            return Failed(ExitCode.SPEC, (*said, blame_template(program, fault)))
        if draft.unlike and inventory is not None:
            fewer = _find_lost(case, inventory.without(draft.unlike))
            return _draft(case, fewer) if not fewer.unfit else _refuse_pins(case, fewer)
        if not draft.over or last_round:
            break
        corrections = {
            name: (tokens_in * _MARGIN, tokens_out) for name, (tokens_in, tokens_out) in draft.corrections.items()
        }
    if find_dear(draft):
        draft = state_least(draft, case.least)
    return Drafted(situation, draft, tuple(said))


def read_least(
    program: Program, profile: Profile, context: StepContext, project: Project, *, allow_outside: bool = False
) -> Ceiling:
    """`find_least_budget` over the dataset."""
    files, _ = data.find_files(program.dataset, project, allow_outside=allow_outside)
    entries = read_items(program.dataset, files, project)
    return find_least_budget(context, profile, (entry for entry in entries if isinstance(entry, Item)))


def blame_template(program: Program, fault: StepFault) -> Diagnostic:
    """A template whose types are right, and that an item of the data made fail."""
    span = program.origins.get(f"operator.{fault.template}") or program.origins.get(fault.template)
    return faults.template_failed(fault.template, fault.line, fault.message, span)
