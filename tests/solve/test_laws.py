"""What must hold of every allocation, and real sets against a convex program that knows nothing of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, linprog, minimize  # type: ignore[import-untyped]

from refinelab_dsl import compiler, data, estimate, solve
from refinelab_dsl.plan.build import build_context
from refinelab_dsl.solve.form import build_form
from refinelab_dsl.solve.problem import Assignment, Bin, Problem
from refinelab_dsl.solve.relaxation import Relaxation, relax
from refinelab_dsl.solve.solver import Session, installed
from tests.solve.test_brute_force import build_problem

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
SOLVERS = installed()


# ---- laws -------------------------------------------------------------------------------------------------------


def _objective(problem: Problem) -> float:
    answer = solve.solve(problem, SOLVERS[-1])
    return answer.objective if isinstance(answer, Assignment) else float("inf")


def _relaxed(problem: Problem) -> Relaxation | str:
    return relax(build_form(problem), Session(SOLVERS[-1], float("inf")), problem.gap)


@pytest.mark.parametrize("seed", range(0, 60, 8))
def test_the_relaxation_is_never_worse_and_more_budget_neither(seed: int) -> None:
    problem = build_problem(seed)
    limits = problem.limits
    before = float("inf")
    for tokens in (0.0, 60.0, 150.0, None):
        at = replace(problem, limits=replace(limits, tokens=tokens, usd=None))
        objective = _objective(at)
        assert objective <= before + 1e-7
        before = objective
        relaxation = _relaxed(at)
        if objective < float("inf"):
            assert not isinstance(relaxation, str)
            assert relaxation.bound <= objective + 1e-9


def _permute(problem: Problem, place: int, order: tuple[int, ...]) -> Problem:
    """The labels of an axis in another order: label i of the new one is label order[i]."""
    new = {old: index for index, old in enumerate(order)}

    def moved(bin: Bin) -> Bin:
        return tuple(new[label] if at == place else label for at, label in enumerate(bin))

    axis = problem.axes[place]
    assert axis.target is not None
    axes = list(problem.axes)
    axes[place] = replace(
        axis, labels=tuple(axis.labels[old] for old in order), target=tuple(axis.target[old] for old in order)
    )
    return replace(
        problem,
        axes=tuple(axes),
        cells=tuple(replace(cell, bin=moved(cell.bin)) for cell in problem.cells),
        operators=tuple(
            action if action.targets is None else replace(
                action, targets={moved(bin): tuple(map(moved, bins)) for bin, bins in action.targets.items()}
            )
            for action in problem.operators
        ),
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 4, 8, 11])
def test_other_names_of_the_labels_change_nothing_else(seed: int) -> None:
    problem = build_problem(seed)
    for place, axis in enumerate(problem.axes):
        order = tuple(reversed(range(len(axis.labels))))
        other = _permute(problem, place, order)
        assert _objective(other) == pytest.approx(_objective(problem), abs=1e-7)


# ---- real sets --------------------------------------------------------------------------------------------------


def _real_problem(spec: str) -> Problem:
    if not SHARED.is_dir():
        pytest.skip(f"NO DATA: {SHARED} is not here")
    analysis = compiler.analyze(ROOT / "specs" / spec, compiler.Options(allow_outside=True))
    program = analysis.program
    assert program is not None
    profile, found = data.build_profile(
        program.dataset, program.measures, program.dimensions, program.operators, program.constraints,
        seed=program.seed, project=analysis.project, allow_outside=True, others=program.datasets,
    )  # fmt: skip
    assert profile is not None, found
    estimates = estimate.estimate(program, profile, build_context(program, profile))
    problem, _ = solve.build_problem(program, profile, estimates)
    assert problem is not None
    return problem


REAL = ("mmlu_subjects.refine", "gsm8k_length.refine")


@pytest.fixture(scope="module", params=REAL)
def real(request: pytest.FixtureRequest) -> Problem:
    return _real_problem(request.param)


@dataclass(frozen=True)
class Convex:
    """The continuous allocation in accepted results, written down from the problem alone: minimise the divergence of
    `start + change @ x` under `matrix @ x <= limit`, `equal @ x = size`, x >= 0."""

    start: NDArray[np.float64]
    change: NDArray[np.float64]
    wanted: NDArray[np.float64]
    weight: NDArray[np.float64]
    matrix: NDArray[np.float64]
    limit: NDArray[np.float64]
    equal: NDArray[np.float64]
    size: float
    upper: NDArray[np.float64]

    def value(self, x: NDArray[np.float64]) -> float:
        counts, wanted = np.maximum(self.start + self.change @ x, 0.0), self.wanted
        with np.errstate(divide="ignore", invalid="ignore"):
            own = np.where(counts > 0, counts * np.log2(2 * counts / (counts + wanted)), 0.0)
            other = np.where(wanted > 0, wanted * np.log2(2 * wanted / (counts + wanted)), 0.0)
        return float(self.weight @ (own + other) / 2)

    def slope(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        counts = np.maximum(self.start + self.change @ x, 1e-9)
        slopes: NDArray[np.float64] = self.change.T @ (self.weight * np.log2(2 * counts / (counts + self.wanted)) / 2)
        return slopes


def _convex(problem: Problem) -> Convex:
    columns: list[tuple[str, int | None, Bin | None, int]] = []
    for index, action in enumerate(problem.operators):
        cells = [number for number, cell in enumerate(problem.cells) if index in cell.eligible and cell.count]
        if action.kind == "remove":
            columns += [("remove", n, None, index) for n in cells if not problem.cells[n].protected]
        elif action.kind == "expand":
            columns += [("expand", n, problem.cells[n].bin, index) for n in cells]
        else:
            assert action.kind == "generate"
            assert action.attempts_per_item is None
            bins = sorted({bin for n in cells for bin in (action.targets or {}).get(problem.cells[n].bin, ())})
            columns += [("generate", None, bin, index) for bin in bins]
    limits, now = problem.limits, sum(cell.count for cell in problem.cells)
    assert limits.size is not None
    start, change, wanted, weight = [], [], [], []
    for place, axis in enumerate(problem.axes):
        assert axis.target is not None
        for label, share in enumerate(axis.target):
            start.append(sum(cell.count for cell in problem.cells if cell.bin[place] == label))
            change.append([
                (bin is not None and bin[place] == label)
                - (kind == "remove" and cell is not None and problem.cells[cell].bin[place] == label)
                for kind, cell, bin, _ in columns
            ])
            wanted.append(share * limits.size)
            weight.append(axis.weight / limits.size)
    rows: list[list[float]] = []
    bounds: list[float] = []
    for number, cell in enumerate(problem.cells):  # a copy needs its original
        for index, action in enumerate(problem.operators):
            if action.kind == "expand":
                reach = action.reach(number, cell.count)
                assert reach is not None
                each = reach / cell.count
                rows.append([
                    1.0 if (kind, at, op) == ("expand", number, index) else each * (kind == "remove" and at == number)
                    for kind, at, _, op in columns
                ])
                bounds.append(reach)
    if limits.max_removed is not None:
        rows.append([float(kind == "remove") for kind, *_ in columns])
        bounds.append(float(limits.max_removed))
    if limits.distinct is not None:
        rows.append([float(kind == "expand") for kind, *_ in columns])
        bounds.append(float(np.floor((1 - limits.distinct) * limits.size + 1e-9)))
    for amount, name in ((limits.tokens, "tokens"), (limits.usd, "usd")):
        if amount is not None:
            costs = [getattr(problem.operators[op], name) / problem.operators[op].success for *_, op in columns]
            rows.append([cost / max(costs) for cost in costs])
            bounds.append(amount / max(costs))
    equal = [[-1.0 if kind == "remove" else 1.0 for kind, *_ in columns]]
    upper = [
        float(problem.cells[cell].count) if kind == "remove" and cell is not None else np.inf
        for kind, cell, *_ in columns
    ]
    return Convex(
        np.array(start, float), np.array(change, float), np.array(wanted), np.array(weight), np.array(rows),
        np.array(bounds), np.array(equal), float(limits.size - now), np.array(upper),
    )  # fmt: skip


def _least(convex: Convex, slope: NDArray[np.float64]) -> NDArray[np.float64]:
    found = linprog(
        slope, convex.matrix, convex.limit, convex.equal, [convex.size],
        bounds=[(0.0, None if np.isinf(most) else most) for most in convex.upper], method="highs-ipm",
    )  # fmt: skip
    assert found.status == 0, found.message
    point: NDArray[np.float64] = found.x
    return point


def _minimise(convex: Convex) -> tuple[float, float]:
    """The value of a general convex solver from a point of its own, and a bound that its slope proves."""
    begin = _least(convex, np.ones(len(convex.upper)))
    constraints = [
        LinearConstraint(convex.matrix, -np.inf, convex.limit),
        LinearConstraint(convex.equal, convex.size, convex.size),
    ]
    found = minimize(
        convex.value, begin, jac=convex.slope, method="SLSQP", constraints=constraints,
        bounds=[(0.0, None if np.isinf(most) else most) for most in convex.upper],
        options={"maxiter": 100, "ftol": 1e-10},
    )  # fmt: skip
    x = np.clip(found.x, 0.0, convex.upper)
    slope = convex.slope(x)
    # A convex function lies above every one of its tangents.
    return convex.value(x), convex.value(x) + float(slope @ (_least(convex, slope) - x))


def _tighten(problem: Problem, tokens: float | None) -> Problem:
    return replace(problem, limits=replace(problem.limits, tokens=tokens, usd=None))


@pytest.mark.parametrize("tokens", [None, 20_000.0])
def test_a_convex_solver_agrees_on_real_sets(real: Problem, tokens: float | None) -> None:
    problem = _tighten(real, tokens)
    value, proven = _minimise(_convex(problem))
    ours = _relaxed(problem)
    assert not isinstance(ours, str)
    # Between whole numbers our function is a chord, which lies above the curve by less than 1e-4 here.
    assert ours.bound >= proven - 1e-7
    assert ours.bound <= value + 1e-4
    answer = solve.solve(problem)
    assert isinstance(answer, Assignment)
    assert answer.objective >= proven - 1e-7
    assert answer.bound <= answer.objective <= ours.bound + max(answer.gap, 1e-3)


def test_twice_the_items_and_twice_the_budget_give_the_same_shares(real: Problem) -> None:
    problem = _tighten(real, 50_000.0)
    limits = problem.limits
    assert limits.size is not None
    assert limits.max_removed is not None

    def double(count: int) -> int:
        return 2 * count

    twice = replace(
        problem,
        cells=tuple(replace(cell, count=double(cell.count)) for cell in problem.cells),
        operators=tuple(
            action if action.sure is None else replace(action, sure={n: double(k) for n, k in action.sure.items()})
            for action in problem.operators
        ),
        limits=replace(limits, size=double(limits.size), max_removed=double(limits.max_removed), tokens=100_000.0),
    )
    one, two = _relaxed(problem), _relaxed(twice)
    assert not isinstance(one, str)
    assert not isinstance(two, str)
    assert two.bound == pytest.approx(one.bound, abs=2e-4)
    count: Callable[[Problem, Relaxation], NDArray[np.float64]] = lambda p, r: build_form(p).counts(r.values)  # noqa: E731
    assert count(twice, two) / limits.size / 2 == pytest.approx(count(problem, one) / limits.size, abs=2e-2)
