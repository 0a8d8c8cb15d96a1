"""Writes a value as an example of its column is written: nested, as a list or a map, as a letter or a number."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from refinelab_dsl.data.answers import AnswerStyle
from refinelab_dsl.data.conversation import write_messages

_LETTER = re.compile(r"[A-Za-z]", re.ASCII)
_LITERAL = 200_000  # characters; as the reader takes them


def find_example(raw: Mapping[str, Any], name: str) -> Any:
    """The value of a column, also of a dotted one (`question.stem`); None where the row has none."""
    if name in raw:
        return raw[name]
    value: Any = raw
    for part in name.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
            value = [entry.get(part) for entry in value]
        else:
            return None
    return value


def put_value(row: dict[str, Any], raw: Mapping[str, Any], name: str, value: Any) -> None:
    """Puts a value into `row` where `name` stands in `raw`: a column, or a place in a nested one. What stands beside
    it there and is not put by another field is None."""
    parts = name.split(".")
    if name in raw or len(parts) == 1 or not isinstance(raw.get(parts[0]), Mapping | list):
        row[name] = value
        return
    row[parts[0]] = _put_inside(row.get(parts[0]), raw[parts[0]], parts[1:], value)


def write_scalar(value: Any, example: Any) -> Any:
    """A text or number of the type that the example has: `"42"` beside the number 18 is the number 42."""
    if isinstance(value, Decimal):
        text = format(value.normalize(), "f")
        if isinstance(example, str):
            return text
        return int(text) if value == value.to_integral_value() else float(text)
    if isinstance(value, str) and isinstance(example, bool):
        return {"true": True, "false": False}.get(value, value)
    if isinstance(value, str) and isinstance(example, int | float | Decimal):
        try:
            number = msgspec.json.decode(value.strip())
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return value
        return number if isinstance(number, int | float) and not isinstance(number, bool) else value
    if isinstance(value, int) and not isinstance(value, bool) and isinstance(example, str):
        return str(value)
    return value


def write_choices(texts: Sequence[Any], example: Any) -> Any:
    """Choices in the form of the example: a list, `{label, text}` maps or a map of lists, a map by label, or any of
    these as the text of a literal, JSON or Python's."""
    if isinstance(example, str):
        value, as_json = _read_literal(example)
        shaped = write_choices(texts, value)
        return msgspec.json.encode(shaped).decode() if as_json else repr(shaped)
    labels = _extend_labels(read_labels(example), len(texts))
    if isinstance(example, Mapping) and isinstance(example.get("text"), list):
        return {key: list(texts) if key == "text" else labels if key == "label" else None for key in example}
    if isinstance(example, Mapping):
        return dict(zip(labels, texts, strict=True))
    if isinstance(example, list) and example and all(isinstance(entry, Mapping) for entry in example):
        keys = list(dict.fromkeys(key for entry in example for key in entry))
        return [
            {key: text if key == "text" else label if key == "label" else None for key in keys}
            for text, label in zip(texts, labels, strict=True)
        ]
    return list(texts)


def write_turns(messages: Sequence[Mapping[str, str]], example: Any) -> Any:
    """The turns of a chat in the form of the example (`conversation.write_messages`), or of the literal, JSON or
    Python's, that it is the text of."""
    if isinstance(example, str):
        value, as_json = _read_literal(example)
        shaped = write_messages(messages, value)
        return msgspec.json.encode(shaped).decode() if as_json else repr(shaped)
    return write_messages(messages, example)


def read_labels(example: Any) -> list[Any]:
    """The labels that an example's choices carry; none where they carry none."""
    if isinstance(example, str):
        example = _read_literal(example)[0]
    if isinstance(example, Mapping):
        labels = example.get("label")
        if isinstance(example.get("text"), list):
            return list(labels) if isinstance(labels, list) else []
        return list(example)
    if isinstance(example, list) and example and all(isinstance(entry, Mapping) for entry in example):
        labels = [entry.get("label") for entry in example]
        return [] if None in labels else labels
    return []


def write_answer(
    position: int, choices: Sequence[str], style: AnswerStyle, example: Any, example_choices: Any
) -> Any:
    """The answer that names choice `position` (from 0), in the style of the dataset and the look of the example.

    example: an answer of the source. example_choices: its choices, where one column holds them all.
    """
    labels = read_labels(example_choices)
    if labels and style is not AnswerStyle.TEXT and str(example).strip() in map(str, labels):
        return write_scalar(_extend_labels(labels, len(choices))[position], example)
    match style:
        case AnswerStyle.TEXT:
            return choices[position]
        case AnswerStyle.FROM_ZERO:
            return write_scalar(position, example)
        case AnswerStyle.FROM_ONE:
            return write_scalar(position + 1, example)
        case AnswerStyle.LETTER:
            letter = chr(ord("A") + position)
            found = _LETTER.search(example) if isinstance(example, str) else None
            if found is None:
                return letter
            # `(b)` beside `c` is `(c)`.
            letter = letter.lower() if found[0].islower() else letter
            return found.string[: found.start()] + letter + found.string[found.end() :]


def _put_inside(there: Any, example: Any, parts: Sequence[str], value: Any) -> Any:
    if isinstance(example, list):
        entries = value if isinstance(value, list) else []
        labels = _extend_labels(read_labels(example), len(entries))
        keys = list(dict.fromkeys(key for entry in example for key in entry)) if example else [parts[0]]
        filled = there if isinstance(there, list) and len(there) == len(entries) else [None] * len(entries)
        return [
            {
                **{key: label if key == "label" and read_labels(example) else None for key in keys},
                **(old or {}),
                parts[0]: entry,
            }
            for entry, label, old in zip(entries, labels, filled, strict=True)
        ]
    merged = dict(there) if isinstance(there, Mapping) else dict.fromkeys(example)
    if len(parts) == 1 or not isinstance(example.get(parts[0]), Mapping | list):
        merged[parts[0]] = value
    else:
        merged[parts[0]] = _put_inside(merged.get(parts[0]), example[parts[0]], parts[1:], value)
    return merged


def _read_literal(text: str) -> tuple[Any, bool]:
    """A list or map written as text, and whether it is JSON (else Python's own form); an empty list for others."""
    stripped = text.strip()
    try:
        return msgspec.json.decode(stripped), True
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        pass
    if len(stripped) <= _LITERAL:
        try:
            return ast.literal_eval(stripped), False
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            pass
    return [], True


def _extend_labels(labels: Sequence[Any], count: int) -> list[Any]:
    """`count` labels that go on as these begin: A B C → A B C D, 1 2 3 → 1 2 3 4."""
    extended = list(labels[:count])
    first = labels[0] if labels else "A"
    while len(extended) < count:
        place = len(extended)
        if isinstance(first, int):
            extended.append(first + place)
        elif isinstance(first, str) and first.isascii() and first.isdigit():
            extended.append(str(int(first) + place))
        elif isinstance(first, str) and len(first) == 1 and first.isascii() and first.isalpha():
            extended.append(chr(ord(first) + place))
        else:
            extended.append(str(place + 1))
    return extended
