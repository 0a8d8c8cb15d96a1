"""`measure { kind = knn }`: the cosine of an item to the items that are nearest to it in a model's own space, as a
training recorded it: to the nearest one, or the mean over several (Middo: two)."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.measures.recorded import Range

_ROUNDING: Final = 1e-6  # of a cosine that was computed in single precision

COSINE: Final = Range(-1 - _ROUNDING, 1 + _ROUNDING, "a cosine, from -1 to 1")
