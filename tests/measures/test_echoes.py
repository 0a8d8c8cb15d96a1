"""One model under two names is one voice; models that agree because keys are right, or wrong, are two."""

from __future__ import annotations

import numpy as np
import pytest

from refinelab_dsl.measures.echoes import find_originals, join_voices
from refinelab_dsl.measures.suspicion import SILENT, Ballot, suspect_keys

from .test_suspicion import draw

MODELS = 8


def matrix(ballots: list[Ballot]) -> np.ndarray:
    return np.frombuffer(b"".join(each.votes for each in ballots), np.uint8).reshape(len(ballots), -1)


def originals(votes: np.ndarray) -> tuple[int, ...]:
    patterns, counts = np.unique(votes, axis=0, return_counts=True)
    return find_originals(patterns, counts.astype(np.float64), SILENT)


def test_a_copy_is_found_though_it_differs_here_and_there() -> None:
    votes = matrix(draw(300, 0.1, seed=1)[0])
    assert originals(votes) == tuple(range(MODELS))
    copied = np.concatenate([votes, votes[:, [2]], votes[:, [5]]], axis=1)
    copied[::100, 8] = 3
    assert originals(copied) == (*range(MODELS), 2, 5)
    assert originals(np.concatenate([votes, votes[:, [2]], votes[:, [2]]], axis=1)) == (*range(MODELS), 2, 2)


def test_models_that_agree_on_the_key_and_against_wrong_keys_are_no_copies() -> None:
    """Able models part only where the key is faulty, and there they give the same answer."""
    votes = np.zeros((400, 4), np.uint8)
    votes[:60] = 1
    votes[60:90, 3] = 2
    assert originals(votes) == (0, 1, 2, 3)


def test_few_departures_two_models_and_silence_tell_nothing() -> None:
    votes = matrix(draw(12, 0.1, seed=2)[0])
    assert originals(np.concatenate([votes, votes[:, [2]]], axis=1)) == tuple(range(MODELS + 1))
    two = matrix(draw(300, 0.1, seed=3)[0])[:, [3, 3]]
    assert originals(two) == (0, 1)
    assert originals(np.full((50, 3), SILENT, np.uint8)) == (0, 1, 2)


def test_a_copy_speaks_where_its_original_is_silent() -> None:
    votes = np.array([[0, 1, 1], [SILENT, 2, 0], [SILENT, SILENT, 1]], np.uint8)
    assert join_voices(votes, (0, 0, 2), SILENT).tolist() == [[0, 1], [2, 0], [SILENT, 1]]
    assert join_voices(votes, (0, 1, 2), SILENT).tolist() == votes.tolist()


@pytest.mark.parametrize("told_apart", [True, False])
def test_a_model_that_stands_three_times_in_a_matrix_weighs_as_once(told_apart: bool) -> None:
    ballots, _ = draw(400, 0.05, seed=4)
    if not told_apart:
        ballots = [each._replace(votes=bytes(min(vote, 1) for vote in each.votes)) for each in ballots]
    thrice = [each._replace(votes=each.votes + each.votes[3:4] * 2) for each in ballots]
    once = suspect_keys(ballots, MODELS, told_apart=told_apart)
    found = suspect_keys(thrice, MODELS + 2, told_apart=told_apart)
    assert found.values == pytest.approx(once.values, abs=1e-9)
    assert found.originals == (*range(MODELS), 3, 3)
    assert found.abilities[[3, 8, 9]] == pytest.approx(once.abilities[[3, 3, 3]])
