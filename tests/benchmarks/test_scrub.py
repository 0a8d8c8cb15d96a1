"""The labelled set of private and toxic text: it is whole, and detectors find what they found in it before."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.benchmarks.test_difficulty import FOLDER, load


@pytest.mark.parametrize("name", ["first", "second"])
def test_every_category_has_lines_of_both_sorts(name: str) -> None:
    module = load("scrub")
    lines = module.read_lines(FOLDER / "data" / "scrub" / f"{name}.txt")
    marked = Counter(line.category for line in lines if line.spans)
    plain = Counter(line.category for line in lines if not line.spans)
    assert set(marked) == set(plain) == set(module.CATEGORIES)
    assert min(marked.values()) >= 13
    assert min(plain.values()) >= 13
    assert all(line.text[start:end].strip() for line in lines for start, end in line.spans)
    assert not any("[[" in line.text or "¦" in line.text for line in lines)


@pytest.mark.parametrize("name", ["first", "second"])
def test_detectors_find_what_is_marked_and_little_else(name: str) -> None:
    module = load("scrub")
    scores = module.score_labelled(name, {"refinec": module.find})["refinec"]
    for category, score in scores.items():
        assert score.misses <= 1, category
        assert score.false <= 1, category


def test_a_score_counts_what_overlaps() -> None:
    module = load("scrub")
    score = module.Score()
    score.add(((3, 9), (20, 25)), [module.Found(8, 12, "email", 1.0), module.Found(30, 33, "email", 1.0)])
    assert (score.hits, score.misses, score.false) == (1, 1, 1)
