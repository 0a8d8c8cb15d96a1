"""Prompt templates against their context: a variable that no call provides is an error at its own line and column."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from refinelab_dsl import syntax
from refinelab_dsl.builtins import PROMPT_NAMES, SEEN_ALWAYS, SEEN_BY_JUDGES, PromptName
from refinelab_dsl.declarations import short_names
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics import spaces
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared, Draft
from refinelab_dsl.semantics.judges import list_roles
from refinelab_dsl.source import Source, Span

if TYPE_CHECKING:
    from jinja2 import nodes

Role = Literal["system", "user"]

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
    context = _context(template, draft)
    known = tuple(context.names)
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
            span = template.span(node.lineno, columns.find(node.lineno, node.name), len(node.name))
            lacking = context.lacking(node.name)
            if lacking:
                yield faults.template_name_not_provided(
                    template.prompt, node.name, lacking, len(context.uses), known, span
                )
                continue
            near, exact = _near_name(node.name, known, context.members), template.holds(span, node.name)
            yield faults.template_unknown_name(template.prompt, node.name, near, known, span, exact)
    yield from _check_members(template, tree, context.members, undeclared, columns)
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


@dataclass(frozen=True)
class _Context:
    """What a template sees: by its name, what it is to each use of the prompt, and the members that can be told."""

    uses: tuple[Declared, ...]
    names: Mapping[str, tuple[PromptName, ...]]
    members: Mapping[str, tuple[str, ...]]
    seen: tuple[frozenset[str], ...] = ()  # by each use

    def lacking(self, name: str) -> tuple[tuple[str, Span], ...]:
        """The uses, and their places, that do not provide a name that prompts can have elsewhere."""
        if not any(name == each.name for each in PROMPT_NAMES):
            return ()
        return tuple(
            (use.title, use.span("prompt"))
            for use, seen in zip(self.uses, self.seen, strict=True)
            if name not in seen
        )


def _context(template: Template, draft: Draft) -> _Context:
    """What every use of a prompt provides; all that there is where nothing uses it."""
    uses = tuple(
        declared
        for kind in ("operator", "measure", "validator", "judge")
        for declared in draft.all(kind)
        if declared.get("prompt") == template.prompt and (kind == "judge" or declared.row is not None)
    )
    provided = [{name.name: name for name in _seen(use, draft)} for use in uses]
    names: dict[str, tuple[PromptName, ...]] = {}
    for name in PROMPT_NAMES:
        rows = [each[name.name] for each in provided if name.name in each]
        if len(rows) == len(uses) and (template.role == "user" or not name.data):
            names.setdefault(name.name, tuple(rows) or (name,))
    members: dict[str, tuple[str, ...]] = {}
    for word, rows_ in names.items():
        there = [_members(row, use, draft) for row, use in zip(rows_, uses or (None,), strict=True)]
        told = [each for each in there if each is not None]
        if told and len(told) == len(there):
            members[word] = tuple(each for each in told[0] if all(each in other for other in told[1:]))
    return _Context(uses, names, members, tuple(frozenset(each) for each in provided))


def _seen(use: Declared, draft: Draft) -> tuple[PromptName, ...]:
    """What all calls of a declaration provide."""
    if use.kind == "judge":
        first, *others = (SEEN_BY_JUDGES[role] for role in list_roles(draft, use))
        return (*SEEN_ALWAYS, *(name for name in first if all(name in names for names in others)))
    kind = use.measure or use.operator or use.validator
    return SEEN_ALWAYS if kind is None else (*SEEN_ALWAYS, *kind.sees)


def _check_members(
    template: Template,
    tree: nodes.Template,
    members: Mapping[str, tuple[str, ...]],
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


def _members(name: PromptName, use: Declared | None, draft: Draft) -> tuple[str, ...] | None:
    """What a name holds; None where that is not known."""
    match name.holds:
        case "record":
            return name.members
        case "dimensions":
            return tuple(short_names(dimension.name for dimension in draft.all("dimension")).values())
        case "item":
            fields = _fields(draft.dataset)
            seeds = None if use is None or use.measure is None else draft.named("dataset", use.get("seeds"))
            if fields is None or seeds is None:
                return fields
            # One of the two is an exemplar, which has what its own dataset gives it.
            rated = _fields(seeds)
            return None if rated is None else tuple(field for field in fields if field in rated)
        case _:
            return None


def _fields(dataset: Declared | None) -> tuple[str, ...] | None:
    if dataset is None or dataset.get("task") is None or dataset.is_broken("fields"):
        return None
    return tuple(name for name in spaces.field_yields(dataset) if name != "id")


def _near_name(name: str, known: tuple[str, ...], members: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Names that may have been meant: also `item.question` for `question`."""
    owner = next((each for each in ("item", "first") if name in members.get(each, ())), None)
    return nearest(name, known) if owner is None else (f"{owner}.{name}",)


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
