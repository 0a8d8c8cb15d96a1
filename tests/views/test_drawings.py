"""Graphs as text, Mermaid and DOT: read back, they are the graph, whatever its names hold."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.views.drawings import LATER, render_dot, render_json, render_mermaid, render_tree
from refinelab_dsl.views.graph import ORDER, Edge, Graph, Node
from tests.views.specs import RICH, UNREADY, graph_of

EVIL = (
    'a "quoted" [name]', "end", "click n0 href", "<b>&amp;</b>", "a\\", "\\N\\G", "`md`", "{{x}}", "a;b--c", "#35;",
    "lib.topic", "数学 é", "x\ny", "%%{init}%%", "\x1b[31m", "subgraph", "-->", "(", ")", "|", "'", "",
)  # fmt: skip


def nodes(names: list[str], kinds: list[str], details: list[str]) -> tuple[Node, ...]:
    return tuple(
        Node(f"{kind}.{number}.{name}", kind, name, detail, "", "a.refine", 1, ("x",) if number % 3 == 0 else ())
        for number, (name, kind, detail) in enumerate(zip(names, kinds, details, strict=True))
    )


texts = st.one_of(st.sampled_from(EVIL), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(0, 6))
    kinds = st.sampled_from(ORDER)
    names, of_kinds, details = (draw(st.lists(each, min_size=count, max_size=count)) for each in (texts, kinds, texts))
    drawn = nodes(names, of_kinds, details)
    ends = st.sampled_from([node.id for node in drawn]) if drawn else st.nothing()
    edges = draw(st.lists(st.builds(Edge, ends, ends, texts), max_size=8)) if drawn else []
    unique = {(edge.source, edge.target): edge for edge in edges}
    return Graph(draw(texts), drawn, tuple(unique.values()))


def lines_of(node: Node) -> list[str]:
    return [escape(line) for line in (node.title, node.detail, LATER if node.later else "") if line]


# Mermaid: a strict reader of the part of its language that we write.

_TEXT = r'(?:[^\W]|[ _.,/-]|#\d+;|<br>)*'
_MERMAID_NODE = re.compile(
    rf'  (n\d+)(?:\[\("({_TEXT})"\)\]|\("({_TEXT})"\)|\{{\{{"({_TEXT})"\}}\}}|\[\["({_TEXT})"\]\]|\(\["({_TEXT})"\]\)'
    rf'|\[/"({_TEXT})"/\]|\{{"({_TEXT})"\}}|>"({_TEXT})"\]|\["({_TEXT})"\])'
)
_MERMAID_EDGE = re.compile(rf'  (n\d+) (?:-- "({_TEXT})" )?--> (n\d+)')


def read_mermaid(text: str) -> tuple[dict[str, list[str]], list[tuple[str, str, str]], set[str]]:
    """Labels by node, edges, and the nodes of class `later`."""
    head, *lines = text.splitlines()
    assert head == "flowchart LR"
    labels: dict[str, list[str]] = {}
    edges: list[tuple[str, str, str]] = []
    later: set[str] = set()
    for line in lines:
        if node := _MERMAID_NODE.fullmatch(line):
            label = next(group for group in node.groups()[1:] if group is not None)
            labels[node[1]] = [decode(part) for part in label.split("<br>")]
        elif edge := _MERMAID_EDGE.fullmatch(line):
            edges.append((edge[1], edge[3], decode(edge[2] or "")))
        elif marked := re.fullmatch(r"  class (n\d+(?:,n\d+)*) later", line):
            later = set(marked[1].split(","))
        else:
            assert line == "  classDef later stroke-dasharray: 4 4", line
    return labels, edges, later


def decode(text: str) -> str:
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), text)


@given(graphs())
@settings(max_examples=80, deadline=None)
def test_mermaid_reads_back(graph: Graph) -> None:
    labels, edges, later = read_mermaid(render_mermaid(graph))
    ids = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    assert labels == {ids[node.id]: lines_of(node) for node in graph.nodes}
    assert edges == [(ids[edge.source], ids[edge.target], escape(edge.label)) for edge in graph.edges]
    assert later == {ids[node.id] for node in graph.nodes if node.later}


# DOT: a strict reader, and Graphviz itself where it is installed.

_STRING = r'"((?:[^"\\\n]|\\.)*)"'
_DOT_NODE = re.compile(rf'  {_STRING} \[shape="\w+", label={_STRING}(, style="dashed")?\]')
_DOT_EDGE = re.compile(rf"  {_STRING} -> {_STRING}(?: \[label={_STRING}\])?")


def read_dot(text: str) -> tuple[dict[str, list[str]], list[tuple[str, str, str]], set[str]]:
    head, *lines, foot = text.splitlines()
    assert re.fullmatch(rf"digraph {_STRING} \{{", head), head
    assert foot == "}"
    labels: dict[str, list[str]] = {}
    edges: list[tuple[str, str, str]] = []
    dashed: set[str] = set()
    for line in lines:
        if edge := _DOT_EDGE.fullmatch(line):
            edges.append((name(edge[1]), name(edge[2]), label_of(edge[3] or "")[0]))
        elif node := _DOT_NODE.fullmatch(line):
            labels[name(node[1])] = label_of(node[2])
            dashed |= {name(node[1])} if node[3] else set()
        else:
            assert re.fullmatch(r'  (graph|node|edge) \[[^\[\]]*\]', line), line
    return labels, edges, dashed


def name(text: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", text)


def label_of(text: str) -> list[str]:
    """The lines of a label: `\\n` parts them, other escapes stand for the sign itself."""
    lines = [""]
    for sign in re.findall(r"\\.|[^\\]", text):
        if sign == "\\n":
            lines.append("")
        else:
            assert len(sign) == 1 or sign[1] in '"\\', sign
            lines[-1] += sign[-1]
    return [line.replace("&amp;", "&") for line in lines]


@given(graphs())
@settings(max_examples=80, deadline=None)
def test_dot_reads_back(graph: Graph) -> None:
    labels, edges, dashed = read_dot(render_dot(graph))
    assert labels == {escape(node.id): lines_of(node) for node in graph.nodes}
    assert edges == [(escape(edge.source), escape(edge.target), escape(edge.label)) for edge in graph.edges]
    assert dashed == {escape(node.id) for node in graph.nodes if node.later}


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed (Debian: apt-get install graphviz)")
def test_graphviz_draws_it() -> None:
    count = len(EVIL)
    kinds = [ORDER[number % len(ORDER)] for number in range(count)]
    drawn = nodes(list(EVIL), kinds, list(reversed(EVIL)))
    around = zip(drawn, (*drawn[1:], drawn[0]), EVIL, strict=True)
    ring = tuple(Edge(one.id, other.id, label) for one, other, label in around)
    for graph in (Graph(EVIL[0], drawn, ring), graph_of()):
        answer = subprocess.run(
            ["dot", "-Tjson"], input=render_dot(graph).encode(), capture_output=True, check=False, timeout=60
        )
        assert (answer.returncode, answer.stderr.decode()) == (0, "")
        document = json.loads(answer.stdout)
        assert len(document["objects"]) == len(graph.nodes)
        assert len(document["edges"]) == len(graph.edges)
        # What stands in the picture is the title, not an escape of Graphviz or an entity.
        for shown, node in zip(document["objects"], graph.nodes, strict=True):
            drawn_lines = [piece["text"] for piece in shown["_ldraw_"] if piece["op"] == "T"]
            assert drawn_lines == lines_of(node)


def test_the_tree_of_a_spec() -> None:
    assert render_tree(graph_of()) == """\
