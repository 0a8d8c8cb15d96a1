"""The row at hand of a data file, as the expressions of `fields` and `where` see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from refinelab_dsl.data.conversation import FIELD_FUNCTIONS
from refinelab_dsl.diagnostics.catalog.data import shorten
from refinelab_dsl.expressions.evaluate import Compiled, EvaluationError, compile_expression
from refinelab_dsl.expressions.functions import ITEM_FUNCTIONS, look_up
from refinelab_dsl.expressions.nodes import Call, Constant, Expression

_MISSING = object()


class MissingColumn(EvaluationError):
    """The row has no such column."""

    def __init__(self, column: str) -> None:
        super().__init__(f"the row has no column `{shorten(column)}`")
        self.column = column


class RowScope:
    """Holds the row at hand for `column`, `stem`, `line` and `row` (hence not shared).

    columns: those that the spec names; `absent` are the ones that no row had.
    """

    def __init__(self, columns: Iterable[str] = ()) -> None:
        self.columns = tuple(columns)
        self.raw: Mapping[str, Any] = {}
        self._stem = ""
        self._line = 0
        self._number = 0
        self._never = set(self.columns)
        self._missed: set[str] = set()
        self.functions: Mapping[str, Callable[..., Any]] = {
            **ITEM_FUNCTIONS,
            **FIELD_FUNCTIONS,
            "column": self.column,
            "stem": lambda: self._stem,
            "line": lambda: self._line,
            "row": lambda: self._number,
        }

    @property
    def absent(self) -> tuple[str, ...]:
        """Columns that the spec names and that no row had so far, though they were looked for."""
        return tuple(column for column in self.columns if column in self._never and column in self._missed)

    def open_file(self, stem: str) -> None:
        """Start on a file: what `stem()` gives."""
        self._stem = stem

    def open_row(self, raw: Mapping[str, Any], line: int, number: int) -> None:
        """Take up a row: its physical line and its number in the file, both from 1."""
        self.raw = raw
        self._line = line
        self._number = number

    def column(self, name: Any) -> Any:
        """The value of a column.

        Raises:
            MissingColumn
        """
        value = look_up(self.raw, name, _MISSING)
        if value is _MISSING:
            self._missed.add(name)
            raise MissingColumn(name)
        if self._never:
            self._never.discard(name)
        return value

    def reader(self, expression: Expression | None, name: str) -> Compiled:
        """How a field is read: by its expression, else from a column of its own name. The usual `column("x")` is a
        lookup."""
        column = name if expression is None else _column_name(expression)
        if column is None:
            assert expression is not None
            return compile_expression(expression)
        return lambda names, functions: self.column(column)


def no_names(space: str, name: str) -> Any:
    """Expressions of `fields` see columns, and no names."""
    raise EvaluationError(f"`{name}` has no value in `fields`")


def _column_name(expression: Expression) -> str | None:
    match expression:
        case Call(function="column", arguments=(Constant(type="text", text=name),)):
            return name
    return None
