"""What was bought last: nothing that may be there is taken to be missing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.execute.landings import REMEMBERED, Landings


def test_an_answer_since_then_is_told_and_one_before_is_not() -> None:
    landings = Landings()
    landings.add("a")
    before = landings.count
    assert not landings.may_have("a", before)
    assert landings.may_have("a", 0)
    landings.add("b")
    assert landings.may_have("b", before)
    assert not landings.may_have("a", before)
    landings.add("a")
    assert landings.may_have("a", before), "it was answered again"


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 3_000))
def test_nothing_that_came_is_missed_however_long_ago(keys: list[int], others: int) -> None:
    landings = Landings()
    seen: list[tuple[str, int]] = []
    for each in keys:
        seen.append((str(each), landings.count))
        landings.add(str(each))
    for number in range(others):
        landings.add(f"other {number}")
    assert all(landings.may_have(key, since) for key, since in seen)
    assert len(landings._last) <= REMEMBERED
