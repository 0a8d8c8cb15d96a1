"""What of the language examples use, and what there is to use: entries such as `operator.expand.style`, `solve.solver =
glpk`, `assert: share()`."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from refinelab_dsl import builtins, resources, syntax, types
from refinelab_dsl.semantics.schema import find_schema, known_kinds
from refinelab_dsl.semantics.written import find_calls, word_of
from refinelab_dsl.source import Source
from refinelab_dsl.syntax import layout
from refinelab_dsl.syntax.grammar import GRAMMAR, load_table
from refinelab_dsl.syntax.lex import lex
from refinelab_dsl.types import Attribute, ValueType

_FORMS_OF_TEXT = {types.Template: "texts", types.Secret: "secrets", types.Weights: "weights"}


def list_productions() -> set[str]:
    """Every production of the grammar, those of its repetitions aside."""
    return {str(rule) for rule in load_table().rules if not rule.origin.name.startswith("__")}


def find_productions(source: Source) -> set[str]:
    """The productions by which a text that parses is read."""
    found: set[str] = set()
    parser: Any = load_table().parse_interactive()
    configuration = copy.copy(parser.parser_state.parse_conf)

    def watched(rule: Any, build: Any) -> Any:
        def call(children: Any) -> Any:
            found.add(str(rule))
            return build(children)

        return call

    configuration.callbacks = {rule: watched(rule, build) for rule, build in configuration.callbacks.items()}
    parser.parser_state.parse_conf = configuration
    from lark import Token

    for token in layout.filter_newlines(lex(source, source.text).tokens):
        parser.feed_token(Token(token.type, token.text))
    parser.feed_eof()
    return found


def list_spellings() -> set[str]:
    """Every operator, word and unit that the grammar's terminals spell out."""
    grammar = resources.read(GRAMMAR)
    found = set(re.findall(r'"([^"\n ]+)"', "\n".join(re.findall(r"^[A-Z]+: (\".*)$", grammar, re.M))))
    units = re.findall(r"^(?:COUNT|DURATION)\.2: .*\)\?(?:\(\?:([a-z|]+)\)|\[([a-zA-Z]+)\])\(\?!", grammar, re.M)
    return found | {unit for words, letters in units for unit in (words.split("|") if words else letters)}


def find_spellings(source: Source) -> Iterator[str]:
    """The operators and words of a text, and the units of its numbers."""
    for token in lex(source, source.text).tokens:
        unit = re.fullmatch(r"[\d_.]+([A-Za-z]+)", token.text)
        yield unit[1] if unit is not None and token.type in ("COUNT", "DURATION") else token.text


def list_entries() -> set[str]:
    """Every kind of block, attribute, key, word, kind, function and preset of the table."""
    found = {f"top.{attribute.name}" for attribute in builtins.TOP}
    for kind in builtins.BLOCKS.values():
        found.add(kind.name)
        for attribute in kind.attributes:
            found.update(_list_attribute(kind.name, attribute))
        for row in known_kinds(kind.name).values():
            for attribute in row.attributes:
                found.update(_list_attribute(f"{kind.name}.{row.name}", attribute))
    for function in builtins.FUNCTIONS:
        found.update(f"{context}: {function.name}()" for context in function.contexts)
    found.update(f"preset {name}" for name in builtins.PRESETS)
    return found


def find_entries(tree: syntax.Tree) -> Iterator[str]:
    """The entries that a tree uses."""
    for statement in tree.statements:
        if isinstance(statement, syntax.Attribute):
            yield f"top.{statement.name}"
        schema = find_schema(statement) if isinstance(statement, syntax.Block) else None
        if not isinstance(statement, syntax.Block) or schema is None:
            continue
        yield schema.block.name
        common = {attribute.name for attribute in schema.block.attributes}
        for written in statement.body:
            if isinstance(written, syntax.Attribute) and written.name in schema.attributes:
                owner = schema.block.name
                if written.name not in common and schema.row is not None:
                    owner = f"{owner}.{schema.row.name}"
                yield f"{owner}.{written.name}"
                yield from _find_value(f"{owner}.{written.name}", schema.attributes[written.name].type, written.value)


def _list_attribute(owner: str, attribute: Attribute) -> Iterator[str]:
    path = f"{owner}.{attribute.name}"
    yield path
    yield from _list_value(path, attribute.type)


def _list_value(path: str, type_: ValueType) -> Iterator[str]:
    match type_:
        case types.Word(words=words):
            yield from (f"{path} = {word}" for word in words)
        case types.Record(entries=entries):
            for entry in entries:
                yield from _list_attribute(path, entry)
        case types.ListOf(item=inner) | types.MapTo(value=inner) | types.KeyedBy(value=inner):
            yield from _list_value(path, inner)
        case types.Either(options=options):
            for option in options:
                yield from _list_value(path, option)


def _find_value(path: str, type_: ValueType, value: syntax.Expression) -> Iterator[str]:
    match type_:
        case types.Word(words=words) if word_of(value) in words:
            yield f"{path} = {word_of(value)}"
        case types.Record(entries=entries) if isinstance(value, syntax.MapOf):
            inner = {entry.name: entry.type for entry in entries}
            for pair in value.pairs:
                yield f"{path}.{pair.key}"
                yield from _find_value(f"{path}.{pair.key}", inner[pair.key], pair.value)
        case types.MapTo(value=each) | types.KeyedBy(value=each) if isinstance(value, syntax.MapOf):
            for pair in value.pairs:
                yield from _find_value(path, each, pair.value)
        case types.ListOf(item=each):
            for item in value.items if isinstance(value, syntax.ListOf) else (value,):
                yield from _find_value(path, each, item)
        case types.Either(options=options):
            for option in options:
                yield from _find_value(path, option, value)
        case types.Form(context=context):
            yield from _find_functions(context, value)
        case types.Over(context=context):
            yield from _find_functions(context, value)
        case _ if type(type_) in _FORMS_OF_TEXT:
            yield from _find_functions(_FORMS_OF_TEXT[type(type_)], value)
    if isinstance(type_, types.Weights) and isinstance(value, syntax.Call) and value.function.parts == ("preset",):
        yield f"preset {word_of(value.arguments[0].value)}"


def _find_functions(context: str, value: syntax.Expression) -> Iterator[str]:
    for call in find_calls(value):
        name = ".".join(call.function.parts)
        yield f"{context}: {name}()"
        row = builtins.function(context, name)
        for parameter, argument in zip(row.parameters if row is not None else (), call.arguments, strict=False):
            if isinstance(parameter.type, types.Over):
                yield from _find_functions(parameter.type.context, argument.value)
    if isinstance(value, syntax.Reference) and (row := builtins.function(context, ".".join(value.parts))) and row.bare:
        yield f"{context}: {row.name}()"