dataset chem · mcq
├─ measure area · column
│  └─ dimension topic
├─ measure rating · elo
│  ├─ dataset rated · mcq  [seeds]
│  ├─ dimension difficulty
│  └─ model small · openai  [model]
└─ output out · out/x.jsonl

constraints
└─ dimension topic  [floor]

operator harden · rewrite_distractors
├─ dimension difficulty  [moves, where]
├─ prompt harder  [prompt]
├─ validator fine · expression  [checks]
├─ judge grader  [checks]
│  └─ model small · openai  [model]
└─ model small · openai  [model]

operator drop · remove

validator checked · in_bin
└─ dimension difficulty  [dimension]

model spare · simulated

pilot
└─ dimension topic  [stratify_by]

expect topics alike | <end>
├─ dimension topic  [assert]
└─ operator harden · rewrite_distractors  [assert] …
"""


def test_the_tree_marks_what_no_plan_executes_yet() -> None:
    assert "│  ├─ dataset rated · mcq  [seeds]  (not executable yet)\n" in render_tree(graph_of(UNREADY))


@given(graphs())
@settings(max_examples=80, deadline=None)
def test_the_tree_shows_every_node_and_unfolds_each_once(graph: Graph) -> None:
    text = render_tree(graph)
    assert "\x1b" not in text
    lines = [line for line in text.splitlines() if line]
    for node in graph.nodes:
        assert any(escape(node.title) in line for line in lines)
    assert len(lines) <= len(graph.nodes) + len(graph.edges)


def test_a_circle_has_a_tree() -> None:
    one, other = nodes(["a", "b"], ["dimension", "measure"], ["", ""])
    graph = Graph("x", (one, other), (Edge(one.id, other.id, "x"), Edge(other.id, one.id, "y")))
    shown = "dimension a  (not executable yet)\n└─ measure b  [x]\n   └─ dimension a  [y]  (not executable yet) …\n"
    assert render_tree(graph) == shown


def test_json_is_the_graph() -> None:
    graph = graph_of()
    document = json.loads(json.dumps(render_json(graph)))
    assert list(document) == ["format_version", "spec", "nodes", "edges"]
    assert [node["id"] for node in document["nodes"]] == [node.id for node in graph.nodes]
    assert document["edges"][4] == {"from": "measure.rating", "to": "dataset.rated", "label": "seeds"}
    assert document["nodes"][0]["line"] == RICH.splitlines().index("dataset chem {") + 1


def test_the_same_spec_gives_the_same_bytes() -> None:
    for render in (render_tree, render_mermaid, render_dot):
        assert render(graph_of()) == render(graph_of())
