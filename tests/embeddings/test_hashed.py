"""The built-in embedding: the same numbers everywhere, and near for what says the same."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinelab_dsl.embeddings import Hashed, Rows, cosine
from refinelab_dsl.embeddings.hashed import DIMENSIONS
from tests.embeddings.real import read_gsm_plus

SENTENCE = "a train of 12 wagons leaves the station at noon and each wagon holds forty people on three levels"
WORDS = SENTENCE.split()


def _texts(count: int, seed: int = 1) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(3, 20))) for _ in range(count)]


def test_rows_have_length_one_and_an_empty_text_has_none() -> None:
    rows = Hashed().embed(["Which acid is strong?", "x", "", " \n"])
    assert rows.dtype == np.float32
    assert rows.shape == (4, DIMENSIONS)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 0, 0], abs=1e-6)


def test_the_numbers_are_fixed() -> None:
    """A saved plan and the run of it may be made on different machines."""
    rows = Hashed.fit(_texts(50)).embed([*_texts(5, seed=2), "Straße \uff37 \u00e9\u4e2d\U0001f600"])
    assert hashlib.sha256(np.rint(rows * 4000).astype("<i4").tobytes()).hexdigest()[:16] == "9da01aaef7b0fc75"


def test_what_is_fitted_depends_on_the_texts_alone() -> None:
    texts = _texts(40)
    one, other = Hashed.fit(texts), Hashed.fit(reversed(texts))
    assert one.texts == other.texts == 40
    assert np.array_equal(one.embed(texts), other.embed(texts))


def test_what_is_rare_among_the_texts_weighs_more() -> None:
    common = [f"Consider the following statement about {word}." for word in WORDS]
    one, other = "Consider the following statement about osmosis.", "Consider the following statement about inflation."
    assert cosine(*Hashed().embed([one, other])) > 0.7
    assert cosine(*Hashed.fit(common).embed([one, other])) < 0.45


def test_case_width_and_white_space_do_not_count() -> None:
    one, other = Hashed().embed(["Which ACID\tis strong?", " which \uff41cid is\nstrong?"])
    assert np.array_equal(one, other)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_any_text_has_a_finite_row(texts: list[str]) -> None:
    rows = Hashed.fit(texts).embed(texts)
    assert np.isfinite(rows).all()
    assert (np.linalg.norm(rows, axis=1) < 1 + 1e-6).all()


def test_paraphrases_are_nearer_than_other_problems() -> None:
    """GSM-Plus: a problem and the same in other words (`problem understanding`), beside any two problems."""
    pairs = [(row["seed_question"], row["question"]) for row in read_gsm_plus("problem understanding")]
    hashed = Hashed.fit(seed for seed, _ in pairs)
    seeds, texts = (Rows.of(hashed.embed(side)) for side in zip(*pairs, strict=True))
    near = seeds.cosines(texts)
    same = np.diagonal(near)
    other = near[~np.eye(len(pairs), dtype=bool)]
    assert (same >= 0.3).mean() > 0.95
    assert (other >= 0.3).mean() < 0.005


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([2, 64, 1024, 3072]))
def test_a_cosine_does_not_depend_on_the_order_of_its_sum(seed: int, count: int, width: int) -> None:
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(count, width)).astype(np.float32)
    order = draw.permutation(width)
    plain, mixed = Rows.of(rows), Rows.of(rows[:, order])
    assert np.array_equal(plain.cosines(plain), mixed.cosines(mixed))
    assert (np.diagonal(plain.cosines(plain)) == 1).all()
    exact = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    assert np.abs(plain.cosines(plain) - exact @ exact.T).max() < 1e-3


def test_a_row_of_zeros_is_like_nothing() -> None:
    rows = Rows.of(np.array([[0, 0], [3, 4]], np.float32))
    assert rows.cosines(rows).tolist() == [[0, 0], [0, 1]]
