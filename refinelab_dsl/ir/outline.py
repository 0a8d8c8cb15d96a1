"""A spec as a list of declarations and attributes in canonical spelling: what two specs are compared by.

It holds what the program means, and also what no plan can execute yet: every block, of imported files those that are
used, every attribute, defaults filled in. Layout, comments, the order of declarations and the way in which a value is
spelled are gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.ir.program import Program
from refinelab_dsl.ir.spelling import (
    Naming,
    Prose,
    Share,
    Value,
    spell,
    spell_count,
    spell_expression,
    spell_label,
    spell_written,
)
from refinelab_dsl.semantics import readings, spaces
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared
from refinelab_dsl.semantics.formats import output_format
from refinelab_dsl.semantics.schema import find_schema
from refinelab_dsl.semantics.targets import settle_target
from refinelab_dsl.source import Span
from refinelab_dsl.types import UNSET, Attribute

Names: TypeAlias = Mapping[tuple[str, str], str]
"""(kind, old name) -> new name."""

TOP: Final = ("", "")
"""Kind and name of what stands outside of any block: `seed`, `requires`."""

KINDS: Final = ("", "variable", *(kind for kind in builtins.BLOCKS if kind != "variable"))
"""Kinds of declarations in the order in which they are compared and shown."""

DOCS: Final = "##"
"""The attribute that stands for a declaration's documentation."""

_ALWAYS: Final = ("constraints", "solve", "run")
"""Blocks whose defaults hold where they are not written."""

_SETS: Final = {("dimension", "labels"), ("validator", "against"), ("judge", "criteria"), ("operator", "criteria")}
"""Lists whose order means nothing."""


@dataclass(frozen=True)
class Entry:
    """One declaration. values: attribute -> value, defaults included; written: those that stand in the file; spans:
    path (`target.hard`) -> where it stands; span: of the header, None for a block that is not written."""

    kind: str
    name: str
    values: Mapping[str, Value]
    written: frozenset[str]
    span: Span | None = None
    spans: Mapping[str, Span] = field(default_factory=dict)

    def place(self, path: str) -> Span | None:
        """Where a path stands, else where what holds it does."""
        while path and path not in self.spans:
            path = path.rpartition(".")[0]
        return self.spans.get(path, self.span)


def build_outline(
    program: Program, bindings: Bindings, names: Names = MappingProxyType({}), *, docs: bool = False
) -> dict[tuple[str, str], Entry]:
    """Kind and name -> declaration, kinds in the order of the language's table.

    names: declarations that go by another name here, with all that refers to them. docs: with `##` comments.
    """

    def naming(kinds: tuple[str, ...], name: str) -> str:
        return next((names[kind, name] for kind in kinds if (kind, name) in names), name)

    builder = _Builder(program, bindings, naming, docs)
    entries = [builder.top(), *builder.variables(), *map(builder.block, bindings.draft.blocks)]
    present = {entry.kind for entry in entries}
    entries += [builder.absent(kind) for kind in _ALWAYS if kind not in present]
    ranked = sorted(entries, key=lambda entry: KINDS.index(entry.kind))
    return {(entry.kind, entry.name): entry for entry in ranked}


