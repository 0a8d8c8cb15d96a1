"""How suspect keys are: what speaks against a key and what does not, and that shares of faults are found again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from refinelab_dsl.measures.suspicion import BELIEFS, KEY, SILENT, Ballot, suspect_keys

STRENGTHS = (2.0, 1.5, 1.0, 0.5, 0.0, -0.5, -1.0, -1.5)


def draw(
    items: int, faulty: float, *, seed: int, group: str | None = None, hardness: float = -1.0
) -> tuple[list[Ballot], list[bool]]:
    """Ballots of eight models over four choices, as the model of `suspicion` has them, and which keys are wrong."""
    random = np.random.default_rng(seed)
    ballots, wrong = [], []
    for _ in range(items):
        chances = 1 / (1 + np.exp(random.normal(hardness, 1.5) - np.array(STRENGTHS)))
        lures = random.dirichlet([0.5] * 3)
        said = [0 if random.random() < chance else 1 + random.choice(3, p=lures) for chance in chances]
        wrong.append(bool(random.random() < faulty))
        ballots.append(vote(said, key=int(random.integers(1, 4)) if wrong[-1] else 0, group=group))
    return ballots, wrong


def vote(said: Sequence[int | None], *, key: int, answers: int = 4, group: str | None = None) -> Ballot:
    """said: the position that each model chose, None where nothing was recorded."""
    seen = {key: KEY}
    codes = bytes(SILENT if each is None else seen.setdefault(int(each), len(seen)) for each in said)
    return Ballot(codes, answers, group)


def test_agreement_of_able_models_on_another_answer_speaks_against_a_key() -> None:
    ballots, _ = draw(300, 0.0, seed=1)
    probes = {
        "all on another": [1, 1, 1, 1, 1, 1, 1, 1],
        "able on another, weak on the key": [1, 1, 1, 1, 0, 0, 0, 0],
        "weak on another, able on the key": [0, 0, 0, 0, 1, 1, 1, 1],
        "all on the key": [0, 0, 0, 0, 0, 0, 0, 0],
    }
    found = suspect_keys([*ballots, *(vote(said, key=0) for said in probes.values())], len(STRENGTHS))
    values = dict(zip(probes, found.values[-len(probes) :].tolist(), strict=True))
    assert values["able on another, weak on the key"] > 0.5
    assert values["all on another"] > 0.5
    assert values["weak on another, able on the key"] < 0.1
    assert values["all on the key"] < 0.01


def test_wrong_keys_come_before_hard_items() -> None:
    ballots, wrong = draw(800, 0.05, seed=2)
    found = suspect_keys(ballots, len(STRENGTHS))
    assert found.converged
    order = np.argsort(-found.values)
    flags = np.array(wrong)
    worst = int(flags.sum())
    assert flags[order[:worst]].mean() > 0.7
    nobody = np.array([KEY not in ballot.votes for ballot in ballots])
    assert flags[order[: int(nobody.sum())]].mean() > flags[nobody].mean()


def test_shares_of_faults_and_abilities_are_found_again() -> None:
    clean, _ = draw(400, 0.01, seed=3, group="clean")
    foul, _ = draw(400, 0.25, seed=4, group="foul")
    found = suspect_keys([*clean, *foul], len(STRENGTHS))
    assert found.groups["clean"] < 0.05
    assert found.groups["foul"] == pytest.approx(0.25, abs=0.06)
    assert np.all(np.diff(found.abilities) < 0)


def test_a_group_of_faults_makes_its_doubtful_items_more_suspect() -> None:
    """The same votes mean more where many keys are wrong."""
    clean, _ = draw(300, 0.0, seed=5, group="clean")
    foul, _ = draw(300, 0.3, seed=6, group="foul")
    split = [1, 1, 0, 1, 0, 2, 0, 3]
    probes = [vote(split, key=0, group="clean"), vote(split, key=0, group="foul")]
    found = suspect_keys([*clean, *foul, *probes], len(STRENGTHS))
    assert found.values[-1] > 2 * found.values[-2]


def test_right_and_wrong_alone_tell_less_and_something() -> None:
    ballots, wrong = draw(800, 0.05, seed=7)
    graded = [ballot._replace(votes=bytes(min(vote, 1) for vote in ballot.votes)) for ballot in ballots]
    whole = suspect_keys(ballots, len(STRENGTHS)).values
    coarse = suspect_keys(graded, len(STRENGTHS), told_apart=False).values
    flags = np.array(wrong)
    assert coarse[flags].mean() > 3 * coarse[~flags].mean()
    assert precision(whole, flags) > precision(coarse, flags) > 3 * flags.mean()


def test_nothing_recorded_is_no_value() -> None:
    ballots, _ = draw(50, 0.05, seed=8)
    silent = Ballot(bytes([SILENT] * len(STRENGTHS)), 4, None)
    found = suspect_keys([None, *ballots, silent], len(STRENGTHS))
    assert np.isnan(found.values[[0, -1]]).all()
    assert not np.isnan(found.values[1:-1]).any()
    assert np.isnan(suspect_keys([None, silent], len(STRENGTHS)).values).all()


def test_one_model_and_few_items_have_values() -> None:
    found = suspect_keys([Ballot(bytes([KEY]), 4, None), Ballot(bytes([1]), 4, None)], 1)
    assert 0 < found.values[0] < BELIEFS.faults * 4 < 1
    assert found.values[0] < found.values[1] < 1


def test_order_of_items_and_of_wrong_answers_is_no_matter() -> None:
    ballots, _ = draw(200, 0.1, seed=9)
    values = suspect_keys(ballots, len(STRENGTHS)).values
    assert suspect_keys(ballots[::-1], len(STRENGTHS)).values[::-1] == pytest.approx(values, abs=1e-9)


def precision(values: np.ndarray, flags: np.ndarray) -> float:
    """The mean precision at each of the flagged items."""
    hits = flags[np.argsort(-values, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
