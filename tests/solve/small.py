"""A problem of two labels that operators fill and empty, for tests that change one thing of it at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from refinelab_dsl.solve.problem import Action, Axis, Cell, Limits, Problem

REMOVE, EXPAND, AUTHOR = range(3)
BINS = ((0,), (1,))


def make_problem(many: int = 80, few: int = 20, **limits: Any) -> Problem:
    """`many` items of label `a`, `few` of `b`; half of each is wanted. Writing a `b` costs 100 tokens and $0.01 an
    attempt, of which half succeed; a paraphrase costs a tenth and mostly succeeds."""
    everything = frozenset((REMOVE, EXPAND, AUTHOR))
    size = many + few
    return Problem(
        axes=(Axis("topic", ("a", "b"), (0.5, 0.5)),),
        cells=(Cell((0,), many, eligible=everything), Cell((1,), few, eligible=everything)),
        operators=(
            Action("drop", "remove", attempts_per_item=None),
            Action("paraphrase", "expand", success=0.8, tokens=10.0, usd=0.001),
            Action("author", "generate", success=0.5, tokens=100.0, usd=0.01, attempts_per_item=None,
                   targets=dict.fromkeys(BINS, BINS)),
        ),
        limits=replace(Limits(size=size, distinct=0.8), **limits),
    )  # fmt: skip
