"""The reference of the language: a page from its table, with the same layout as the documentation of a spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from refinelab_dsl import builtins
from refinelab_dsl.builtins import Attribute, BlockKind, Function, MeasureKind, OperatorKind, PromptName, ValidatorKind
from refinelab_dsl.diagnostics.wording import percent
from refinelab_dsl.ir.spelling import render_value, spell, spell_expression
from refinelab_dsl.semantics.schema import known_kinds
from refinelab_dsl.types import UNSET, Record, describe
from refinelab_dsl.views.graph import Graph
from refinelab_dsl.views.page import Entry, Page, Row, Section, as_named
from refinelab_dsl.views.prose import parse_inline, parse_prose

SEEN: Final = "in its prompt"
_LATER: Final = "plans of this version do not execute it"
_INTRO: Final = (
    "Every block, attribute, kind, function and preset of the language, from the table that the compiler itself reads. "
    "What is required says so; what is marked as not executable yet is known and checked, and a plan refuses it."
)


def build_reference() -> Page:
    """The page of this edition; it depends on no spec."""
    blocks = [_block(row) for row in builtins.BLOCKS.values()]
    top = Entry("top", "file", "attributes", "", (), "", tuple(map(_row, builtins.TOP)), (), (), (), ())
    sections = (
        Section("file", "The file", "attributes at the top of a file", (top,)),
        *blocks,
        Section("task", "Tasks", "what a dataset's `task` may be, and the fields of its items", tuple(_tasks())),
        Section("function", "Functions", "what may be called, and where", tuple(_functions())),
        Section("seen", "Names in prompts", "what a template sees, where what uses its prompt provides it", (
            Entry("seen", "prompt", "names", "", (), "", tuple(_prompt_names()), (), (), (), ()),
        )),
        Section("preset", "Presets", "distributions with a name, over ordered labels", tuple(_presets())),
    )
    return Page(
        f"The Refine language, edition {builtins.EDITION}", "", parse_prose(_INTRO), (), (), sections, (), (),
        Graph("", (), ()),
    )  # fmt: skip


def _block(block: BlockKind) -> Section:
    kinds = known_kinds(block.name).values()
    common = Entry(
        f"block.{block.name}", "block", block.name, _written(block), (), "",
        (*map(_row, block.attributes), *(_judge_rows() if block.name == "judge" else ())),
        (), (), (), () if block.reached else (_LATER,),
    )  # fmt: skip
    own = (
        Entry(
            f"{block.name}.{kind.name}", block.name, kind.name, f"kind = {kind.name}", (), kind.doc,
            tuple(_kind_rows(kind)), (), (), (), () if kind.reached else (_LATER,),
        )
        for kind in kinds
    )  # fmt: skip
    return Section(block.name, block.name, block.doc, (common, *own))


def _written(block: BlockKind) -> str:
    label = {"name": " NAME", "title": ' "TITLE"', "none": ""}[block.label]
    return f"{block.name}{label} {{ … }}"


def _kind_rows(kind: MeasureKind | OperatorKind | ValidatorKind) -> Iterator[Row]:
    yield from map(_row, kind.attributes)
    if kind.sees:
        yield _seen(kind.sees)
    match kind:
        case MeasureKind(labels=labels) if labels:
            yield _fact("labels", f"`{'`, `'.join(labels)}`", "what it gives")
        case OperatorKind():
            prior = f"success {percent(kind.prior.success)}, {kind.prior.input_tokens} tokens in"
            if kind.calls:
                yield _fact("prior", f"{prior}, {kind.prior.output_tokens} out", "what is believed before a pilot")
            yield _fact("tasks", ", ".join(kind.tasks), "where it can be used")
            yield _fact("moves", kind.moves, "whether `moves` stands in it")
        case ValidatorKind():
            if kind.default is not None:
                yield _fact("accept", f"`{spell_expression(kind.default, as_named)}`", "what it accepts by default")
            for name in kind.names:
                yield _fact(name.name, "in `accept`", name.doc)


def _judge_rows() -> Iterator[Row]:
    said = {
        "answers": ", of two answers for a `refine`",
        "results": ", of a result beside what it was made of, as a check",
        "alone": ", of a result alone, as a check of what writes items anew",
    }
    for role, names in builtins.SEEN_BY_JUDGES.items():
        yield _seen(names, said[role])


def _seen(names: Iterable[PromptName], when: str = "") -> Row:
    listed = ", ".join(f"`{name.name}`" for name in (*names, *builtins.SEEN_ALWAYS))
    return _fact(f"{SEEN}{when}", listed, "the names that its template sees")


def _prompt_names() -> Iterator[Row]:
    for name in builtins.PROMPT_NAMES:
        members = f": {', '.join(f'`{member}`' for member in name.members)}" if name.members else ""
        yield _fact(name.name, "only in `user`" if name.data else "in `system` and `user`", f"{name.doc}{members}")


def _row(attribute: Attribute) -> Row:
    type_ = attribute.type
    said = describe(type_)
    if attribute.default not in (UNSET, "", ()):
        said += f"; by default `{render_value(spell(attribute.default, type_, as_named))}`"
    if attribute.required:
        said += "; required"
        if attribute.unless is not None:
            name, words = attribute.unless
            said += f" unless `{name}` is {' or '.join(f'`{word}`' for word in words)}"
    if not attribute.reached:
        said += "; not executable yet"
    inside = type_.entries if isinstance(type_, Record) else ()
    parts = "; ".join(f"`{entry.name}`: {entry.doc}" for entry in inside)
    return Row(
        attribute.name, parse_inline(said), False, f"{attribute.doc}; {parts}" if parts else attribute.doc, (), ()
    )


def _fact(name: str, said: str, meaning: str) -> Row:
    return Row(name, parse_inline(said), False, meaning, (), ())


def _tasks() -> Iterator[Entry]:
    for task in builtins.TASKS.values():
        rows = [*(_fact(name, "required", "") for name in task.required)]
        rows += (_fact(name, "may be there", "") for name in task.optional)
        later = () if task.reached else (_LATER,)
        yield Entry(f"task.{task.name}", "task", task.name, "", (), task.doc, tuple(rows), (), (), (), later)


def _functions() -> Iterator[Entry]:
    for function in builtins.FUNCTIONS:
        where = _fact("where", ", ".join(f"`{context}`" for context in function.contexts), "what it is part of")
        yield Entry(
            f"function.{function.contexts[0]}.{function.name}", "function", _call(function), "", (), function.doc,
            (where, *_parameters(function)), (), (), (), () if function.reached else (_LATER,),
        )  # fmt: skip


def _call(function: Function) -> str:
    names: Iterable[str] = (f"{each.name}…" if each.rest else each.name for each in function.parameters)
    return function.name if function.bare else f"{function.name}({', '.join(names)})"


def _parameters(function: Function) -> Iterator[Row]:
    for each in function.parameters:
        said = describe(each.type)
        if each.default is not UNSET:
            said += f"; by default `{each.default}`"
        yield _fact(each.name, said, "")


def _presets() -> Iterator[Entry]:
    for preset in builtins.PRESETS.values():
        rows = (_fact("shares", ", ".join(map(percent, preset.shares)), "lowest label first"),)
        yield Entry(f"preset.{preset.name}", "preset", preset.name, "", (), preset.doc, rows, (), (), (), ())
