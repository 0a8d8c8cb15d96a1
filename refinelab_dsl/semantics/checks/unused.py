"""Declarations that nothing refers to: they have no effect, which is rarely meant."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.measures.detected import DETECTED
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.uses import find_uses
from refinelab_dsl.semantics.written import find_references, find_variables

SCRUB = "scrub"
"""It looks with the eyes of the spec's detectors without naming them."""

_KINDS = ("measure", "model", "embedding", "prompt", "validator", "judge", "variable")


def check_unused(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Warns of measures, models, prompts, validators, variables and imports without a use. In a file with
    broken statements or wrong values, which may have meant to use anything, of none; in a file that is there to be
    imported, of imports alone."""
    if bindings.broken or any(each.is_broken(*each.written) for each in bindings.draft.blocks):
        return
    yield from _check_imports(tree, bindings)
    if bindings.is_library:
        return
    own = [declared for declared in bindings.draft.blocks if not declared.namespace]
    used: set[tuple[str, str]] = set()
    for declared in own:
        used.update(find_uses(declared, bindings.directory, bindings.views[""].items))
    for attribute in _attributes(tree):
        used.update(("variable", word) for word in find_variables(attribute.value))
    if any(each.operator is not None and each.operator.name == SCRUB for each in own):
        used.update(("measure", each.name) for each in own if each.measure and each.measure.name in DETECTED)
    for kind in _KINDS:
        for name, block in bindings.declarations.get(kind, {}).items():
            if (kind, name) not in used and name.isidentifier():
                yield faults.unused(block.label_span or block.kind_span, kind, name)


def _check_imports(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    used: set[str] = set()
    for attribute in _attributes(tree):
        for reference in find_references(attribute.value):
            first, *rest = reference.parts
            used.add(rest[0] if first == "var" and len(rest) > 1 else first if rest else "")
        used.update(key.partition(".")[0] for key in _keys(attribute.value) if "." in key)
    links = bindings.directory.modules[""].links
    for name, statement in bindings.imports.items():
        # One that could not be read, or is called `var`, is wrong in itself.
        if name not in used and name != "var" and links.get(name) is not None:
            yield faults.unused_import(statement.span, name)


def _attributes(tree: syntax.Tree) -> Iterator[syntax.Attribute]:
    """The attributes of a file and of its blocks."""
    for statement in tree.statements:
        for each in statement.body if isinstance(statement, syntax.Block) else (statement,):
            if isinstance(each, syntax.Attribute):
                yield each


def _keys(expression: syntax.Expression) -> Iterator[str]:
    """The keys of a map; those of maps of names are the outermost."""
    if isinstance(expression, syntax.MapOf):
        yield from (pair.key for pair in expression.pairs)
