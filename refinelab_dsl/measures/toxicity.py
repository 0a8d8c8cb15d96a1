"""`measure { kind = toxicity }`: insults, threats and judgements of groups in the texts of an item, by a list."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.declarations import Measure
from refinelab_dsl.detectors import TOXICITY, Watch

KIND: Final = "toxicity"

USUAL: Final = Watch((TOXICITY,))
"""What is looked for where a spec says nothing."""


def build_watch(measure: Measure) -> Watch:
    """What a measure looks for."""
    options = measure.options
    return Watch((TOXICITY,), dict(options.get("patterns") or {}), float(options.get("confidence") or 0))
