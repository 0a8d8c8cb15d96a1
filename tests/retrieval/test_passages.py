"""Long texts become passages at borders of paragraphs and sentences, and nothing of them is lost."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.data.corpus import Document
from refinelab_dsl.retrieval.local import list_passages
from refinelab_dsl.retrieval.passages import count_words, cut_passages

# How many words each sentence has, and what stands behind it.
_SHAPES = st.lists(st.tuples(st.integers(1, 60), st.sampled_from([". ", "? ", "\n", ".\n\n", " "])), max_size=12)


def test_a_short_text_is_one_passage() -> None:
    assert cut_passages("Bees pollinate.\nSo do some birds.") == ["Bees pollinate. So do some birds."]
    assert cut_passages(" \n\n ") == []


def test_a_passage_ends_with_a_paragraph_where_it_is_half_full() -> None:
    first, second = "One two three four five six.", "Seven eight nine ten eleven."
    assert cut_passages(f"{first}\n\n{second}", size=10, overlap=5) == [first, second]


def test_a_passage_that_ends_inside_of_a_paragraph_repeats_its_last_sentences() -> None:
    text = "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    assert cut_passages(text, size=9, overlap=3) == [
        "One two three. Four five six. Seven eight nine.",
        "Seven eight nine. Ten eleven twelve.",
    ]


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    assert cut_passages("a b c d e f g", size=3, overlap=0) == ["a b c", "d e f", "g"]


def test_scripts_without_spaces_are_cut_too() -> None:
    passages = cut_passages("水は液体です。" * 200, size=20, overlap=4)
    assert len(passages) > 5
    assert all(count_words(passage) <= 21 for passage in passages)


@given(_SHAPES, st.integers(4, 40), st.integers(0, 10))
def test_no_word_is_lost_and_no_passage_too_long(
    shapes: list[tuple[int, str]], size: int, overlap: int
) -> None:
    text, last = "", 0
    for words, end in shapes:
        text += " ".join(f"W{number}" for number in range(last, last + words)) + end
        last += words
    passages = cut_passages(text, size=size, overlap=overlap)
    assert all(count_words(passage) <= size for passage in passages)
    expected = 0
    for passage in passages:
        numbers = [int(word) for word in re.findall(r"\d+", passage)]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert expected - overlap <= numbers[0] <= expected <= numbers[-1]
        expected = numbers[-1] + 1
    assert expected == last


def test_parts_of_a_document_are_numbered() -> None:
    long = Document("notes.md:3", "Rocks", "\n\n".join(["Granite is a rock. " * 20] * 3))
    short = Document("facts.csv:7", "", "Bees pollinate.")
    passages = list(list_passages([long, short]))
    assert [passage.id for passage in passages] == ["notes.md:3#1", "notes.md:3#2", "notes.md:3#3", "facts.csv:7"]
    assert {passage.title for passage in passages[:3]} == {"Rocks"}
