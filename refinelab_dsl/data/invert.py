"""From a typed item back to the columns it would have come from: `layout = source`.

Whoever reads, writes: the dataset's `fields` map leads from columns to task fields and attributes; here it is walked
the other way. `column("x")` puts the value into x, a list of columns gets one choice each, an answer is written as its
source writes answers (letter, index or text), and `before`/`after` around one mark are joined again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.expressions.nodes import Binary, Call, Constant, Expression, ListOf, Unary

TASK_FIELDS: Mapping[str, tuple[str, ...]] = {
    "mcq": ("question", "choices", "answer", "context"),
    "qa": ("question", "answer", "context", "solution"),
    "math": ("question", "answer", "context", "solution"),
    "code": ("prompt", "tests", "entry_point", "solution"),
    "chat": ("messages",),
}
"""The canonical fields of a task beside `id`, in the order in which `layout = task` writes them."""

_UNCHANGED = ("strip", "lower", "number")  # functions whose value can stand where their argument came from


class Unfit(Exception):
    """A value has no place in the columns of its source; the message says why."""


def invertible(dataset: Dataset) -> tuple[str, ...]:
    """The names of the dataset's fields that `layout = source` cannot write back; empty where it can.

    A field can be written where its expression is built of columns in a way that can be undone, or where it is
    implied: all columns that it reads are written by other fields. A field that reads no column (`stem()`) is written
    as a column of its own name.
    """
    written = {column for expression in _fields(dataset).values() for column in _written_by(expression)}
    return tuple(
        name
        for name, expression in _fields(dataset).items()
        if not _is_undoable(expression) and not set(columns_of(expression)) <= written
    )


def columns_of(expression: Expression) -> Iterator[str]:
    """The columns that an expression reads, in the order of their appearance."""
    match expression:
        case Call(function="column", arguments=(Constant(text=name),)):
            yield name
        case Call(arguments=parts) | ListOf(items=parts):
            for part in parts:
                yield from columns_of(part)
        case Unary(operand=operand):
            yield from columns_of(operand)
        case Binary(left=left, right=right):
            yield from columns_of(left)
            yield from columns_of(right)
        case _:
            return


def invert(dataset: Dataset, item: Item, *, keep: bool) -> dict[str, Any]:
    """The row of an item that was made from another: columns in the order of `item.raw`, which is that other's row.

    keep: whether columns that no field maps keep the other's value (an item that was changed) or are None (an item
    that is new: they were said of another item).

    Raises:
        Unfit: the item has no place in these columns; `invertible` rules out all but surplus choices.
    """
    model = item.raw
    row: dict[str, Any] = dict(model) if keep else dict.fromkeys(model)
    fields = _fields(dataset)
    parts: dict[str, _Joined] = {}
    # Attributes first: where an attribute and a task field come from one column, the field is what was made.
    order = sorted(fields, key=lambda name: name in item.fields or name == "id")
    for name in order:
        expression = fields[name]
        present, value = _value_of(item, name)
        if present and (value is not None or name in item.fields):
            if name == "answer" and dataset.task == "mcq":
                value = _answer_as_written(dataset, item, expression)
            _undo(expression, value, row, parts)
    for column, joined in parts.items():
        row[column] = joined.text(model.get(column), item.fields.get("solution"))
    for name, value in item.attributes.items():
        if name not in fields and name in row:
            row[name] = value
    if "id" not in fields and row.get("id", 0) is None:
        row["id"] = item.id
    return row


@dataclass
class _Joined:
    """The two sides of a mark in one column."""

    mark: str
    left: str | None = None
    right: str | None = None

    def text(self, example: Any, solution: Any) -> str:
        """Both sides around the mark, with the white space that the example has around it. A left side that no field
        maps is the item's solution, where it has one."""
        before, after = "\n", " "
        if isinstance(example, str) and self.mark in example:
            left, _, right = example.rpartition(self.mark)
            before, after = left[len(left.rstrip()) :], right[: len(right) - len(right.lstrip())]
        left = self.left if self.left is not None else (solution if isinstance(solution, str) else "")
        body = left.rpartition(self.mark)[0].rstrip() if self.left is None and self.mark in left else left
        return f"{body}{before if body else ''}{self.mark}{after if self.right else ''}{self.right or ''}"


