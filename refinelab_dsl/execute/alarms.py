"""When what was watched in a run is worth a warning: a target that stalls, labels that are lost, results that drift.

None of them stops a run: its output stands, and a person should look at it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.source import Place

DRIFTED: Final = 0.3
"""Likeness to their items that half of an operator's results do not reach: below it a text in other words is hardly
told from another text (`benchmarks/likeness.md`)."""

FEWEST_RESULTS: Final = 10
"""Results from which on it is said that an operator drifts."""


def find_alarms(header: Header, watch: Mapping[str, Any], explained: Collection[str]) -> Iterator[Diagnostic]:
    """The warnings. watch: as `Watch.summarise` gives it. explained: dimensions of whose missing results a diagnostic
    tells: that these stall is no news."""
    place = Place(header.spec_path)
    for name, share in watch["stalled"].items():
        if name not in explained:
            yield faults.target_stalled(name, f"{share:.0%}", place)
    if watch["tail"]:
        told = [(each["dimension"], each["label"], each["before"], each["after"]) for each in watch["tail"]]
        yield faults.labels_lost(told, place)
    for name, told in watch["drift"].items():
        if told["results"] >= FEWEST_RESULTS and told["median"] < DRIFTED:
            yield faults.results_drifted(name, told["results"], f"{told['median']:.2f}", f"{DRIFTED:g}", place)
