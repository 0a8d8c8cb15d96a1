"""Item response theory: how hard items are, and how sure that is, from who answered what.

A model of ability z, standard normal over the models of the matrix, answers item i rightly with the chance

    P = 1 / (1 + exp(-(a_i z - c_i)))

`rasch` (Rasch 1960) has one slope a for all items: the difficulty is c_i, in logits. `two_parameter` (Birnbaum 1968)
has a slope for each item: the difficulty is c_i / a_i, in standard deviations of ability. In both the average model
answers an item of difficulty 0 rightly half of the time.

Estimated are the maxima of the marginal likelihood with priors, by EM (Bock and Aitkin 1981), abilities integrated out
over equally spaced nodes. Priors: c_i normal, and log a_i normal, their means and variances estimated with the items
from weak priors of their own (`_LOCATION`, `_SPREAD`), so that an item that every model or none got right has a finite
difficulty, near those of the other items. After each round abilities are standardised (parameter expansion: Liu, Rubin
and Wu 1998). Rounds end when no c_i and no log a_i moves by more than `TOLERANCE`.

Standard errors are those of Louis 1982: the information about the parameters of one item that is left when abilities
are not observed, with its prior; the parameters of other items are taken as known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Slopes: TypeAlias = Literal["rasch", "two_parameter"]

ABSENT: Final = -1
"""Stands in a matrix where a model's answer was not recorded."""

TOLERANCE: Final = 1e-6
MOST_ROUNDS: Final = 500

_LOCATION: Final = np.array([1.0, 3.0])  # of the means of log a and c: standard deviations around 0
_SPREAD: Final = np.array([0.5, 2.0])  # of log a and c around their means: what is believed, as if two items had it
_BELIEVED: Final = 2.0
_REACH: Final = 6.0  # nodes lie in [-_REACH, _REACH]
_FEWEST_NODES: Final = 41
_MOST_NODES: Final = 1281
_FINENESS: Final = 1.2  # nodes are no farther apart than this many standard deviations of the narrowest posterior
_WINDOW: Final = 8.0  # standard deviations of a posterior beyond which it is taken as none
_CELLS: Final = 4_000_000  # of the matrix at a time as floats
_LONGEST_STEP: Final = 1.0


@dataclass(frozen=True)
class ItemResponse:
    """difficulty, error, slope: (items,); the error is the standard error of the difficulty. ability, ability_error:
    (models,), posterior mean and standard deviation, on the scale of the difficulties. All are NaN where no answer was
    recorded. one_sided: (items,), answered by all rightly or by none: the prior alone bounds them.
    """

    slopes: Slopes
    difficulty: Floats
    error: Floats
    slope: Floats
    ability: Floats
    ability_error: Floats
    one_sided: NDArray[np.bool_]
    rounds: int
    converged: bool

    def chances(self, abilities: Floats) -> Floats:
        """(abilities, items): the chance of a right answer at each ability."""
        return _logistic(self.slope[None, :] * (abilities[:, None] - self.difficulty[None, :]))


def fit_items(answers: NDArray[np.int8], slopes: Slopes, *, most_rounds: int = MOST_ROUNDS) -> ItemResponse:
    """Fits item response to answers (models, items): 1 right, 0 wrong, `ABSENT` not recorded.

    The same matrix gives the same numbers up to the last digits, in which machines may differ: round before comparing.
    Memory beside the matrix: 64 MB, and some hundreds of floats per model and per item.
    """
    known = answers != ABSENT
    models, items = known.any(axis=1), known.any(axis=0)
    if not items.any():
        return _spread_out(None, slopes, models, items, 0, True)
    fit = _Fit(answers[np.ix_(models, items)], slopes)
    rounds, converged = 0, False
    while not converged and rounds < most_rounds:
        rounds += 1
        converged = fit.improve() < TOLERANCE
    return _spread_out(fit.estimate(), slopes, models, items, rounds, converged)


class _Estimates(NamedTuple):
    """Of the items and the models that answers were recorded of."""

    difficulty: Floats
    error: Floats
    slope: Floats
    one_sided: NDArray[np.bool_]
    ability: Floats
    ability_error: Floats


