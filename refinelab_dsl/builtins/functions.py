"""The closed list of functions and forms, by context."""

from __future__ import annotations

from typing import Final

from refinelab_dsl.builtins.table import Function
from refinelab_dsl.types import (
    Either,
    ExpressionKind,
    Form,
    Integer,
    Label,
    Name,
    Number,
    Over,
    Parameter,
    Path,
    Percent,
    Text,
    Value,
)

_ROWS: Final = ("fields", "rows", "items")
_ITEMS: Final = (*_ROWS, "accept")
_DIMENSION: Final = Name(("dimension",))


def _of(name: str, gives: ExpressionKind = "any") -> Parameter:
    return Parameter(name, Value(gives))


DATA: Final[tuple[Function, ...]] = (
    Function("column", _ROWS, (Parameter("name", Text()),), "the value of a column, as it came in", "any"),
    Function("stem", _ROWS, (), "the name of the item's file without its ending", "text"),
    Function("line", _ROWS, (), "the number of the item's line in its file, from 1", "number"),
    Function("row", _ROWS, (), "the number of the item's row in its file, from 1; a header is no row", "number"),
    Function(
        "dialogue",
        ("fields",),
        (_of("x"), Parameter("system", Value("any"), default=None, named=True)),
        "the turns of a conversation from a list of texts: the user's and the assistant's in turn",
        "list",
    ),
    Function(
        "asked",
        ("fields",),
        (_of("x"), Parameter("system", Value("any"), default=None, named=True)),
        "the turns of a conversation from a text or a list of texts, all of them the user's",
        "list",
    ),
    Function("len", _ITEMS, (_of("x"),), "characters of a text, or entries of a list", "number"),
    Function("words", _ITEMS, (_of("x", "text"),), "words of a text, parted by white space", "number"),
    Function("lower", _ITEMS, (_of("x", "text"),), "the text in lower case", "text"),
    Function("strip", _ITEMS, (_of("x", "text"),), "the text without white space at its ends", "text"),
    Function(
        "before", _ITEMS, (_of("x", "text"), Parameter("mark", Text())), "what stands before the last mark", "text"
    ),
    Function("after", _ITEMS, (_of("x", "text"), Parameter("mark", Text())), "what stands after the last mark", "text"),
    Function(
        "remove_suffix", _ITEMS, (_of("x", "text"), Parameter("suffix", Text())), "the text without this ending", "text"
    ),
    Function("number", _ITEMS, (_of("x"),), "the number that a text spells: `1,200` is 1200", "number"),
    Function(
        "matches",
        _ITEMS,
        (_of("x", "text"), Parameter("pattern", Text())),
        "whether a regular expression is found",
        "bool",
    ),
    Function(
        "z",
        ("items",),
        (Parameter("measure", Name(("measure",))),),
        "standard deviations by which the item's value lies above the mean of all items",
        "number",
    ),
)

ASSERTIONS: Final[tuple[Function, ...]] = (
    Function("jsd", ("assert",), (Parameter("dimension", _DIMENSION),), "divergence from the target, 0 to 1", "number"),
    Function(
        "share",
        ("assert",),
        (Parameter("dimension", _DIMENSION), Parameter("label", Label())),
        "share of a label",
        "number",
    ),
    Function(
        "count", ("assert",), (Parameter("condition", Over("items", "bool")),), "items that meet a condition", "number"
    ),
    Function("cost", ("assert",), (), "dollars", "money"),
    Function("tokens", ("assert",), (), "tokens, in and out", "number"),
    Function("size", ("assert",), (), "items", "number"),
    Function("distinct", ("assert",), (), "share of items that are no paraphrase of another", "number"),
    Function("error_rate", ("assert",), (), "share of wrong items, from an audit", "number"),
    Function(
        "distractor_diversity",
        ("assert",),
        (),
        "mean entropy of mistake types per item, 0 to 1",
        "number",
    ),
    Function(
        "accepted",
        ("assert",),
        (Parameter("operator", Name(("operator",))),),
        "accepted results of an operator",
        "number",
    ),
)

FORMS: Final[tuple[Function, ...]] = (
    Function("below", ("bands",), (Parameter("high", Number()),), "values under `high`"),
    Function("between", ("bands",), (Parameter("low", Number()), Parameter("high", Number())), "`low` to under `high`"),
    Function("above", ("bands",), (Parameter("low", Number()),), "`low` and more"),
    Function("to", ("moves",), (Parameter("labels", Label(), rest=True),), "any of these labels"),
    Function("any", ("moves",), (), "any label", bare=True),
    Function(
        "between",
        ("sizes",),
        (Parameter("low", Integer(1)), Parameter("high", Integer(1))),
        "at least `low` and at most `high` items",
    ),
    Function("at_least", ("least",), (Parameter("share", Percent()),), "this share or more"),
    Function("uniform", ("weights",), (), "the same share for each label"),
    Function("preset", ("weights",), (Parameter("name", Text()),), "a built-in distribution"),
    Function(
        "load",
        ("weights", "joint"),
        (
            Parameter("path", Path("input")),
            Parameter("key", Text(), named=True),
            Parameter("value", Text(), named=True),
        ),
        "shares from a CSV file: labels in column `key`, shares in column `value`",
    ),
    Function(
        "like",
        ("weights",),
        (Parameter("dataset", Name(("dataset",))),),
        "the mix of another dataset under the same measure",
    ),
    Function(
        "independent", ("joint",), (Parameter("dimensions", _DIMENSION, rest=True),), "the product of the targets"
    ),
    Function("wikipedia", ("corpora",), (Parameter("language", Text()),), "Wikipedia over the network"),
    Function("zim", ("corpora",), (Parameter("path", Path("input")),), "an offline copy of Wikipedia"),
    Function(
        "retrieve",
        ("retrieval",),
        (
            Parameter("corpus", Either((Form("corpora"), Name(("dataset",), of=("corpus",))))),
            Parameter("top_k", Integer(1), default=4),
        ),
        "the passages nearest to the item",
    ),
    Function("discover", ("labels",), (Parameter("count", Integer(2)),), "labels found in the items themselves"),
    Function("bootstrap", ("seeds",), (Parameter("count", Integer(2)),), "a rated seed set made from the items"),
    Function(
        "relax", ("relaxation",), (Parameter("dimension", _DIMENSION, rest=True),), "give way on these dimensions"
    ),
    Function("file", ("texts",), (Parameter("path", Path("input")),), "the text of a file"),
    Function("env", ("secrets",), (Parameter("name", Text()),), "an environment variable, read when it is used"),
    Function("mix", ("weights",), (), "a mixture of distributions held by variables: `mix(a = 40%, b = 60%)`"),
)

FUNCTIONS: Final[tuple[Function, ...]] = (*DATA, *ASSERTIONS, *FORMS)


def function(context: str, name: str) -> Function | None:
    """The function `name` of a context, None where there is none."""
    return next((row for row in FUNCTIONS if row.name == name and context in row.contexts), None)


def functions(context: str) -> tuple[Function, ...]:
    """All functions of a context."""
    return tuple(row for row in FUNCTIONS if context in row.contexts)


def contexts_of(name: str) -> tuple[str, ...]:
    """The contexts in which a function of this name exists."""
    return tuple(dict.fromkeys(context for row in FUNCTIONS if row.name == name for context in row.contexts))