def _fields(dataset: Dataset) -> dict[str, Expression]:
    """The map of all fields: a task field that the spec does not map comes from a column of its name."""
    implied = {name: column(name) for name in TASK_FIELDS[dataset.task] if name not in dataset.fields}
    return {**dataset.fields, **implied}


def column(name: str) -> Call:
    """`column("name")`."""
    return Call(function="column", arguments=(Constant(type="text", text=name),))


def _written_by(expression: Expression) -> Iterator[str]:
    if _is_undoable(expression):
        yield from columns_of(expression)


def _is_undoable(expression: Expression) -> bool:
    match expression:
        case Call(function="column", arguments=(Constant(type="text"),)):
            return True
        case Call(function=function, arguments=(inner,)) if function in _UNCHANGED:
            return _is_column(inner)
        case Call(function="remove_suffix" | "before" | "after", arguments=(inner, Constant(type="text"))):
            return _is_column(inner)
        case ListOf(items=items):
            return all(_is_undoable(item) for item in items)
        case _:
            return next(columns_of(expression), None) is None


def _is_column(expression: Expression) -> bool:
    return isinstance(expression, Call) and expression.function == "column"


def _value_of(item: Item, name: str) -> tuple[bool, Any]:
    if name == "id":
        return True, item.id
    for values in (item.fields, item.attributes):
        if name in values:
            return True, values[name]
    return False, None


def _undo(expression: Expression, value: Any, row: dict[str, Any], parts: dict[str, _Joined]) -> None:
    """Writes `value` into the columns that `expression` reads; a column that is set already stays as it is where the
    expression cannot be undone."""
    match expression:
        case Call(function="column", arguments=(Constant(text=name),)):
            row[name] = value
        case Call(function=function, arguments=(Call(function="column", arguments=(Constant(text=name),)),)) if (
            function in _UNCHANGED
        ):
            row[name] = value
        case Call(
            function="remove_suffix",
            arguments=(Call(function="column", arguments=(Constant(text=name),)), Constant(text=suffix)),
        ):
            row[name] = f"{value}{suffix}"
        case Call(
            function="before" | "after" as function,
            arguments=(Call(function="column", arguments=(Constant(text=name),)), Constant(text=mark)),
        ):
            joined = parts.setdefault(name, _Joined(mark))
            if joined.mark == mark:
                setattr(joined, "left" if function == "before" else "right", "" if value is None else str(value))
        case ListOf(items=items):
            values = value if isinstance(value, list | tuple) else [value]
            if len(values) > len(items):
                raise Unfit(f"it has {len(values)} choices and the source has columns for {len(items)}")
            for index, part in enumerate(items):
                _undo(part, values[index] if index < len(values) else None, row, parts)
        case _:
            return


def _answer_as_written(dataset: Dataset, item: Item, expression: Expression) -> Any:
    """The answer of an mcq item as its source writes answers: judged by the answer of the row it was made from."""
    answer, choices = item.fields["answer"], list(item.fields["choices"])
    example = next((item.raw.get(name) for name in columns_of(expression)), None)
    index = choices.index(answer)
    style = dataset.answer_as
    text = example.strip() if isinstance(example, str) else example
    if style == "auto":
        if isinstance(text, int) or (isinstance(text, str) and text.isdigit()):
            style = "index"
        elif isinstance(text, str) and len(text) == 1 and text.isalpha():
            style = "letter"
        else:
            style = "text"
    if style == "letter":
        return chr(ord("a" if isinstance(text, str) and text.islower() else "A") + index)
    if style == "index":
        return str(index) if isinstance(text, str) else index
    return answer
