"""Prompt templates against their context: a variable that no call provides is an error at its own line and column."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from refinelab_dsl import syntax
from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.declarations import short_names
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics import spaces
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Draft
from refinelab_dsl.source import Source, Span

if TYPE_CHECKING:
    from jinja2 import nodes

Role = Literal["system", "user"]

DATA_NAMES: Final = ("item", "anchor", "target", "labels")
"""Names that hold dataset text: only the user message sees them."""

PLAIN_NAMES: Final = ("task", "count", "style", "params", "sample")
"""Names that every message sees."""

_TARGET: Final = ("label", "low", "high", "unit")
_METHODS: Final = ("get", "items", "keys", "values")


@dataclass(frozen=True)
class Template:
    """One template of a prompt, and where its text stands."""

    prompt: str
    role: Role
    text: str
    written: syntax.Expression
    file: Source | None
    source: Source

    def span(self, line: int, column: int = 1, length: int = 0) -> Span:
        """The place of a line and column (from 1) of the text, in the spec or in the file that it stands in."""
        if self.file is not None:
            return _at(self.file, line, column, length)
        if not isinstance(self.written, syntax.Literal):
            return self.written.span
        if self.written.kind == "text":
            whole = self.written.span
            if not length or self.source.text[whole.start + 1 : whole.end - 1] != self.text:  # it has escapes
                return whole
            return Span(whole.file, whole.start + column, min(whole.start + column + length, whole.end))
        found = syntax.find_in_block(self.source, self.written, line, column)
        return Span(found.file, found.start, min(found.end, found.start + length) if length else found.end)

    def holds(self, span: Span, word: str) -> bool:
        """Whether exactly this word stands at a place."""
        return (self.file or self.source).text[span.start : span.end] == word


def templates(bindings: Bindings) -> Iterator[Template]:
    """The templates of all prompts."""
    for prompt in bindings.draft.all("prompt"):
        for role in ("system", "user"):
            attribute, text = prompt.written.get(role), prompt.get(role)
            if attribute is None or text is None:
                continue
            source = bindings.sources[attribute.value.span.file]
            yield Template(
                prompt.name, "user" if role == "user" else "system", text, attribute.value,
                _file_of(bindings, attribute.value), source,
            )  # fmt: skip


def check_template(template: Template, draft: Draft) -> Iterator[Diagnostic]:
    """What is wrong with a template: its form, names, members, filters and tests."""
    from jinja2 import TemplateSyntaxError, meta, nodes

    from refinelab_dsl.prompts.render import TemplateFault, parse_template
    from refinelab_dsl.prompts.sandbox import PromptEnvironment

    try:
        tree = parse_template(template.text, template.role)
    except TemplateFault as fault:
        yield faults.bad_template(template.prompt, template.role, fault.message, template.span(fault.line))
        return
    environment = PromptEnvironment(template.role)
    known = (*_given(template.prompt, draft), *PLAIN_NAMES) if template.role == "user" else PLAIN_NAMES
    try:
        undeclared = meta.find_undeclared_variables(tree)
    except TemplateSyntaxError:  # an unknown filter or test, which is reported below; names count as set everywhere
        undeclared = {each.name for each in tree.find_all(nodes.Name) if each.ctx == "load"}
        undeclared -= {each.name for each in tree.find_all(nodes.Name) if each.ctx != "load"}
    except RecursionError:
        yield faults.bad_template(template.prompt, template.role, "it is nested too deeply", template.span(1))
        return
    columns = _Columns(template.text)
    unknown = undeclared - set(known) - set(environment.globals)
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load" and node.name in unknown:
            near = _near_name(node.name, known, template.role, draft)
            span = template.span(node.lineno, columns.find(node.lineno, node.name), len(node.name))
            exact = template.holds(span, node.name)
            yield faults.template_unknown_name(template.prompt, node.name, near, known, span, exact)
    yield from _check_members(template, tree, _members(draft), undeclared, columns)
    for kind, used, there in (
        ("filter", tree.find_all(nodes.Filter), environment.filters),
        ("test", tree.find_all(nodes.Test), environment.tests),
    ):
        for node_ in used:
            if node_.name not in there:
                word = node_.name.rpartition(".")[2]
                span = template.span(node_.lineno, columns.find(node_.lineno, word), len(word))
                near, exact = nearest(node_.name, there), template.holds(span, node_.name)
                yield faults.template_unknown_filter(template.prompt, kind, node_.name, near, span, exact)


def _given(prompt: str, draft: Draft) -> tuple[str, ...]:
    """The names of dataset text that the uses of a prompt give it: an anchor stands beside a new item alone."""
    kinds = {
        declared.row.name
        for kind in ("operator", "measure", "validator", "judge")
        for declared in draft.all(kind)
        if declared.get("prompt") == prompt and declared.row is not None
    }
    operators = kinds & set(OPERATOR_KINDS)
    if operators and operators == kinds and "generate" not in kinds:
        return tuple(name for name in DATA_NAMES if name != "anchor")
    return DATA_NAMES


def _check_members(
    template: Template,
    tree: nodes.Template,
    members: Mapping[str, tuple[str, ...] | None],
    undeclared: set[str],
    columns: _Columns,
) -> Iterator[Diagnostic]:
    from jinja2 import nodes

    accesses: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    for node in accesses:
        if not isinstance(node.node, nodes.Name) or node.node.name not in undeclared:
            continue
        owner = node.node.name
        there = members.get(owner)
        name = _member(node)
        if there is None or name is None or name in there or (isinstance(node, nodes.Getattr) and name in _METHODS):
            continue
        column = columns.find(node.lineno, name, f"{owner}.")
        span = template.span(node.lineno, column, len(name))
        near, exact = nearest(name, there), template.holds(span, name)
        yield faults.template_unknown_member(template.prompt, owner, name, near, there, span, exact)
    for node in accesses:
        inner = node.node
        if not isinstance(inner, nodes.Getattr | nodes.Getitem) or not isinstance(inner.node, nodes.Name):
            continue
        name = _member(node)
        if inner.node.name == "target" and "target" in undeclared and name is not None and name not in _TARGET:
            if isinstance(node, nodes.Getattr) and name in _METHODS:
                continue
            dimension = _member(inner) or "…"
            owner = f"target.{dimension}"
            span = template.span(node.lineno, columns.find(node.lineno, name, "."), len(name))
            near, exact = nearest(name, _TARGET), template.holds(span, name)
            yield faults.template_unknown_member(template.prompt, owner, name, near, _TARGET, span, exact)


def _member(node: nodes.Getattr | nodes.Getitem) -> str | None:
    """The member that is read, where it is written out: `item.question`, `item["question"]`."""
    from jinja2 import nodes

    if isinstance(node, nodes.Getattr):
        return node.attr
    return node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else None


def _members(draft: Draft) -> Mapping[str, tuple[str, ...] | None]:
    """What the data names hold; None where that is not known."""
    dataset = draft.dataset
    fields: tuple[str, ...] | None = None
    if dataset is not None and dataset.get("task") is not None and not dataset.is_broken("fields"):
        fields = tuple(name for name in spaces.field_yields(dataset) if name != "id")
    dimensions = tuple(short_names(dimension.name for dimension in draft.all("dimension")).values())
    return {"item": fields, "anchor": fields, "target": dimensions, "labels": dimensions}


def _near_name(name: str, known: tuple[str, ...], role: Role, draft: Draft) -> tuple[str, ...]:
    """Names that may have been meant: also `item.question` for `question`."""
    fields = _members(draft)["item"] or ()
    if role == "user" and name in fields:
        return (f"item.{name}",)
    return nearest(name, known)


def _file_of(bindings: Bindings, expression: syntax.Expression) -> Source | None:
    match expression:
        case syntax.Call(arguments=(syntax.Argument(value=syntax.Literal(value=str(path))),)):
            folder = bindings.module(expression.span.file).folder
            return bindings.files.get(posixpath.normpath(posixpath.join(folder, path)) if folder else path)
    return None


def _at(source: Source, line: int, column: int, length: int) -> Span:
    start = source.line_starts[min(line, len(source.line_starts)) - 1]
    end = start + len(source.line_text(min(line, len(source.line_starts))))
    begin = min(start + column - 1, end)
    return Span(source.name, begin, min(begin + length, end) if length else end)


class _Columns:
    """Jinja's tree has lines alone: the columns of names, found in the text of a line, from left to right."""

    def __init__(self, text: str) -> None:
        # What stands between expressions is text, and may hold the same words.
        blanked = re.sub(r"(\{\{.*?\}\}|\{%.*?%\})|[^\n]", lambda found: found[1] or " ", text, flags=re.S)
        self._lines = blanked.split("\n")
        self._from: dict[tuple[int, str], int] = {}

    def find(self, line: int, word: str, before: str = "") -> int:
        """The column of the next occurrence of a word in a line; 1 where it is not found."""
        if not 1 <= line <= len(self._lines):
            return 1
        text = self._lines[line - 1]
        start = self._from.get((line, before + word), 0)
        lead = re.escape(before) if before else r"(?<![\w.])"
        for pattern in (rf"{lead}({re.escape(word)})\b", rf"\b({re.escape(word)})\b"):
            found = re.compile(pattern).search(text, start)
            if found is not None:
                self._from[(line, before + word)] = found.end()
                return found.start(1) + 1
        return 1
