"""From a row as it came in to the typed fields of its task, by the dataset's `fields` map.

`RowMapper.map` is the hot path of reading: expressions are compiled once, the usual `column("x")` is a lookup.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from refinelab_dsl.builtins import TASKS, TaskKind
from refinelab_dsl.data.answers import AnswerError, AnswerStyle, resolve_answer
from refinelab_dsl.data.conversation import ConversationError, read_messages
from refinelab_dsl.data.row import MissingColumn, RowScope, no_names
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog.data import shorten
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.expressions.evaluate import Compiled, EvaluationError
from refinelab_dsl.expressions.walk import columns_of

TASK_FIELDS: Mapping[str, TaskKind] = MappingProxyType({name: task for name, task in TASKS.items() if task.reached})
"""The tasks whose items this version reads."""

_MISSING = object()
_MAX_LITERAL = 200_000  # characters of a list written as text


class RowError(Exception):
    """What makes a row no item: `reason`, and a way out where there is one. lacks: the column that it does not have."""

    def __init__(self, reason: str, help: str | None = None, lacks: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.help = help
        self.lacks = lacks


class Choices(NamedTuple):
    """Texts of the choices and, where the data name them, their labels (`A`, `1`)."""

    texts: list[str]
    labels: list[str] | None


class RowMapper(RowScope):
    """Maps the rows of one dataset to the fields of its task."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(wanted_columns(dataset))
        task = TASK_FIELDS[dataset.item_task]
        declared = dict(dataset.fields)
        self._id = self.reader(declared.pop("id", None), "id")
        self._required = [(name, self.reader(declared.pop(name, None), name)) for name in task.required]
        self._optional = [(name, self.reader(declared.pop(name, None), name)) for name in task.optional]
        self._attributes = [(name, self.reader(expression, name)) for name, expression in declared.items()]

    def read_choices(self) -> tuple[Choices, str]:
        """Choices and answer of the row at hand, the answer not yet resolved.

        Raises:
            RowError
        """
        values = {name: self._required_value(name, reader) for name, reader in self._required if name != "question"}
        return choices_of(values["choices"]), _read_text(values["answer"], "answer")

    def read_fields(self, style: AnswerStyle) -> dict[str, Any]:
        """The canonical task fields of the row at hand (`Item.fields`).

        Raises:
            RowError
        """
        fields: dict[str, Any] = {}
        choices: Choices | None = None
        for name, reader in self._required:
            value = self._required_value(name, reader)
            if name == "choices":
                choices = choices_of(value)
                fields[name] = choices.texts
            elif name == "messages":
                fields[name] = messages_of(value)
            else:
                if name == "tests" and isinstance(value, list | tuple):
                    value = _join_tests(value)
                fields[name] = value if value.__class__ is str and value.strip() else _read_text(value, name)
        if choices is not None:
            try:
                fields["answer"] = resolve_answer(style, fields["answer"], choices.texts, choices.labels)
            except AnswerError as error:
                raise RowError(str(error), error.help) from None
        for name, reader in self._optional:
            value = self._optional_value(name, reader)
            if value is not None and value != "":
                fields[name] = _read_text(value, name)
        return fields

    def read_attributes(self) -> dict[str, Any]:
        """Further names of the `fields` map; a column that the row lacks gives None."""
        return {name: self._optional_value(name, reader) for name, reader in self._attributes}

    def read_id(self) -> str | None:
        """The user's own id, None where there is none."""
        value = self._optional_value("id", self._id)
        return None if value is None or value == "" else _read_text(value, "id")

    def _required_value(self, name: str, reader: Compiled) -> Any:
        try:
            value = reader(no_names, self.functions)
        except MissingColumn as error:
            raise RowError(str(error), _nearest_help(error.column, self.raw), error.column) from None
        except EvaluationError as error:
            raise RowError(f"`{name}`: {error}") from None
        if value is None:
            raise RowError(f"`{name}` is null")
        return value

    def _optional_value(self, name: str, reader: Compiled) -> Any:
        try:
            return reader(no_names, self.functions)
        except MissingColumn:
            return None
        except EvaluationError as error:
            raise RowError(f"`{name}`: {error}") from None


