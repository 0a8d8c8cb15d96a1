"""Keywords of a question, and the passages that they find."""

from __future__ import annotations

import pytest

from refinelab_dsl.effects import Passage
from refinelab_dsl.retrieval.index import Index
from refinelab_dsl.retrieval.keywords import extract_keywords, join_query, split_query
from refinelab_dsl.retrieval.plain_text import strip_markup
from refinelab_dsl.retrieval.words import cut_plural, split_words


def _index(*texts: str) -> Index:
    return Index([Passage(f"p{number}", "", text) for number, text in enumerate(texts)])


@pytest.mark.parametrize(
    ("word", "stem"),
    [("berries", "berry"), ("plants", "plant"), ("gas", "gas"), ("glass", "glass"), ("virus", "virus"), ("is", "is")],
)
def test_plurals_are_cut(word: str, stem: str) -> None:
    assert cut_plural(word) == stem


def test_words_are_folded() -> None:
    folded = split_words("The Plants\u2019 roots, \uff21\uff22-12 and 水です")
    assert folded == ["the", "plant", "root", "ab", "12", "and", "水", "で", "す"]


def test_names_come_first_then_the_longer_words() -> None:
    keywords = extract_keywords(["Which gas did Joseph Priestley find in Leeds in 1774?", "oxygen"])
    assert keywords == ('"Joseph Priestley"', "Leeds", "oxygen", "find", "gas", "1774")


def test_the_first_word_of_a_sentence_is_no_name() -> None:
    assert extract_keywords(["Plants need light. Animals do not."]) == ("Animals", "Plants", "light")


def test_a_question_of_stop_words_still_has_keywords() -> None:
    assert extract_keywords(["What is it?"]) == ("What", "is", "it")


def test_keywords_are_limited_in_words_and_each_is_there_once() -> None:
    keywords = extract_keywords(["New York and New York again: bridges, bridge, tunnels, rivers, harbours"], most=4)
    assert keywords[0] == '"New York"'
    assert sum(len(split_words(keyword)) for keyword in keywords) <= 4


def test_a_query_is_taken_apart_as_it_was_put_together() -> None:
    keywords = ('"Joseph Priestley"', "Leeds", "oxygen")
    assert split_query(join_query(keywords)) == keywords
    assert split_query('an "unclosed quote') == ("an", "unclosed", "quote")


def test_rare_words_count_more_than_frequent_ones() -> None:
    index = _index("a plant needs water", "a plant needs light", "a plant grows", "granite needs time")
    assert index.search("plant granite", 2)[0].id == "p3"


def test_equals_come_by_their_ids_however_they_were_given() -> None:
    passages = [Passage(name, name, "bees pollinate") for name in ("c", "a", "d", "b")]
    for order in (passages, passages[::-1]):
        assert [passage.id for passage in Index(order).search("bees", 3)] == ["a", "b", "c"]


def test_repeated_passages_take_one_place() -> None:
    index = _index("bees pollinate", "bees pollinate", "bees sting")
    assert [passage.id for passage in index.search("bees", 3)] == ["p0", "p2"]


@pytest.mark.parametrize("query", ["", "quasar", '"', "  ?  "])
def test_a_query_that_shares_no_word_finds_nothing(query: str) -> None:
    assert _index("bees pollinate", "the plant").search(query, 3) == ()


def test_stop_words_count_where_there_is_nothing_else() -> None:
    assert [passage.id for passage in _index("the who", "bees").search("The Who", 3)] == ["p0"]


def test_an_index_of_nothing_finds_nothing() -> None:
    assert Index([]).search("bees", 3) == ()
    assert _index("…", "?").search("bees", 3) == ()


def test_pages_without_markup() -> None:
    page = (
        "<html><head><title>On &lt;Granite&gt;</title><style>p { color: red }</style></head><body><h1>Granite</h1>"
        "<table><tr><td>box<table><tr><td>inner</td></tr></table></td></tr></table><p>A <b>rock</b><sup>[1]</sup>\n"
        "that cooled&nbsp;slowly.</p><script>alert('<p>no</p>')</script><ul><li>hard<li>grey</ul></body></html>"
    )
    assert strip_markup(page) == "A rock that cooled slowly.\n\nhard\n\ngrey"
