"""Every strategy keeps every limit, says truly how far it is from the best, and does by hand what its page says.

What is within the limits is told by the enumeration of `test_brute_force`, which knows nothing of columns and rows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from refinelab_dsl.solve import Problem, solve
from refinelab_dsl.solve.form import build_form
from refinelab_dsl.solve.problem import CLEAN, FLAGGED, Action, Allotment, Assignment, Axis, Cell, Limits
from refinelab_dsl.solve.solve import attempt
from refinelab_dsl.solve.solver import installed
from refinelab_dsl.solve.strategies import greedy
from refinelab_dsl.solve.strategies.steps import Walk
from refinelab_dsl.solve.strategies.targets import draw_targets
from tests.solve.test_brute_force import build_problem, divergence, find_points, point_of

SLACK = 1e-9
VARIANTS: dict[str, Callable[[Problem], Problem]] = {
    "relaxed": lambda problem: replace(problem, strategy="joint", relax=True),
    "greedy": lambda problem: replace(problem, strategy="greedy"),
    "static": lambda problem: replace(problem, strategy="greedy", static=True),
    "additive": lambda problem: replace(problem, strategy="additive"),
    "additive relaxed": lambda problem: replace(problem, strategy="additive", relax=True),
    "uniform": lambda problem: replace(problem, strategy="uniform"),
}
DROP, PARAPHRASE, AUTHOR, HARDEN = range(4)


def solved(problem: Problem, solver: str = "auto") -> Assignment:
    answer = solve(problem, solver)
    assert isinstance(answer, Assignment), answer
    return answer


def is_within_limits(problem: Problem, answer: Assignment) -> bool:
    """By the rows of the form, at the allotments that the answer gives."""
    form = build_form(problem)
    places = {(each.operator, each.cell, each.bin): number for number, each in enumerate(form.columns)}
    values = np.zeros(len(form.columns))
    for each in answer.allotments:
        values[places[each.operator, each.cell, each.bin]] += each.count
    return form.is_feasible(values, 1e-9) and form.objective(values) == pytest.approx(answer.objective, abs=1e-12)


def build_larger(seed: int) -> Problem:
    """Some hundred items of four topics in three bands, with an operator that moves and random limits."""
    dice = random.Random(seed)
    bins = list(product(range(4), range(3)))
    cells = [Cell(bin, dice.choice((0, 3, 9, 20)), dice.random() < 0.1, frozenset(range(4))) for bin in bins]
    size = sum(cell.count for cell in cells)
    axes = (
        Axis("topic", ("a", "b", "c", "d"), (0.25,) * 4, tolerance=dice.choice((None, None, 0.2))),
        Axis("band", ("e", "m", "h"), (0.1, 0.4, 0.5), weight=dice.choice((1.0, 0.5)), floor=dice.choice((0, 2))),
    )
    harder = {(topic, band): ((topic, band + 1),) for topic, band in bins if band < 2}
    operators = (
        Action("drop", "remove", attempts_per_item=None),
        Action("paraphrase", "expand", success=0.9, tokens=20.0, usd=0.01),
        Action("author", "generate", success=0.5, tokens=60.0, usd=0.05, attempts_per_item=None,
               targets=dict.fromkeys(bins, tuple(bins)), max_usd=dice.choice((None, 1.0))),
        Action("harden", "move", success=0.7, tokens=30.0, usd=0.02, targets=harder),
    )  # fmt: skip
    limits = Limits(
        size=size + dice.choice((-5, 0, 0, 5)),
        max_removed=size * 3 // 10,
        keep_originals=dice.choice((None, size * 8 // 10)),
        distinct=0.8,
        tokens=dice.choice((None, 500.0, 2000.0)),
        usd=dice.choice((None, 1.5)),
    )
    return Problem(axes, tuple(cells), operators, limits, gap=1e-6, seed=seed)


@pytest.mark.parametrize("seed", range(16))
def test_every_strategy_stands_under_the_same_limits(seed: int) -> None:
    problem = build_problem(seed)
    points = list(find_points(problem))
    best = min((divergence(problem, point) for point in points), default=9.0)
    for name, of in VARIANTS.items():
        answer = attempt(of(problem), "highs")
        if not points:
            assert answer == "infeasible", name
            continue
        assert isinstance(answer, Assignment), (name, answer)
        own = point_of(problem, answer)
        assert own in points, f"{name}: breaks a limit: {own}"
        assert answer.objective == pytest.approx(divergence(problem, own), abs=1e-7), name
        assert answer.bound <= best + SLACK, name
        assert answer.objective >= best - 1e-7, name
        assert (answer.status == "optimal") == (answer.objective - answer.bound <= answer.gap), name


@pytest.mark.parametrize("seed", [0, 2, 3, 4])
def test_no_strategy_is_better_than_joint(seed: int) -> None:
    problem = build_larger(seed)
    joint = attempt(problem, "highs")
    for name, of in VARIANTS.items():
        answer = attempt(of(problem), "highs")
        if isinstance(joint, str):
            assert answer == joint == "infeasible", name
            continue
        assert isinstance(joint, Assignment)
        assert isinstance(answer, Assignment), (name, answer)
        assert is_within_limits(problem, answer), name
        assert joint.objective <= answer.objective + joint.gap, name
        assert answer.bound <= joint.objective + SLACK, name
        assert answer.strategy == of(problem).strategy


def build_flagged(seed: int) -> Problem:
    """`build_larger` with items under suspicion, an operator that repairs them, and a limit on their share."""
    dice, base = random.Random(seed), build_larger(seed)
    cells = [
        replace(cell, bin=(*cell.bin, flag), count=dice.choice((0, 4)) if flag == FLAGGED else cell.count,
                eligible=frozenset(range(5)))
        for cell in base.cells
        for flag in (FLAGGED, CLEAN)
    ]  # fmt: skip
    size = sum(cell.count for cell in cells)
    bins = tuple(dict.fromkeys(cell.bin for cell in cells))
    clean = tuple(bin for bin in bins if bin[-1] == CLEAN)
    harder = {bin: ((bin[0], bin[1] + 1, bin[2]),) for bin in bins if bin[1] < 2}
    repaired = {bin: ((*bin[:2], CLEAN),) for bin in bins if bin[-1] == FLAGGED}
    operators = (
        *base.operators[:2],
        replace(base.operators[AUTHOR], targets=dict.fromkeys(bins, clean)),
        replace(base.operators[HARDEN], targets=harder),
        Action("repair", "fix", success=0.8, tokens=25.0, usd=0.01, targets=repaired),
    )
    axes = (*base.axes, Axis("flagged", ("flagged", "clean"), None, dice.choice((0.0, 1.0)), flag=True))
    limits = replace(base.limits, size=size, max_removed=size * 3 // 10, keep_originals=None)
    return replace(base, axes=axes, cells=tuple(cells), operators=operators, limits=limits)


@pytest.mark.parametrize("seed", [0, 2])
def test_items_under_suspicion_are_judged_by_every_strategy(seed: int) -> None:
    problem = build_flagged(seed)
    joint = attempt(problem, "highs")
    for name, of in VARIANTS.items():
        answer = attempt(of(problem), "highs")
        if isinstance(joint, str):
            assert answer == joint, name
            continue
        assert isinstance(answer, Assignment), (name, answer)
        assert is_within_limits(problem, answer), name
        assert joint.objective <= answer.objective + joint.gap, name


@pytest.mark.skipif(len(installed()) < 2, reason="needs GLPK and HiGHS")
@pytest.mark.parametrize("seed", [0, 2])
def test_both_solvers_and_every_call_give_the_same_counts(seed: int) -> None:
    problem = build_larger(seed)
    for name, of in VARIANTS.items():
        answers = [attempt(of(problem), solver) for solver in installed() for _ in range(1 + (solver == "highs"))]
        assert len({answer if isinstance(answer, str) else answer.allotments for answer in answers}) == 1, name


def coordination() -> Problem:
    """Ten items of algebra, easy; wanted: half of them geometry, half of them hard. An author of new items, which
    costs the same wherever it goes, and room for five."""
    bins = [(0, 0), (0, 1), (1, 0), (1, 1)]
    return Problem(
        axes=(
            Axis("topic", ("algebra", "geometry"), (0.5, 0.5)),
            Axis("band", ("easy", "hard"), (0.5, 0.5)),
        ),
        cells=(Cell((0, 0), 10, eligible=frozenset((0, 1))), *(Cell(bin, 0) for bin in bins[1:])),
        operators=(
            Action("drop", "remove", attempts_per_item=None),
            Action("author", "generate", tokens=10.0, attempts_per_item=1, targets={(0, 0): tuple(bins)}),
        ),
        limits=Limits(size=10, max_removed=5),
        gap=1e-9,
    )


def made(answer: Assignment) -> dict[tuple[int, ...], int]:
    return {each.bin: each.count for each in answer.allotments if each.bin is not None and each.operator == 1}


def test_greedy_takes_what_gains_on_both_dimensions_first() -> None:
    assert made(solved(replace(coordination(), strategy="greedy"))) == {(1, 1): 5}
    half = replace(coordination(), strategy="greedy", limits=replace(coordination().limits, tokens=20.0))
    assert made(solved(half)) == {(1, 1): 2}


def filling() -> Problem:
    """One topic of three lacks four items, another two, and the budget pays for four. At the start the first gains
    most; once three are made the second does."""
    return Problem(
        axes=(Axis("topic", ("a", "b", "c"), (0.4, 0.4, 0.2)),),
        cells=(Cell((0,), 0), Cell((1,), 2), Cell((2,), 8, eligible=frozenset((0, 1)))),
        operators=(
            Action("drop", "remove", attempts_per_item=None),
            Action("author", "generate", tokens=10.0, attempts_per_item=None, targets={(2,): ((0,), (1,))}),
        ),
        limits=Limits(size=10, tokens=40.0),
        gap=1e-9,
    )


def test_gains_of_the_start_do_not_see_that_a_gap_is_filled() -> None:
    live, static, additive = (
        solved(VARIANTS[name](filling())) for name in ("greedy", "static", "additive")
    )
    assert made(live) == {(0,): 3, (1,): 1}
    assert live.objective == pytest.approx(solved(filling()).objective, abs=1e-9)
    assert made(static) == {(0,): 4}  # up to its target, and no further
    assert made(additive) == {(0,): 4}
    assert additive.objective > live.objective + 1e-3


def test_greedy_does_not_look_ahead() -> None:
    """One copy of `a` is cheap and shuts the door: what may be removed is used up. Joint makes the dear `b` of it."""
    problem = Problem(
        axes=(Axis("topic", ("a", "b", "c"), (0.4, 0.4, 0.2)),),
        cells=(
            Cell((0,), 3, eligible=frozenset((0, 1))), Cell((1,), 0), Cell((2,), 7, eligible=frozenset((0, 2))),
        ),
        operators=(
            Action("drop", "remove", attempts_per_item=None),
            Action("paraphrase", "expand", tokens=1.0),
            Action("author", "generate", tokens=100.0, attempts_per_item=None, targets={(2,): ((1,),)}),
        ),
        limits=Limits(size=10, max_removed=1),
        gap=1e-9,
    )  # fmt: skip
    joint, live = solved(problem), solved(replace(problem, strategy="greedy"))
    assert {each.operator for each in joint.allotments} == {0, 2}
    assert {each.operator for each in live.allotments} == {0, 1}
    assert joint.objective < live.objective - 0.01


def test_additive_aims_at_what_was_drawn() -> None:
    """Nothing is made where no item drew it: both labels that are not missing stay out."""
    answers = [solved(replace(coordination(), strategy="additive", seed=seed)) for seed in range(3)]
    for answer in answers:
        assert made(answer) == {(1, 1): 5}  # the only bin of which both labels are missing
    assert {answer.objective for answer in answers} == {solved(coordination()).objective}


def test_draws_follow_the_seed() -> None:
    unsure = _with_operators(replace(filling(), limits=Limits(size=10)), 1, success=0.5)
    for strategy, problem in (("additive", unsure), ("uniform", build_wanting())):
        answers = [solved(replace(problem, strategy=strategy, seed=seed)).allotments for seed in (0, 0, 1, 2, 3)]
        assert answers[0] == answers[1]
        assert len(set(answers)) > 1, strategy


def test_targets_are_drawn_in_proportion_to_the_gaps() -> None:
    """The first topic lacks 40% of the items, the second 20%; nobody aims at what is there."""
    problem = replace(filling(), cells=(*filling().cells[:1], Cell((1,), 2000), Cell((2,), 8000)))
    drawn = draw_targets(problem, [np.array([0.0, 2000.0, 8000.0])])
    for cell, (targets, times) in zip(problem.cells, drawn, strict=True):
        assert times.sum() == cell.count
        assert set(targets[:, 0].tolist()) <= {0, 1}
    assert drawn[2][1][0] / 8000 == pytest.approx(2 / 3, abs=0.02)


def test_uniform_splits_the_budget_evenly() -> None:
    problem = build_larger(2)
    limits = Limits(size=sum(cell.count for cell in problem.cells), tokens=900.0, distinct=0.0)
    problem = replace(problem, limits=limits, strategy="uniform", axes=tuple(
        replace(axis, tolerance=None, floor=0) for axis in problem.axes
    ), operators=tuple(replace(action, max_usd=None) for action in problem.operators))  # fmt: skip
    answer = solved(problem)
    form = build_form(problem)
    spent = {PARAPHRASE: 0.0, AUTHOR: 0.0, HARDEN: 0.0}
    prices = {each.operator: each.tokens for each in form.columns}
    for each in answer.allotments:
        if each.operator in spent:
            spent[each.operator] += each.count * prices[each.operator]
    for operator, tokens in spent.items():
        assert 300.0 - prices[operator] < tokens <= 300.0 + SLACK, (operator, spent)


def test_greedy_never_ends_worse_than_it_starts() -> None:
    for seed in range(12):
        problem = build_larger(seed)
        form = build_form(problem)
        start = np.zeros(len(form.columns))
        if form.is_feasible(start):
            assert solved(replace(problem, strategy="greedy")).objective <= form.objective(start) + SLACK


def test_blocks_of_items_end_where_single_items_do(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = replace(build_larger(0), strategy="greedy")
    problem = replace(
        problem,
        cells=tuple(replace(cell, count=cell.count * 20) for cell in problem.cells),
        limits=Limits(size=20 * sum(cell.count for cell in problem.cells), distinct=0.8, tokens=15_000.0),
    )
    single = solved(problem)
    monkeypatch.setattr(greedy, "STEPS", 20)
    assert greedy.choose_block(Walk(build_form(problem))) > 1
    blocks = solved(problem)
    assert is_within_limits(problem, blocks)
    assert blocks.objective <= single.objective * 1.05


TIGHTER: dict[str, Callable[[Problem], Problem]] = {
    "max_removed": lambda p: replace(p, limits=replace(p.limits, max_removed=3)),
    "keep_originals": lambda p: replace(p, limits=replace(p.limits, keep_originals=(p.limits.size or 0) - 2)),
    "distinct": lambda p: replace(p, limits=replace(p.limits, distinct=0.99)),
    "tokens": lambda p: replace(p, limits=replace(p.limits, tokens=150.0)),
    "usd": lambda p: replace(p, limits=replace(p.limits, usd=0.1)),
    "max_cost": lambda p: _with_operators(p, AUTHOR, max_usd=0.15),
    "max_per_item": lambda p: _with_operators(p, AUTHOR, attempts_per_item=1, sure={
        number: 0 for number, cell in enumerate(p.cells) if cell.count
    }),
    "protect": lambda p: replace(p, cells=tuple(replace(cell, protected=True) for cell in p.cells)),
    "floor": lambda p: replace(p, axes=(replace(p.axes[0], floor=25), p.axes[1])),
    "tolerance": lambda p: replace(p, axes=(replace(p.axes[0], tolerance=0.08), p.axes[1])),
}  # fmt: skip


def _with_operators(problem: Problem, index: int, **changes: object) -> Problem:
    return replace(problem, operators=tuple(
        replace(action, **changes) if number == index else action  # type: ignore[arg-type]
        for number, action in enumerate(problem.operators)
    ))  # fmt: skip


def build_wanting() -> Problem:
    """A set with much to do and few limits."""
    bins = list(product(range(3), range(3)))
    counts = (30, 10, 0, 20, 8, 2, 6, 2, 0)
    base = build_larger(3)
    harder = {(topic, band): ((topic, band + 1),) for topic, band in bins if band < 2}
    author = replace(base.operators[AUTHOR], targets=dict.fromkeys(bins, tuple(bins)), max_usd=None)
    return replace(
        base,
        axes=(Axis("topic", ("a", "b", "c"), (0.3, 0.3, 0.4)), Axis("band", ("e", "m", "h"), (0.1, 0.4, 0.5))),
        cells=tuple(Cell(bin, count, eligible=frozenset(range(4))) for bin, count in zip(bins, counts, strict=True)),
        operators=(*base.operators[:2], author, replace(base.operators[HARDEN], targets=harder)),
        limits=Limits(size=sum(counts), max_removed=30, distinct=0.6),
    )


@pytest.fixture(scope="module")
def loose() -> dict[str, Assignment]:
    return {name: solved(of(build_wanting())) for name, of in VARIANTS.items()}


@pytest.mark.parametrize("limit", TIGHTER)
def test_each_limit_binds(limit: str, loose: dict[str, Assignment]) -> None:
    """Each tighter limit is kept by every strategy, and changes what most of them do."""
    tight = TIGHTER[limit](build_wanting())
    changed = 0
    for name, of in VARIANTS.items():
        answer = solved(of(tight))
        assert is_within_limits(tight, answer), name
        changed += answer.allotments != loose[name].allotments
    assert changed >= 3


def test_a_free_size_is_fixed_to_the_nearest() -> None:
    problem = coordination()
    limits = replace(problem.limits, size=None, sizes=(11, 14))
    for strategy in ("greedy", "additive", "uniform"):
        answer = solved(replace(problem, strategy=strategy, limits=limits))
        assert sum(answer.planned["topic"]) == 11, strategy


def test_nothing_to_do_is_an_answer() -> None:
    for of in VARIANTS.values():
        problem = of(replace(coordination(), operators=(), cells=(Cell((0, 0), 5), Cell((1, 1), 5))))
        answer = solved(problem)
        assert answer.allotments == ()
        assert answer.objective == pytest.approx(0.0)
        assert Allotment(0, 0, None, 1) not in answer.allotments


def test_additive_draws_the_labels_of_a_joint_target_together() -> None:
    """Each axis alone is as it should be; only together something is missing."""
    bins = ((0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3))
    axes = (
        Axis("topic", ("a", "b"), (0.5, 0.5)),
        Axis("level", ("easy", "hard"), (0.5, 0.5)),
        Axis("topic & level", ("a/easy", "a/hard", "b/easy", "b/hard"), (0.25,) * 4, parts=(0, 1)),
    )
    counts = (40, 0, 0, 40)
    cells = tuple(Cell(bin, count, eligible=frozenset({0, 1})) for bin, count in zip(bins, counts, strict=True))
    operators = (
        Action("drop", "remove", attempts_per_item=None),
        Action("author", "generate", tokens=1.0, attempts_per_item=None, targets=dict.fromkeys(bins, bins)),
    )
    problem = Problem(axes, cells, operators, Limits(80), strategy="additive", seed=3)
    answer = solve(problem)
    assert isinstance(answer, Assignment)
    assert min(answer.planned["topic & level"]) > 10
