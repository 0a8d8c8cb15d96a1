"""Which choice an mcq answer names: by label, letter, position, or its text.

Under `answer_as = auto` one reading is settled for the whole dataset from all of its rows, never row by row: the
answer `3` of one row may be the text of a choice, its position from 0, or its position from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from refinelab_dsl.diagnostics.catalog.data import shorten
from refinelab_dsl.source import Place

_LETTER = re.compile(r"\s*\(?([A-Za-z])[).:]?\s*", re.ASCII)
_INTEGER = re.compile(r"\s*(\d{1,3})\s*", re.ASCII)


class AnswerStyle(Enum):
    """How answers are written. A label that the data give to a choice (`{"label": "1", "text": …}`) always counts."""

    LETTER = "letter"  # A is the first choice
    TEXT = "text"  # the text of the choice
    FROM_ZERO = "index"  # 0 is the first choice
    FROM_ONE = "index from 1"  # 1 is the first choice; only settled from data


class AnswerError(Exception):
    """The answer names no choice, or more than one."""

    def __init__(self, reason: str, help: str | None = None) -> None:
        super().__init__(reason)
        self.help = help


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Two readings fit the data alike; `place` is the first row that they disagree on."""

    detail: str
    help: str
    place: Place


def resolve_answer(style: AnswerStyle, answer: str, choices: Sequence[str], labels: Sequence[str] | None) -> str:
    """The exact text of the one choice that `answer` names.

    Raises:
        AnswerError
    """
    position = None
    if labels is not None and style is not AnswerStyle.TEXT:
        position = _by_label(answer, labels)
    if position is None:
        position = _POSITIONS[style](answer, choices)
    if position is None:
        raise AnswerError(*_explain(style, answer, choices, labels))
    text = choices[position]
    if choices.count(text) > 1:
        same = " and ".join(letter_of(at) for at, choice in enumerate(choices) if choice == text)
        raise AnswerError(f"choices {same} are the same, and the answer is one of them")
    return text


def find_choice(style: AnswerStyle, answer: str, choices: Sequence[str]) -> int | None:
    """The position of the choice that an answer names, None where it names none."""
    return _POSITIONS[style](answer, choices)


def settle_style(rows: Iterable[tuple[Place, str, Sequence[str], Sequence[str] | None]]) -> AnswerStyle | Ambiguity:
    """The reading of a dataset's answers from all of its rows `(place, answer, choices, labels)`.

    Rows whose answer is one of the data's own labels say nothing. Of the others, the reading that fits most rows is
    taken; letters before texts before positions. Positions count from 0 if more rows fit that (an answer 0 does not
    fit counting from 1, an answer equal to the number of choices does not fit counting from 0). Two readings that fit
    as many rows and name different choices are an `Ambiguity`. Rows that the settled reading does not fit are bad rows.
    """
    fits = dict.fromkeys(AnswerStyle, 0)
    clashes: dict[tuple[AnswerStyle, AnswerStyle], Place] = {}
    for place, answer, choices, labels in rows:
        if labels is not None and _by_label(answer, labels) is not None:
            continue
        read = [(style, at) for style in AnswerStyle if (at := _POSITIONS[style](answer, choices)) is not None]
        for position, (style, at) in enumerate(read):
            fits[style] += 1
            for other, elsewhere in read[position + 1 :]:
                if at != elsewhere:
                    clashes.setdefault((style, other), place)
    best = max(AnswerStyle, key=lambda style: fits[style])
    for other in AnswerStyle:
        if other is not best and fits[other] == fits[best] and (best, other) in clashes:
            return _explain_ambiguity(best, other, clashes[best, other])
    return best


def _by_label(answer: str, labels: Sequence[str]) -> int | None:
    stripped = answer.strip()
    return labels.index(stripped) if stripped in labels else None


def _by_letter(answer: str, choices: Sequence[str]) -> int | None:
    match = _LETTER.fullmatch(answer)
    if match is None:
        return None
    position = ord(match[1].upper()) - ord("A")
    return position if position < len(choices) else None


def _by_text(answer: str, choices: Sequence[str]) -> int | None:
    if answer in choices:
        return choices.index(answer)
    stripped = answer.strip()
    same = [position for position, choice in enumerate(choices) if choice.strip() == stripped]
    return same[0] if len(same) == 1 else None


def _from_zero(answer: str, choices: Sequence[str]) -> int | None:
    match = _INTEGER.fullmatch(answer)
    return int(match[1]) if match and int(match[1]) < len(choices) else None


def _from_one(answer: str, choices: Sequence[str]) -> int | None:
    match = _INTEGER.fullmatch(answer)
    return int(match[1]) - 1 if match and 1 <= int(match[1]) <= len(choices) else None


_POSITIONS = {
    AnswerStyle.LETTER: _by_letter,
    AnswerStyle.TEXT: _by_text,
    AnswerStyle.FROM_ZERO: _from_zero,
    AnswerStyle.FROM_ONE: _from_one,
}


def _explain(
    style: AnswerStyle, answer: str, choices: Sequence[str], labels: Sequence[str] | None
) -> tuple[str, str | None]:
    shown = f'the answer "{shorten(answer)}"'
    last = letter_of(len(choices) - 1)
    match style:
        case AnswerStyle.TEXT:
            same = sum(choice.strip() == answer.strip() for choice in choices)
            reason = f"{shown} is the text of {'no choice' if not same else f'{same} choices'}"
            return reason, None
        case AnswerStyle.LETTER if labels is not None:
            return f"{shown} is none of the labels {', '.join(shorten(label, 12) for label in labels[:8])}", None
        case AnswerStyle.LETTER:
            return f"{shown} is no letter from A to {last}", None
        case AnswerStyle.FROM_ZERO:
            help = None
            if _from_one(answer, choices) is not None:
                help = 'for answers that count from 1 write `answer = number(column("answer")) - 1`'
            return f"{shown} is no position from 0 to {len(choices) - 1}", help
        case AnswerStyle.FROM_ONE:
            return f"{shown} is no position from 1 to {len(choices)}", None


def _explain_ambiguity(first: AnswerStyle, second: AnswerStyle, place: Place) -> Ambiguity:
    names = {
        AnswerStyle.LETTER: "letters",
        AnswerStyle.TEXT: "texts of choices",
        AnswerStyle.FROM_ZERO: "positions from 0",
        AnswerStyle.FROM_ONE: "positions from 1",
    }
    detail = f"as {names[first]} and as {names[second]} they fit as many rows, and name different choices"
    if {first, second} == {AnswerStyle.FROM_ZERO, AnswerStyle.FROM_ONE}:
        help = (
            "`answer_as = index` counts from 0; for answers that count from 1 write besides "
            '`answer = number(column("answer")) - 1`'
        )
    else:
        ways = [f"`answer_as = {_SAID[style]}`" for style in (first, second)]
        help = f"say which: {' or '.join(dict.fromkeys(ways))}"
    return Ambiguity(detail, help, place)


_SAID = {
    AnswerStyle.LETTER: "letter",
    AnswerStyle.TEXT: "text",
    AnswerStyle.FROM_ZERO: "index",
    AnswerStyle.FROM_ONE: "index",
}
"""How a spec says a reading; `index` counts from 0."""


def letter_of(position: int) -> str:
    """How the choice at a position (from 0) is called: `A`, `B`, …; behind `Z` by its number."""
    return chr(ord("A") + position) if position < 26 else str(position + 1)
