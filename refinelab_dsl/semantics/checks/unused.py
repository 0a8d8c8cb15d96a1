"""Declarations that nothing refers to: they have no effect, which is rarely meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from refinelab_dsl import syntax, types
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.readings import readings
from refinelab_dsl.semantics.schema import find_schema

_KINDS = ("measure", "model", "embedding", "prompt", "validator", "judge", "variable")


def check_unused(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Warns of measures, models, prompts, validators and variables without a use. In a file with broken statements
    or wrong values, which may have meant to use anything, of none."""
    if bindings.broken or any(each.is_broken(*each.written) for each in bindings.draft.blocks):
        return
    used: set[tuple[str, str]] = set()
    for declared in bindings.draft.blocks:
        schema = find_schema(declared.block)
        for name, attribute in schema.attributes.items() if schema is not None else ():
            if name in declared.values:
                used.update(_references(declared.values[name], attribute.type))
        for reading in readings(declared):
            used.update(("measure", word) for word in _words(reading.written))
        for attribute_ in declared.written.values():
            used.update(("variable", word) for word in _variables(attribute_.value))
    for statement in tree.statements:
        if isinstance(statement, syntax.Attribute):
            used.update(("variable", word) for word in _variables(statement.value))
    for kind in _KINDS:
        for name, block in bindings.declarations.get(kind, {}).items():
            if (kind, name) not in used and name.isidentifier():
                yield faults.unused(block.label_span or block.kind_span, kind, name)


def _references(value: Any, type_: types.ValueType) -> Iterator[tuple[str, str]]:
    """What a value refers to: (kind, name)."""
    match type_:
        case types.Name(kinds=kinds) if isinstance(value, str):
            yield from ((kind, value) for kind in kinds)
        case types.ListOf(item=item) if isinstance(value, tuple):
            for each in value:
                yield from _references(each, item)
        case (types.KeyedBy() | types.MapTo()) as map_ if isinstance(value, dict):
            for key, each in value.items():
                if isinstance(map_, types.KeyedBy):
                    yield map_.kind, key
                yield from _references(each, map_.value)
        case types.Either(options=options):
            for option in options:
                yield from _references(value, option)
        case types.Form() if isinstance(value, types.Formed):
            for _, argument in value.arguments:
                if isinstance(argument, str):
                    yield "dataset", argument


def _words(expression: syntax.Expression) -> Iterator[str]:
    """Bare names in an expression."""
    match expression:
        case syntax.Reference(parts=(word,)):
            yield word
        case syntax.Unary(operand=operand):
            yield from _words(operand)
        case syntax.Binary(left=left, right=right):
            yield from _words(left)
            yield from _words(right)
        case syntax.ListOf(items=items):
            for item in items:
                yield from _words(item)
        case syntax.Call(arguments=arguments):
            for argument in arguments:
                yield from _words(argument.value)


def _variables(expression: syntax.Expression) -> Iterator[str]:
    """Variables in an expression; `mix(a = 40%)` names them without `var.`."""
    match expression:
        case syntax.Reference(parts=("var", name)):
            yield name
        case syntax.Unary(operand=operand):
            yield from _variables(operand)
        case syntax.Binary(left=left, right=right):
            yield from _variables(left)
            yield from _variables(right)
        case syntax.ListOf(items=items):
            for item in items:
                yield from _variables(item)
        case syntax.MapOf(pairs=pairs):
            for pair in pairs:
                yield from _variables(pair.value)
                yield pair.key  # `with = { x = … }` of a test
        case syntax.Call(function=function, arguments=arguments):
            for argument in arguments:
                yield from _variables(argument.value)
                if function.parts == ("mix",) and argument.name is not None:
                    yield argument.name
