"""`measure { kind = pii }`: private data in the texts of an item."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.declarations import Measure
from refinelab_dsl.detectors import PRIVATE, Watch

KIND: Final = "pii"

USUAL: Final = Watch(PRIVATE)
"""What is looked for where a spec says nothing."""


def build_watch(measure: Measure) -> Watch:
    """What a measure looks for."""
    options = measure.options
    categories = tuple(map(str, options.get("categories") or PRIVATE))
    return Watch(categories, dict(options.get("patterns") or {}), float(options.get("confidence") or 0))
