"""The value types of the language and their units: what an attribute takes, and what its value is in Python.

A type says how a value is written and what `semantics.evaluate` makes of it. Units are settled here once:
shares are decimals in [0, 1], money is dollars, prices are dollars per token, durations are seconds, tokens and
counts are whole numbers. Nothing is ever a binary float.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

EXPRESSION_KINDS = ("text", "number", "money", "bool", "list", "label", "null", "any")
ExpressionKind: TypeAlias = Literal["text", "number", "money", "bool", "list", "label", "null", "any"]
"""What an expression over items yields. `any` is what a data column may hold."""


class Unset:
    """The type of `UNSET`: no default. An attribute without a default that was not written has no value."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


@dataclass(frozen=True, slots=True)
class Attribute:
    """One row of a schema: an attribute of a block, or a key of a closed map.

    default: its value in Python where it is not written; `UNSET` where there is none.
    reached: false for what the language has and no plan can execute yet; `only`: the one value that plans execute.
    unless: an attribute of the same block, and the words of it with which this one is not required.
    """

    name: str
    type: ValueType
    doc: str
    default: Any = UNSET
    required: bool = False
    reached: bool = True
    only: Any = UNSET
    unless: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """`"words"` or a text block. str."""


@dataclass(frozen=True, slots=True)
class Template:
    """A Jinja template: text, a text block, or `file("prompts/x.jinja")`. str."""


@dataclass(frozen=True, slots=True)
class Path:
    """`"data/x.csv"`, relative to the spec, inside the project's root. str, as written."""

    role: Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset's `source`: a path, a glob, or `"hf://owner/name"`. str, as written."""


@dataclass(frozen=True, slots=True)
class Word:
    """One of a closed list of words, bare or quoted. str. `later` are the words no plan can execute yet."""

    words: tuple[str, ...]
    later: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a declaration of one of these kinds. str. `of`: the roles of a dataset, or the `kind`s of another
    declaration, that serve here; any where there is none."""

    kinds: tuple[str, ...]
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Integer:
    """`3`, `1_000`, `10k`. int, within [low, high]."""

    low: int | None = 0
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """`0.5`, `-2`. Decimal, within [low, high]; `low` itself is left out where `open_low`."""

    low: Decimal | None = None
    high: Decimal | None = None
    open_low: bool = False


@dataclass(frozen=True, slots=True)
class Percent:
    """`25%`. Decimal share, within [low, high]; `low` itself is left out where `open_low`."""

    low: Decimal = Decimal(0)
    high: Decimal = Decimal(1)
    open_low: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """`400k`, `8M`, `1_000`. int."""


@dataclass(frozen=True, slots=True)
class Money:
    """`$0.15`. Decimal US dollars."""


@dataclass(frozen=True, slots=True)
class PerToken:
    """`$0.15 / 1M`. Decimal US dollars per token."""


@dataclass(frozen=True, slots=True)
class Duration:
    """`10s`, `2min`. Decimal seconds."""

    open_low: bool = False


@dataclass(frozen=True, slots=True)
class Bool:
    """`true`, `false`. bool."""


@dataclass(frozen=True, slots=True)
class Secret:
    """`env("OPENAI_API_KEY")`. str: the name of the variable, never its value."""


@dataclass(frozen=True, slots=True)
class Date:
    """`"2026-11-01"`. str, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Label:
    """`organic`, `"pre-algebra"`: a label. str."""


@dataclass(frozen=True, slots=True)
class Weights:
    """`{ organic = 25%, other = rest }`, `uniform()`, `preset("stress-test")`: a distribution. declarations.Target."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`. tuple. `least`: items at least; `alone`: one may stand without brackets; `distinct`: none twice."""

    item: ValueType
    least: int = 0
    alone: bool = False
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """`{ input = …, output = … }`: a map with a closed list of keys. dict of str to value."""

    entries: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class KeyedBy:
    """`{ topic = 5 }`: a map whose keys are names of declarations of a kind. dict of str to value."""

    kind: str
    value: ValueType


@dataclass(frozen=True, slots=True)
class MapTo:
    """`{ anything = value }`: a map with free keys. dict of str to value. `key` says what a key is."""

    value: ValueType
    key: str = "key"


@dataclass(frozen=True, slots=True)
class Form:
    """`between(900, 1_100)`, or a bare word such as `any`: a form of a context in `builtins.FUNCTIONS`. Formed."""

    context: str


