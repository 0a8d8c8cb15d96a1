"""`measure { kind = label_issue }`: how likely the key of an item is wrong, in [0, 1], by what models gave as answers.

`answers`: of one or several models; the value is a chance (`measures.suspicion`). `probabilities`: those that a model
gives to each class or choice; the value is how far another one is before the key, as confident learning has it
(`measures.confident`). In both, above 0.5 the evidence is against the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from refinelab_dsl.data.answers import find_choice
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.tasks import canonical_text
from refinelab_dsl.declarations import Measure
from refinelab_dsl.equivalence import compare_answers
from refinelab_dsl.measures.confident import doubt_labels
from refinelab_dsl.measures.responses import Grade, Reading, grade, read_response
from refinelab_dsl.measures.suspicion import FEWEST, KEY, SILENT, Ballot, suspect_keys

KIND: Final = "label_issue"
GROUP: Final = "by"
"""The option that names the field by whose values keys are judged."""

DIGITS: Final = 4
"""Decimals of a value: what lies beyond differs from machine to machine."""

_MOST: Final = SILENT - 1  # different answers to one item that are told apart
_SUSPECT: Final = 0.5
_FEW_ITEMS: Final = 20
_NAMED: Final = 3


def group_of(measure: Measure, item: Item) -> str | None:
    """The value of the field that `by` names; None where the measure has no `by`, and where the item has no value."""
    name = measure.options.get(GROUP)
    if name is None:
        return None
    for place in (item.fields, item.attributes):
        if name in place:
            return canonical_text(place[name])
    return None


def cast_votes(values: Sequence[Any], item: Item, reading: Reading) -> tuple[bytes, int]:
    """What models said of one item, as `suspicion.Ballot` has it: votes, and how many answers are possible. A recorded
    answer that names no choice is no vote.

    values: one per model, as they were recorded.
    """
    if reading == "correctness":
        codes = {Grade.RIGHT: KEY, Grade.WRONG: 1, Grade.UNREAD: 1, Grade.ABSENT: SILENT}
        return bytes(codes[grade(value, item, reading)] for value in values), FEWEST
    key: str = item.fields["answer"]
    texts = [read_response(value) for value in values]
    if reading == "text":
        said: list[str] = [key]
        votes = bytes(SILENT if text is None else _find_said(text, said) for text in texts)
        return votes, max(FEWEST, len(said))
    choices: list[str] = item.fields["choices"]
    seen = {key: KEY}
    named: list[int] = []
    for text in texts:
        position = None if text is None else find_choice(reading, text, choices)
        named.append(SILENT if position is None else min(_MOST, seen.setdefault(choices[position], len(seen))))
    return bytes(named), max(2, len(set(choices)))


def _find_said(text: str, said: list[str]) -> int:
    """Which of the different answers a text is, by value; a new one is put among them. What cannot be told to be the
    same is another answer."""
    for place, other in enumerate(said):
        if text.casefold() == other.strip().casefold() or compare_answers(text, other) == "same":
            return place
    if len(said) <= _MOST:
        said.append(text)
    return len(said) - 1


def judge_ballots(
    ballots: Sequence[Ballot | None], models: Sequence[str], reading: Reading, measure: str
) -> tuple[tuple[float | None, ...], list[str]]:
    """The values of all items, None where nothing was recorded, and what is to be said of them.

    ballots: by `Item.row`. models: their names.
    """
    found = suspect_keys(ballots, len(models), told_apart=reading != "correctness")
    values = _round(found.values)
    known = [value for value in values if value is not None]
    suspects = sum(value > _SUSPECT for value in known)
    echoes = [(name, models[at]) for name, at in zip(models, found.originals, strict=True) if models[at] != name]
    count = len(models) - len(echoes)
    voices = f"{count} {'model' if count == 1 else 'models'}"
    said = f"`{measure}`: {suspects} of {len(known)} keys look wrong (above {_SUSPECT}), by the answers of {voices}"
    notes = [said]
    notes += [f"`{measure}`: {name} repeats the answers of {other}; they count as one model" for name, other in echoes]
    sizes: dict[str | None, int] = {}
    for ballot in ballots:
        if ballot is not None:
            sizes[ballot.group] = sizes.get(ballot.group, 0) + 1
    worst = sorted(
        (group for group in found.groups if group is not None and sizes[group] >= _FEW_ITEMS),
        key=lambda group: (-found.groups[group], group),
    )
    if len(found.groups) > 1 and worst:
        shares = ", ".join(f"{group} {found.groups[group]:.0%}" for group in worst[:_NAMED])
        notes.append(f"`{measure}`: most by group: {shares}")
    if not found.converged:
        notes.append(f"`{measure}`: not converged after {found.rounds} rounds")
    return values, notes


def judge_probabilities(
    rows: Sequence[Sequence[float] | None], keys: Sequence[int], measure: str
) -> tuple[tuple[float | None, ...], list[str]]:
    """The values of all items, None where nothing was recorded, and what is to be said of them.

    rows: by `Item.row`, probabilities by class, as many as the item has. keys: the class of each key; any number where
    there is no row.
    """
    width = max((len(row) for row in rows if row is not None), default=0)
    known = [at for at, row in enumerate(rows) if row is not None]
    table = np.full((len(known), width), np.nan)
    for place, at in enumerate(known):
        row = rows[at]
        assert row is not None
        table[place, : len(row)] = row
    doubts = doubt_labels(table, np.array([keys[at] for at in known], np.int64))
    spread = np.full(len(rows), np.nan)
    spread[known] = doubts
    values = _round(spread)
    suspects = sum(value is not None and value > _SUSPECT for value in values)
    return values, [f"`{measure}`: {suspects} of {len(known)} keys look wrong (above {_SUSPECT}), by probabilities"]


def _round(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else round(float(value), DIGITS) + 0.0 for value in values)
