"""Removals are settled last, and a shortfall of additions leaves no hole."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from refinelab_dsl import metrics
from refinelab_dsl.artifacts.plan import Header, Removal
from refinelab_dsl.execute.removals import settle_removals
from tests.execute.worlds import Wish, build_world


def with_removals(header: Header, *removals: tuple[str, int]) -> Header:
    listed = tuple(
        Removal(id=number, operator="drop", from_={"topic": topic}, planned=planned)
        for number, (topic, planned) in enumerate(removals, 1)
    )
    return header.model_copy(update={"removals": listed})


def test_nothing_missing_changes_nothing(tmp_path: Path) -> None:
    header = build_world(tmp_path, Wish()).header
    settled = settle_removals(header, {})
    assert (dict(settled.counts), settled.size) == ({1: 6}, header.size_planned)


@given(st.integers(0, 5), st.integers(0, 3))
@settings(max_examples=24, deadline=None)
def test_the_size_holds_as_long_as_there_are_removals_to_take_back(asia: int, africa: int) -> None:
    header = HEADER
    settled = settle_removals(header, {1: asia, 2: africa})
    back = min(asia + africa, 6)
    assert settled.counts[1] == 6 - back
    assert settled.size == header.size_planned - (asia + africa) + back


def test_what_helps_the_objective_most_stays(tmp_path: Path) -> None:
    # Of asia 8 are left and of africa 10, uniform is wanted: two of asia come back, then either in turn, asia first.
    header = with_removals(build_world(tmp_path, Wish()).header, ("africa", 5), ("asia", 5))
    settled = settle_removals(header, {1: 5})
    assert dict(settled.counts) == {1: 4, 2: 1}


def test_taking_back_one_by_one_is_as_good_as_any_single_choice(tmp_path: Path) -> None:
    header = with_removals(build_world(tmp_path, Wish()).header, ("europe", 3), ("asia", 2), ("africa", 2))
    missed = {1: 2, 2: 1}
    counts = settle_removals(header, missed).counts

    def divergence(europe: int, asia: int, africa: int) -> float:
        planned = {label: share.count_planned for label, share in header.mix["topic"].items()}
        final = [planned["europe"] + 3 - europe, planned["asia"] - 2 + 2 - asia, planned["africa"] - 1 + 2 - africa]
        return metrics.jsd_of_counts(final, [1 / 3] * 3)

    every = [
        (divergence(e, a, f), (e, a, f)) for e in range(4) for a in range(3) for f in range(3) if e + a + f == 7 - 3
    ]
    assert divergence(counts[1], counts[2], counts[3]) <= min(every)[0] + 1e-12


def _build_header() -> Header:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return build_world(Path(folder), Wish()).header


HEADER = _build_header()
