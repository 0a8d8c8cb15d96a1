"""The language, whole: everything in the table of built-ins is written in `whole/whole.refine`, or in what stands
beside it for other tasks and for a loop; they check clean, and what no plan executes yet is refused by its name and at
its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from refinelab_dsl import builtins, compiler, syntax, types
from refinelab_dsl.semantics.written import find_calls, find_references

SPEC = Path(__file__).parent / "whole" / "whole.refine"
DESIGN = Path(__file__).resolve().parents[2].parent / "shared" / "design" / "examples" / "chemistry.refine"


@pytest.fixture(scope="module")
def analysis() -> compiler.Analysis:
    return compiler.analyze(SPEC)


@pytest.fixture(scope="module")
def beside() -> tuple[compiler.Analysis, ...]:
    return tuple(compiler.analyze(SPEC.with_name(name)) for name in ("refining.refine", "looping.refine"))


@pytest.fixture(scope="module")
def tree(analysis: compiler.Analysis, beside: tuple[compiler.Analysis, ...]) -> syntax.Tree:
    trees = [each.tree for each in (analysis, *beside) if each.tree is not None]
    assert len(trees) == 1 + len(beside)
    return replace(trees[0], statements=tuple(statement for each in trees for statement in each.statements))


def _attributes(tree: syntax.Tree) -> Iterator[tuple[syntax.Block | None, syntax.Attribute]]:
    for statement in tree.statements:
        if isinstance(statement, syntax.Attribute):
            yield None, statement
        elif isinstance(statement, syntax.Block):
            yield from ((statement, each) for each in statement.body if isinstance(each, syntax.Attribute))


def _expressions(value: syntax.Expression) -> Iterator[syntax.Expression]:
    """A value and what stands in its maps and lists."""
    yield value
    match value:
        case syntax.MapOf(pairs=pairs):
            for pair in pairs:
                yield from _expressions(pair.value)
        case syntax.ListOf(items=items):
            for item in items:
                yield from _expressions(item)


def test_it_checks_clean(analysis: compiler.Analysis, beside: tuple[compiler.Analysis, ...]) -> None:
    for each in (analysis, *beside):
        assert [entry.message for entry in each.diagnostics.errors] == []
        assert each.program is not None


def test_every_block_and_attribute_is_written(tree: syntax.Tree) -> None:
    written = {(block.kind if block else "", each.name) for block, each in _attributes(tree)}
    table = {("", row.name) for row in builtins.TOP}
    table |= {(block.name, row.name) for block in builtins.BLOCKS.values() for row in block.attributes}
    assert sorted(table - written) == []


@pytest.mark.parametrize(
    ("block", "rows"),
    [
        ("measure", builtins.MEASURE_KINDS),
        ("operator", builtins.OPERATOR_KINDS),
        ("validator", builtins.VALIDATOR_KINDS),
    ],
)
def test_every_kind_is_written_with_all_it_has(
    tree: syntax.Tree,
    block: str,
    rows: dict[str, builtins.MeasureKind | builtins.OperatorKind | builtins.ValidatorKind],
) -> None:
    written: dict[str, set[str]] = {}
    for statement in tree.statements:
        if isinstance(statement, syntax.Block) and statement.kind == block:
            values = {each.name: each.value for each in statement.body if isinstance(each, syntax.Attribute)}
            (kind,) = find_references(values["kind"])
            written.setdefault(kind.parts[0], set()).update(values)
    missing = [(row.name, each.name) for row in rows.values() for each in row.attributes
               if each.name not in written.get(row.name, ())]  # fmt: skip
    assert (missing, sorted(set(rows) - set(written))) == ([], [])


def test_every_function_is_written(tree: syntax.Tree) -> None:
    called, bare = set(), set()
    for _, attribute in _attributes(tree):
        for value in _expressions(attribute.value):
            called |= {".".join(call.function.parts) for call in find_calls(value)}
            bare |= {reference.parts[0] for reference in find_references(value)}
    missing = [row.name for row in builtins.FUNCTIONS if row.name not in (bare if row.bare else called)]
    assert missing == []


def test_what_is_not_reached_is_refused_by_name_and_place() -> None:
    planned = compiler.plan(SPEC)
    assert planned.plan is None
    refused = [entry for entry in planned.diagnostics if entry.is_error]
    assert {entry.code for entry in refused} == {"RF5010"}
    shown = {}
    for entry in refused:
        assert entry.span is not None
        text = planned.diagnostics.sources[entry.span.file].text
        shown[entry.message.partition(" is part of")[0]] = text[entry.span.start : entry.span.end]
    # Each is named, and what is named stands where it points.
    for what, text in shown.items():
        word = what.partition("`")[2].partition("`")[0].rpartition(" = ")[2].removesuffix("()").removesuffix("(…)")
        assert word in text or word in ("source", "path"), (what, text)
    kinds = {**builtins.MEASURE_KINDS, **builtins.OPERATOR_KINDS, **builtins.VALIDATOR_KINDS}
    later = {f"`kind = {row.name}`" for row in kinds.values() if not row.reached}
    later |= {f"block `{row.name}`" for row in builtins.BLOCKS.values() if not row.reached}
    for block in builtins.BLOCKS.values():
        for row in block.attributes if block.reached else ():
            if not row.reached:
                owner = f"`{block.name}`" if block.label == "none" else block.name
                later.add(f"`{row.name}` of {owner}")
            elif isinstance(row.type, types.Word) and row.name not in ("kind", "batch"):
                later |= {f"`{row.name} = {word}`" for word in row.type.later}
    assert [what for what in sorted(later) if not any(message.startswith(what) for message in shown)] == []


def test_the_example_of_the_design_checks_clean() -> None:
    if not DESIGN.exists():
        pytest.skip(f"{DESIGN} is not here")
    assert [entry.message for entry in compiler.analyze(DESIGN).diagnostics] == []
    planned = compiler.plan(DESIGN)
    assert {entry.code for entry in planned.diagnostics} == {"RF5010"}
