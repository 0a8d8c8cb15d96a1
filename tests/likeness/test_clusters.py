"""Clusters of nearly equal items, beside those that comparing every pair gives."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.embeddings import Hashed, Rows
from refinelab_dsl.likeness import cluster_by_text, cluster_rows, comparison_text, likeness
from refinelab_dsl.likeness.text import answer_text, count_grams, dice
from tests.embeddings.real import read_questions
from tests.validators.items import make_item


def _join(count: int, pairs: list[tuple[int, int]]) -> list[int | None]:
    """The components, found the slow way."""
    firsts = list(range(count))
    changed = True
    while changed:
        changed = False
        for one, other in pairs:
            least = min(firsts[one], firsts[other])
            changed = changed or firsts[one] != least or firsts[other] != least
            firsts[one] = firsts[other] = least
    return [first if firsts.count(first) > 1 else None for first in firsts]


def _edit(text: str, draw: random.Random) -> str:
    """A slip or two, as copies have them: a letter or a word lost, repeated, or put for another."""
    words = text.split(" ")
    for _ in range(draw.randint(1, 2)):
        place = draw.randrange(len(words))
        words[place] = draw.choice(["", words[place].upper() + "s", words[place][1:], f"{words[place]} {words[place]}"])
    return " ".join(words)


def _plant(seed: int, count: int, copies: int) -> tuple[list[str], list[tuple[int, int]]]:
    """Real questions, and edited copies of some behind them; which are copies of which."""
    draw = random.Random(seed)
    questions = list(dict.fromkeys(read_questions()))
    texts = draw.sample([text for text in questions if len(text) > 80], count)
    planted = []
    for _ in range(copies):
        source = draw.randrange(count)
        planted.append((source, len(texts)))
        texts.append(_edit(texts[source], draw))
    return texts, planted


def test_clusters_are_those_of_all_pairs() -> None:
    texts, planted = _plant(1, 100, 40)
    items = [make_item(text, answer="x") for text in texts]
    grams = [count_grams(comparison_text(item)) for item in items]
    pairs = [
        (one, other) for one, other in combinations(range(len(items)), 2) if dice(grams[one], grams[other]) >= 0.9
    ]
    assert len(set(planted) & set(pairs)) > 30
    assert cluster_by_text(items, 0.9) == _join(len(items), pairs)


def test_clusters_of_embeddings_are_those_of_all_pairs_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refinelab_dsl.likeness.clusters._BLOCK", 32)
    texts, _ = _plant(2, 160, 40)
    rows = Hashed.fit(texts).embed(texts)
    cosines = Rows.of(rows).cosines(Rows.of(rows))
    pairs = [(one, other) for one, other in combinations(range(len(texts)), 2) if cosines[one, other] >= 0.85]
    found = cluster_rows(rows, [b""] * len(texts), [""] * len(texts), 0.85)
    assert found == _join(len(texts), pairs)
    assert sum(first is not None for first in found) > 60


def test_a_chain_is_one_cluster_and_its_first_item_names_it() -> None:
    words = [f"word{number}" for number in range(60)]
    chain = []
    for step in range(12):  # each differs a little from the one before it, the last a lot from the first
        words[step * 4] = f"other{step}"
        chain.append(make_item(" ".join(words), answer="x"))
    ends = [comparison_text(chain[0]), comparison_text(chain[-1])]
    assert likeness(*ends) < 0.9
    alone = make_item("What is the boiling point of water?", answer="x")
    assert cluster_by_text([alone, *chain], 0.95) == [None, *[1] * 12]
    assert cluster_by_text([*reversed(chain), alone], 0.95) == [*[0] * 12, None]


def test_items_with_other_passages_or_choices_are_no_copies() -> None:
    here = make_item("Who wrote it?", answer="Woolf", context="A room of one's own")
    there = make_item("Who wrote it?", answer="Homer", context="Sing, goddess, the anger")
    again = make_item("WHO wrote  it?", answer="Woolf", context="A  room of one's own")
    assert cluster_by_text([here, there, again], 0.9) == [0, None, 0]
    one, other = make_item("Which?", "iron", "lead"), make_item("Which?", "oxygen", "nitrogen")
    again = make_item("Which?", "lead", "iron", answer="iron")
    assert cluster_by_text([one, other, again], 0.9) == [0, None, 0]
    rows = np.eye(2, dtype=np.float32)[[0, 0, 0]]
    assert cluster_rows(rows, [b"a", b"b", b"a"], [""] * 3, 0.9) == [0, None, 0]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("decreases the amount of resources", "It decreases the amount of resources.", True),
        ("Earth rotates on its axis.", "earth rotates on its axis", True),
        ("about $15k", "about $300", False),
        ("12345 dollars in all", "12346 dollars in all", False),
        ("40", "40", True),
        ("true, false", "false, true", False),
        ("convergent evolution", "divergent evolution", False),
    ],
)
def test_a_question_in_nearly_the_same_words_with_another_answer_is_another(one: str, other: str, same: bool) -> None:
    question = "As of the year of the survey, which of these did most of those who were asked hold to be {}?"
    items = [make_item(question.format(word), answer=text) for word, text in (("true", one), ("so", other))]
    assert cluster_by_text(items, 0.85) == ([0, 0] if same else [None, None])
    rows = np.eye(2, dtype=np.float32)[[0, 0]]
    answers = [answer_text(item) for item in items]
    assert cluster_rows(rows, [b"", b""], answers, 0.85) == ([0, 0] if same else [None, None])


def test_among_many_problems_of_one_form_each_copy_is_found() -> None:
    """More than are compared with any one of them."""
    form = "A pump fills {} barrels in the morning and {} in the evening. How many are that, and why does it matter?"
    texts = [(form.format(number, number + 1), str(2 * number + 1)) for number in range(600)]
    items = [make_item(text, answer=answer) for text, answer in texts]
    copies = [make_item(f"{text}?", answer=answer) for text, answer in texts[::9]]
    found = cluster_by_text([*items, *copies], 0.92)
    assert found[600:] == list(range(0, 600, 9))
    assert sum(first is not None for first in found[:600]) == len(copies)


@given(st.lists(st.sampled_from(["aa bb cc dd", "aa bb cc de", "xx yy zz", "xx yy zz ", "q"]), max_size=12))
def test_equal_texts_are_one_cluster_whatever_the_threshold(texts: list[str]) -> None:
    found = cluster_by_text([make_item(text, answer="x") for text in texts], 1.0)
    stripped = [text.strip() for text in texts]
    assert found == [stripped.index(text) if stripped.count(text) > 1 else None for text in stripped]


def test_nothing_has_no_clusters() -> None:
    assert cluster_by_text([], 0.9) == []
    assert cluster_rows(np.zeros((0, 4), np.float32), [], [], 0.9) == []
