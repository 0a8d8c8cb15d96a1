"""Strategies against budgets on one problem: what each would make of the same money under the same limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import ceil
from types import MappingProxyType
from typing import Final, Literal

from refinelab_dsl import metrics
from refinelab_dsl.plan.price import round_usd
from refinelab_dsl.solve.problem import FLAGGED, Assignment, Problem
from refinelab_dsl.solve.solve import attempt
from refinelab_dsl.solve.solver import Solver

# Name -> strategy, relax, static.
CONTENDERS: Final[Mapping[str, tuple[str, bool, bool]]] = MappingProxyType({
    "joint": ("joint", False, False),
    "greedy": ("greedy", False, False),
    "additive": ("additive", False, False),
    "uniform": ("uniform", False, False),
    "greedy-static": ("greedy", False, True),
    "joint-relaxed": ("joint", True, False),
    "additive-relaxed": ("additive", True, False),
})


@dataclass(frozen=True, slots=True)
class Allowance:
    """A budget to try. share: of what `joint` spends without a limit; else tokens or dollars, of which the reserve of
    the spec's budget is taken off as in a plan. written: as the user has it."""

    unit: Literal["share", "tokens", "usd"]
    amount: Decimal
    written: str


@dataclass(frozen=True, slots=True)
class Contest:
    """One cell: a strategy with a budget, perhaps without one operator.

    limit_tokens, limit_usd: what the budget lets it spend in expectation, None without limit. status: `infeasible`,
    `stopped` or `failed` where there is no allocation, and then every figure is None. divergence: per dimension, in
    bits. tokens, usd: expected; usd is None where a price is unknown. flagged: share of items under suspicion, None
    where nothing is.
    """

    strategy: str
    budget: str
    limit_tokens: int | None
    limit_usd: Decimal | None
    without: str | None
    status: Literal["optimal", "feasible", "infeasible", "stopped", "failed"]
    objective: float | None = None
    bound: float | None = None
    divergence: Mapping[str, float] | None = None
    tokens: int | None = None
    usd: Decimal | None = None
    distinct: float | None = None
    flagged: float | None = None
    size: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """full_tokens, full_usd: what `joint` spends without a limit, of which budgets are shares. now, flagged: of the set
    as it is, the divergence per dimension and the share of items under suspicion."""

    full_tokens: int
    full_usd: Decimal | None
    now: Mapping[str, float]
    flagged: float | None
    contests: tuple[Contest, ...]


def compare_strategies(
    problem: Problem,
    unlimited: Assignment,
    strategies: Sequence[str],
    budgets: Sequence[Allowance],
    *,
    priced: bool,
    reserve: Decimal,
    ablate: bool = False,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Every strategy with every budget; with `ablate`, again without each operator.

    unlimited: what `joint` does without a budget. A share limits tokens, and dollars instead where the spec limits
    those alone. reserve: share of an absolute budget that is held back. Each cell has the problem's time limit.
    advance: told how many contests are held, of how many.
    """
    solver: Solver = "glpk" if unlimited.solver == "glpk" else "highs"
    in_dollars = priced and problem.limits.tokens is None and problem.limits.usd is not None
    contests, now = [], _count_now(problem)
    left_out = (None, *((action.operator for action in problem.operators) if ablate else ()))
    total = len(left_out) * len(strategies) * len(budgets)
    for without in left_out:
        for strategy in strategies:
            for budget in budgets:
                limits = _limit(budget, unlimited, reserve, in_dollars=in_dollars)
                contests.append(
                    _hold(problem, strategy, budget, limits, without, solver, priced=priced)
                )
                advance(len(contests), total)
    return Comparison(
        full_tokens=_whole(unlimited.tokens),
        full_usd=round_usd(unlimited.usd) if priced else None,
        now=dict(_diverge(problem, now)),
        flagged=_share_flagged(problem, now, sum(cell.count for cell in problem.cells)),
        contests=tuple(contests),
    )


def lift_budget(problem: Problem) -> Problem:
    """The problem of `joint` without a budget. What single operators may cost stays limited."""
    limits = replace(problem.limits, tokens=None, usd=None)
    return replace(problem, limits=limits, strategy="joint", relax=False, static=False)


def _limit(
    budget: Allowance, unlimited: Assignment, reserve: Decimal, *, in_dollars: bool
) -> tuple[float | None, float | None]:
    """The limits in tokens and in dollars."""
    match budget.unit:
        case "share":
            share = float(budget.amount)
            return (None, share * unlimited.usd) if in_dollars else (share * unlimited.tokens, None)
        case "tokens":
            return float(budget.amount * (1 - reserve)), None
        case "usd":
            return None, float(budget.amount * (1 - reserve))


def _hold(
    problem: Problem,
    name: str,
    budget: Allowance,
    limits: tuple[float | None, float | None],
    without: str | None,
    solver: Solver,
    *,
    priced: bool,
) -> Contest:
    strategy, relax, static = CONTENDERS[name]
    tokens, usd = limits
    # An operator that never succeeds has no part in the allocation; its place stays, which cells refer to.
    operators = tuple(
        replace(action, success=0.0) if action.operator == without else action for action in problem.operators
    )
    answer = attempt(
        replace(
            problem,
            operators=operators,
            limits=replace(problem.limits, tokens=tokens, usd=usd),
            strategy=strategy,
            relax=relax,
            static=static,
        ),
        solver,
    )
    entry = Contest(
        strategy=name,
        budget=budget.written,
        limit_tokens=None if tokens is None else _whole(tokens),
        limit_usd=None if usd is None else round_usd(usd),
        without=without,
        status="failed",
    )
    if isinstance(answer, str):
        return replace(entry, status="failed" if answer == "optimal" else answer)
    size = _count_size(problem, answer)
    copies = sum(each.count for each in answer.allotments if problem.operators[each.operator].kind == "expand")
    return replace(
        entry,
        status=answer.status,
        objective=round(answer.objective, 9),
        bound=round(answer.bound, 9),
        divergence=dict(_diverge(problem, answer.planned)),
        tokens=_whole(answer.tokens),
        usd=round_usd(answer.usd) if priced else None,
        distinct=round(1 - copies / size, 9) if size else 1.0,
        flagged=_share_flagged(problem, answer.planned, size),
        size=size,
        seconds=answer.seconds,
    )


def _count_size(problem: Problem, answer: Assignment) -> int:
    size = sum(cell.count for cell in problem.cells)
    for each in answer.allotments:
        kind = problem.operators[each.operator].kind
        size += each.count * ((kind in ("expand", "generate")) - (kind == "remove"))
    return size


def _count_now(problem: Problem) -> dict[str, list[int]]:
    counts = {axis.name: [0] * len(axis.labels) for axis in problem.axes}
    for cell in problem.cells:
        for axis, label in zip(problem.axes, cell.bin, strict=True):
            if label >= 0:
                counts[axis.name][label] += cell.count
    return counts


def _diverge(problem: Problem, planned: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, float]]:
    for axis in problem.axes:
        if axis.target is not None:
            yield axis.name, round(metrics.jsd(planned[axis.name], axis.target), 9)


def _share_flagged(problem: Problem, counts: Mapping[str, Sequence[int]], size: int) -> float | None:
    return round(counts[problem.axes[-1].name][FLAGGED] / max(1, size), 9) if problem.has_flag else None


def _whole(tokens: float) -> int:
    return ceil(tokens - 1e-6)
