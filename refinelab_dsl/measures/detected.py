"""`measure { kind = pii }` and `toxicity`: what detectors find in an item, by patterns, check digits and lists. The
value is how many findings there are, or with `value = categories` their categories as a text: `email+phone`, `none`
where nothing is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure, Operator
from refinelab_dsl.detectors import PRIVATE, SURE, TOXICITY, Watch, count_found

DETECTED: Final = ("pii", "toxicity")

NOTHING_FOUND: Final = "none"


def build_detected(measure: Measure) -> Callable[[Item], str | float | None]:
    """The number of findings, or their categories in alphabetical order."""
    watch = build_watch(measure)
    if measure.options.get("value") == "categories":

        def name_found(item: Item) -> str:
            return "+".join(sorted({each.category for each in count_found(item.fields, watch)})) or NOTHING_FOUND

        return name_found
    return lambda item: float(len(count_found(item.fields, watch)))


def build_watch(measure: Measure) -> Watch:
    """What a measure looks for."""
    options = measure.options
    categories = options.get("categories") or PRIVATE if measure.kind == "pii" else (TOXICITY,)
    return Watch(
        tuple(map(str, categories)), dict(options.get("patterns") or {}), float(options.get("confidence") or 0)
    )


def watch_for(operator: Operator, measures: Iterable[Measure]) -> Watch:
    """What a `scrub` looks for: all that the spec's own measures of its criteria do, so that what is private is said
    once; for a criterion without one, what is looked for where nothing is said."""
    criteria: Sequence[str] = operator.options.get("criteria") or DETECTED
    watches = []
    declared = list(measures)
    for kind in DETECTED:
        if kind not in criteria:
            continue
        own = [build_watch(each) for each in declared if each.kind == kind]
        watches += own or [Watch(PRIVATE if kind == "pii" else (TOXICITY,))]
    return Watch(
        tuple(dict.fromkeys(name for watch in watches for name in watch.categories)),
        {name: pattern for watch in watches for name, pattern in watch.patterns.items()},
        min((watch.sure for watch in watches), default=SURE),
    )
