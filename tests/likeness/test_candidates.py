"""Candidates by MinHash: the same signatures alone and among others, pairs of one kin, and the nearest of very many."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.likeness import likeness
from refinelab_dsl.likeness.candidates import BANDS, CANDIDATES, propose_pairs, sign
from refinelab_dsl.likeness.text import count_grams, dice


@given(st.lists(st.text(max_size=40), min_size=1, max_size=12))
def test_a_text_is_signed_alike_alone_and_among_others(texts: list[str]) -> None:
    together = sign(texts)
    assert together.shape == (len(texts), BANDS)
    assert [row.tolist() for row in together] == [sign([text])[0].tolist() for text in texts]


def test_texts_are_signed_alike_however_they_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(3)
    texts = ["".join(draw.choice("abcdef ") for _ in range(draw.randint(0, 90))) for _ in range(60)]
    whole = sign(texts)
    monkeypatch.setattr("refinelab_dsl.likeness.candidates._POINTS", 100)
    assert np.array_equal(sign(texts), whole)


def test_candidates_are_those_with_an_equal_band_and_of_one_kin() -> None:
    random_ = np.random.default_rng(4)
    signatures = random_.integers(0, 60, (80, BANDS)).astype(np.uint32)
    kin = random_.integers(0, 3, 80)
    wanted = [
        (one, other) for other in range(80) for one in range(other)
        if kin[one] == kin[other] and (signatures[one] == signatures[other]).any()
    ]  # fmt: skip
    assert list(propose_pairs(signatures, kin)) == wanted


def test_where_very_many_have_an_equal_band_the_nearest_are_candidates() -> None:
    count = 3 * CANDIDATES
    signatures = np.arange(count * BANDS, dtype=np.uint32).reshape(count, BANDS)
    signatures[:, 0] = 7
    signatures[-1, 1:9] = signatures[10, 1:9]
    pairs = list(propose_pairs(signatures, np.zeros(count, np.int64)))
    assert (10, count - 1) in pairs
    assert max(Counter(later for _, later in pairs).values()) == CANDIDATES
    assert list(propose_pairs(signatures, np.arange(count))) == []


@given(st.text(max_size=30), st.text(max_size=30))
def test_likeness_is_that_of_counted_trigrams(one: str, other: str) -> None:
    counted = [Counter(text.ljust(3)[at : at + 3] for at in range(len(text.ljust(3)) - 2)) for text in (one, other)]
    shared = (counted[0] & counted[1]).total()
    wanted = 2 * shared / (counted[0].total() + counted[1].total())
    assert dice(count_grams(one), count_grams(other)) == wanted
    assert likeness(one, other) == wanted or one == other
