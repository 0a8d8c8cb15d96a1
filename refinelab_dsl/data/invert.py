"""From a typed item back to the columns it would have come from: `layout = source`.

Whoever reads, writes: the dataset's `fields` map leads from columns to task fields and attributes; here it is walked
the other way. `column("x")` puts the value into x, a list of columns gets one choice each, an answer is written as its
source writes answers, `before`/`after` around one mark are joined again, and the turns of a chat are written in the
source's form. The row of the item that a result was
made from is the example: it shows the columns, their order and nesting, and how values look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from refinelab_dsl.data.answers import AnswerStyle
from refinelab_dsl.data.conversation import is_conversation
from refinelab_dsl.data.examples import (
    find_example,
    put_value,
    write_answer,
    write_choices,
    write_scalar,
    write_turns,
)
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.tasks import TASK_FIELDS
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.expressions.nodes import Binary, Call, Constant, Expression, ListOf
from refinelab_dsl.expressions.walk import columns_of

_UNCHANGED = ("strip", "lower", "number")  # functions whose value can stand where their argument came from


class Unfit(Exception):
    """A value has no place in the columns of its source; the message says why."""


def invertible(dataset: Dataset) -> tuple[str, ...]:
    """The names of the dataset's fields that `layout = source` cannot write back; empty where it can.

    A field can be written where its expression is built of columns in a way that can be undone, or where it is
    implied: all columns that it reads are written by other fields. A field that reads no column (`stem()`) is written
    as a column of its own name.
    """
    fields = map_fields(dataset)
    written = {name for expression in fields.values() if _is_undoable(expression) for name in columns_of(expression)}
    return tuple(
        name
        for name, expression in fields.items()
        if not _is_undoable(expression) and not set(columns_of(expression)) <= written
    )


def map_fields(dataset: Dataset) -> dict[str, Expression]:
    """The whole map of fields: a task field that the spec does not map comes from a column of its name."""
    return {**dataset.fields, **{name: column(name) for name in task_fields(dataset) if name not in dataset.fields}}


def task_fields(dataset: Dataset) -> tuple[str, ...]:
    """The task's fields in canonical order, `id` aside; none for a task that this version does not read."""
    task = TASK_FIELDS.get(dataset.item_task)
    return () if task is None else (*task.required, *task.optional)


@lru_cache(maxsize=64)  # one for each column, and not for each row
def column(name: str) -> Call:
    """`column("name")`."""
    return Call(function="column", arguments=(Constant(type="text", text=name),))


def invert(dataset: Dataset, item: Item, style: AnswerStyle, *, keep: bool) -> dict[str, Any]:
    """The row of an item that was made from another: columns in the order of `item.raw`, which is that other's row.

    style: how the dataset writes mcq answers. keep: whether columns that no field maps keep the other's value (an item
    that was changed) or are None (an item that is new: they were said of another item).

    Raises:
        Unfit: the item has no place in these columns; `invertible` rules out all but surplus choices.
    """
    row = _Row(dict(item.raw) if keep else dict.fromkeys(item.raw), item)
    fields = map_fields(dataset)
    # Attributes first: where an attribute and a task field come from one column, the field is what was made.
    for name in sorted(fields, key=lambda name: name in item.fields or name == "id"):
        value = item.id if name == "id" else item.fields.get(name, item.attributes.get(name))
        if value is None and name not in item.fields:
            continue
        if name == "answer" and dataset.item_task == "mcq":
            value = _write_mcq_answer(dataset, item, style, fields)
        if name == "tests" and any(isinstance(find_example(item.raw, each), list) for each in columns_of(fields[name])):
            value = str(value).splitlines()
        row.undo(fields[name], value)
    row.join()
    for name, value in item.attributes.items():
        if name not in fields and name in row.values:
            row.put(name, value)
    if "id" not in fields and "id" in row.values:
        row.put("id", item.id)
    return row.values


@dataclass
class _Joined:
    """The two sides of a mark in one column; None for a side that no field maps."""

    mark: str
    left: str | None = None
    right: str | None = None

    def text(self, example: Any, solution: Any) -> str:
        """Both sides around the mark, with the white space that the example has around it. A left side that no field
        maps is the item's solution, where it has one."""
        space_before, space_after = "\n", " "
        if isinstance(example, str) and self.mark in example:
            left, _, right = example.rpartition(self.mark)
            space_before = left[len(left.rstrip()) :]
            space_after = right[: len(right) - len(right.lstrip())]
        body = self.left
        if body is None:
            body = solution if isinstance(solution, str) else ""
            body = body.rpartition(self.mark)[0].rstrip() if self.mark in body else body
        key = self.right or ""
        return f"{body}{space_before if body else ''}{self.mark}{space_after if key else ''}{key}"


