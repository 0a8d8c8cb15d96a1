"""Multiple choice: where the choices stand, and which column says the right one and how."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from refinelab_dsl.data.answers import Ambiguity, AnswerError, AnswerStyle, resolve_answer, settle_style
from refinelab_dsl.data.invert import column
from refinelab_dsl.data.tasks import Choices, RowError, canonical_text, choices_of
from refinelab_dsl.expressions.nodes import Expression, ListOf
from refinelab_dsl.propose.columns import Column
from refinelab_dsl.propose.inference import Finding, Key, Reading
from refinelab_dsl.propose.words import ANSWER, CHOICE_WORDS, CHOICES, WRONG_WORDS, weigh_name
from refinelab_dsl.source import Place

_ENOUGH = 0.8  # of the rows must fit
_SERIES = re.compile(r"(.*?)[ _.\-]?([A-Za-z]|\d{1,2})", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Options:
    """Columns that hold the choices, and the choices of each row of the sample; None where a row has none."""

    expression: Expression
    names: tuple[str, ...]
    rows: tuple[Choices | None, ...]
    weight: int
    form: str
    right: str | None = None  # the column among them that always holds the right one

    @property
    def share(self) -> float:
        return sum(row is not None for row in self.rows) / len(self.rows)

    @property
    def parent(self) -> str:
        return self.names[0].rpartition(".")[0]


@dataclass(frozen=True)
class Solved:
    """A column as the key to some options. fits: share of the rows that it resolves in."""

    column: Column
    options: Options
    style: AnswerStyle
    labelled: bool
    fits: float
    weight: float
    ambiguity: Ambiguity | None


def find_options(columns: Mapping[str, Column]) -> list[Options]:
    """Everything that could be the choices, the likeliest first."""
    found = [options for each in columns.values() if (options := _single(each)) is not None]
    found += _series(columns)
    # A map of choices and the list inside of it are the same choices: the outer one knows the labels.
    outer = [name for options in found for name in options.names]
    found = [each for each in found if not any(_is_inside(each.names[0], name) for name in outer)]
    return sorted(found, key=lambda each: -(each.weight + 10 * each.share))


def find_keys(columns: Mapping[str, Column], options: Options, taken: Sequence[str]) -> list[Solved]:
    """The columns that say which of the options is right, the likeliest first."""
    found = []
    for each in columns.values():
        is_part = each.name in options.names or each.name in taken
        if (is_part and each.name != options.right) or each.text_share < _ENOUGH:
            continue
        if any(_is_inside(each.name, name) for name in options.names):
            continue
        key = _try_key(each, options)
        if key is not None:
            found.append(key)
    return sorted(found, key=lambda key: -key.weight)


def read_mcq(question: Finding, key: Solved, others: Sequence[Solved], rest: Sequence[Options]) -> Reading:
    """The reading that a key and its options come to. others: keys that were less likely; rest: other options."""
    options, rows = key.options, len(key.options.rows)
    whole = sum(row is not None for row in options.rows)
    counts = sorted({len(row.texts) for row in options.rows if row is not None})
    sizes = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    fitting = round(key.fits * rows)
    kind, shown, answer_as = _describe_key(key)
    rivals = tuple(other.column.name for other in others if other.weight > key.weight - 3)
    same = tuple(other.names[0] for other in rest if other.weight >= options.weight and other.share >= options.share)
    evidence = f"{shown} in {fitting} of {rows} rows"
    doubts = []
    if key.ambiguity is not None:
        doubts.append(f"the answers can be read in two ways: {key.ambiguity.detail}")
    return Reading(
        task="mcq",
        findings=(
            question,
            Finding("choices", options.expression, f"{options.form}, {sizes} of them in {whole} of {rows} rows",
                    not same, same),
            Finding("answer", column(key.column.name), evidence, not rivals, rivals),
        ),
        key=kind,
        evidence=f"{_where(options)}, and `{key.column.name}` names one of them",
        answer_as=answer_as,
        key_evidence=evidence,
        sure=key.ambiguity is None,
        doubts=tuple(doubts),
    )  # fmt: skip


def _single(each: Column) -> Options | None:
    """One column that holds all choices: a list, maps with label and text, or such a thing written as text."""
    rows = tuple(_read(value) for value in each.values)
    if sum(row is not None for row in rows) < _ENOUGH * len(rows):
        return None
    named = sum(row is not None and row.labels is not None for row in rows)
    example = next(value for value, row in zip(each.values, rows, strict=True) if row is not None)
    form = "a list" if isinstance(example, list) else "a list written as text"
    if isinstance(example, Mapping):
        form = "a map by label" if not isinstance(example.get("text"), list) else "texts and labels"
    elif isinstance(example, list) and isinstance(example[0], Mapping):
        form = "a list of maps with text and label" if named else "a list of maps with text"
    weight = weigh_name(each.name, CHOICES)
    if not weight and isinstance(example, Mapping) and not _is_lettered(example):
        return None  # any nested map of texts would do
    return Options(column(each.name), (each.name,), rows, weight, form)


def _series(columns: Mapping[str, Column]) -> Iterator[Options]:
    """Columns A B C D, option1 option2 …, and a right one beside wrong ones."""
    series: dict[tuple[str, str], dict[int, str]] = {}
    for name, each in columns.items():
        match = _SERIES.fullmatch(name)
        if match is None or not each.texts:
            continue
        last = match[2]
        kind = "digit" if last.isdigit() else "upper" if last.isupper() else "lower"
        place = int(last) if kind == "digit" else ord(last.upper()) - ord("A")
        series.setdefault((match[1], kind), {})[place] = name
    for (prefix, kind), places in series.items():
        names = _consecutive(places)
        word = re.sub(r"[^a-z_]", "", prefix.lower().replace(" ", "_").rpartition(".")[2]).strip("_")
        if word in WRONG_WORDS and names:
            yield from _beside_wrong(columns, names)
        elif word in CHOICE_WORDS and len(names) >= (3 if not prefix else 2):
            weight = 9 if word else 8
            if kind == "digit" and not prefix:
                continue
            yield _columns_as_options(columns, names, weight, None)


def _beside_wrong(columns: Mapping[str, Column], wrong: Sequence[str]) -> Iterator[Options]:
    right = max(columns, key=lambda name: weigh_name(name, ANSWER))
    if weigh_name(right, ANSWER) and right not in wrong:
        yield _columns_as_options(columns, (right, *wrong), 9, right)


def _columns_as_options(
    columns: Mapping[str, Column], names: Sequence[str], weight: int, right: str | None
) -> Options:
    rows = tuple(
        _read([None if value == "" else value for value in values])
        for values in zip(*(columns[name].values for name in names), strict=True)
    )
    shown = f"columns `{names[0]}` to `{names[-1]}`"
    return Options(ListOf(items=tuple(map(column, names))), tuple(names), rows, weight, shown, right)


def _consecutive(places: Mapping[int, str]) -> tuple[str, ...]:
    """The names at 0, 1, 2 … or at 1, 2, 3 …"""
    first = 0 if 0 in places else 1
    names = []
    while first in places:
        names.append(places[first])
        first += 1
    return tuple(names)


def _try_key(each: Column, options: Options) -> Solved | None:
    rows = [
        (text, choices)
        for value, choices in zip(each.values, options.rows, strict=True)
        if choices is not None and (text := canonical_text(value)) is not None and text.strip()
    ]
    if not rows:
        return None
    settled = settle_style((Place(""), text, choices.texts, choices.labels) for text, choices in rows)
    ambiguity = settled if isinstance(settled, Ambiguity) else None
    style = settled if isinstance(settled, AnswerStyle) else _prefer(each, rows)
    if options.right == each.name:
        style, ambiguity = AnswerStyle.TEXT, None
    fitting = sum(_resolves(style, text, choices) for text, choices in rows)
    fits = fitting / len(options.rows)
    labelled = style is not AnswerStyle.TEXT and all(
        choices.labels is not None and text.strip() in choices.labels for text, choices in rows[:50]
    )
    name = weigh_name(each.name, ANSWER)
    by_position = style in (AnswerStyle.FROM_ZERO, AnswerStyle.FROM_ONE)
    if fits < _ENOUGH or (not name and (by_position or fits < 0.95 or len(each.different) < 2)):
        return None
    near = 3 if each.parent and each.parent == options.parent else 0
    weight = 20 * fits + name + near + (0 if by_position else 1) + (4 if options.right == each.name else 0)
    return Solved(each, options, style, labelled, fits, weight, ambiguity)


def _prefer(each: Column, rows: Sequence[tuple[str, Choices]]) -> AnswerStyle:
    """One of two readings that fit alike: texts where most answers are the text of a choice, else positions from 0."""
    texts = sum(text in choices.texts for text, choices in rows)
    letters = sum(len(text.strip()) == 1 and text.strip().isalpha() for text, _ in rows)
    if letters == len(rows):
        return AnswerStyle.LETTER
    if texts == len(rows) and "ind" not in each.name.lower() and "idx" not in each.name.lower():
        return AnswerStyle.TEXT
    return AnswerStyle.FROM_ZERO


def _resolves(style: AnswerStyle, text: str, choices: Choices) -> bool:
    try:
        resolve_answer(style, text, choices.texts, choices.labels)
    except AnswerError:
        return False
    return True


def _describe_key(key: Solved) -> tuple[Key, str, Literal["auto", "letter", "index", "text"]]:
    shown = sorted({text.strip() for text in key.column.texts}, key=lambda text: (len(text), text))
    span = f"{shown[0]} to {shown[-1]}" if len(shown) > 1 else shown[0]
    if key.labelled:
        listed = f" ({', '.join(shown)})" if len(shown) <= 12 and all(len(text) <= 3 for text in shown) else ""
        return "label", f"a label of a choice{listed}", "letter"
    match key.style:
        case AnswerStyle.LETTER:
            return "letter", f"letters {span}" if all(len(text) == 1 for text in shown) else "letters", "letter"
        case AnswerStyle.TEXT:
            return "text", "the text of one choice", "text"
        case AnswerStyle.FROM_ZERO:
            return "index", "positions counted from 0", "index"
        case AnswerStyle.FROM_ONE:
            # `answer_as = index` counts from 0; counting from 1 is settled by the data.
            return "index from 1", "positions counted from 1", "auto"


def _where(options: Options) -> str:
    return f"`{options.names[0]}` holds choices" if len(options.names) == 1 else f"{options.form} hold choices"


def _read(value: Any) -> Choices | None:
    if not isinstance(value, str | list | Mapping):
        return None
    try:
        return choices_of(value)
    except (RowError, TypeError):
        return None


def _is_lettered(value: Mapping[str, Any]) -> bool:
    return all(len(key) <= 2 for key in value) or isinstance(value.get("text"), list)


def _is_inside(name: str, outer: str) -> bool:
    return name.startswith(outer + ".")