@dataclass(frozen=True, slots=True)
class Either:
    """One of several types, told apart by how the value is written; the first that fits."""

    options: tuple[ValueType, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """`+1`, `-1`: steps along an ordered dimension. int, not 0."""


@dataclass(frozen=True, slots=True)
class FullCost:
    """`0.5 * full_cost`: a share of C, the expected cost of applying every operator once. Formed."""


@dataclass(frozen=True, slots=True)
class Over:
    """An expression over items: `where`, `prefer`, `accept`, `assert`, `fields`. expressions.Expression.

    context: which names and functions it sees: `rows` is a dataset's own `where`, before anything is measured.
    gives: what it must yield.
    """

    context: Literal["fields", "rows", "items", "accept", "assert"]
    gives: ExpressionKind


@dataclass(frozen=True, slots=True)
class Value:
    """An argument of an expression's function that is itself an expression and yields this."""

    gives: ExpressionKind


@dataclass(frozen=True, slots=True)
class Free:
    """Free-form JSON data (`params`, `meta`)."""


ValueType: TypeAlias = (
    Text
    | Template
    | Path
    | Source
    | Word
    | Name
    | Integer
    | Number
    | Percent
    | Tokens
    | Money
    | PerToken
    | Duration
    | Bool
    | Secret
    | Date
    | Label
    | Weights
    | ListOf
    | Record
    | KeyedBy
    | MapTo
    | Form
    | Either
    | Shift
    | FullCost
    | Over
    | Value
    | Free
)


@dataclass(frozen=True, slots=True)
class Formed:
    """The value of a `Form`: the function's name and its evaluated arguments (variadic ones as a tuple)."""

    function: str
    arguments: tuple[tuple[str, Any], ...] = ()

    def __getitem__(self, name: str) -> Any:
        return dict(self.arguments)[name]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function. `rest`: takes all further positional arguments, at least one."""

    name: str
    type: ValueType
    default: Any = UNSET
    rest: bool = False
    named: bool = False  # only as `name = value`

    @property
    def required(self) -> bool:
        return self.default is UNSET


_EXPRESSION_WORDS: Final[dict[str, str]] = {
    "text": "a text",
    "number": "a number",
    "money": "an amount of money",
    "bool": "true or false",
    "list": "a list",
    "label": "a label",
    "null": "null",
    "any": "a value",
}


def expression_kind(kind: ExpressionKind) -> str:
    """What an expression yields, in words: `a number`."""
    return _EXPRESSION_WORDS[kind]


def describe(type_: ValueType) -> str:
    """What is expected, in words, with an example: `a percentage such as `25%``."""
    match type_:
        case Text():
            return 'a text such as `"words"`'
        case Template():
            return 'a text, a text block, or `file("prompts/x.jinja")`'
        case Path(role="input"):
            return 'a path such as `"data/items.jsonl"`'
        case Path():
            return 'a path such as `"out/items.jsonl"`'
        case Source():
            return 'a path or a glob such as `"data/*.csv"`'
        case Word(words=words):
            return (
                ", ".join(f"`{word}`" for word in words[:-1]) + f" or `{words[-1]}`" if words[1:] else f"`{words[0]}`"
            )
        case Name(kinds=kinds):
            return "the name of " + " or ".join(f"{_article(kind)} {kind}" for kind in kinds)
        case Integer():
            return "a whole number such as `3`"
        case Number():
            return "a number such as `0.5`"
        case Percent():
            return "a percentage such as `25%`"
        case Tokens():
            return "a number of tokens such as `400k`"
        case Money():
            return "an amount of money such as `$0.15`"
        case PerToken():
            return "a price such as `$0.15 / 1M`"
        case Duration():
            return "a duration such as `10s`"
        case Bool():
            return "`true` or `false`"
        case Secret():
            return '`env("NAME")`'
        case Date():
            return 'a date such as `"2026-11-01"`'
        case Label():
            return 'a label such as `organic` or `"pre-algebra"`'
        case Weights():
            return "weights such as `{ organic = 60%, inorganic = rest }`, or `uniform()`"
        case ListOf(item=Label()):
            return 'a list of labels such as `[organic, "pre-algebra"]`'
        case ListOf(item=item):
            return f"a list, each entry {describe(item)}"
        case Record(entries=entries):
            return "a map with " + ", ".join(f"`{entry.name}`" for entry in entries)
        case KeyedBy(kind=kind, value=value):
            return f"a map from {kind} names to {describe(value)}"
        case MapTo(key=key, value=value):
            return f"a map from {key} to {describe(value)}"
        case Form(context=context):
            return _FORMS.get(context, f"one of the forms of {context}")
        case Either(options=options):
            return ", or ".join(dict.fromkeys(describe(option) for option in options))
        case Shift():
            return "`+1` or `-1`"
        case FullCost():
            return "a share of the full cost such as `0.5 * full_cost`"
        case Over(gives="bool"):
            return "a condition such as `topic == organic`"
        case Over(gives=gives) | Value(gives=gives):
            return f"an expression that gives {expression_kind(gives)}"
        case Free():
            return "plain data: texts, numbers, true, false, null, lists and maps"


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


_FORMS: Final[dict[str, str]] = {
    "bands": "a band such as `below(10)`, `between(10, 20)` or `above(20)`",
    "moves": "`any`, or labels such as `to(medium, hard)`",
    "sizes": "a range such as `between(900, 1_100)`",
    "least": "`at_least(60%)`",
    "weights": "a distribution such as `uniform()`",
    "corpora": '`wikipedia("en")` or `zim("wiki.zim")`',
    "retrieval": "`retrieve(corpus, top_k = 4)`",
    "labels": "`discover(8)`",
    "seeds": "`bootstrap(40)`",
    "joint": "`independent(topic, difficulty)`",
    "relaxation": "`relax(topic)`",
}
