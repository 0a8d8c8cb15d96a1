"""What differs between two versions of an item, as readers see it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.provenance.changes import compare_fields

LONG = "The treaty was signed in the spring of the year 1648 by envoys of both crowns."


def test_a_long_text_is_compared_by_words() -> None:
    (change,) = compare_fields({"question": LONG}, {"question": LONG.replace("spring", "late autumn")})
    (passage,) = change.passages
    assert [(part.kind, part.text) for part in passage.parts] == [
        ("same", "The treaty was signed in the "), ("old", "spring"), ("new", "late autumn"),
        ("same", " of the year 1648 by envoys of both crowns."),
    ]  # fmt: skip


def test_short_texts_and_texts_that_share_little_stand_whole() -> None:
    short, other = compare_fields({"answer": "Oslo", "question": LONG}, {"answer": "Rome", "question": LONG[::-1]})
    for change in (short, other):
        assert [passage.parts[0].kind for passage in change.passages] == ["old", "new"]


def test_lists_are_compared_by_entries_and_code_by_lines() -> None:
    (choices,) = compare_fields({"choices": ["a", "b", "c"]}, {"choices": ["a", "c", "d"]})
    assert [(p.parts[0].kind, p.parts[0].text) for p in choices.passages] == [
        ("same", "a"), ("old", "b"), ("same", "c"), ("new", "d")
    ]
    one, other = "def f():\n    return 1\n", "def f():\n    return 2\n"
    code = compare_fields({"entry_point": "f", "solution": one}, {"entry_point": "f", "solution": other})
    assert code[0].is_same
    assert [(p.parts[0].kind, p.parts[0].text) for p in code[1].passages] == [
        ("same", "def f():"), ("old", "    return 1"), ("new", "    return 2")
    ]


def test_messages_of_a_chat_are_entries() -> None:
    before = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]}
    after = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "No"}]}
    (change,) = compare_fields(before, after)
    assert [p.parts[0].text for p in change.passages] == ["user: Hi", "assistant: Yes", "assistant: No"]


def test_a_field_that_one_version_lacks() -> None:
    gone, come = compare_fields({"context": "Once"}, {"question": "Who"})
    assert [gone.passages[0].parts[0].kind, come.passages[0].parts[0].kind] == ["old", "new"]
    assert compare_fields(None, None) == ()


words = st.lists(st.sampled_from(["a", "b ", "\n", "c,", " d", "é"]), max_size=60).map("".join)


@given(words, words)
def test_both_versions_can_be_read_from_the_parts(old: str, new: str) -> None:
    (change,) = compare_fields({"question": old}, {"question": new})
    parts = [part for passage in change.passages for part in passage.parts]
    assert "".join(part.text for part in parts if part.kind != "new") == old
    assert "".join(part.text for part in parts if part.kind != "old") == new
    assert change.is_same == (old == new)
    assert not re.search("old,old|new,new", ",".join(part.kind for part in parts))
