"""`resolve`: names to declarations, literals to values.

Afterwards every reference that an attribute makes has a declaration, every variable and every literal has a value of
its attribute's type, or there is an RF2xxx for it. Expressions over items are read by `check`, once all is known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics import order, variables
from refinelab_dsl.semantics.bindings import Bindings, Options, View
from refinelab_dsl.semantics.directory import Directory
from refinelab_dsl.semantics.draft import Declared, Use
from refinelab_dsl.semantics.evaluate import Evaluator, Scope
from refinelab_dsl.semantics.files import Files
from refinelab_dsl.semantics.link import check_links, link
from refinelab_dsl.semantics.lookups import Lookups
from refinelab_dsl.semantics.modules import Module, load_modules
from refinelab_dsl.semantics.requires import check_requires
from refinelab_dsl.semantics.schema import Schema, find_schema
from refinelab_dsl.semantics.written import find_calls
from refinelab_dsl.source import Sources, Span
from refinelab_dsl.types import UNSET, Attribute

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def resolve(
    tree: syntax.Tree,
    sources: Sources,
    options: Options = Options(),  # noqa: B008 - frozen
) -> tuple[Bindings, Diagnostics]:
    """The bindings of a tree and of the files that it imports, and what is wrong with their names and values
    (`RF20xx`, `RF21xx`; `RF1xxx` in imported files).

    Reads the files that the spec is made of (`import "…"`, `file("…")`, `load("…")`), nothing else.
    """
    found: list[Diagnostic] = []
    files = Files(options.project, options.allow_outside, tree.span.file.rpartition("/")[0], unsaved=options.unsaved)
    modules, sources = load_modules(tree, sources, files, found)
    modules = {name: module.believing(_meant(module.tree)) for name, module in modules.items()}
    directory = Directory(modules, {name: _collect(module.tree, found) for name, module in modules.items()})
    names = {name: Lookups(directory, module, found) for name, module in modules.items()}
    scopes = {
        name: Scope({}, names[name].lookup, replace(files, prefix=module.folder), sources, found)
        for name, module in modules.items()
    }
    settled = {
        name: variables.settle_variables(
            module, directory.declarations[name].get("variable", {}), scopes[name], options
        )
        for name, module in modules.items()
    }
    views = {name: variables.view_variables(module, modules, settled) for name, module in modules.items()}
    blocks: list[Declared] = []
    top: dict[str, Any] = {}
    for name, module in modules.items():
        scope = replace(scopes[name], variables=views[name])
        top, declared = _evaluate_module(module, directory.declarations[name], scope)
        blocks.extend(declared)
    misnamed = {name: names[name].report(sources) for name in modules}
    directory = replace(
        directory, modules={name: module.believing(misnamed[name]) for name, module in modules.items()}
    )
    draft, seen = link(top, blocks, directory)
    found.extend(check_links(tree, directory))
    found.extend(variables.find_needed(draft.blocks, views, options))
    texts = sources.including(*files.texts.values())
    bindings = Bindings(
        directory,
        {name: View(views[name], *seen[name]) for name in modules},
        frozenset(directory.modules[""].tree.broken),
        {variable.name: variable for each in settled.values() for variable in each.values()},
        files.texts,
        texts,
        options,
        draft,
    )
    if not bindings.is_library:
        found.extend(variables.refuse_undeclared(directory, options))
    return bindings, order.in_order(found, texts)


def _collect(tree: syntax.Tree, found: list[Diagnostic]) -> dict[str, dict[str, syntax.Block]]:
    """Declarations by kind and name; unnamed kinds under the empty name, titled ones under their title."""
    declarations: dict[str, dict[str, syntax.Block]] = {}
    imports: dict[str, syntax.Import] = {}
    for statement in tree.statements:
        match statement:
            case syntax.Import():
                first = imports.setdefault(statement.name, statement)
                if first is not statement:
                    found.append(faults.duplicate_declaration(statement.span, "import", statement.name, first.span))
            case syntax.Block():
                kind = builtins.BLOCKS.get(statement.kind)
                if kind is None:
                    near = nearest(statement.kind, builtins.BLOCKS)
                    found.append(faults.unknown_block(statement.kind_span, statement.kind, near))
                    continue
                _declare(statement, kind, declarations.setdefault(kind.name, {}), found)
    return declarations


def _meant(tree: syntax.Tree) -> Iterator[tuple[str, str | None]]:
    """What blocks of unknown kinds or without a name may have been meant to declare. It counts as declared: what is
    wrong with the block is said once, and not again wherever the name is used."""
    for kind, name in tree.broken:
        if kind not in builtins.BLOCKS and kind not in ("import", "edition"):
            yield from ((near, name) for near in nearest(kind, builtins.BLOCKS) or builtins.BLOCKS)
    for block in tree.statements:
        if isinstance(block, syntax.Attribute) and block.name in builtins.BLOCKS:
            yield block.name, None  # `budget = { … }`
        if not isinstance(block, syntax.Block):
            continue
        if block.kind in builtins.BLOCKS:
            if block.label is None and builtins.BLOCKS[block.kind].label == "name":
                yield block.kind, None
            continue
        if block.label is not None and block.label in builtins.BLOCKS:
            yield block.label, block.kind  # `topic dimension { … }`
            continue
        for kind in (nearest(block.kind, builtins.BLOCKS) if block.label else ()) or builtins.BLOCKS:
            yield kind, block.label or block.kind


def _declare(
    block: syntax.Block, kind: builtins.BlockKind, known: dict[str, syntax.Block], found: list[Diagnostic]
) -> None:
    span = block.label_span or block.kind_span
    match kind.label:
        case "none":
            if block.label is not None:
                found.append(faults.block_with_name(span, kind.name, block.kind_span))
            if "" in known:
                found.append(faults.duplicate_block(block.header_span, kind.name, known[""].header_span))
                return
            known[""] = block
            return
        case "name" if block.label is None:
            found.append(faults.block_without_name(span, kind.name))
            known[f"({len(known)})"] = block
            return
        case "title" if not (block.label or "").strip():
            found.append(faults.block_without_title(span, kind.name))
            known[f"({len(known)})"] = block
            return
        case "name" if not _NAME.fullmatch(block.label or ""):
            found.append(faults.bad_name(span, kind.name, block.label or ""))
    assert block.label is not None
    if block.label in known:
        first = known[block.label]
        found.append(faults.duplicate_declaration(span, kind.name, block.label, first.label_span or first.kind_span))
        return
    known[block.label] = block


def _evaluate_module(
    module: Module, declarations: Mapping[str, Mapping[str, syntax.Block]], scope: Scope
) -> tuple[dict[str, Any], list[Declared]]:
    """The attributes at the top of a file, and its blocks."""
    top = _evaluate_top(module.tree, scope)
    kept = {id(block): name for blocks in declarations.values() for name, block in blocks.items()}
    blocks: list[Declared] = []
    for statement in module.tree.statements:
        match statement:
            case syntax.Block() if statement.kind == "variable":
                _check_form(statement, scope)
            case syntax.Block():
                schema = find_schema(statement)
                if schema is not None:
                    declared = _evaluate_block(statement, schema, kept.get(id(statement)), module, scope)
                    if id(statement) in kept:
                        blocks.append(declared)
    return top, blocks


def _evaluate_top(tree: syntax.Tree, scope: Scope) -> dict[str, Any]:
    attributes = {attribute.name: attribute for attribute in builtins.TOP}
    written = [statement for statement in tree.statements if isinstance(statement, syntax.Attribute)]
    values, _ = _evaluate_attributes(written, attributes, {}, "the spec", False, scope, [], tuple(builtins.BLOCKS))
    requires = next((each for each in written if each.name == "requires"), None)
    if requires is not None and isinstance(values.get("requires"), str):
        scope.found.extend(check_requires(values["requires"], requires.value.span))
    return _with_defaults(values, attributes, {each.name for each in written})


def _evaluate_block(block: syntax.Block, schema: Schema, name: str | None, module: Module, scope: Scope) -> Declared:
    kind = schema.block
    later = [] if kind.reached else [(f"block `{kind.name}`", block.header_span)]
    label = block.label if kind.label != "none" and block.label is not None else ""
    title = f"{kind.name} `{label}`" if label else f"`{kind.name}`"
    _refuse_nested(block, schema.attributes, scope)
    written = [statement for statement in block.body if isinstance(statement, syntax.Attribute)]
    beyond: list[tuple[str, Span]] = []
    of_kind = schema.row.name if schema.row is not None else ""
    values, first = _evaluate_attributes(
        written, schema.attributes, schema.foreign, title, schema.lenient, scope, beyond, (), of_kind
    )
    if kind.reached:
        later.extend(beyond)
        later.extend(_unreached_defaults(block, schema, title, first))
    for attribute in schema.attributes.values():
        if attribute.required and attribute.name not in first and not _is_excused(attribute, values, first):
            example = types.describe(attribute.type)
            scope.found.append(faults.missing_attribute(block.header_span, attribute.name, title, example))
    values = _with_defaults(values, schema.attributes, set(first))
    own = label if name is None else (name if label else "")
    uses = tuple(Use(what, span) for what, span in dict.fromkeys(later))
    qualified = module.qualify(own) if own else ""
    return Declared(kind.name, qualified, block, values, first, schema.row, module.namespace, uses)


def _is_excused(attribute: Attribute, values: Mapping[str, Any], written: Mapping[str, syntax.Attribute]) -> bool:
    """Whether what else stands in the block makes a required attribute mean nothing, or cannot be read."""
    if attribute.unless is None:
        return False
    name, words = attribute.unless
    return values.get(name) in words or (name in written and name not in values)


def _unreached_defaults(
    block: syntax.Block, schema: Schema, title: str, written: Mapping[str, syntax.Attribute]
) -> Iterator[tuple[str, Span]]:
    """Words of later plans that hold where nothing is written."""
    if schema.row is not None and not schema.row.reached:
        return
    for attribute in schema.attributes.values():
        later = attribute.type.later if isinstance(attribute.type, types.Word) else ()
        if attribute.default in later and attribute.name not in written:
            yield f"`{attribute.name} = {attribute.default}` of {title}", block.header_span


def _evaluate_attributes(
    written: list[syntax.Attribute],
    attributes: Mapping[str, Attribute],
    foreign: Mapping[str, tuple[str, ...]],
    owner: str,
    lenient: bool,
    scope: Scope,
    later: list[tuple[str, Span]],
    blocks: tuple[str, ...],
    kind: str = "",
) -> tuple[dict[str, Any], dict[str, syntax.Attribute]]:
    """Values by attribute (those that have one), and how each attribute is written."""
    values: dict[str, Any] = {}
    first: dict[str, syntax.Attribute] = {}
    mistyped: dict[str, syntax.Attribute] = {}
    for statement in written:
        name = statement.name
        if name in first:
            scope.found.append(faults.duplicate_attribute(statement.name_span, name, first[name].name_span))
            continue
        attribute = attributes.get(name)
        if attribute is None:
            if name in foreign:
                if not lenient:
                    of_kind = f"kind `{kind}`" if kind else owner
                    scope.found.append(faults.foreign_attribute(statement.name_span, name, of_kind, foreign[name]))
                first[name] = statement
            elif name in blocks:
                body = statement.value.span if isinstance(statement.value, syntax.MapOf) else None
                scope.found.append(faults.attribute_for_block(statement.name_span, name, body))
            else:
                near = nearest(name, [*attributes, *foreign])
                known = tuple(attributes)
                scope.found.append(faults.unknown_attribute(statement.name_span, name, owner, near, known))
                mistyped.update(dict.fromkeys(near, statement))
            continue
        first[name] = statement
        evaluator = Evaluator(scope, f"`{name}`", owner, statement.name_span)
        value = evaluator.evaluate(statement.value, attribute.type)
        if value is UNSET:
            continue
        values[name] = value
        later.extend(_unreached_calls(value, attribute.type, owner))
        if not attribute.reached:
            later.append((f"`{name}` of {owner}", statement.span))
        elif attribute.only is not UNSET and value != attribute.only:
            later.append((f"`{name}` of {owner} other than `{attribute.only}`", statement.span))
        later.extend((f"{what} of {owner}" if " = " in what else what, span) for what, span in evaluator.later)
    # A misspelt attribute counts as written, and wrong: that it is missing has been said once.
    return values, {**mistyped, **first}


def _unreached_calls(value: Any, type_: types.ValueType, owner: str) -> Iterator[tuple[str, Span]]:
    """Functions in an expression that no plan can compute yet."""
    if isinstance(type_, types.Over):
        for call in find_calls(value):
            row = builtins.function(type_.context, ".".join(call.function.parts))
            if row is not None and not row.reached:
                yield f"`{row.name}()` in {owner}", call.span


def _with_defaults(values: dict[str, Any], attributes: Mapping[str, Attribute], written: set[str]) -> dict[str, Any]:
    defaults = {
        name: attribute.default
        for name, attribute in attributes.items()
        if name not in written and attribute.default is not UNSET
    }
    return {**values, **defaults}


def _refuse_nested(block: syntax.Block, attributes: Collection[str], scope: Scope) -> None:
    for statement in block.body:
        match statement:
            case syntax.Block():
                is_attribute = statement.kind in attributes and statement.label is None
                span, kind = statement.kind_span, statement.kind
                scope.found.append(faults.nested_block(span, kind, block.kind, statement.header_span, is_attribute))
            case syntax.Import():
                scope.found.append(faults.nested_import(statement.span))


def _check_form(block: syntax.Block, scope: Scope) -> None:
    """The attributes of a variable; `type` and `default` have been read already."""
    attributes = {attribute.name: attribute for attribute in builtins.BLOCKS["variable"].attributes}
    _refuse_nested(block, attributes, scope)
    quiet = replace(scope, found=[])
    label = block.label or ""
    title = f"variable `{label}`"
    written = [statement for statement in block.body if isinstance(statement, syntax.Attribute)]
    own = {name: row for name, row in attributes.items() if name == "help"}
    _evaluate_attributes([each for each in written if each.name in own], own, {}, title, False, scope, [], ())
    _evaluate_attributes(
        [each for each in written if each.name not in own], attributes, {}, title, False, quiet, [], ()
    )
    structural = ("RF2010", "RF2012")
    scope.found.extend(each for each in quiet.found if each.code in structural)
