"""Recorded answers as votes, and values of confident learning beside those of cleanlab."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from refinelab_dsl.data import Item
from refinelab_dsl.data.answers import AnswerStyle
from refinelab_dsl.measures.confident import doubt_labels
from refinelab_dsl.measures.label_issue import cast_votes, judge_ballots
from refinelab_dsl.measures.suspicion import FEWEST, KEY, SILENT, Ballot
from refinelab_dsl.source import Place


def item(**fields: Any) -> Item:
    return Item(
        id="1", key="k", hash="h", fields={"question": "Which?", **fields}, attributes={}, raw={},
        place=Place("f", 1, 1),
    )  # fmt: skip


def test_answers_are_votes_for_choices() -> None:
    asked = item(choices=["x", "y", "z"], answer="y")
    votes, answers = cast_votes(["B", "c", "", None, "A", "Z", float("nan"), "(C)"], asked, AnswerStyle.LETTER)
    assert list(votes) == [KEY, 1, SILENT, SILENT, 2, SILENT, SILENT, 1]
    assert answers == 3


def test_free_answers_are_one_where_their_values_are() -> None:
    votes, answers = cast_votes(["0.5", "1/2", "7", "7.0", "$7", "8", None], item(answer="1/2"), "text")
    assert list(votes) == [KEY, KEY, 1, 1, 1, 2, SILENT]
    assert answers == FEWEST
    many, answers = cast_votes([str(number) for number in range(10)], item(answer="x"), "text")
    assert list(many) == list(range(1, 11))
    assert answers == 11


def test_right_and_wrong_are_votes_for_the_key_or_not() -> None:
    votes, _ = cast_votes([1, 0, "true", "0", ""], item(answer="x"), "correctness")
    assert list(votes) == [KEY, 1, KEY, 1, SILENT]


def test_the_note_says_how_many_look_wrong_and_where() -> None:
    good, bad = bytes([KEY] * 5), bytes([1] * 5)
    ballots = [*(Ballot(good, 4, "a") for _ in range(40)), *(Ballot(good, 4, "b") for _ in range(20)),
               *(Ballot(bad, 4, "b") for _ in range(20)), None]  # fmt: skip
    values, notes = judge_ballots(ballots, "vwxyz", AnswerStyle.LETTER, "issue")
    assert values[-1] is None
    assert max(values[:60]) < 0.5 < min(values[60:80])  # type: ignore[type-var]
    assert notes[0] == "`issue`: 20 of 80 keys look wrong (above 0.5), by the answers of 5 models"
    assert notes[1].startswith("`issue`: most by group: b ")


def test_a_model_that_repeats_another_is_named_and_not_counted() -> None:
    both, one = Ballot(bytes([KEY, KEY, KEY, 1, 1]), 4, None), Ballot(bytes([KEY, KEY, 1, KEY, KEY]), 4, None)
    _, notes = judge_ballots([both] * 30 + [one] * 30, "tuvxy", AnswerStyle.LETTER, "issue")
    assert notes == [
        "`issue`: 0 of 60 keys look wrong (above 0.5), by the answers of 4 models",
        "`issue`: y repeats the answers of x; they count as one model",
    ]


# From a run of cleanlab 2.9.0.
PROBABILITIES = np.array(
    [[0.1, 0.61, 0.29], [0.12, 0.55, 0.33], [0.07, 0.15, 0.78], [0.37, 0.63, 0.0], [0.41, 0.33, 0.26],
     [0.26, 0.41, 0.33], [0.08, 0.51, 0.41], [0.49, 0.07, 0.44], [0.24, 0.74, 0.02], [0.16, 0.64, 0.2]]
)  # fmt: skip
BY_CLEANLAB = [
    0.61977058, 0.41936572, 0.29082321, 0.51855601, 0.61909582, 0.54993252, 0.58738192, 0.75674764, 0.78306343,
    0.39237517,
]  # fmt: skip


def test_doubts_are_those_of_cleanlab() -> None:
    """1 - `get_label_quality_scores(…, method="normalized_margin", adjust_pred_probs=True)` of cleanlab 2.9.0."""
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 1])
    assert doubt_labels(PROBABILITIES, labels) == pytest.approx(np.array(BY_CLEANLAB), abs=1e-6)


def test_classes_that_an_item_has_not_are_left_out() -> None:
    rows = np.array([[0.7, 0.3, np.nan], [0.2, 0.3, 0.5], [0.8, 0.2, np.nan], [0.0, 1.0, np.nan]])
    doubts = doubt_labels(rows, np.array([0, 2, 1, 1]))
    assert max(doubts[[0, 1, 3]]) < 0.5 < doubts[2]
    assert not np.isnan(doubts).any()
    assert doubt_labels(np.array([[1.0]]), np.array([0])).tolist() == [0.0]
