"""What a sample shows of each column: how many rows have it, as which kind of value, how many different ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from refinelab_dsl.data.tasks import canonical_text
from refinelab_dsl.expressions.evaluate import EvaluationError
from refinelab_dsl.expressions.functions import look_up, number

_DEPTH = 3  # parts of a dotted name
_COLUMNS = 300  # more are data that stand where names should
_MEMBERS = 8  # keys of the maps in a list that are looked into


@dataclass(frozen=True)
class Column:
    """One column, or a place inside of a nested one (`question.stem`). `values` are those of the sample's rows in
    order, None where a row has none."""

    name: str
    values: tuple[Any, ...]

    @property
    def parent(self) -> str:
        """`question` of `question.stem`; empty for a column at the top."""
        return self.name.rpartition(".")[0]

    @cached_property
    def present(self) -> int:
        """Rows with a value: neither null nor empty text."""
        return sum(value is not None and value != "" for value in self.values)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The values that are text or can be written as one (numbers, true and false), those of white space alone
        left out."""
        found = (canonical_text(value) for value in self.values)
        return tuple(text for text in found if text is not None and text.strip())

    @cached_property
    def different(self) -> Counter[str]:
        return Counter(text.strip() for text in self.texts)

    @property
    def text_share(self) -> float:
        return len(self.texts) / len(self.values)

    def count(self, holds: Callable[[Any], bool]) -> int:
        """Rows whose value has a property."""
        return sum(holds(value) for value in self.values)

    @property
    def mean_words(self) -> float:
        return sum(len(text.split()) for text in self.texts) / max(len(self.texts), 1)

    @property
    def mean_length(self) -> float:
        return sum(map(len, self.texts)) / max(len(self.texts), 1)

    def describe(self) -> str:
        """The column's shape, none of its text: `text, 12 words on average`."""
        kinds = Counter(_kind(value) for value in self.values)
        absent = kinds.pop("null", 0)
        most = kinds.most_common(1)[0][0] if kinds else "null"
        shown = " or ".join(kind for kind, _ in kinds.most_common(2)) or "null"
        if most == "text":
            words = round(self.mean_words)
            shown += f", {words} {'word' if words == 1 else 'words'} on average"
        elif most == "list":
            lengths = [len(value) for value in self.values if isinstance(value, list)]
            inner = Counter(_kind(entry) for value in self.values if isinstance(value, list) for entry in value[:20])
            least, largest = min(lengths), max(lengths)
            sizes = str(least) if least == largest else f"{least} to {largest}"
            shown += f" of {sizes}: {inner.most_common(1)[0][0]}" if inner else ", empty"
        return f"{shown}; absent in {absent} of {len(self.values)}" if absent else shown


def build_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """The columns of rows, nested ones by dotted names, in order of appearance; a map stands beside its parts."""
    names: dict[str, None] = {}
    for row in rows:
        _collect("", row, names, 1)
        if len(names) >= _COLUMNS:
            break
    return {name: Column(name, tuple(look_up(row, name, None) for row in rows)) for name in list(names)[:_COLUMNS]}


def is_number(value: Any) -> bool:
    """Whether a value is a number or text that is one, as `number()` reads it."""
    if value is None or isinstance(value, bool):
        return False
    try:
        return number(value.strip() if isinstance(value, str) else value) is not None
    except EvaluationError:
        return False


def _collect(prefix: str, row: Mapping[str, Any], names: dict[str, None], depth: int) -> None:
    for key, value in row.items():
        name = f"{prefix}{key}"
        if not _is_writable(key):
            continue
        names.setdefault(name, None)
        if depth >= _DEPTH or "." in key:
            continue
        if isinstance(value, Mapping):
            _collect(f"{name}.", value, names, depth + 1)
        elif isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value[:20]):
            keys = dict.fromkeys(key for entry in value[:20] for key in entry)
            if len(keys) <= _MEMBERS:
                for inner in filter(_is_writable, keys):
                    names.setdefault(f"{name}.{inner}", None)


def _is_writable(key: str) -> bool:
    """Whether a spec can name it: a text cannot hold a null character."""
    return bool(key) and "\0" not in key and len(key) <= 200


def _kind(value: Any) -> str:
    match value:
        case None | "":
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case list():
            return "list"
        case Mapping():
            return "map"
        case _:
            return "number"
