"""Small problems against enumeration: the answer is the best there is, and both solvers give the same one.

The enumeration knows nothing of columns, rows, cuts or scales: it applies counts to items and asks scipy for the JSD.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import ceil, floor

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon  # type: ignore[import-untyped]

from refinelab_dsl.solve import Infeasible, Problem, solve
from refinelab_dsl.solve.problem import Action, Assignment, Axis, Cell, Limits
from refinelab_dsl.solve.solver import installed

SLACK = 1e-9
LABELS = ("a", "b", "c")


@dataclass(frozen=True)
class Point:
    """Accepted results of one combination: removed and copied per cell, made per bin."""

    removed: tuple[int, ...]
    copied: tuple[int, ...]
    made: tuple[int, ...]


DROP, PARAPHRASE, AUTHOR = range(3)
SEEDS = range(0, 120, 2)


def build_problem(seed: int) -> Problem:
    """A random problem with at most four cells and some ten items; about a third of them have no answer."""
    dice = random.Random(seed)
    shapes = ((2,), (3,), (2, 2), (2, 2))
    shape = dice.choice(shapes)
    bins = list(product(*map(range, shape)))
    axes = []
    for place, labels in enumerate(shape):
        parts = [dice.randint(0, 5) for _ in range(labels)]
        parts[dice.randrange(labels)] += 1
        axes.append(
            Axis(
                f"axis{place}", LABELS[:labels], tuple(part / sum(parts) for part in parts),
                weight=dice.choice((1.0, 1.0, 2.5) if place == 0 else (0.0, 0.0, 1.0)),  # 0: its labels tie
                tolerance=dice.choice((None, None, None, 0.2)),
                floor=dice.choice((0, 0, 0, 1)),
            )
        )  # fmt: skip
    cells = []
    for bin in bins:
        count = dice.choice((0, 1, 2, 3, 4))
        eligible = frozenset(index for index in range(3) if dice.random() < 0.85)
        cells.append(Cell(bin, count, protected=dice.random() < 0.15, eligible=eligible))
    size = sum(cell.count for cell in cells)
    operators = (
        Action("drop", "remove", attempts_per_item=None),
        Action("paraphrase", "expand", success=dice.choice((0.5, 1.0)), tokens=10.0, usd=0.01,
               attempts_per_item=dice.choice((1, 2))),
        Action("author", "generate", success=dice.choice((0.5, 0.8)), tokens=30.0, usd=0.05,
               attempts_per_item=dice.choice((None, 1)), max_usd=dice.choice((None, None, 0.07)),
               targets=dict.fromkeys(bins, tuple(bins))),
    )  # fmt: skip
    limits = Limits(
        size=max(1, size + dice.choice((-1, 0, 0, 0, 1))),
        max_removed=dice.choice((None, floor(size * 0.3), 1)),
        keep_originals=dice.choice((None, None, None, ceil(size * 0.9))),
        distinct=dice.choice((0.0, 0.8, 0.9)),
        tokens=dice.choice((None, None, 60.0, 150.0)),
        usd=dice.choice((None, None, 0.06, 0.2)),
    )
    return Problem(tuple(axes), tuple(cells), operators, limits, gap=1e-9)


def find_points(problem: Problem) -> Iterator[Point]:
    """Every combination that keeps all limits."""
    cells, limits = problem.cells, problem.limits
    _, paraphrase, author = problem.operators
    now = sum(cell.count for cell in cells)
    anchors = sum(cell.count for cell in cells if AUTHOR in cell.eligible)
    bins = sorted(set((author.targets or {}).keys()))
    for removed in product(
        *(range(cell.count + 1 if DROP in cell.eligible and not cell.protected else 1) for cell in cells)
    ):
        gone = sum(removed)
        if limits.max_removed is not None and gone > limits.max_removed:
            continue
        if limits.keep_originals is not None and now - gone < limits.keep_originals:
            continue
        most_added = limits.size - now + gone if limits.size is not None else 0
        if most_added < 0:
            continue
        assert paraphrase.attempts_per_item is not None
        reach = [
            floor(paraphrase.success * paraphrase.attempts_per_item * (cell.count - out) + SLACK)
            if PARAPHRASE in cell.eligible else 0
            for cell, out in zip(cells, removed, strict=True)
        ]  # fmt: skip
        for copied in product(*(range(min(most, most_added) + 1) for most in reach)):
            copies = sum(copied)
            assert limits.size is not None
            if copies > most_added or copies > floor((1 - (limits.distinct or 0.0)) * limits.size + SLACK):
                continue
            made_total = most_added - copies
            if made_total and not anchors:
                continue
            if author.attempts_per_item is not None and (
                made_total > author.success * author.attempts_per_item * anchors + SLACK
            ):
                continue
            tries = made_total / author.success
            usd = copies / paraphrase.success * paraphrase.usd + tries * author.usd
            tokens = copies / paraphrase.success * paraphrase.tokens + tries * author.tokens
            if limits.usd is not None and usd > limits.usd + SLACK:
                continue
            if limits.tokens is not None and tokens > limits.tokens + SLACK:
                continue
            if author.max_usd is not None and tries * author.usd > author.max_usd + SLACK:
                continue
            for made in product(range(made_total + 1), repeat=len(bins)):
                if sum(made) == made_total:
                    point = Point(removed, copied, made)
                    if _keeps_shares(problem, point):
                        yield point


def _final(problem: Problem, point: Point) -> Counter[tuple[int, ...]]:
    final: Counter[tuple[int, ...]] = Counter()
    for cell, out, more in zip(problem.cells, point.removed, point.copied, strict=True):
        final[cell.bin] += cell.count - out + more
    for bin, more in zip(sorted({cell.bin for cell in problem.cells}), point.made, strict=True):
        final[bin] += more
    return final


def _shares(problem: Problem, point: Point, place: int) -> list[int]:
    counts = [0] * len(problem.axes[place].labels)
    for bin, count in _final(problem, point).items():
        counts[bin[place]] += count
    return counts


def _keeps_shares(problem: Problem, point: Point) -> bool:
    size = problem.limits.size
    assert size is not None
    for place, axis in enumerate(problem.axes):
        assert axis.target is not None
        for count, target in zip(_shares(problem, point, place), axis.target, strict=True):
            if count < axis.floor:
                return False
            if axis.tolerance is not None and abs(count - target * size) > axis.tolerance * size + SLACK:
                return False
    return True


def divergence(problem: Problem, point: Point) -> float:
    """Weighted sum over the dimensions of the JSD in base 2."""
    return sum(
        axis.weight * _jsd(tuple(_shares(problem, point, place)), axis.target)
        for place, axis in enumerate(problem.axes)
        if axis.target is not None
    )


@cache  # thousands of points have the same shares
def _jsd(counts: tuple[int, ...], target: tuple[float, ...]) -> float:
    return float(np.nan_to_num(jensenshannon(counts, target, base=2))) ** 2


def cost(problem: Problem, point: Point) -> float:
    _, paraphrase, author = problem.operators
    return sum(point.copied) / paraphrase.success * paraphrase.usd + sum(point.made) / author.success * author.usd


def point_of(problem: Problem, assignment: Assignment) -> Point:
    bins = sorted({cell.bin for cell in problem.cells})
    removed, copied, made = [0] * len(problem.cells), [0] * len(problem.cells), [0] * len(bins)
    for each in assignment.allotments:
        if each.operator == AUTHOR:
            assert each.bin is not None
            made[bins.index(each.bin)] += each.count
        else:
            assert each.cell is not None
            (removed if each.operator == DROP else copied)[each.cell] += each.count
    return Point(tuple(removed), tuple(copied), tuple(made))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_answer_is_the_best_there_is(seed: int) -> None:
    problem = build_problem(seed)
    points = list(find_points(problem))
    best = min((divergence(problem, point) for point in points), default=9.0)
    answers = {solver: solve(problem, solver) for solver in installed()}
    for solver, answer in answers.items():
        if not points:
            assert isinstance(answer, Infeasible), (solver, answer)
            continue
        assert isinstance(answer, Assignment), (solver, answer)
        own = point_of(problem, answer)
        assert own in points, f"{solver}: breaks a limit: {own}"
        assert divergence(problem, own) == pytest.approx(best, abs=1e-7), solver
        assert answer.objective == pytest.approx(best, abs=1e-7)
        assert answer.bound <= answer.objective
        assert answer.status == "optimal"
        # Among the best the cheapest, and of these the one that changes least.
        tied = [point for point in points if divergence(problem, point) <= best + 1e-9]
        cheapest = min(cost(problem, point) for point in tied)
        assert cost(problem, own) == pytest.approx(cheapest, abs=1e-9), solver
        assert _churn(own) == min(_churn(point) for point in tied if cost(problem, point) <= cheapest + 1e-9), solver
    allotments = {answer.allotments for answer in answers.values() if isinstance(answer, Assignment)}
    assert len(allotments) == (1 if points else 0), "the solvers chose different counts"


def _churn(point: Point) -> int:
    return sum(point.removed) + sum(point.copied) + sum(point.made)


def test_the_problems_are_worth_it() -> None:
    """Answers with something to do, and without an answer, both occur; each kind of limit changes an answer."""
    problems = [build_problem(seed) for seed in SEEDS]
    assert sum(not any(True for _ in find_points(problem)) for problem in problems) in range(5, 80)
    loosened: dict[str, Callable[[Problem], Problem]] = {
        "max_removed": lambda p: replace(p, limits=replace(p.limits, max_removed=None)),
        "keep_originals": lambda p: replace(p, limits=replace(p.limits, keep_originals=None)),
        "distinct": lambda p: replace(p, limits=replace(p.limits, distinct=0.0)),
        "tokens": lambda p: replace(p, limits=replace(p.limits, tokens=None)),
        "usd": lambda p: replace(p, limits=replace(p.limits, usd=None)),
        "protect": lambda p: replace(p, cells=tuple(replace(cell, protected=False) for cell in p.cells)),
        "floor": lambda p: replace(p, axes=tuple(replace(axis, floor=0) for axis in p.axes)),
        "tolerance": lambda p: replace(p, axes=tuple(replace(axis, tolerance=None) for axis in p.axes)),
        "max_cost": lambda p: replace(p, operators=(*p.operators[:2], replace(p.operators[2], max_usd=None))),
        "max_per_item": lambda p: replace(
            p, operators=(*p.operators[:2], replace(p.operators[2], attempts_per_item=None))
        ),
    }
    for problem in problems:
        best = min((divergence(problem, point) for point in find_points(problem)), default=9.0)
        for name, loosen in tuple(loosened.items()):
            free = loosen(problem)
            if free != problem and any(divergence(free, point) < best - 1e-9 for point in find_points(free)):
                del loosened[name]  # it has changed an answer
    assert not loosened