def _spread_out(
    found: _Estimates | None,
    slopes: Slopes,
    models: NDArray[np.bool_],
    items: NDArray[np.bool_],
    rounds: int,
    converged: bool,
) -> ItemResponse:
    """The estimates in their places among all models and items; `models` and `items` say of which there are any."""

    def place(values: Floats | None, where: NDArray[np.bool_]) -> Floats:
        placed = np.full(len(where), np.nan)
        if values is not None:
            placed[where] = values
        return placed

    one_sided = np.zeros(len(items), dtype=np.bool_)
    if found is not None:
        one_sided[items] = found.one_sided
    return ItemResponse(
        slopes=slopes,
        difficulty=place(found and found.difficulty, items),
        error=place(found and found.error, items),
        slope=place(found and found.slope, items),
        ability=place(found and found.ability, models),
        ability_error=place(found and found.ability_error, models),
        one_sided=one_sided,
        rounds=rounds,
        converged=converged,
    )


class _Fit:
    """The state of EM. `log_slope` and `shift` are log a_i and c_i; `mean` and `spread` are of their priors."""

    def __init__(self, answers: NDArray[np.int8], slopes: Slopes) -> None:
        self.answers = answers
        self.slopes: Slopes = slopes
        known = answers != ABSENT
        self.has_gaps = not known.all()
        self.asked = known.sum(axis=0).astype(np.float64)
        self.right = (answers == 1).sum(axis=0).astype(np.float64)
        self.shift = -_log_odds(self.right, self.asked)
        scores = _log_odds((answers == 1).sum(axis=1), known.sum(axis=1))
        self.log_slope = np.full(answers.shape[1], np.log(min(1.0, max(0.1, float(scores.std())))))
        self.mean = np.array([0.0, float(self.shift.mean())])
        self.spread = _SPREAD**2
        self.grid = np.linspace(-_REACH, _REACH, _FEWEST_NODES)
        self.active = np.ones(_FEWEST_NODES, dtype=np.bool_)

    def improve(self) -> float:
        """One round; the largest change of a parameter."""
        before = self.log_slope, self.shift
        nodes, posterior = self._weigh_finely()
        self._maximise(nodes, *self._expect_counts(posterior))
        self._standardise(nodes, posterior)
        self._narrow(nodes, posterior)
        return float(max(np.abs(self.log_slope - before[0]).max(), np.abs(self.shift - before[1]).max()))

    def estimate(self) -> _Estimates:
        nodes, posterior = self._weigh_finely()
        slope = np.exp(self.log_slope)
        covariance = self._covariance(nodes, posterior)
        mean, deviation = posterior @ nodes, _deviations(nodes, posterior)
        if self.slopes == "rasch":
            difficulty, error = self.shift, np.sqrt(covariance[:, 1, 1])
            mean, deviation, slope = mean * slope[0], deviation * slope[0], np.ones_like(slope)
        else:
            difficulty = self.shift / slope
            toward = np.stack([-difficulty, 1 / slope], axis=1)
            error = np.sqrt(np.einsum("ik,ikl,il->i", toward, covariance, toward))
        one_sided = (self.right == 0) | (self.right == self.asked)
        return _Estimates(difficulty, error, slope, one_sided, mean, deviation)

    def _weigh_finely(self) -> tuple[Floats, Floats]:
        """The nodes, and the posterior at them, of a grid that is as fine as the narrowest posterior needs."""
        while True:
            nodes = self.grid[self.active]
            posterior = self._weigh_abilities(nodes)
            step, narrowest = self.grid[1] - self.grid[0], float(_deviations(nodes, posterior).min())
            if step > _FINENESS * narrowest and len(self.grid) < _MOST_NODES:
                self._narrow(nodes, posterior)
                self._lay_grid(2 * len(self.grid) - 1)
                continue
            if 3 * step < _FINENESS * narrowest and len(self.grid) > _FEWEST_NODES:
                self._lay_grid(len(self.grid) // 2 + 1)  # of the next round
            return nodes, posterior

    def _lay_grid(self, count: int) -> None:
        """Another number of nodes; those between active ones are active."""
        places = np.linspace(0, len(self.active) - 1, count)
        self.grid = np.linspace(-_REACH, _REACH, count)
        self.active = np.interp(places, np.arange(len(self.active)), self.active) > 0

    def _weigh_abilities(self, nodes: Floats) -> Floats:
        """E step: (models, nodes), the posterior of each model's ability."""
        odds = np.exp(self.log_slope)[:, None] * nodes[None, :] - self.shift[:, None]
        wrong = -np.maximum(odds, 0) - np.log1p(np.exp(-np.abs(odds)))  # log of the chance of a wrong answer
        weights = np.empty((len(self.answers), len(nodes)))
        for rows in self._blocks():
            block = self.answers[rows]
            weights[rows] = (block == 1).astype(np.float64) @ odds
            weights[rows] += (block != ABSENT).astype(np.float64) @ wrong if self.has_gaps else wrong.sum(axis=0)
        weights -= 0.5 * nodes[None, :] ** 2
        weights -= weights.max(axis=1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=1, keepdims=True)
        return weights

    def _expect_counts(self, posterior: Floats) -> tuple[Floats, Floats]:
        """(items, nodes): expected right answers and expected answers of models of each ability."""
        items = self.answers.shape[1]
        right = np.zeros((items, posterior.shape[1]))
        asked = np.zeros_like(right) if self.has_gaps else np.broadcast_to(posterior.sum(axis=0), right.shape)
        for rows in self._blocks():
            block = self.answers[rows]
            right += (block == 1).astype(np.float64).T @ posterior[rows]
            if self.has_gaps:
                asked += (block != ABSENT).astype(np.float64).T @ posterior[rows]
        return right, asked

    def _maximise(self, nodes: Floats, right: Floats, asked: Floats) -> None:
        """M step: one step of Fisher scoring for all items and the means of their priors together, then the spreads.

        Steps for items depend on those for the means, which one solution of the Schur complement gives: without it
        the means crawl where items say little.
        """
        slope = np.exp(self.log_slope)
        chance = _logistic(slope[:, None] * nodes[None, :] - self.shift[:, None])
        residual = right - asked * chance
        weight = asked * chance * (1 - chance)
        tilt = slope[:, None] * nodes[None, :]
        gradient = np.stack([(residual * tilt).sum(axis=1), -residual.sum(axis=1)], axis=1)
        information = np.empty((len(slope), 2, 2))
        information[:, 0, 0] = (weight * tilt**2).sum(axis=1)
        if self.slopes == "two_parameter":  # where better models do worse, steps by the expected curvature swing
            information[:, 0, 0] += np.maximum(-gradient[:, 0], 0)
        information[:, 0, 1] = information[:, 1, 0] = -(weight * tilt).sum(axis=1)
        information[:, 1, 1] = weight.sum(axis=1)
        precision = 1 / self.spread
        own = self.shift - self.mean[1]
        bottom = np.diag(1 / _LOCATION**2)
        pull = -self.mean / _LOCATION**2
        if self.slopes == "rasch":
            block = information[:, 1:, 1:] + precision[1]
            slant = gradient[:, 1:] - (precision[1] * own)[:, None]
            cross = np.stack([information[:, 1, 0], np.full(len(slope), -precision[1])], axis=1)[:, None, :]
            bottom = bottom + np.diag([information[:, 0, 0].sum(), precision[1] * len(slope)])
            pull = pull + np.array([gradient[:, 0].sum(), precision[1] * own.sum()])
        else:
            away = np.stack([self.log_slope - self.mean[0], own], axis=1)
            block = information + np.diag(precision)
            slant = gradient - precision * away
            cross = np.broadcast_to(-np.diag(precision), block.shape)
            bottom = bottom + np.diag(precision * len(slope))
            pull = pull + precision * away.sum(axis=0)
        inverse = np.linalg.inv(block)
        through = cross.transpose(0, 2, 1) @ inverse
        complement = bottom - (through @ cross).sum(axis=0)
        step = np.linalg.solve(complement, pull - np.einsum("ikl,il->k", through, slant))
        step = np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        steps = np.einsum("ikl,il->ik", inverse, slant - cross @ step)
        steps = np.clip(steps, -_LONGEST_STEP, _LONGEST_STEP)
        self.mean = self.mean + step
        self.shift = self.shift + steps[:, -1]
        self.log_slope = self.log_slope + (step[0] if self.slopes == "rasch" else steps[:, 0])
        left = np.stack([self.log_slope - self.mean[0], self.shift - self.mean[1]], axis=1) ** 2
        unsure = np.stack([inverse[:, 0, 0], inverse[:, -1, -1]], axis=1)
        spread = ((left + unsure).sum(axis=0) + _BELIEVED * _SPREAD**2) / (len(slope) + _BELIEVED)
        self.spread = np.array([_SPREAD[0] ** 2, spread[1]])

    def _standardise(self, nodes: Floats, posterior: Floats) -> None:
        """Abilities of mean 0 and variance 1: the parameters take up what the posterior has beside that."""
        mean = float((posterior @ nodes).mean())
        deviation = float(np.sqrt(max((posterior @ nodes**2).mean() - mean**2, 1e-4)))
        if len(posterior) < 2:
            return  # one model has no spread
        slope = np.exp(self.log_slope)
        self.shift = self.shift - slope * mean
        self.mean = self.mean + np.array([np.log(deviation), -float(slope.mean()) * mean])
        self.log_slope = self.log_slope + np.log(deviation)

    def _narrow(self, nodes: Floats, posterior: Floats) -> None:
        """Nodes that no posterior comes near are left out of the next round; a posterior has one peak."""
        mean = posterior @ nodes
        reach = _WINDOW * _deviations(nodes, posterior) + 4 * (self.grid[1] - self.grid[0])
        lows = np.searchsorted(self.grid, mean - reach)
        highs = np.searchsorted(self.grid, mean + reach, side="right")
        edges = np.zeros(len(self.grid) + 1, dtype=np.int64)
        np.add.at(edges, lows, 1)
        np.add.at(edges, highs, -1)
        self.active = np.cumsum(edges)[:-1] > 0

    def _covariance(self, nodes: Floats, posterior: Floats) -> Floats:
        """(items, 2, 2): of (log a_i, c_i). Louis 1982: the information of complete data less what is not observed,
        which is the variance of the score under the posterior, summed over models."""
        slope = np.exp(self.log_slope)
        chance = _logistic(slope[:, None] * nodes[None, :] - self.shift[:, None])
        tilt = slope[:, None] * nodes[None, :]
        right, asked = self._expect_counts(posterior)
        wrong = asked - right
        information = np.zeros((len(slope), 2, 2))
        pairs = ((0, 0, tilt**2), (0, 1, -tilt), (1, 1, np.ones_like(tilt)))
        for first, second, product in pairs:
            information[:, first, second] = (
                product * (asked * chance * (1 - chance) - right * (1 - chance) ** 2 - wrong * chance**2)
            ).sum(axis=1)
        information[:, 0, 0] -= ((right - asked * chance) * tilt).sum(axis=1)  # log a enters as exp
        scores = (tilt, tilt * chance, chance)
        for rows in self._blocks():
            block = self.answers[rows]
            is_right = (block == 1).astype(np.float64)
            known = (block != ABSENT).astype(np.float64)
            straight, tilted, plain = (posterior[rows] @ each.T for each in scores)
            of_slope = is_right * straight - known * tilted
            of_shift = known * plain - is_right
            information[:, 0, 0] += (of_slope**2).sum(axis=0)
            information[:, 0, 1] += (of_slope * of_shift).sum(axis=0)
            information[:, 1, 1] += (of_shift**2).sum(axis=0)
        information[:, 1, 0] = information[:, 0, 1]
        if self.slopes == "rasch":
            information[:, 0, :] = information[:, :, 0] = 0.0
        values, vectors = np.linalg.eigh(information)
        information = np.einsum("ikl,il,iml->ikm", vectors, np.maximum(values, 0.0), vectors)
        return np.asarray(np.linalg.inv(information + np.diag(1 / self.spread)))

    def _blocks(self) -> list[slice]:
        """Rows of the matrix, as many at a time as make `_CELLS` floats."""
        size = max(1, _CELLS // self.answers.shape[1])
        return [slice(start, start + size) for start in range(0, len(self.answers), size)]


def _deviations(nodes: Floats, posterior: Floats) -> Floats:
    """(models,): the standard deviation of each model's ability."""
    mean = posterior @ nodes
    return np.asarray(np.sqrt(np.einsum("pq,pq->p", posterior, (nodes[None, :] - mean[:, None]) ** 2)))


def _log_odds(right: NDArray[Any], asked: NDArray[Any]) -> Floats:
    """Of a right answer, half an answer more on either side."""
    return np.asarray(np.log((right + 0.5) / (asked - right + 0.5)))


def _logistic(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
