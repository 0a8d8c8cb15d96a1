"""The graph of a spec: every reference is an edge, every edge leads somewhere, what cannot run yet is marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from refinelab_dsl import compiler
from refinelab_dsl.views.drawings import render_dot, render_json, render_mermaid, render_tree
from refinelab_dsl.views.graph import build_graph
from tests.architecture.tree import ROOT
from tests.harness.specs import find_examples
from tests.views.specs import RICH, UNREADY, graph_of


def test_every_reference_is_an_edge() -> None:
    assert [(edge.source, edge.target, edge.label) for edge in graph_of().edges] == [
        ("dataset.chem", "measure.area", ""),
        ("dataset.chem", "measure.rating", ""),
        ("dataset.chem", "output.out", ""),
        ("measure.area", "dimension.topic", ""),
        ("measure.rating", "dataset.rated", "seeds"),
        ("measure.rating", "dimension.difficulty", ""),
        ("measure.rating", "model.small", "model"),
        ("constraints", "dimension.topic", "floor"),
        ("operator.harden", "dimension.difficulty", "moves, where"),
        ("operator.harden", "prompt.harder", "prompt"),
        ("operator.harden", "validator.fine", "checks"),
        ("operator.harden", "judge.grader", "checks"),
        ("operator.harden", "model.small", "model"),
        ("validator.checked", "dimension.difficulty", "dimension"),
        ("judge.grader", "model.small", "model"),
        ("pilot", "dimension.topic", "stratify_by"),
        ("expect.topics alike | <end>", "dimension.topic", "assert"),
        ("expect.topics alike | <end>", "operator.harden", "assert"),
    ]


def test_a_node_says_what_it_is_and_where() -> None:
    graph = graph_of()
    chem = graph.index["dataset.chem"]
    assert (chem.kind, chem.name, chem.detail, chem.file) == ("dataset", "chem", "mcq", "rich.refine")
    assert RICH.splitlines()[chem.line - 1] == "dataset chem {"
    assert chem.doc.startswith("Items of two subjects.")
    assert graph.index["model.small"].detail == "openai"
    assert graph.index["output.out"].detail == "out/x.jsonl"


def test_what_no_plan_executes_yet_is_marked() -> None:
    assert not any(node.later for node in graph_of().nodes)
    assert [node.id for node in graph_of(UNREADY).nodes if node.later] == ["dataset.rated"]
    assert graph_of(UNREADY).index["dataset.rated"].later == ("a dataset of `hf://`",)


def test_blocks_that_stand_alone_are_nodes_only_where_they_refer_to_something() -> None:
    assert "constraints" in graph_of().index
    assert "constraints" not in graph_of(RICH.replace("floor = { topic = 5 }", "size = keep")).index
    assert "budget" not in graph_of().index


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.refine")), ids=lambda path: path.stem)
def test_our_specs_have_a_graph(path: Path) -> None:
    analysis = compiler.analyze(path, compiler.Options(allow_outside=True))
    assert analysis.bindings is not None
    graph = build_graph(analysis.bindings, path.stem)
    assert {edge.source for edge in graph.edges} >= {f"operator.{each.name}" for each in analysis.program.operators
                                                     if each.model}  # fmt: skip


@pytest.mark.parametrize("chapter", sorted((ROOT / "specs" / "language").glob("2*.md")), ids=lambda path: path.stem)
def test_whatever_the_language_has_can_be_drawn(chapter: Path) -> None:
    for example in find_examples(chapter):
        if "# error" in example.text:
            continue
        analysis = compiler.analyze(example.source)
        if analysis.bindings is None or analysis.diagnostics.has_errors:
            continue
        graph = build_graph(analysis.bindings, "x")
        assert {end for edge in graph.edges for end in (edge.source, edge.target)} <= set(graph.index), str(example)
        shown = render_tree(graph)
        assert all(node.name in shown for node in graph.nodes if node.name.isidentifier()), str(example)
        assert render_mermaid(graph)
        assert render_dot(graph)
        assert len(render_json(graph)["nodes"]) == len(graph.nodes)
