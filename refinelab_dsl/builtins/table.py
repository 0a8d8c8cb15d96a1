"""What a row of the table of built-ins looks like."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from refinelab_dsl.expressions import Expression
from refinelab_dsl.types import Attribute, ExpressionKind, Parameter, ValueType

Context = Literal["fields", "rows", "items", "accept", "assert"]


@dataclass(frozen=True, slots=True)
class BlockKind:
    """A kind of block. label: what stands between kind and brace. once: at most one per file.

    attributes: those that every block of this kind may have; `kinds` adds those of its `kind = …`.
    whole: it says something of the spec as a whole, so it stays with its file: an import brings the other kinds.
    """

    name: str
    doc: str
    label: Literal["name", "title", "none"]
    attributes: tuple[Attribute, ...]
    once: bool = False
    reached: bool = True
    whole: bool = False


@dataclass(frozen=True, slots=True)
class PromptName:
    """A name that a prompt's template sees.

    holds: an `item` has the fields of the dataset, `dimensions` one entry per dimension, a `record` its `members`; a
        `list`, a `map` and a `word` have none that can be told.
    data: it holds text of the dataset or of a model, which only the user message sees.
    """

    name: str
    doc: str
    holds: Literal["item", "dimensions", "record", "list", "map", "word"]
    members: tuple[str, ...] = ()
    data: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """What a paid measure or validator asks a model about one item. most, usual: calls, at the most and as expected,
    repairs aside. output_tokens: of a usual reply; max_output_tokens: what one reply is held to."""

    most: int
    usual: Decimal
    output_tokens: int
    max_output_tokens: int


@dataclass(frozen=True, slots=True)
class MeasureKind:
    """`measure { kind = … }`. gives: what its value is; labels: the closed list of its values, where there is one.
    sees: what its calls provide to a prompt. asks: what it asks about one item, where it does."""

    name: str
    doc: str
    gives: ExpressionKind
    attributes: tuple[Attribute, ...] = ()
    labels: tuple[str, ...] = ()
    sees: tuple[PromptName, ...] = ()
    asks: Asking | None = None
    paid: bool = False
    reached: bool = False


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of one attempt before a pilot: success as a share, tokens of its main call."""

    success: Decimal
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class OperatorKind:
    """`operator { kind = … }`.

    effect: what an accepted result does to the counts (`optimisation.md`): `remove` the item leaves; `expand` one
        more in the same cell; `generate` one more in the target cell; `move` the item changes its cell; `fix` in place.
    calls: model calls of one attempt, its checks aside.
    without: attributes common to operators that mean nothing for this kind.
    moves: whether `moves` must be written, may be, or means nothing.
    max_per_item: default; None is unlimited.
    max_output_tokens: what one reply is held to, unless the model's `params` say otherwise.
    sees: what its calls provide to a prompt.
    """

    name: str
    doc: str
    effect: Literal["remove", "expand", "generate", "move", "fix"]
    calls: int
    prior: Prior
    max_output_tokens: int
    max_per_item: int | None
    moves: Literal["required", "optional", "none"]
    attributes: tuple[Attribute, ...] = ()
    without: tuple[str, ...] = ()
    sees: tuple[PromptName, ...] = ()
    tasks: tuple[str, ...] = ("mcq", "qa", "math", "code", "chat")
    reached: bool = False

    @property
    def adds_items(self) -> bool:
        return self.effect in ("expand", "generate")

    @property
    def judged(self) -> Literal["results", "alone"]:
        """How a judge among the checks sees a result: beside the item that it was made of, or alone (`JudgeRole`)."""
        return "alone" if self.effect == "generate" else "results"


@dataclass(frozen=True, slots=True)
class ContextName:
    """A name that an expression sees in `accept`: `similarity`. words: what a label may be, where it is closed."""

    name: str
    gives: ExpressionKind
    doc: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidatorKind:
    """`validator { kind = … }`. accept: whether it may, must, or cannot be written, and what stands by default.
    cosine: the default compares with this cosine of the embedding, where one is named (`COSINES`). sees: what its calls
    provide to a prompt. asks: what it asks about one item, where it does; `auto` asks by the prompts of the kinds that
    it routes to. answers: what it refutes it may find the right answer to."""

    name: str
    doc: str
    accept: Literal["required", "optional", "none"]
    default: Expression | None = None
    cosine: Literal["copy", "kept"] | None = None
    names: tuple[ContextName, ...] = ()
    items: bool = False  # `accept` also sees the fields and the measures of the result
    attributes: tuple[Attribute, ...] = ()
    sees: tuple[PromptName, ...] = ()
    asks: Asking | None = None
    tasks: tuple[str, ...] = ("mcq", "qa", "math", "code", "chat")
    answers: bool = False
    paid: bool = False
    reached: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function of one or several contexts. Forms (`between`, `to`) stand for values of attributes; those of
    `fields`, `items`, `accept` and `assert` compute over an item or a plan. `bare`: written without brackets.
    """

    name: str
    contexts: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    doc: str
    gives: ExpressionKind | None = None
    bare: bool = False
    reached: bool = True


@dataclass(frozen=True, slots=True)
class TaskKind:
    """`task = …`: the fields of its items. `reply` are those that a model gives back for a new item."""

    name: str
    doc: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    reply: tuple[str, ...]
    reached: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        return ("id", *self.required, *self.optional)


@dataclass(frozen=True, slots=True)
class Preset:
    """A built-in distribution over the labels of an ordered dimension, lowest first."""

    name: str
    doc: str
    shares: tuple[Decimal, ...]


__all__ = [
    "Asking",
    "Attribute",
    "BlockKind",
    "Context",
    "ContextName",
    "Function",
    "MeasureKind",
    "OperatorKind",
    "Parameter",
    "Preset",
    "Prior",
    "PromptName",
    "TaskKind",
    "ValidatorKind",
    "ValueType",
]
