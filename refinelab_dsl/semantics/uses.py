"""What declarations refer to: what of an import takes part, and what nothing refers to, is told from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.semantics.directory import Directory
from refinelab_dsl.semantics.draft import Declared
from refinelab_dsl.semantics.readings import readings
from refinelab_dsl.semantics.schema import find_schema
from refinelab_dsl.semantics.spaces import Names

Target: TypeAlias = tuple[str, str]
"""A kind and a qualified name of it. What an attribute of several kinds refers to is given for each of them."""

Reference: TypeAlias = tuple[str, str, str]
"""An attribute, and a target that it refers to."""


def find_uses(declared: Declared, directory: Directory, items: Names) -> Iterator[Target]:
    """What a declaration refers to. items: the names that expressions over items see in its file."""
    for _, kind, name in find_references(declared, directory, items):
        yield kind, name


def find_references(declared: Declared, directory: Directory, items: Names) -> Iterator[Reference]:
    """What a declaration refers to, with the attribute that does."""
    schema = find_schema(declared.block)
    for name, attribute in schema.attributes.items() if schema is not None else ():
        if name in declared.values:
            for expected, used in find_names(declared.values[name], attribute.type):
                yield from ((name, kind, used) for kind in expected.kinds)
    for reading in readings(declared):
        for target in _in_expression(reading.written, reading.type.context, declared.namespace, directory, items):
            yield reading.attribute, *target


def close_over(
    blocks: Iterable[Declared], named: Iterable[Target], directory: Directory, items: Mapping[str, Names]
) -> frozenset[Target]:
    """The spec's own blocks, `named` ones, and all that these refer to, directly or not. items: names by namespace."""
    index = {(block.kind, block.name): block for block in blocks}
    waiting = [target for target, block in index.items() if not block.namespace]
    waiting += [target for target in named if target in index]
    reached: set[Target] = set()
    while waiting:
        target = waiting.pop()
        if target in reached:
            continue
        reached.add(target)
        block = index[target]
        waiting += [each for each in find_uses(block, directory, items[block.namespace]) if each in index]
    return frozenset(reached)


def find_names(value: Any, type_: types.ValueType) -> Iterator[tuple[types.Name, str]]:
    """The qualified names in a value, each with what it is expected to be the name of."""
    match type_:
        case types.Name() if isinstance(value, str):
            yield type_, value
        case types.ListOf(item=item) if isinstance(value, tuple):
            for each in value:
                yield from find_names(each, item)
        case (types.KeyedBy() | types.MapTo()) as map_ if isinstance(value, dict):
            for key, each in value.items():
                if isinstance(map_, types.KeyedBy):
                    yield types.Name((map_.kind,)), key
                yield from find_names(each, map_.value)
        case types.Either(options=options):
            for option in options:
                yield from find_names(value, option)
        case types.Form(context=context) if isinstance(value, types.Formed):
            yield from _in_form(value, context)
        case types.Weights() if isinstance(value, types.Formed):
            yield from _in_form(value, "weights")


def _in_form(value: types.Formed, context: str) -> Iterator[tuple[types.Name, str]]:
    row = builtins.function(context, value.function)
    for parameter in row.parameters if row is not None else ():
        given = value[parameter.name]
        for each in given if parameter.rest else (given,):
            yield from find_names(each, parameter.type)


def _in_expression(
    expression: syntax.Expression, context: str, namespace: str, directory: Directory, items: Names
) -> Iterator[Target]:
    match expression:
        case syntax.Reference(parts=parts):
            known = items.known.get(".".join(parts))
            if known is not None and known.space in ("measure", "dimension"):
                yield known.space, known.name
        case syntax.Call(function=function, arguments=arguments):
            row = builtins.function(context, ".".join(function.parts))
            for parameter, argument in zip(row.parameters if row is not None else (), arguments, strict=False):
                match parameter.type, argument.value:
                    case types.Name(kinds=kinds), syntax.Reference(parts=parts):
                        name = directory.find(namespace, ".".join(parts), kinds)
                        if name is not None:
                            yield from ((kind, name) for kind in kinds)
                    case types.Over(context=inner), written:
                        yield from _in_expression(written, inner, namespace, directory, items)
                    case _, written:
                        yield from _in_expression(written, context, namespace, directory, items)
        case syntax.Unary(operand=operand):
            yield from _in_expression(operand, context, namespace, directory, items)
        case syntax.Binary(left=left, right=right):
            for side in (left, right):
                yield from _in_expression(side, context, namespace, directory, items)
        case syntax.ListOf(items=parts_):
            for part in parts_:
                yield from _in_expression(part, context, namespace, directory, items)
