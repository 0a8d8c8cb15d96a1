"""What the documentation of a spec says: its declarations with their `##` comments, values, places and uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Any, Final

from refinelab_dsl import builtins, syntax
from refinelab_dsl.builtins import Attribute, OperatorKind, ValidatorKind
from refinelab_dsl.declarations import Band, Dimension
from refinelab_dsl.diagnostics.wording import percent
from refinelab_dsl.ir import Program
from refinelab_dsl.ir.spelling import render_value, spell, spell_expression
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared
from refinelab_dsl.semantics.schema import find_schema
from refinelab_dsl.source import Source, Span
from refinelab_dsl.types import UNSET, Template
from refinelab_dsl.views.graph import Graph, build_graph, node_id, references
from refinelab_dsl.views.prose import Inline, Part, parse_prose
from refinelab_dsl.views.written import quote_written

# Kind of block -> title of its section, in the order of the page.
SECTIONS: Final[Mapping[str, str]] = {
    "variable": "Variables", "dataset": "Datasets", "measure": "Measures", "dimension": "Dimensions",
    "constraints": "Constraints", "operator": "Operators", "validator": "Validators", "judge": "Judges",
    "model": "Models", "embedding": "Embeddings", "prompt": "Prompts", "pilot": "Pilot", "budget": "Budget",
    "solve": "Solving", "run": "Running", "output": "Outputs", "expect": "Expectations", "test": "Tests",
    "loop": "Loop",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """A declaration by its id and its title: `operator.author`, ``operator author``."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """An attribute. shown: its value, or what it takes. meaning: from the table of the language; comment: its own `##`.
    is_default: not written."""

    name: str
    shown: tuple[Inline, ...]
    is_default: bool
    meaning: str
    comment: tuple[Part, ...]
    links: tuple[Link, ...]

    @property
    def value(self) -> str:
        return "".join(piece.text for piece in self.shown)


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a dimension: the range of values that it stands for, and its share of the target."""

    name: str
    band: str
    share: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One declaration. name: its kind's where it has none. meaning: what its kind does. texts: attribute and text of
    what is too long for a table."""

    id: str
    kind: str
    name: str
    place: str
    doc: tuple[Part, ...]
    meaning: str
    rows: tuple[Row, ...]
    labels: tuple[Label, ...]
    texts: tuple[tuple[str, str], ...]
    used_by: tuple[Link, ...]
    later: tuple[str, ...]

    @property
    def title(self) -> str:
        return self.kind if self.name == self.kind else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Section:
    """All declarations of a kind. doc: what such blocks are for."""

    kind: str
    title: str
    doc: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """intro: the comment at the top of the file. facts: name and value of what is said of the file as a whole."""

    name: str
    file: str
    intro: tuple[Part, ...]
    facts: tuple[tuple[str, str], ...]
    imports: tuple[tuple[str, str, str], ...]  # name, path, place
    sections: tuple[Section, ...]
    later: tuple[str, ...]
    undocumented: tuple[Link, ...]
    graph: Graph


def build_page(tree: syntax.Tree, bindings: Bindings, program: Program | None, source: Source, name: str) -> Page:
    """The documentation of a spec without errors. program: None for a file that only others import. name: of the spec.

    What a variable is set to from outside does not show: values stand as they are written.
    """
    writer = _Writer(tree, bindings, program, build_graph(bindings, name))
    declared = [*_declared_variables(bindings), *bindings.draft.blocks]
    sections = [
        Section(kind, title, builtins.BLOCKS[kind].doc, found)
        for kind, title in SECTIONS.items()
        if (found := tuple(writer.entry(each) for each in declared if each.kind == kind))
    ]
    entries = [entry for section in sections for entry in section.entries]
    return Page(
        name,
        source.name,
        parse_prose(_leading_comment(source.text)),
        tuple(_facts(tree, source, program, sections)),
        tuple(writer.imports()),
        tuple(sections),
        tuple(dict.fromkeys(what for entry in entries for what in entry.later)),
        tuple(Link(entry.id, entry.title) for entry in entries if not entry.doc),
        writer.graph,
    )


class _Writer:
    def __init__(self, tree: syntax.Tree, bindings: Bindings, program: Program | None, graph: Graph) -> None:
        self.tree = tree
        self.bindings = bindings
        self.graph = graph
        self.dimensions = {each.name: each for each in program.dimensions} if program is not None else {}
        self.titles = {
            node_id(each.kind, each.name): f"{each.kind} {each.name}".rstrip()
            for each in (*_declared_variables(bindings), *bindings.draft.blocks)
        }
        self.variables: dict[str, dict[str, None]] = {}
        for each in bindings.draft.blocks:
            for attribute in each.written.values():
                for local in _variables(attribute.value):
                    variable = bindings.views[each.namespace].variables.get(local)
                    name = local if variable is None else variable.name
                    self.variables.setdefault(name, {}).setdefault(node_id(each.kind, each.name))

    def imports(self) -> Iterator[tuple[str, str, str]]:
        for statement in self.tree.statements:
            if isinstance(statement, syntax.Import):
                yield statement.name, statement.path, self.place(statement.span)

    def place(self, span: Span) -> str:
        return f"{span.file}:{self.bindings.sources[span.file].position(span.start).line}"

    def entry(self, declared: Declared) -> Entry:
        id_ = node_id(declared.kind, declared.name)
        return Entry(
            id_,
            declared.kind,
            declared.name or declared.kind,
            self.place(declared.block.header_span),
            parse_prose(declared.block.doc or self.help(declared)),
            declared.row.doc if declared.row is not None else "",
            tuple(self.rows(declared)),
            tuple(self.labels(declared)),
            tuple(self.texts(declared)),
            tuple(self.used_by(id_, declared)),
            tuple(use.what for use in declared.later),
        )

    def help(self, declared: Declared) -> str:
        return str(declared.get("help") or "") if declared.kind == "variable" else ""

    def rows(self, declared: Declared) -> Iterator[Row]:
        """Its attributes as the language lists them, those that are written and those that have a default."""
        schema = find_schema(declared.block)
        links: dict[str, dict[Link, None]] = {}
        for name, kind, other in references(self.bindings, declared):
            id_ = node_id(kind, other)
            if id_ in self.titles:
                links.setdefault(name, {}).setdefault(Link(id_, self.titles[id_]))
        for name, attribute in schema.attributes.items() if schema is not None else ():
            written = declared.written.get(name)
            value = _default(declared, attribute) if written is None else self.spell(written)
            if value is not None:
                comment = parse_prose(written.doc) if written is not None else ()
                shown = (Inline(value, code=True),)
                yield Row(name, shown, written is None, attribute.doc, comment, tuple(links.get(name, ())))

    def spell(self, written: syntax.Attribute) -> str:
        if isinstance(written.value, syntax.Literal) and written.value.kind == "block":
            return "(below)"
        return quote_written(written.value, self.bindings.sources)

    def labels(self, declared: Declared) -> Iterator[Label]:
        dimension = self.dimensions.get(declared.name) if declared.kind == "dimension" else None
        return iter(()) if dimension is None else _labels(dimension)

    def texts(self, declared: Declared) -> Iterator[tuple[str, str]]:
        """Text blocks, and templates that stand in a file of their own."""
        for name, written in declared.written.items():
            value = declared.get(name)
            long = isinstance(written.value, syntax.Literal) and written.value.kind == "block"
            if isinstance(value, str) and (long or (_is_template(declared, name) and "\n" in value)):
                yield name, value

    def used_by(self, id_: str, declared: Declared) -> Iterator[Link]:
        found: dict[str, None] = {}
        if declared.kind == "variable":
            found = self.variables.get(declared.name, {})
        for edge in self.graph.edges:
            # Data flow on without a label: from a dataset to its measures, from a measure to its dimensions.
            if edge.label and edge.target == id_:
                found.setdefault(edge.source)
            elif not edge.label and edge.source == id_:
                found.setdefault(edge.target)
        yield from (Link(other, self.titles[other]) for other in found if other in self.titles)


def _declared_variables(bindings: Bindings) -> Iterator[Declared]:
    """Variables as declarations like any other; they take no part in what is checked and lowered."""
    for name, variable in bindings.variables.items():
        written = {each.name: each for each in variable.block.body if isinstance(each, syntax.Attribute)}
        values = {
            attribute: each.value.value
            for attribute, each in written.items()
            if attribute == "help" and isinstance(each.value, syntax.Literal)
        }
        yield Declared("variable", name, variable.block, values, written, None, variable.namespace)


def _default(declared: Declared, attribute: Attribute) -> str | None:
    """The default of an attribute that is not written, None where it has none to speak of."""
    row = declared.row
    if attribute.name == "accept" and isinstance(row, ValidatorKind) and row.default is not None:
        return spell_expression(row.default, as_named)
    if attribute.name == "prior" and isinstance(row, OperatorKind):
        prior = row.prior
        shown = f"success = {percent(prior.success)}"
        tokens = f"input_tokens = {prior.input_tokens}, output_tokens = {prior.output_tokens}"
        return f"{{ {shown}, {tokens} }}" if row.calls else None
    if attribute.default is UNSET or attribute.default in ("", ()):
        return None
    return render_value(spell(attribute.default, attribute.type, as_named))


def as_named(kinds: tuple[str, ...], name: str) -> str:
    """Names as they stand, for `ir.spelling`."""
    return name


def _labels(dimension: Dimension) -> Iterator[Label]:
    bands = {band.label: _band(band) for band in dimension.bands}
    target = dimension.target
    for label in dimension.labels or ():
        share = ""
        if target is not None:
            even = f"1/{len(dimension.labels or ())}"
            share = percent(target.weights[label]) if target.kind == "weights" else even
        yield Label(label, bands.get(label, ""), share)


def _band(band: Band) -> str:
    low, high = _digits(band.low), _digits(band.high)
    if band.low is None:
        return f"below {high}"
    return f"{low} and above" if band.high is None else f"{low} to below {high}"


def _digits(value: Decimal | None) -> str:
    return "" if value is None else format(value.normalize(), "f")


def _is_template(declared: Declared, name: str) -> bool:
    schema = find_schema(declared.block)
    return schema is not None and name in schema.attributes and isinstance(schema.attributes[name].type, Template)


def _variables(value: Any) -> Iterator[str]:
    """The variables in an expression, and the keys of maps, which name variables in `with` and `mix`."""
    match value:
        case syntax.Reference(parts=("var", *rest)):
            yield ".".join(rest)
        case syntax.Call(function=syntax.Reference(parts=("mix",)), arguments=arguments):
            yield from (argument.name for argument in arguments if argument.name is not None)
        case tuple():
            for each in value:
                yield from _variables(each)
        case _ if is_dataclass(value):
            for member in fields(value):
                yield from _variables(getattr(value, member.name))


def _facts(
    tree: syntax.Tree, source: Source, program: Program | None, sections: list[Section]
) -> Iterator[tuple[str, str]]:
    for statement in tree.statements:
        if isinstance(statement, syntax.Attribute):
            yield statement.name, " ".join(source.text[statement.value.span.start : statement.value.span.end].split())
    if program is not None:
        yield "task", program.dataset.item_task
    counted = ((section.title.lower(), len(section.entries)) for section in sections)
    once = {kind for kind, row in builtins.BLOCKS.items() if row.once}
    several = ", ".join(
        f"{count} {title if count != 1 else title.removesuffix('s')}"
        for (title, count), section in zip(counted, sections, strict=True)
        if section.kind not in once
    )
    if several:
        yield "declares", several


def _leading_comment(text: str) -> str:
    """The comment lines at the very top of a file."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").removeprefix(" "))
    return "\n".join(lines)


