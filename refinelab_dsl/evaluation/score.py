"""Scores of models on sets of items, and what the sets can tell apart. Pure: answers are graded before they come here.

A *style* is a way of asking: a prompt, or the name under which answers were recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.metrics import item_rest_correlations, kendall_w, wilson_interval

ABSENT = -1
"""Of a table of grades: nothing was recorded. 1 is right, 0 is wrong."""

_FEWEST_MODELS = 3  # with two models an item correlates with the rest by 1, -1 or not at all


@dataclass(frozen=True, slots=True)
class ModelScore:
    """right of answered items, with the interval of their share."""

    model: str
    right: int
    answered: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        return self.right / self.answered if self.answered else None


@dataclass(frozen=True)
class SetScore:
    """Models on one set of items, asked in one style.

    items: in the set; answered: of them, those that any model has an answer to.
    spread: the best share less the worst; deviation: standard deviation of the shares. None with fewer than two models.
    discrimination: mean correlation of an item with the rest of the set, over the `judged` items that every model
        answered and that neither all nor none solved; None where there is no such item, or fewer than three models.
    solved, unsolved: items that every model answered, and all or none of them rightly.
    """

    items: int
    answered: int
    models: tuple[ModelScore, ...]
    spread: float | None
    deviation: float | None
    discrimination: float | None
    judged: int
    solved: int
    unsolved: int

    @property
    def shares(self) -> dict[str, float]:
        """Of the models that answered anything."""
        return {score.model: score.share for score in self.models if score.share is not None}


@dataclass(frozen=True, slots=True)
class Consistency:
    """How far models keep their order over styles.

    w: Kendall's, over the models that every style has; None with fewer than two of them, or one style.
    range: by how much a model's share differs between styles, at most, averaged over the models.
    """

    styles: tuple[str, ...]
    models: tuple[str, ...]
    w: float | None
    range: float | None


def score_set(models: Sequence[str], grades: NDArray[np.int8], items: int, confidence: float = 0.95) -> SetScore:
    """Scores one set.

    grades: a row per model, a column per item that was recorded: 1, 0, or `ABSENT`. items: in the set, recorded or not.
    """
    present = grades != ABSENT
    right, answered = (grades == 1).sum(axis=1), present.sum(axis=1)
    scores = tuple(
        ModelScore(model, int(good), int(total), *wilson_interval(int(good), int(total), confidence))
        for model, good, total in zip(models, right, answered, strict=True)
    )
    shares = [score.share for score in scores if score.share is not None]
    whole = grades[:, present.all(axis=0)] if len(models) else grades[:, :0]
    sums = whole.sum(axis=0)
    can_tell = len(models) >= _FEWEST_MODELS and whole.size > 0
    found = item_rest_correlations(whole.astype(np.float64)) if can_tell else np.array([])
    found = found[~np.isnan(found)]
    return SetScore(
        items=items,
        answered=int(present.any(axis=0).sum()) if len(models) else 0,
        models=scores,
        spread=max(shares) - min(shares) if len(shares) > 1 else None,
        deviation=float(np.std(shares)) if len(shares) > 1 else None,
        discrimination=float(found.mean()) if found.size else None,
        judged=int(found.size),
        solved=int((sums == len(models)).sum()) if len(models) else 0,
        unsolved=int((sums == 0).sum()) if len(models) else 0,
    )


def compare_styles(scores: Mapping[str, SetScore]) -> Consistency:
    """Whether models rank alike in every style. scores: style -> the same set, asked so."""
    shares = {style: score.shares for style, score in scores.items()}
    models = tuple(
        model for model in next(iter(shares.values()), {}) if all(model in of_style for of_style in shares.values())
    )
    table = [[of_style[model] for model in models] for of_style in shares.values()]
    ranges = [max(column) - min(column) for column in zip(*table, strict=True)]
    is_several = len(shares) > 1 and len(models) > 0
    return Consistency(
        tuple(shares), models, kendall_w(table) if is_several else None,
        float(np.mean(ranges)) if is_several else None,
    )  # fmt: skip
