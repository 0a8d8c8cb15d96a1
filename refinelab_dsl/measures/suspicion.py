"""How likely the key of an item is not its one right answer, from what several models answered.

Items are independent questions: `B` of one has nothing to do with `B` of another. So what confident learning asks of
classes (Northcutt, Jiang and Chuang 2021) is asked of each item, by a model of how answers come about. The answers to
an item have one of three histories:

- the key is right. A model of ability z gives it with the chance 1 / (1 + exp(b - z)) (Rasch 1960), b the item's
  difficulty, normal within its group; who does not, gives one of the other answers. How popular these are is drawn per
  item (Dirichlet, `Beliefs.lure` each): wrong answers agree often, because items have lures.
- another answer is right, and the key is as wrong as any other: the same, with the other one in its place. That strong
  models agree on it speaks for this, that weak ones give the key does, too.
- no answer is the one right one (none is, or several are, or the question is unclear): how popular each answer is, the
  key among them, is drawn for the item (Dirichlet, 1 each), and ability is no help.

Shares of the second and the third kind are learnt for each group of items (`Beliefs.faults` of each in a group of which
nothing is known, believed as if `Beliefs.items` had shown it), and so is how hard a group is; abilities are those of
the whole matrix. All by EM (Dempster, Laird and Rubin 1977), as Dawid and Skene 1979 did for observers; nothing is told
which keys are wrong. The value is the posterior chance of the second and the third history together.

A model whose answers are another's has no vote of its own (`measures.echoes`).

A matrix of right and wrong says less: of a wrong answer it does not tell which. The second and the third history are
then one, in which a model meets the key as it would one of `FEWEST` answers, whatever its ability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.measures.echoes import find_originals, join_voices

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]

KEY: Final = 0
"""A vote for the key. Other answers are 1, 2, … in the order in which they first occur among the votes of an item."""

SILENT: Final = 255
"""Stands where no answer was recorded."""

FEWEST: Final = 4
"""Free answers are as many as occur, and no fewer than these."""

TOLERANCE: Final = 1e-4
MOST_ROUNDS: Final = 200

_NODES: Final = np.linspace(-8.0, 8.0, 33)
_ABILITY: Final = 4.0  # the variance of abilities that is believed
_CELLS: Final = 2_000_000  # numbers of one block of patterns


class Beliefs(NamedTuple):
    """What is believed before any vote is seen, as the module says. 3% of keys wrong is what Northcutt, Athalye and
    Mueller 2021 found in the mean of ten test sets."""

    lure: float = 0.5
    faults: float = 0.03
    items: float = 10.0


BELIEFS: Final = Beliefs()


class Ballot(NamedTuple):
    """What the models said of one item. votes: a byte for each model, `KEY`, another answer, or `SILENT`. answers: how
    many different ones there could be. group: of the items that are alike in how hard and how faulty they are."""

    votes: bytes
    answers: int
    group: str | None


@dataclass(frozen=True)
class Suspicion:
    """values: per item the chance that its key is not the one right answer, NaN where no model said anything.
    mistaken: per item the part of it that another answer is right, 0 in a matrix of right and wrong. groups: share of
    faulty keys by group. abilities: per model, in logits; those of all voices have the mean 0. originals: per model the
    first one whose answers it repeats; itself where it repeats none."""

    values: Floats
    mistaken: Floats
    groups: dict[str | None, float]
    abilities: Floats
    originals: tuple[int, ...]
    rounds: int
    converged: bool


def suspect_keys(
    ballots: Sequence[Ballot | None], models: int, *, told_apart: bool = True, beliefs: Beliefs = BELIEFS
) -> Suspicion:
    """Fits the model to all items and tells of each how suspect its key is.

    ballots: None for an item of which nothing was recorded. told_apart: whether votes tell wrong answers apart, which
    a matrix of right and wrong does not: its votes are `KEY` and 1.

    Equal ballots are counted, not computed again, so a million items of ten models take little more than those among
    them that differ. The same ballots give the same numbers up to the last digits, in which machines may differ.
    """
    voiced = [ballot for ballot in ballots if ballot is not None and ballot.votes.strip(b"\xff")]
    if not voiced:
        nothing = np.full(len(ballots), np.nan)
        return Suspicion(nothing, nothing, {}, np.zeros(models), tuple(range(models)), 0, True)
    groups = sorted({ballot.group for ballot in voiced}, key=lambda group: (group is not None, group))
    places = {ballot: place for place, ballot in enumerate(dict.fromkeys(voiced))}
    weights = np.zeros(len(places))
    for ballot in voiced:
        weights[places[ballot]] += 1
    votes = np.frombuffer(b"".join(each.votes for each in places), np.uint8).reshape(len(places), models)
    originals = find_originals(votes, weights, SILENT)
    voices = join_voices(votes, originals, SILENT)
    fit = _Fit(list(places), voices, weights, {group: at for at, group in enumerate(groups)}, told_apart, beliefs)
    rounds, converged = 0, False
    while not converged and rounds < MOST_ROUNDS:
        rounds += 1
        converged = fit.improve() < TOLERANCE
    mistaken, unsound = fit.judge()
    values, parts = np.full(len(ballots), np.nan), np.full(len(ballots), np.nan)
    for item, cast in enumerate(ballots):
        place = None if cast is None else places.get(cast)
        if place is not None:
            values[item], parts[item] = mistaken[place] + unsound[place], mistaken[place]
    shares = dict(zip(groups, (fit.mistaken + fit.unsound).tolist(), strict=True))
    # A voice stands at the place of its original among those that repeat nobody.
    own = np.cumsum([model == original for model, original in enumerate(originals)]) - 1
    abilities = fit.abilities[own[list(originals)]]
    return Suspicion(values, parts, shares, abilities, originals, rounds, converged)


class _Histories(NamedTuple):
    """Of a block of patterns. sound, mistaken, unsound: the chance of each history. nodes: (patterns, nodes), the
    weight of each difficulty, of the first two histories. right: (models, nodes), the expected right answers."""

    sound: Floats
    mistaken: Floats
    unsound: Floats
    nodes: Floats
    right: Floats


class _Fit:
    """The state of EM over the different ballots (patterns), each counted as often as it occurs.

    abilities: of the voices. hardness, mistaken, unsound: of the groups: mean difficulty, and shares of the second and
    the third history. spread: standard deviation of difficulty within a group.
    """

    def __init__(
        self, patterns: Sequence[Ballot], votes: NDArray[np.uint8], weights: Floats, groups: dict[str | None, int],
        told_apart: bool, beliefs: Beliefs,
    ) -> None:  # fmt: skip
        self.told_apart = told_apart
        self.beliefs = beliefs
        self.weights = weights
        self.votes = votes  # (patterns, voices)
        self.group: Whole = np.array([groups[each.group] for each in patterns], np.int64)
        self.answers: Whole = np.array([each.answers for each in patterns], np.int64)
        self.seen = int(self.votes[self.votes != SILENT].max()) + 1
        self.counts = np.stack([(self.votes == each).sum(axis=1) for each in range(self.seen)], axis=1)
        self.total = self.counts.sum(axis=1)
        self.items = np.bincount(self.group, weights, len(groups))
        known = (self.votes != SILENT) * weights[:, None]
        met = (self.votes == KEY) * weights[:, None]
        share = (met.sum(axis=0) + 1) / (known.sum(axis=0) + 2)
        odds = np.log(share / (1 - share))
        self.abilities: Floats = odds - odds.mean()
        self.hardness: Floats = np.full(len(groups), -odds.mean())
        self.spread = 2.0
        self.mistaken: Floats = np.full(len(groups), beliefs.faults if told_apart else 0.0)
        self.unsound: Floats = np.full(len(groups), beliefs.faults * (1 if told_apart else 2))
        self.popularity = self._weigh_popularity()

    def improve(self) -> float:
        """One round; the largest change of a parameter."""
        before = np.concatenate([self.abilities, self.hardness, self.mistaken, self.unsound])
        groups, models = len(self.hardness), self.votes.shape[1]
        right, asked = np.zeros((models, len(_NODES))), np.zeros((models, len(_NODES)))
        places, mistaken, unsound = np.zeros((groups, len(_NODES))), np.zeros(groups), np.zeros(groups)
        for block in self._blocks():
            found, weights, group = self._expect(block), self.weights[block], self.group[block]
            right += found.right
            weighted = found.nodes * weights[:, None]
            asked += (self.votes[block] != SILENT).astype(np.float64).T @ weighted
            np.add.at(places, group, weighted)
            mistaken += np.bincount(group, found.mistaken * weights, groups)
            unsound += np.bincount(group, found.unsound * weights, groups)
        self._rate_models(right, asked)
        self._place_groups(places)
        believed, faults = self.beliefs.items, self.beliefs.items * self.beliefs.faults
        if self.told_apart:
            self.mistaken = (mistaken + faults) / (self.items + believed)
            self.unsound = (unsound + faults) / (self.items + believed)
        else:
            self.unsound = (unsound + 2 * faults) / (self.items + believed)
        after = np.concatenate([self.abilities, self.hardness, self.mistaken, self.unsound])
        return float(np.abs(after - before).max())

    def judge(self) -> tuple[Floats, Floats]:
        """Per pattern the chance that another answer is right, and that none is the one right one."""
        parts = [self._expect(block) for block in self._blocks()]
        return np.concatenate([each.mistaken for each in parts]), np.concatenate([each.unsound for each in parts])

    def _expect(self, block: slice) -> _Histories:
        """E step. Histories in columns: the key is right, each other answer that occurs is, one that does not occur is,
        none is."""
        votes, group, answers = self.votes[block], self.group[block], self.answers[block]
        chance = self.abilities[:, None] - _NODES[None, :]
        missed = -np.logaddexp(0.0, chance)
        spread = -0.5 * ((_NODES[None, :] - self.hardness[:, None]) / self.spread) ** 2
        spread -= _log_sum(spread, axis=1)[:, None]
        floor = (votes != SILENT).astype(np.float64) @ missed + spread[group]
        truths = self.seen if self.told_apart else 1
        met = np.stack([(votes == each).astype(np.float64) for each in range(truths)], axis=1)
        by_node = np.concatenate([floor[:, None, :] + met @ chance, floor[:, None, :]], axis=1)
        by_truth = _log_sum(by_node, axis=2)
        histories = np.concatenate([by_truth, np.zeros((len(votes), 1))], axis=1) + self.popularity[block]
        with np.errstate(divide="ignore"):
            histories[:, 0] += np.log(1 - self.mistaken - self.unsound)[group]
            histories[:, 1:-1] += (np.log(self.mistaken)[group] - np.log(answers - 1))[:, None]
            histories[:, -1] += np.log(self.unsound)[group]
        chances = np.exp(histories - _log_sum(histories, axis=1)[:, None])
        nodes = np.exp(by_node - by_truth[:, :, None]) * chances[:, :-1, None]
        right = np.einsum("i,itm,itn->mn", self.weights[block], met, nodes[:, :truths], optimize=True)
        return _Histories(
            chances[:, 0], chances[:, 1:-1].sum(axis=1), chances[:, -1], nodes.sum(axis=1), np.asarray(right)
        )

    def _weigh_popularity(self) -> Floats:
        """Per pattern and history the log of the chance that the answers that are not right fall as they do."""
        wrong = self.total[:, None] - self.counts
        if not self.told_apart:
            met, missed = self.counts[:, KEY], self.total - self.counts[:, KEY]
            unsound = _log_rising(1.0, met) + _log_rising(FEWEST - 1.0, missed) - _log_rising(float(FEWEST), self.total)
            impossible = np.full(len(self.total), -np.inf)
            return np.stack([np.zeros(len(self.total)), impossible, unsound], axis=1)
        falls = _log_rising(self.beliefs.lure, self.counts)
        every = falls.sum(axis=1)
        others = (self.answers - 1)[:, None]
        right = every[:, None] - falls - _log_rising(self.beliefs.lure * others, wrong)
        # An answer that nobody gave is the key's rival only as one of those that are left over, all alike.
        occurs = self.counts > 0
        right[:, 1:][~occurs[:, 1:]] = -np.inf
        left = self.answers - 1 - occurs[:, 1:].sum(axis=1)
        with np.errstate(divide="ignore"):
            unseen = every - _log_rising(self.beliefs.lure * others[:, 0], self.total) + np.log(left)
        unsound = _log_rising(1.0, self.counts).sum(axis=1) - _log_rising(self.answers.astype(float), self.total)
        return np.concatenate([right, unseen[:, None], unsound[:, None]], axis=1)

    def _rate_models(self, right: Floats, asked: Floats) -> None:
        """M step of the abilities: Newton, with their prior; then their mean is 0, which moves the groups."""
        for _ in range(3):
            chance = 1 / (1 + np.exp(_NODES[None, :] - self.abilities[:, None]))
            slope = (right - asked * chance).sum(axis=1) - self.abilities / _ABILITY
            self.abilities = self.abilities + np.clip(
                slope / ((asked * chance * (1 - chance)).sum(axis=1) + 1 / _ABILITY), -1.0, 1.0
            )
        self.shift = float(self.abilities.mean())
        self.abilities = self.abilities - self.shift

    def _place_groups(self, places: Floats) -> None:
        """M step of difficulty: means of the groups, drawn to that of all, and the spread around them."""
        nodes = _NODES - self.shift
        weight, moment = places.sum(axis=1), places @ nodes
        believed = self.beliefs.items
        self.hardness = (moment + believed * moment.sum() / weight.sum()) / (weight + believed)
        squares = (places * (nodes[None, :] - self.hardness[:, None]) ** 2).sum()
        self.spread = float(np.sqrt(max(0.05, squares / weight.sum())))

    def _blocks(self) -> list[slice]:
        size = max(1, _CELLS // (len(_NODES) * (self.seen + 1) + self.seen * self.votes.shape[1]))
        return [slice(start, start + size) for start in range(0, len(self.votes), size)]


def _log_rising(start: float | NDArray[np.floating], steps: NDArray[np.integer]) -> Floats:
    """log of start (start + 1) … (start + steps - 1), elementwise."""
    starts = np.broadcast_to(np.asarray(start, np.float64), steps.shape)
    pairs, places = np.unique(np.stack([starts.ravel(), steps.ravel().astype(np.float64)]), axis=1, return_inverse=True)
    values = np.array([lgamma(first + count) - lgamma(first) if first > 0 else 0.0 for first, count in pairs.T])
    return values[places.ravel()].reshape(steps.shape)


def _log_sum(values: Floats, axis: int) -> Floats:
    """log of the sum of exponentials along an axis; that of nothing but -inf is -inf."""
    most = values.max(axis=axis, keepdims=True)
    most = np.where(np.isfinite(most), most, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray((most + np.log(np.exp(values - most).sum(axis=axis, keepdims=True))).squeeze(axis))
