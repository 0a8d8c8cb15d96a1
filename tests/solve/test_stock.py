"""Results that earlier runs bought, against every choice of items written out one by one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import floor

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from refinelab_dsl.solve import Assignment, Problem, solve
from refinelab_dsl.solve.problem import Action, Axis, Cell, Limits
from refinelab_dsl.solve.solver import installed

DROP, PARAPHRASE, AUTHOR = range(3)
COPY_TOKENS, AUTHOR_TOKENS = 10.0, 30.0


@dataclass(frozen=True, order=True)
class Owned:
    """An item of a label: it may leave or not, `copies` of it were accepted, after it was tried `tried` times."""

    label: int
    loose: bool
    copies: int
    tried: int


@dataclass(frozen=True)
class World:
    """made: accepted new items per label."""

    items: tuple[Owned, ...]
    made: tuple[int, ...]
    tries: int
    target: tuple[float, ...]
    max_removed: int | None
    distinct: float
    tokens: float | None


@dataclass(frozen=True)
class Outcome:
    """What a choice comes to; churn counts a new result or a removal twice and an earlier result once."""

    counts: tuple[int, ...]
    tokens: float
    churn: int


def draw_world(seed: int) -> World:
    dice = random.Random(f"stock:{seed}")
    labels, tries = dice.choice((2, 2, 3)), dice.choice((1, 1, 2))
    items = []
    for _ in range(dice.choice((2, 3, 4))):
        tried = dice.randint(0, tries)
        items.append(Owned(dice.randrange(labels), dice.random() < 0.8, dice.randint(0, tried), tried))
    weights = [dice.choice((0, 1, 1, 2)) for _ in range(labels)]
    weights = weights if any(weights) else [1] * labels
    return World(
        items=tuple(sorted(items)),
        made=tuple(dice.choice((0, 0, 1, 2)) for _ in range(labels)),
        tries=tries,
        target=tuple(weight / sum(weights) for weight in weights),
        max_removed=dice.choice((None, 1, 2)),
        distinct=dice.choice((0.0, 0.5, 0.75)),
        tokens=dice.choice((None, 0.0, 25.0, 60.0)),
    )


def pose(world: World, *, stocked: bool = True) -> Problem:
    """The problem over cells: items are interchangeable where all that they own is the same."""
    kinds = Counter(world.items)
    first: dict[tuple[int, bool], int] = {}
    cells = []
    for number, (item, count) in enumerate(sorted(kinds.items())):
        eligible = frozenset({DROP, PARAPHRASE, AUTHOR} if item.loose else {PARAPHRASE, AUTHOR})
        kin = first.setdefault((item.label, item.loose), number)
        cells.append(Cell((item.label,), count, eligible=eligible, kin=None if kin == number else kin))
    copies = {
        (number, (item.label,)): item.copies * count
        for number, (item, count) in enumerate(sorted(kinds.items()))
        if item.copies
    }
    tried = {number: item.tried for number, item in enumerate(sorted(kinds)) if item.tried}
    bins = tuple((label,) for label in range(len(world.target)))
    made = {(None, (label,)): count for label, count in enumerate(world.made) if count}
    there = {item.label for item in world.items}
    operators = (
        Action("drop", "remove", attempts_per_item=None),
        Action("paraphrase", "expand", tokens=COPY_TOKENS, attempts_per_item=world.tries,
               stock=copies if stocked else None, tried=tried if stocked else None),
        Action("author", "generate", tokens=AUTHOR_TOKENS, attempts_per_item=None,
               targets={(label,): bins for label in there}, stock=made if stocked else None),
    )  # fmt: skip
    limits = Limits(
        size=len(world.items), max_removed=world.max_removed, distinct=world.distinct, tokens=world.tokens
    )
    labels = tuple(f"label{label}" for label in range(len(world.target)))
    return Problem((Axis("topic", labels, world.target),), tuple(cells), operators, limits, gap=1e-9)


def find_outcomes(world: World) -> Iterator[Outcome]:
    """Every choice for every item: it leaves, or it stays with some earlier and some new copies; and new items."""
    labels, size = range(len(world.target)), len(world.items)
    choices: list[list[tuple[bool, int, int]]] = []
    for item in world.items:
        staying = [(False, old, new) for old in range(item.copies + 1) for new in range(world.tries - item.tried + 1)]
        choices.append([*staying, *([(True, 0, 0)] if item.loose else [])])
    for choice in product(*choices):
        removed = sum(gone for gone, _, _ in choice)
        copied = sum(old + new for _, old, new in choice)
        room = removed - copied
        if room < 0 or (world.max_removed is not None and removed > world.max_removed):
            continue
        if copied > floor((1 - world.distinct) * size + 1e-9):
            continue
        counts = Counter(item.label for item in world.items)
        for item, (gone, old, new) in zip(world.items, choice, strict=True):
            counts[item.label] += old + new - gone
        olds, news = sum(old for _, old, _ in choice), sum(new for _, _, new in choice)
        for old_made in product(*(range(min(room, world.made[label]) + 1) for label in labels)):
            for new_made in product(range(room + 1), repeat=len(labels)):
                if sum(old_made) + sum(new_made) != room:
                    continue
                tokens = COPY_TOKENS * news + AUTHOR_TOKENS * sum(new_made)
                if world.tokens is not None and tokens > world.tokens + 1e-9:
                    continue
                final = tuple(counts[label] + old_made[label] + new_made[label] for label in labels)
                churn = 2 * (removed + news + sum(new_made)) + olds + sum(old_made)
                yield Outcome(final, tokens, churn)


def diverge(world: World, counts: tuple[int, ...]) -> float:
    return float(np.nan_to_num(jensenshannon(counts, world.target, base=2))) ** 2


def churn_of(answer: Assignment) -> int:
    return sum(each.count * (1 if each.stock else 2) for each in answer.allotments)


@pytest.mark.parametrize("seed", range(16))
def test_the_best_use_of_what_is_there(seed: int) -> None:
    world = draw_world(seed)
    outcomes = set(find_outcomes(world))
    best = min(diverge(world, outcome.counts) for outcome in outcomes)
    tied = [outcome for outcome in outcomes if diverge(world, outcome.counts) <= best + 1e-9]
    cheapest = min(outcome.tokens for outcome in tied)
    least = min(outcome.churn for outcome in tied if outcome.tokens <= cheapest + 1e-9)
    answers = [solve(pose(world), solver) for solver in installed()]
    for answer in answers:
        assert isinstance(answer, Assignment)
        assert answer.objective == pytest.approx(best, abs=1e-7)
        assert answer.planned["topic"] in {outcome.counts for outcome in tied}
        assert answer.tokens == pytest.approx(cheapest)
        assert churn_of(answer) == least
    assert len({answer.allotments for answer in answers if isinstance(answer, Assignment)}) == 1


@pytest.mark.parametrize("seed", range(40, 52))
def test_what_is_there_makes_nothing_worse(seed: int) -> None:
    """Untried items stay as they are and results come on top: the objective falls or stays; where it stays, so does
    the cost or falls."""
    world = draw_world(seed)
    free = replace(world, items=tuple(replace(item, tried=min(item.tried, item.copies)) for item in world.items))
    problem = pose(free)
    paraphrase = replace(problem.operators[PARAPHRASE], tried=None)
    stocked = solve(replace(problem, operators=(problem.operators[DROP], paraphrase, problem.operators[AUTHOR])))
    plain = solve(pose(free, stocked=False))
    assert isinstance(stocked, Assignment)
    assert isinstance(plain, Assignment)
    assert stocked.objective <= plain.objective + 1e-7
    if stocked.objective >= plain.objective - 1e-7:
        assert stocked.tokens <= plain.tokens + 1e-9


def test_the_worlds_are_worth_it() -> None:
    """What is in stock is used, improves the objective in some and saves tokens in others."""
    answers = [(solve(pose(world)), solve(pose(world, stocked=False))) for world in map(draw_world, range(16))]
    pairs = [(one, two) for one, two in answers if isinstance(one, Assignment) and isinstance(two, Assignment)]
    assert sum(any(each.stock for each in one.allotments) for one, _ in pairs) >= 5
    assert sum(one.objective < two.objective - 1e-6 for one, two in pairs) >= 3
    assert sum(one.tokens < two.tokens for one, two in pairs) >= 3


def test_a_copy_in_stock_needs_its_original() -> None:
    """Three items of the topic that is too frequent own a copy each: none can leave and be replaced by its copy."""
    cells = (Cell((0,), 3, eligible=frozenset({DROP, PARAPHRASE})),)
    operators = (
        Action("drop", "remove", attempts_per_item=None),
        Action("paraphrase", "expand", success=0.0, stock={(0, (0,)): 3}, tried={0: 1}),
    )
    limits = Limits(size=4, max_removed=3, distinct=0.0)
    problem = Problem((Axis("topic", ("a",), (1.0,)),), cells, operators, limits)
    answer = solve(problem)
    assert isinstance(answer, Assignment)
    assert [(each.operator, each.count, each.stock) for each in answer.allotments] == [(PARAPHRASE, 1, True)]
    emptied = solve(replace(problem, limits=replace(limits, size=3, keep_originals=0)))
    assert isinstance(emptied, Assignment)
    assert emptied.allotments == ()


def test_an_item_that_was_tried_as_often_as_it_may_is_not_moved() -> None:
    """Nine of ten items of `a` were tried in vain: of these none can move, and one of those that were not can."""
    problem = Problem(
        axes=(Axis("level", ("a", "b"), (0.5, 0.5)),),
        cells=(
            Cell((0,), 1, eligible=frozenset((0,))),
            Cell((0,), 9, eligible=frozenset((0,)), kin=0),
        ),
        operators=(
            Action("harden", "move", success=0.9, tokens=1.0, targets={(0,): ((1,),)}, sure={0: 6}, tried={1: 1}),
        ),
        limits=Limits(size=10),
    )
    found = solve(problem)
    assert isinstance(found, Assignment)
    assert [(allotment.cell, allotment.count) for allotment in found.allotments if allotment.count] == [(0, 1)]
