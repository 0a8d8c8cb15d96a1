"""What a `scrub` shows a model: the texts to be rewritten, what was found in them, and what takes its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure, Operator
from refinelab_dsl.detectors import Work, find_work
from refinelab_dsl.measures.detected import DETECTED, watch_for

SCRUB: Final = "scrub"

UNMARKED: Final = "unmarked"
"""The option by which items are rewritten in which detectors find nothing."""

RETRIES: Final = 2
"""How often a rewrite that does not hold is asked for again, with what was wrong with it."""

REFUSED: Final = 0.2
"""The share of rewrites that are believed not to hold."""

FIRST_TRY: Final = "0.8"
"""The share of rewrites by the simulated model that hold, unless its `params` say otherwise."""

WORDING: Final = {"pii": "private data", "toxicity": "toxic text"}


def find_parts(operator: Operator, measures: Iterable[Measure], item: Item, seed: int) -> Work:
    """What is found in an item. Of the same item always the same."""
    work = find_work(item.fields, watch_for(operator, measures), f"{seed}\n{item.key}")
    return work if work.found or not operator.options.get(UNMARKED) else replace(work, is_whole=True)


def show_work(operator: Operator, work: Work) -> dict[str, Any]:
    """The names that its prompt sees beside those of every operator."""
    return {
        "criteria": [WORDING[name] for name in operator.options.get("criteria") or DETECTED],
        "parts": [work.texts[place] for place in work.asked],
        "spans": list(work.parts),
        "pseudonyms": dict(work.pseudonyms),
    }
