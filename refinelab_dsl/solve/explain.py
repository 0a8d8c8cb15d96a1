"""Why there is no plan: the smallest set of the user's constraints that conflict, and what would make it feasible.

A deletion filter (Chinneck and Dravnieks 1991): constraints are left out one after another; what cannot be left out
without a plan coming to exist is the conflict. Ways out are solved again before they are proposed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import solving as faults
from refinelab_dsl.ir import Program
from refinelab_dsl.solve.form import build_form
from refinelab_dsl.solve.limits import drop_limit, limit_of, name_limits, origin_of, set_limit
from refinelab_dsl.solve.problem import Infeasible, Problem, Unsolved
from refinelab_dsl.solve.relaxation import relax
from refinelab_dsl.solve.rounding import round_counts
from refinelab_dsl.solve.solver import Session, Solver

_SECONDS = 20.0  # for the whole search: an explanation may be late, not absent
_STEPS = 24  # bisections of a value


def find_conflict(problem: Problem, solver: Solver) -> Infeasible:
    """A minimal conflict of `problem`, which is known to be infeasible, and ways out of it."""
    deadline = time.monotonic() + _SECONDS
    bare = replace(problem, axes=tuple(replace(axis, weight=0.0) for axis in problem.axes))
    conflict = list(name_limits(bare))
    current = bare
    proven = True
    for name in tuple(conflict):
        without = drop_limit(current, name)
        answer = _is_feasible(without, solver, deadline)
        if answer is False:
            current = without
            conflict.remove(name)
        proven = proven and answer is not None
    free = {name: _is_feasible(drop_limit(bare, name), solver, deadline) is True for name in conflict}
    ways = []
    for name in conflict:
        if name in ("protect", "pinned") and free[name]:
            ways.append((name, ""))
        elif (value := _relax_alone(bare, name, solver, deadline)) is not None:
            ways.append((name, value))
    together = () if ways else _relax_together(bare, solver, deadline)
    return Infeasible(tuple(conflict), proven, tuple(ways), all(free.values()), together)


def explain(program: Program, problem: Problem, answer: Infeasible | Unsolved) -> tuple[Diagnostic, ...]:
    """What a user is told instead of a plan."""
    origins = program.origins
    span = origins.get("solve.solver") or origins.get("solve")
    if isinstance(answer, Unsolved):
        match answer.reason:
            case "missing":
                return (faults.solver_missing(answer.solver, span),)
            case "stopped":
                return (faults.out_of_time(problem.time_limit, origins.get("solve.time_limit") or span),)
            case "failed":
                other = "glpk" if answer.solver == "highs" else "highs"
                return (faults.solver_failed(answer.solver, other, span),)
    said = [(_describe(problem, name), origins.get(origin_of(name))) for name in answer.conflict]
    size = sum(cell.count for cell in problem.cells)
    ways = [_describe_way(name, value, size) for name, value in answer.ways_out]
    if answer.together:
        ways.append(" and ".join(_describe_way(name, value, size) for name, value in answer.together))
    return (faults.infeasible(said, ways, size, proven=answer.proven, sole=answer.sole),)


def _is_feasible(problem: Problem, solver: Solver, deadline: float) -> bool | None:
    """Whether any whole allocation exists; None where the time was up."""
    form = build_form(problem)
    session = Session(solver, deadline)
    relaxation = relax(form, session, 1.0)
    if isinstance(relaxation, str):
        return False if relaxation == "infeasible" else None
    rounded = round_counts(form, relaxation, session, 1.0)
    if isinstance(rounded, str):
        return False if rounded == "infeasible" else None
    return True


@dataclass(frozen=True)
class _Knob:
    """A constraint's value on its way from what was asked to what surely suffices."""

    name: str
    asked: float
    loosest: float
    whole: bool

    def set(self, problem: Problem, value: float) -> Problem:
        """The problem with this value."""
        return set_limit(problem, self.name, value)

    def render(self, value: float) -> str:
        """As text, rounded to the loose side."""
        step = Decimal(1) if self.whole else Decimal("0.0001")
        rounding = ROUND_CEILING if self.loosest >= self.asked else ROUND_FLOOR
        return str(Decimal(repr(float(value))).quantize(step, rounding))


def _relax_alone(problem: Problem, name: str, solver: Solver, deadline: float) -> str | None:
    """The value nearest to the one asked for at which the problem has a plan, None where no value does."""
    knob = _knob(problem, name)
    if knob is None or _is_feasible(knob.set(problem, knob.loosest), solver, deadline) is not True:
        return None
    bad, good = knob.asked, knob.loosest
    for _ in range(_STEPS):
        middle = (bad + good) / 2
        if knob.whole:
            middle = round(middle)
        if abs(good - bad) <= (1 if knob.whole else 1e-3) or middle in (bad, good):
            break
        if _is_feasible(knob.set(problem, middle), solver, deadline) is True:
            good = middle
        else:
            bad = middle
    return knob.render(good)


