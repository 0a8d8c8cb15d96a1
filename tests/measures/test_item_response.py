"""Item response: planted parameters are found again, standard errors say how far off they are, poor data do no harm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from refinelab_dsl.measures.item_response import ABSENT, Slopes, fit_items

KINDS: tuple[Slopes, Slopes] = ("rasch", "two_parameter")


def draw(
    models: int, items: int, *, slope: float = 1.0, varied: float = 0.0, gaps: float = 0.0, seed: int = 0
) -> tuple[NDArray[np.int8], NDArray[Any], NDArray[Any]]:
    """Answers (models, items), and the intercepts and slopes behind them; abilities have mean 0 and variance 1."""
    random = np.random.default_rng(seed)
    ability = random.normal(size=models)
    ability = (ability - ability.mean()) / ability.std()
    slopes = slope * np.exp(varied * random.normal(size=items))
    shifts = random.normal(0.3, 1.2, size=items)
    chance = 1 / (1 + np.exp(-(slopes * ability[:, None] - shifts)))
    answers = (random.random((models, items)) < chance).astype(np.int8)
    answers[random.random((models, items)) < gaps] = ABSENT
    return answers, shifts, slopes


def ranks(values: NDArray[Any]) -> NDArray[Any]:
    return np.argsort(np.argsort(values))


@pytest.mark.parametrize(("kind", "varied"), [("rasch", 0.0), ("two_parameter", 0.4)])
@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_planted_difficulties_are_found_within_their_standard_errors(kind: Slopes, varied: float, gaps: float) -> None:
    """1.96 standard errors on either side hold the truth of about 95 of 100 items; the mean of z is about 0."""
    answers, shifts, slopes = draw(1_500, 200, varied=varied, gaps=gaps)
    fit = fit_items(answers, kind)
    assert fit.converged
    truth = shifts if kind == "rasch" else shifts / slopes
    off = (fit.difficulty - truth) / fit.error
    assert 0.9 <= (np.abs(off) < 1.96).mean() <= 0.99
    assert abs(off.mean()) < 0.5
    assert np.corrcoef(ranks(fit.difficulty), ranks(truth))[0, 1] > 0.97
    if kind == "two_parameter":
        assert np.corrcoef(fit.slope, slopes)[0, 1] > 0.85


def test_gaps_make_errors_larger() -> None:
    full, gappy = (fit_items(draw(400, 30, gaps=gaps)[0], "rasch") for gaps in (0.0, 0.75))
    ratio = np.median(gappy.error / full.error)
    assert 1.7 < ratio < 2.3  # a quarter of the answers: twice the error


@pytest.mark.parametrize("kind", KINDS)
def test_few_models_and_many_items(kind: Slopes) -> None:
    """Ten models of much the same ability: errors are large, and are said to be."""
    answers, shifts, _ = draw(10, 2_000, slope=0.3)
    fit = fit_items(answers, kind)
    assert fit.converged
    assert abs(fit.ability.mean()) < 0.05
    assert np.corrcoef(fit.difficulty, shifts)[0, 1] > 0.7
    assert np.median(fit.error) > 0.5
    if kind == "rasch":
        assert 0.85 < (np.abs(fit.difficulty - shifts) < 1.96 * fit.error).mean() < 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_all_right_is_easier_than_nearly_all_right(kind: Slopes) -> None:
    answers, _, _ = draw(30, 40)
    answers[:, 0], answers[:, 1] = 1, 0
    answers[:, 2] = 1
    answers[0, 2] = 0
    fit = fit_items(answers, kind)
    assert bool(fit.one_sided[0])
    assert bool(fit.one_sided[1])
    assert not fit.one_sided[2]
    assert fit.difficulty[0] < fit.difficulty[2]
    assert fit.difficulty[1] == fit.difficulty.max()
    assert fit.error[0] > np.median(fit.error)
    assert np.isfinite(fit.difficulty).all()
    assert np.isfinite(fit.error).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "answers",
    [
        np.ones((1, 1), np.int8),
        np.ones((5, 7), np.int8),
        np.zeros((5, 7), np.int8),
        np.array([[1, 0, 1, 0, 1]], np.int8),
        np.array([[1], [0], [1]], np.int8),
        np.eye(6, dtype=np.int8),
        np.array([[1, ABSENT], [ABSENT, 0]], np.int8),
        np.array([[1, 1, 1], [0, 0, 0]], np.int8),
    ],
)
def test_poor_data_give_finite_numbers(kind: Slopes, answers: NDArray[np.int8]) -> None:
    fit = fit_items(answers, kind)
    assert fit.converged
    assert np.isfinite(fit.difficulty).all()
    assert (np.abs(fit.difficulty) < 50).all()
    assert np.isfinite(fit.error).all()
    assert (fit.error > 0).all()
    right = np.where(answers == 1, 1, 0).sum(axis=0)
    if answers.shape[0] == 1 and len(set(right.tolist())) > 1:
        assert fit.difficulty[right == 1].max() < fit.difficulty[right == 0].min()


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_answered_has_no_difficulty(kind: Slopes) -> None:
    answers, _, _ = draw(20, 10)
    answers[:, 3] = ABSENT
    answers[5, :] = ABSENT
    fit = fit_items(answers, kind)
    assert np.isnan(fit.difficulty[3])
    assert np.isnan(fit.ability[5])
    rest = np.delete(np.delete(answers, 3, axis=1), 5, axis=0)
    alone = fit_items(rest, kind)
    np.testing.assert_array_equal(np.delete(fit.difficulty, 3), alone.difficulty)
    nothing = fit_items(np.full((2, 2), ABSENT, np.int8), kind)
    assert np.isnan(nothing.difficulty).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_matrix_gives_the_same_numbers_in_any_order(kind: Slopes) -> None:
    answers, _, _ = draw(60, 25, gaps=0.2)
    fit, again = fit_items(answers, kind), fit_items(answers, kind)
    np.testing.assert_array_equal(fit.difficulty, again.difficulty)
    turned = fit_items(np.ascontiguousarray(answers[::-1, ::-1]), kind)
    np.testing.assert_allclose(fit.difficulty, turned.difficulty[::-1], atol=1e-5)


def test_the_maximum_is_where_nothing_else_is_more_likely() -> None:
    """Abilities, and the marginal likelihood, against an integration over abilities of the test's own: moving any one
    difficulty makes the answers less likely."""
    answers, _, _ = draw(80, 6)
    fit = fit_items(answers, "rasch")
    nodes = np.linspace(-8, 8, 2001)
    eap = fit.ability
    deviation = float(np.sqrt((fit.ability_error**2 + eap**2).mean()))
    found = _eap(answers, fit.difficulty, deviation, nodes)
    np.testing.assert_allclose(found, eap, atol=2e-3)
    for item in range(6):
        steps = (-0.3, 0.3)
        losses = [_marginal(answers, fit.difficulty + step * np.eye(6)[item], deviation, nodes) for step in steps]
        assert _marginal(answers, fit.difficulty, deviation, nodes) > max(losses)


def _weights(answers: NDArray[np.int8], shift: NDArray[Any], deviation: float, nodes: NDArray[Any]) -> NDArray[Any]:
    odds = nodes[:, None] - shift[None, :]
    log = answers @ odds.T - np.logaddexp(0, odds).sum(axis=1)[None, :]
    return np.exp(log - 0.5 * (nodes / deviation) ** 2) / deviation


def _eap(answers: NDArray[np.int8], shift: NDArray[Any], deviation: float, nodes: NDArray[Any]) -> NDArray[Any]:
    weights = _weights(answers, shift, deviation, nodes)
    return np.asarray((weights @ nodes) / weights.sum(axis=1))


def _marginal(answers: NDArray[np.int8], shift: NDArray[Any], deviation: float, nodes: NDArray[Any]) -> float:
    return float(np.log(_weights(answers, shift, deviation, nodes).sum(axis=1)).sum())


def test_an_item_that_better_models_get_wrong() -> None:
    """Its slope is as flat as the prior allows, and the rounds end."""
    answers, _, _ = draw(300, 30, slope=2.0)
    answers[:, 0] = answers[:, 1:].mean(axis=1) < 0.4
    fit = fit_items(answers, "two_parameter")
    assert fit.converged
    assert fit.slope[0] == fit.slope.min()