def item_hash(task: str, fields: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical task fields: what makes two items the same item.

    fields: as `Item.fields`; the order of its keys does not count.
    """
    return hashlib.sha256(msgspec.json.encode([task, fields], order="deterministic")).hexdigest()


def canonical_text(value: Any) -> str | None:
    """The one text of a scalar: `18`, `18.0` and `"18"` give `18`; true gives `true`; None for null, lists, maps."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() | Decimal():
            number = Decimal(repr(value)) if isinstance(value, float) else value
            if not number.is_finite():
                return None
            text = format(number, "f")
            text = text.rstrip("0").rstrip(".") if "." in text else text
            return "0" if text == "-0" else text
        case _:
            return None


def _read_text(value: Any, name: str) -> str:
    text = canonical_text(value)
    if text is None:
        raise RowError(f"`{name}` is {_kind(value)}, not text")
    if not text.strip():
        raise RowError(f"`{name}` is empty")
    return text


def _join_tests(tests: list[Any] | tuple[Any, ...]) -> str:
    """Tests that came as a list of statements, as one program."""
    return "\n".join(_read_text(test, "tests") for test in tests)


def choices_of(value: Any) -> Choices:
    """Choices from a list of texts, a list written as text (JSON or Python), `[{label, text}, …]`,
    `{label: […], text: […]}` or `{"A": …, "B": …}`."""
    if isinstance(value, str):
        value = _read_literal(value)
    labels: list[Any] | None = None
    if isinstance(value, Mapping):
        texts, labels = value.get("text", _MISSING), value.get("label")
        if isinstance(texts, list) and (labels is None or isinstance(labels, list)):
            value = texts
        else:
            labels, value = list(value), list(value.values())
    elif isinstance(value, list) and value and all(isinstance(choice, Mapping) for choice in value):
        labels = [choice.get("label") for choice in value]
        value = [choice.get("text") for choice in value]
        if None in labels:
            labels = None
    if not isinstance(value, list):
        raise RowError(f"`choices` is {_kind(value)}, not a list")
    # Columns of choices that an item does not have stand empty at the end.
    while value and (value[-1] is None or value[-1] == ""):
        value = value[:-1]
    texts = []
    for position, choice in enumerate(value):
        text = choice if choice.__class__ is str else canonical_text(choice)
        if text is None:
            raise RowError(f"choice {position + 1} is {_kind(choice)}, not text")
        if not text.strip():
            raise RowError(f"choice {position + 1} is empty")
        texts.append(text)
    if len(texts) < 2:
        raise RowError(f"`choices` holds {len(texts)}, and a multiple-choice item has at least 2")
    named = None if labels is None else [canonical_text(label) or "" for label in labels[: len(texts)]]
    return Choices(texts, named if named is not None and len(set(named)) == len(texts) else None)


def messages_of(value: Any) -> list[dict[str, str]]:
    """The canonical turns of a conversation (`data.conversation`), also of one that is written as text, as in a CSV.

    Raises:
        RowError
    """
    if isinstance(value, str) and value.strip().startswith(("[", "{")):
        value = _read_literal(value, "messages")
    try:
        return read_messages(value)
    except ConversationError as error:
        raise RowError(error.reason, error.help) from None


def _read_literal(text: str, name: str = "choices") -> Any:
    """A list written as text: JSON, or Python's own (`['a', "b's"]`), as pandas and datasets export it."""
    stripped = text.strip()
    if not stripped.startswith(("[", "{")) or len(stripped) > _MAX_LITERAL:
        help = 'name the columns: choices = [column("A"), column("B")]' if name == "choices" else None
        raise RowError(f"`{name}` is text, not a list", help)
    try:
        return msgspec.json.decode(stripped)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `\d` in a text is nothing to warn a user of
            value = ast.literal_eval(stripped)
        # Python can write what JSON cannot: half of a surrogate pair, numbers beyond `str(int)`.
        msgspec.json.encode(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError, OverflowError):
        raise RowError(f"`{name}` is text that is no list") from None
    return value


def wanted_columns(dataset: Dataset) -> tuple[str, ...]:
    """Columns that the rows must have: those of required fields, of signals those that are joined, of a corpus
    its text, and those that expressions name."""
    match dataset.role:
        case "signals":
            required: Iterable[str] = dataset.join
        case "corpus":
            required = ("text",)
        case _:
            required = TASK_FIELDS[dataset.item_task].required
    wanted = [name for name in required if name not in dataset.fields]
    for expression in (*dataset.fields.values(), *([dataset.where] if dataset.where else [])):
        wanted += columns_of(expression)
    return tuple(dict.fromkeys(wanted))


def _nearest_help(column: str, raw: Mapping[str, Any]) -> str | None:
    near = nearest(column, sorted(raw))
    return f"nearest: {', '.join(f'`{shorten(name)}`' for name in near)}" if near else None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, Mapping):
        return "a map"
    return "a number"