def _relax_together(problem: Problem, solver: Solver, deadline: float) -> tuple[tuple[str, str], ...]:
    """Values of several limits at which there is a plan, where no single one suffices: as few limits as it takes, each
    by the same part of its way to where it stops to matter, and then each by no more than the others need. Empty where
    not even all of them suffice."""
    knobs = {name: knob for name in name_limits(problem) if (knob := _knob(problem, name)) is not None}

    def loosened(parts: Mapping[str, float]) -> dict[str, str]:
        return {
            name: knobs[name].render(knobs[name].asked + part * (knobs[name].loosest - knobs[name].asked))
            for name, part in parts.items()
        }

    def suffices(parts: Mapping[str, float]) -> bool:
        changed = problem
        for name, value in loosened(parts).items():
            changed = knobs[name].set(changed, float(value))
        return _is_feasible(changed, solver, deadline) is True

    def tighten(parts: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
        """The parts with the least common one of `names` that suffices."""
        bad, good = 0.0, parts[names[0]]
        for _ in range(_STEPS // 2):
            middle = (bad + good) / 2
            if suffices({**parts, **dict.fromkeys(names, middle)}):
                good = middle
            else:
                bad = middle
        return {**parts, **dict.fromkeys(names, good)}

    needed = dict.fromkeys(knobs, 1.0)
    if not suffices(needed):
        return ()
    for name in tuple(needed):
        rest = {other: part for other, part in needed.items() if other != name}
        if suffices(rest):
            needed = rest
    needed = tighten(needed, list(needed))
    for name in needed:
        needed = tighten(needed, [name])
    return tuple(loosened(needed).items())


def _knob(problem: Problem, name: str) -> _Knob | None:
    now = float(sum(cell.count for cell in problem.cells))
    asked = limit_of(problem, name)
    if name == "size" and problem.limits.sizes is not None:
        low, high = problem.limits.sizes
        asked = min(max(now, float(low)), float(high))
    if asked is None:
        return None
    match name.partition(":")[0]:
        case "size" | "max_removed":
            loosest, whole = now, True
        case "keep_originals" | "floor":
            loosest, whole = 0.0, True
        case "distinct":
            loosest, whole = 0.0, False
        case "max_flagged":
            loosest, whole = 1.0, False
        case "budget.tokens":
            loosest, whole = _dearest(problem, [action.tokens for action in problem.operators]), True
        case "budget.cost" | "max_cost":
            loosest, whole = _dearest(problem, [action.usd for action in problem.operators]), False
        case "tolerance":
            loosest, whole = 1.0, False
        case _:
            return None
    return _Knob(name, asked, loosest, whole)


def _dearest(problem: Problem, costs: Sequence[float]) -> float:
    """More than any plan could cost."""
    now = sum(cell.count for cell in problem.cells)
    each = sum(cost / max(action.success, 1e-6) for action, cost in zip(problem.operators, costs, strict=True))
    return 2.0 * each * (now + 1)


def _describe(problem: Problem, name: str) -> str:
    limits = problem.limits
    now = sum(cell.count for cell in problem.cells)
    kind, _, subject = name.partition(":")
    match kind:
        case "size":
            if limits.sizes is not None:
                return f"the refined set has {limits.sizes[0]} to {limits.sizes[1]} items"
            return f"the refined set has exactly {limits.size} items"
        case "max_removed":
            return f"at most {limits.max_removed} of {now} items leave"
        case "keep_originals":
            return f"at least {limits.keep_originals} of {now} items stay"
        case "distinct":
            return f"at least {limits.distinct:.0%} of the refined set are no paraphrases"
        case "max_flagged":
            return f"at most {limits.flagged:.0%} of the refined set are flagged"
        case "budget.tokens":
            return f"at most {limits.tokens:,.0f} tokens, the reserve taken off"
        case "budget.cost":
            return f"at most ${limits.usd:,.2f}, the reserve taken off"
        case "max_cost":
            return f"`{subject}` costs at most its `max_cost`"
        case "protect":
            return f"{sum(cell.count for cell in problem.cells if cell.protected)} protected items stay as they are"
        case "pinned":
            pinned = sum(sum((action.pinned or {}).values()) for action in problem.operators)
            return f"{pinned} edits that are pinned by decisions, or accepted by hand, stay"
        case "tolerance":
            return f"the shares of {subject} are within their tolerance"
        case _:
            return f"every label of {subject} keeps its `floor`"


def _percent(value: str, size: int, rounding: str) -> str:
    share = (Decimal(value) * 100 / max(size, 1)).quantize(Decimal("0.01"), rounding)
    return f"{share.normalize():f}%"


def _dollars(value: str) -> str:
    """Rounded up, or the way out would be none."""
    exact = Decimal(value)
    return f"${exact.quantize(Decimal('0.01') if exact >= 1 else Decimal('0.0001'), ROUND_CEILING):,f}"


def _describe_way(name: str, value: str, size: int) -> str:
    kind, _, subject = name.partition(":")
    match kind:
        case "max_removed":  # rounded so that the share comes to this number of items
            return f"max_removed = {_percent(value, size, ROUND_CEILING)}, which lets {value} of {size} items leave"
        case "keep_originals":
            return f"keep_originals = at_least({_percent(value, size, ROUND_FLOOR)}), which is {value} of {size} items"
        case "distinct":
            return f"distinct = at_least({float(value) * 100:.4g}%)"
        case "max_flagged":
            return f"max_flagged = {float(value) * 100:.4g}%"
        case "budget.tokens":
            return f"{int(value):,} tokens for the plan, the reserve on top"
        case "budget.cost":
            return f"{_dollars(value)} for the plan, the reserve on top"
        case "max_cost":
            return f"operator {subject} {{ max_cost = {_dollars(value)} }}"
        case "tolerance":
            return f"dimension {subject} {{ tolerance = {float(value) * 100:.4g}% }}"
        case "floor":
            return f"floor = {{ {subject} = {value} }}"
        case "protect":
            return "no `protect`"
        case "pinned":
            return "`accept` in place of `pin` in the decisions, and `reject` for what checks refused"
        case _:
            return f"{kind} = {value}"
