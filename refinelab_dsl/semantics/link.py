"""Linking: which declarations of imported files take part in a spec.

An import brings names; nothing of it acts until it is named. What takes part is what the spec's own declarations refer
to, what its `use` lists (a main dataset, dimensions, operators: what else acts by standing in a spec), and what these
refer to in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from refinelab_dsl import builtins, syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.semantics.directory import Directory
from refinelab_dsl.semantics.draft import Declared, Draft
from refinelab_dsl.semantics.spaces import Names, item_names
from refinelab_dsl.semantics.uses import close_over

USABLE = ("dataset", "dimension", "operator")


def link(
    top: Mapping[str, Any], blocks: Sequence[Declared], directory: Directory
) -> tuple[Draft, dict[str, tuple[Names, Names]]]:
    """The draft of what takes part; and the names that expressions over items, and over new ones, see in each file.

    top: the attributes of the spec itself. blocks: of all files, what is imported before what imports it.
    """
    used = top.get("use") or ()
    whole = Draft(top, tuple(_settle_role(block, used) for block in blocks))
    names = {
        namespace: (item_names(whole, directory, namespace), item_names(whole, directory, namespace, result=True))
        for namespace in directory.modules
    }
    items = {namespace: seen for namespace, (seen, _) in names.items()}
    taken = [(kind, name) for name in used for kind in USABLE]
    reached = close_over(whole.blocks, taken, directory, items)
    kept = tuple(each for each in whole.blocks if not each.namespace or (each.kind, each.name) in reached)
    return Draft(top, kept), names


def check_links(tree: syntax.Tree, directory: Directory) -> Iterator[Diagnostic]:
    """`use` of what stands in the spec itself, and statements of imported files that have no effect anywhere."""
    for statement in tree.statements:
        if isinstance(statement, syntax.Attribute) and statement.name == "use":
            value = statement.value
            for item in value.items if isinstance(value, syntax.ListOf) else (value,):
                name = item.parts[0] if isinstance(item, syntax.Reference) and len(item.parts) == 1 else ""
                if name and directory.find("", name, USABLE) is not None:
                    yield faults.own_use(item.span, name)
    for namespace, module in directory.modules.items():
        if namespace and not directory.declarations[namespace].get("output"):
            yield from _check_library(module.tree)


def _check_library(tree: syntax.Tree) -> Iterator[Diagnostic]:
    """What concerns a spec as a whole, in a file that is none: a file without `output` is there to be imported."""
    for statement in tree.statements:
        match statement:
            case syntax.Attribute(name="seed" | "use" as name):
                yield faults.stays_behind(statement.name_span, f"`{name}`")
            case syntax.Block(kind=kind) if kind in builtins.BLOCKS and builtins.BLOCKS[kind].whole:
                yield faults.stays_behind(statement.header_span, f"`{kind}`")


def _settle_role(block: Declared, used: Sequence[str]) -> Declared:
    """A dataset that is the main one of its own file is the main one here only where `use` says so; else its items
    are there to be compared with."""
    if block.kind != "dataset" or not block.namespace or block.name in used or block.get("role") != "main":
        return block
    return replace(block, values={**block.values, "role": "seeds"})
