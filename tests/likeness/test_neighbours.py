"""How alike texts are, and that the nearest of many is found."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinelab_dsl.data.items import Item
from refinelab_dsl.likeness import Neighbours, comparison_text, likeness, normalise
from tests.validators.items import make_item

TEXTS = st.text(max_size=60)


@given(TEXTS, TEXTS)
def test_likeness_is_symmetric_bounded_and_one_for_equals(one: str, other: str) -> None:
    a, b = normalise(one), normalise(other)
    assert likeness(a, a) == 1
    assert likeness(a, b) == likeness(b, a)
    assert 0 <= likeness(a, b) <= 1


def test_figures_to_hold_on_to() -> None:
    base = normalise("A train travels 120 miles in 3 hours. What is its average speed in miles per hour?")
    varied = normalise("A train travels 150 miles in 3 hours. What is its average speed in miles per hour?")
    assert likeness(base, varied) > 0.92
    assert likeness(base, normalise("What speed, on average, has a train that goes 120 miles in 3 hours?")) < 0.7
    assert likeness(base, normalise("Which acid is strong?")) < 0.2


def test_case_width_and_white_space_do_not_count() -> None:
    assert normalise("\uff37hich\n  ACID\t?") == normalise("which acid ?")


def test_the_order_of_choices_does_not_count_but_the_passage_does() -> None:
    one = make_item("Which?", "a", "b", "c")
    assert comparison_text(one) == comparison_text(make_item("Which?", "c", "a", "b"))
    here = make_item("Who wrote it?", answer="Woolf", context="A room of one's own")
    there = make_item("Who wrote it?", answer="Homer", context="Sing, goddess, the anger")
    assert Neighbours([here]).nearest(there) == 0
    assert Neighbours([here]).nearest(here) == 1


def _texts(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    words = ["".join(draw.choice("abcdefghijklmnop") for _ in range(draw.randint(2, 9))) for _ in range(400)]
    return [" ".join(draw.choice(words) for _ in range(draw.randint(16, 30))) for _ in range(count)]


def test_the_nearest_of_many_is_found_whatever_the_order_they_came_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refinelab_dsl.likeness.neighbours._TAIL", 256)
    texts = _texts(700, 1)  # more than are scanned before they are sorted in
    items = [make_item(text, answer="x", key=str(index)) for index, text in enumerate(texts)]
    forward, backward = Neighbours(items), Neighbours(reversed(items))
    draw = random.Random(2)
    for index in draw.sample(range(700), 60):
        words = texts[index].split()
        words[draw.randrange(len(words))] = "changed"
        near = make_item(" ".join(words), answer="x")
        expected = likeness(normalise(texts[index]), normalise(" ".join(words)))
        assert forward.nearest(near) >= expected
        assert forward.nearest(near) == backward.nearest(near)
        assert forward.nearest(items[index]) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=25), TEXTS)
def test_no_neighbour_is_said_to_be_nearer_than_the_nearest(texts: list[str], probe: str) -> None:
    items: list[Item] = [make_item(text, answer="x") for text in texts]
    found = Neighbours(items).nearest(make_item(probe, answer="x"))
    best = max(likeness(normalise(text), normalise(probe)) for text in texts)
    assert found <= best
    if best > 0.95:
        assert found == best


def test_many_copies_of_one_text_do_not_hide_a_nearer_one() -> None:
    texts = [f"What is {number} plus {number + 1} in the decimal system?" for number in range(900)]
    items = [make_item(text, answer="x") for text in texts]
    neighbours = Neighbours(items)
    assert neighbours.nearest(make_item("What is 450 plus 451 in the decimal system?", answer="x")) == 1
    assert neighbours.nearest(make_item("What is 4500 plus 4510 in the decimal system?", answer="x")) > 0.85