class _Row:
    """A row being filled."""

    def __init__(self, values: dict[str, Any], item: Item) -> None:
        self.values = values
        self._item = item
        self._joined: dict[str, _Joined] = {}

    def put(self, name: str, value: Any) -> None:
        """A value in the form in which the example has it."""
        example = find_example(self._item.raw, name)
        if is_conversation(value):
            shaped = write_turns(value, example)
        else:
            shaped = write_choices(value, example) if isinstance(value, list | tuple) else write_scalar(value, example)
        put_value(self.values, self._item.raw, name, shaped)

    def undo(self, expression: Expression, value: Any) -> None:
        """Writes `value` into the columns that `expression` reads; one that cannot be undone writes nothing."""
        match expression:
            case Call(function="column", arguments=(Constant(text=name),)):
                self.put(name, value)
            case Call(function=function, arguments=(inner,)) if function in _UNCHANGED:
                self.undo(inner, value)
            case Call(function="remove_suffix", arguments=(inner, Constant(text=suffix))):
                self.undo(inner, f"{value}{suffix}")
            case Call(
                function="before" | "after" as function,
                arguments=(Call(function="column", arguments=(Constant(text=name),)), Constant(text=mark)),
            ):
                joined = self._joined.setdefault(name, _Joined(mark))
                if joined.mark == mark:
                    setattr(joined, "left" if function == "before" else "right", "" if value is None else str(value))
            case Call(function="dialogue", arguments=(inner, *briefing)):
                self._undo_dialogue(inner, briefing, value)
            case Binary(operator="+" | "-" as operator, left=left, right=Constant(type="number") as by):
                number = _number(value)
                if number is not None and isinstance(by.value, Decimal):
                    self.undo(left, number - by.value if operator == "+" else number + by.value)
            case ListOf(items=items):
                values = value if isinstance(value, list | tuple) else [value]
                if len(values) > len(items):
                    parts = "choices" if "choices" in self._item.fields else "turns"
                    raise Unfit(f"it has {len(values)} {parts}, and the source has columns for {len(items)}")
                for index, part in enumerate(items):
                    self.undo(part, values[index] if index < len(values) else None)
            case _:
                return

    def _undo_dialogue(self, inner: Expression, briefing: Sequence[Expression], messages: Sequence[Any]) -> None:
        """The texts of the turns to where they come from; the system's apart from the others."""
        spoken = [turn for turn in messages if turn["role"] != "system"]
        if any(turn["role"] != ("user", "assistant")[place % 2] for place, turn in enumerate(spoken)):
            raise Unfit("an answer between its turns is not there, and the source holds them one after the other")
        if len(spoken) < len(messages) and not briefing:
            raise Unfit("it has a system turn, and the source has no place for one")
        self.undo(inner, [turn["content"] for turn in spoken])
        for expression in briefing:
            self.undo(expression, messages[0]["content"] if len(spoken) < len(messages) else None)

    def join(self) -> None:
        """Writes the columns that were gathered in two sides."""
        for name, joined in self._joined.items():
            text = joined.text(find_example(self._item.raw, name), self._item.fields.get("solution"))
            put_value(self.values, self._item.raw, name, text)


def _is_undoable(expression: Expression) -> bool:
    match expression:
        case Call(function="column", arguments=(Constant(type="text"),)):
            return True
        case Call(function=function, arguments=(inner,)) if function in _UNCHANGED:
            return _is_undoable(inner)
        case Call(function="remove_suffix", arguments=(inner, Constant(type="text"))):
            return _is_undoable(inner)
        case Call(function="before" | "after", arguments=(Call(function="column"), Constant(type="text"))):
            return True
        case Binary(operator="+" | "-", left=left, right=Constant(type="number")):
            return _is_undoable(left)
        case ListOf(items=items):
            return all(map(_is_undoable, items))
        case Call(function="dialogue", arguments=parts):
            return all(map(_is_undoable, parts))
        case _:
            return next(columns_of(expression), None) is None


def _write_mcq_answer(
    dataset: Dataset, item: Item, style: AnswerStyle, fields: Mapping[str, Expression]
) -> Any:
    """The answer as its source writes answers; a choice's label where the example's answer is one."""
    examples = [find_example(item.raw, name) for name in columns_of(fields["answer"])]
    choices = list(item.fields["choices"])
    described = [find_example(item.raw, name) for name in columns_of(fields["choices"])]
    return write_answer(
        choices.index(item.fields["answer"]),
        choices,
        style,
        examples[0] if examples else None,
        described[0] if len(described) == 1 else None,
    )


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        return None
    return number if number.is_finite() else None
