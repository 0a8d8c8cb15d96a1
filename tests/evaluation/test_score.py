"""Scores of sets: shares and intervals, spread, what items discriminate, and orders that hold."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from refinelab_dsl.evaluation.report import Evaluation, dump_evaluation, render_evaluation
from refinelab_dsl.evaluation.score import ABSENT, SetScore, compare_styles, score_set
from refinelab_dsl.metrics import wilson_interval

MODELS = ("strong", "middle", "weak")
GRADES = np.array([[1, 1, 1, 1, 0, 1], [1, 1, 0, 1, 0, ABSENT], [1, 0, 0, 1, 0, 0]], dtype=np.int8)


def score() -> SetScore:
    return score_set(MODELS, GRADES, 8)


def test_shares_by_hand() -> None:
    found = score()
    assert (found.items, found.answered) == (8, 6)
    assert [(each.right, each.answered) for each in found.models] == [(5, 6), (3, 5), (2, 6)]
    assert (found.models[1].low, found.models[1].high) == wilson_interval(3, 5)
    assert found.spread == pytest.approx(5 / 6 - 2 / 6)
    assert found.deviation == pytest.approx(float(np.std([5 / 6, 3 / 5, 2 / 6])))
    assert (found.solved, found.unsolved) == (2, 1)  # the last item lacks an answer and is neither


def test_discrimination_is_the_mean_over_items_that_can_tell() -> None:
    found = score()
    whole = GRADES[:, :5]
    rests = [stats.pointbiserialr(whole[:, at], whole.sum(axis=0 + 1) - whole[:, at]).statistic for at in (1, 2)]
    assert found.judged == 2
    assert found.discrimination == pytest.approx(float(np.mean(rests)))


def test_what_cannot_be_told_is_not_said() -> None:
    lone = score_set(("one",), np.array([[1, 0]], dtype=np.int8), 2)
    assert (lone.spread, lone.deviation, lone.discrimination) == (None, None, None)
    nothing = score_set(MODELS, np.zeros((3, 0), dtype=np.int8), 4)
    assert [each.share for each in nothing.models] == [None, None, None]
    assert (nothing.answered, nothing.spread, nothing.discrimination) == (0, None, None)
    assert compare_styles({"a": nothing}).w is None
    assert compare_styles({"a": nothing, "b": nothing}).w is None
    evaluation = Evaluation("x", 0.95, {"original": {"a": nothing}}, {})
    assert "no answer" in render_evaluation(evaluation)
    assert json.loads(json.dumps(dump_evaluation(evaluation)))["sets"]["original"]["styles"]["a"]["spread"] is None


def test_orders_over_styles() -> None:
    first = score()
    turned = replace(first, models=tuple(
        replace(each, right=right, answered=6) for each, right in zip(first.models, (1, 3, 5), strict=True)
    ))  # fmt: skip
    assert compare_styles({"a": first, "b": first}).w == 1
    against = compare_styles({"a": first, "b": turned})
    assert against.w == 0
    assert against.range == pytest.approx(np.mean([4 / 6, 0.1, 3 / 6]))
    shown = render_evaluation(Evaluation("x", 0.95, {"original": {"a": first, "b": turned}}, {"added": 3}))
    assert "Kendall's W 0.000   a model's accuracy varies by 42.2 points" in shown
    assert "without recorded answers: 3 added; they are in no figure" in shown