class _Builder:
    def __init__(self, program: Program, bindings: Bindings, naming: Naming, docs: bool) -> None:
        self.program = program
        self.bindings = bindings
        self.naming = naming
        self.docs = docs

    def top(self) -> Entry:
        rows = {attribute.name: attribute for attribute in builtins.TOP}
        values = {
            name: spell(value, rows[name].type, self.naming) for name, value in self.bindings.draft.top.items()
        }
        origins = self.program.origins
        spans = {name: origins[name] for name in rows if name in origins}
        return Entry(*TOP, values, frozenset(spans), None, spans)

    def variables(self) -> Iterator[Entry]:
        for name, variable in self.bindings.variables.items():
            block = variable.block
            written = {each.name: each for each in block.body if isinstance(each, syntax.Attribute)}
            values: dict[str, Value] = {key: spell_written(each.value) for key, each in written.items()}
            spans = {key: each.span for key, each in written.items()}
            yield self._with_docs(
                Entry("variable", self._own("variable", name), values, frozenset(written), block.header_span, spans),
                block.doc,
            )

    def block(self, declared: Declared) -> Entry:
        schema = find_schema(declared.block)
        assert schema is not None
        values: dict[str, Value] = {}
        for name, attribute in schema.attributes.items():
            value = self.value(declared, attribute)
            if value is not None:
                values[name] = value
        written = set(declared.written)
        if declared.kind == "dimension":
            self._settle_labels(declared, values, written)
        spans: dict[str, Span] = {}
        for name, each in declared.written.items():
            spans[name] = each.span
            spans.update(_entry_spans(name, each.value))
        title = self._own(declared.kind, declared.name)
        entry = Entry(declared.kind, title, values, frozenset(written), declared.block.header_span, spans)
        return self._with_docs(entry, declared.block.doc)

    def absent(self, kind: str) -> Entry:
        """A block that stands nowhere, and whose defaults hold."""
        values = {
            attribute.name: _default(attribute, self.naming)
            for attribute in builtins.BLOCKS[kind].attributes
            if attribute.default is not UNSET
        }
        return Entry(kind, "", values, frozenset())

    def value(self, declared: Declared, attribute: Attribute) -> Value | None:
        """The value of an attribute, its default included; None where it has none."""
        name, value = attribute.name, declared.get(attribute.name)
        row = declared.operator
        match declared.kind, name:
            case "operator", "prior" if row is not None and row.calls:
                believed = {key: getattr(row.prior, key) for key in ("success", "input_tokens", "output_tokens")}
                value = {**believed, **(value or {})}
            case "operator", "max_per_item" if row is not None:
                value = value or row.max_per_item
            case "model", "id":
                value = value or declared.get("provider")
            case "model", "limits":
                value = value or {"concurrency": 16}
            case "output", "format":
                value = output_format(declared, self.bindings.draft.dataset)
            case "validator", "accept" if value is None and declared.validator is not None:
                default = declared.validator.default
                return None if default is None else spell_expression(default, self.naming)
            case "dimension", "target":
                return self._target(declared)
        if value is None or (value == {} and name not in declared.written):
            return None
        match attribute.type:
            case types.Over():
                return self._expression(declared, name, None, value)
            case types.MapTo(value=types.Over()):
                return {key: self._expression(declared, name, key, each) for key, each in value.items()}
        spelled = spell(value, attribute.type, self.naming)
        if (declared.kind, name) in _SETS and isinstance(value, tuple):
            return spell(tuple(sorted(value)), attribute.type, self.naming)
        return spelled

    def _expression(self, declared: Declared, attribute: str, key: str | None, written: Any) -> str:
        expression = readings.read(self.bindings, declared, attribute, [], key)
        return spell_written(written) if expression is None else spell_expression(expression, self.naming)

    def _target(self, declared: Declared) -> Value | None:
        """Shares by label where they are known: `uniform()` over three labels is a third each."""
        labels = spaces.dimension_labels(self.bindings.draft, declared)
        value = declared.get("target")
        settled = settle_target(value, labels, spaces.is_ordered(declared))
        if settled is not None and settled.kind == "weights":
            return {label: Share(Fraction(share)) for label, share in settled.weights.items()}
        if settled is not None and labels:
            return {label: Share(Fraction(1, len(labels))) for label in labels}
        return None if value is None else spell(value, types.Weights(), self.naming)

    def _settle_labels(self, declared: Declared, values: dict[str, Value], written: set[str]) -> None:
        """`labels` or `order` as they are, also where bands or weights settle them."""
        labels = spaces.dimension_labels(self.bindings.draft, declared)
        if labels is None:
            return
        ordered = spaces.is_ordered(declared)
        shown = labels if ordered else sorted(labels)
        values["order" if ordered else "labels"] = f"[{', '.join(map(spell_label, shown))}]"

    def _own(self, kind: str, name: str) -> str:
        return self.naming((kind,), name)

    def _with_docs(self, entry: Entry, doc: str) -> Entry:
        if not self.docs or not doc:
            return entry
        values = {**entry.values, DOCS: Prose(doc)}
        return Entry(entry.kind, entry.name, values, entry.written | {DOCS}, entry.span, entry.spans)


def _default(attribute: Attribute, naming: Naming) -> Value:
    if isinstance(attribute.default, int) and not isinstance(attribute.default, bool):
        return spell_count(attribute.default)
    return spell(attribute.default, attribute.type, naming)


def _entry_spans(path: str, value: syntax.Expression) -> Iterator[tuple[str, Span]]:
    if isinstance(value, syntax.MapOf):
        for pair in value.pairs:
            yield f"{path}.{pair.key}", pair.span
            yield from _entry_spans(f"{path}.{pair.key}", pair.value)
