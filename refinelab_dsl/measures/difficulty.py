"""From graded answers to the recorded values of `irt = rasch` and `two_parameter`, and what a plan says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from refinelab_dsl.declarations import Measure
from refinelab_dsl.measures.item_response import ABSENT, ItemResponse, fit_items
from refinelab_dsl.measures.responses import Grade

DIGITS: Final = 4
"""Decimals of a difficulty: what lies beyond differs from machine to machine, and from one standard error never."""

_FEW_MODELS: Final = 50
_CODES: Final = {Grade.RIGHT: 1, Grade.WRONG: 0, Grade.UNREAD: 0, Grade.ABSENT: ABSENT & 0xFF}


def is_fitted(measure: Measure) -> bool:
    """Whether the values of a measure come from a model of item response."""
    return measure.kind == "responses" and measure.options.get("irt", "rasch") != "rate"


def pack_grades(grades: Sequence[Grade]) -> bytes:
    """One item's grades, a byte for each model."""
    return bytes([_CODES[each] for each in grades])


def fit_difficulties(
    rows: Sequence[bytes | None], models: int, irt: str, measure: str
) -> tuple[tuple[float | None, ...], str]:
    """The difficulty of each item, None where no answer was recorded, and a note on how sure they are.

    rows: per item its packed grades, None where it has no row.
    """
    slopes: Literal["rasch", "two_parameter"] = "rasch" if irt == "rasch" else "two_parameter"
    nothing = bytes([ABSENT & 0xFF]) * models
    packed = b"".join(nothing if row is None else row for row in rows)
    answers = np.frombuffer(packed, dtype=np.int8).reshape(len(rows), models).T
    fit = fit_items(answers, slopes)
    values = tuple(None if np.isnan(each) else round(float(each), DIGITS) + 0.0 for each in fit.difficulty)
    return values, _describe(fit, measure)


def _describe(fit: ItemResponse, measure: str) -> str:
    rated = ~np.isnan(fit.error)
    models = int((~np.isnan(fit.ability)).sum())
    name = "the Rasch model" if fit.slopes == "rasch" else "the two-parameter model"
    unit = "logits" if fit.slopes == "rasch" else "standard deviations of ability"
    parts = [
        f"`{measure}`: difficulty for models, by {name}, from {models} {'model' if models == 1 else 'models'} on "
        f"{int(rated.sum())} items"
    ]
    if rated.any():
        errors = fit.error[rated]
        parts.append(
            f"its standard error is {float(np.median(errors)):.2f} {unit} in the median and {float(errors.max()):.2f} "
            "at most"
        )
    one_sided = int(fit.one_sided.sum())
    if one_sided:
        parts.append(f"{one_sided} that all or none got right rest on the prior")
    if fit.slopes == "two_parameter" and models < _FEW_MODELS:
        parts.append("so few models hardly tell slopes apart")
    if not fit.converged:
        parts.append(f"not converged after {fit.rounds} rounds")
    return "; ".join(parts)
