"""What detectors find in an item, as the value of `pii` and `toxicity`: how many findings there are, or with
`value = categories` their categories as a text: `email+phone`, `none` where nothing is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure, Operator
from refinelab_dsl.detectors import SURE, Watch, count_found
from refinelab_dsl.measures import pii, toxicity

WATCHES: Final[Mapping[str, Callable[[Measure], Watch]]] = MappingProxyType({
    pii.KIND: pii.build_watch, toxicity.KIND: toxicity.build_watch,
})  # fmt: skip

DETECTED: Final = tuple(WATCHES)
"""The kinds, which are also the criteria of `scrub`."""

NOTHING_FOUND: Final = "none"
_USUAL: Final[Mapping[str, Watch]] = MappingProxyType({pii.KIND: pii.USUAL, toxicity.KIND: toxicity.USUAL})


def build_detected(measure: Measure) -> Callable[[Item], str | float | None]:
    """The number of findings, or their categories in alphabetical order."""
    watch = WATCHES[measure.kind](measure)
    if measure.options.get("value") == "categories":

        def name_found(item: Item) -> str:
            return "+".join(sorted({each.category for each in count_found(item.fields, watch)})) or NOTHING_FOUND

        return name_found
    return lambda item: float(len(count_found(item.fields, watch)))


def watch_for(operator: Operator, measures: Iterable[Measure]) -> Watch:
    """What a `scrub` looks for: all that the spec's own measures of its criteria do, so that what is private is said
    once; for a criterion without one, what is looked for where nothing is said."""
    criteria: Sequence[str] = operator.options.get("criteria") or DETECTED
    declared = list(measures)
    watches: list[Watch] = []
    for kind, build in WATCHES.items():
        if kind in criteria:
            watches += [build(each) for each in declared if each.kind == kind] or [_USUAL[kind]]
    return Watch(
        tuple(dict.fromkeys(name for watch in watches for name in watch.categories)),
        {name: pattern for watch in watches for name, pattern in watch.patterns.items()},
        min((watch.sure for watch in watches), default=SURE),
    )
