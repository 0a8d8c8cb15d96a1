"""A graph drawn: as a tree for a terminal, for Mermaid, for Graphviz, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from refinelab_dsl.diagnostics.display import escape, replace_surrogates
from refinelab_dsl.views.graph import Edge, Graph, Node

FORMAT_VERSION = "1.0"
LATER: Final = "not executable yet"

# Mermaid's brackets and Graphviz' shape of each kind; any other is a box.
_BRACKETS: Final = {
    "dataset": ("[(", ")]"), "output": ("[(", ")]"), "measure": ("(", ")"), "dimension": ("{{", "}}"),
    "operator": ("[[", "]]"), "model": ("([", "])"), "embedding": ("([", "])"), "prompt": ("[/", "/]"),
    "validator": ("{", "}"), "judge": ("{", "}"), "expect": (">", "]"), "test": (">", "]"),
}  # fmt: skip
_SHAPES: Final = {
    "dataset": "cylinder", "output": "cylinder", "measure": "ellipse", "dimension": "hexagon", "operator": "component",
    "model": "oval", "embedding": "oval", "prompt": "note", "validator": "diamond", "judge": "diamond", "expect": "cds",
    "test": "cds",
}  # fmt: skip


def render_tree(graph: Graph) -> str:
    """Operators and what nothing refers to stand at the margin, each reference beneath what refers to it, by which
    attribute in brackets; what stands elsewhere with its references is not unfolded a second time."""
    targets = {edge.target for edge in graph.edges}
    done: set[str] = set()
    roots = [node for node in graph.nodes if node.kind == "operator" or node.id not in targets]
    trees = [list(_tree(graph, node, done)) for node in roots]
    # Declarations that refer to each other in a circle have no first one.
    trees += [list(_tree(graph, node, done)) for node in graph.nodes if node.id not in done]
    return "\n".join("".join(f"{line}\n" for line in tree) for tree in trees)


def _tree(graph: Graph, node: Node, done: set[str], label: str = "") -> Iterator[str]:
    edges = graph.leaving(node.id)
    seen = node.id in done
    done.add(node.id)
    yield _describe(node, label) + (" …" if seen and edges else "")
    for number, edge in enumerate(() if seen else edges):
        last = number == len(edges) - 1
        first, *more = _tree(graph, graph.index[edge.target], done, edge.label)
        yield f"{'└─' if last else '├─'} {first}"
        yield from (f"{'  ' if last else '│ '} {line}" for line in more)


def _describe(node: Node, label: str) -> str:
    parts = [escape(node.title), *([f" · {escape(node.detail)}"] if node.detail else [])]
    parts += [f"  [{escape(label)}]"] if label else []
    parts += [f"  ({LATER})"] if node.later else []
    return "".join(parts)


def render_mermaid(graph: Graph) -> str:
    """A flowchart from left to right. Nodes are numbered, and texts stand in quotation marks with every sign that is
    no letter, digit or plain punctuation as its number, so that none of them can be syntax."""
    numbers = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        opening, closing = _BRACKETS.get(node.kind, ("[", "]"))
        text = "<br>".join(_mermaid_text(line) for line in _lines(node))
        lines.append(f'  {numbers[node.id]}{opening}"{text}"{closing}')
    for edge in graph.edges:
        arrow = f'-- "{_mermaid_text(edge.label)}" -->' if edge.label else "-->"
        lines.append(f"  {numbers[edge.source]} {arrow} {numbers[edge.target]}")
    later = [numbers[node.id] for node in graph.nodes if node.later]
    if later:
        lines += ["  classDef later stroke-dasharray: 4 4", f"  class {','.join(later)} later"]
    return "\n".join(lines) + "\n"


def _mermaid_text(text: str) -> str:
    return "".join(
        character if character.isalnum() or character in " _-.,/" else f"#{ord(character)};"
        for character in escape(text)
    )


def render_dot(graph: Graph) -> str:
    """A digraph from left to right; the ids of its nodes are the names of the declarations."""
    lines = [
        f"digraph {_quote(graph.spec)} {{",
        '  graph [rankdir="LR", charset="UTF-8"]',
        '  node [fontname="sans-serif", fontsize="11"]',
        '  edge [fontname="sans-serif", fontsize="9"]',
    ]
    for node in graph.nodes:
        style = ', style="dashed"' if node.later else ""
        label = "\\n".join(_dot_text(line) for line in _lines(node))
        shape = _SHAPES.get(node.kind, "box")
        lines.append(f'  {_quote(node.id)} [shape="{shape}", label="{label}"{style}]')
    lines += [f"  {_quote(edge.source)} -> {_quote(edge.target)}{_dot_label(edge)}" for edge in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _dot_label(edge: Edge) -> str:
    return f' [label="{_dot_text(edge.label)}"]' if edge.label else ""


def _quote(name: str) -> str:
    # In a name a backslash means nothing but before a quotation mark: doubled, none stands before one by itself.
    return '"' + escape(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _dot_text(text: str) -> str:
    """A label: backslashes start its escapes (`\\N` is the node's name), `&` its entities."""
    return escape(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def _lines(node: Node) -> Sequence[str]:
    return [node.title, *([node.detail] if node.detail else []), *([LATER] if node.later else [])]


def render_json(graph: Graph) -> dict[str, Any]:
    """`{"format_version", "spec", "nodes": [{id, kind, name, detail, doc, file, line, later}], "edges": [{from, to,
    label}]}`. `later` lists what of a node no plan can execute yet."""
    return {
        "format_version": FORMAT_VERSION,
        "spec": graph.spec,
        "nodes": [
            {
                "id": node.id,
                "kind": node.kind,
                "name": node.name,
                "detail": replace_surrogates(node.detail),
                "doc": replace_surrogates(node.doc),
                "file": replace_surrogates(node.file),
                "line": node.line,
                "later": list(node.later),
            }
            for node in graph.nodes
        ],
        "edges": [{"from": edge.source, "to": edge.target, "label": edge.label} for edge in graph.edges],
    }
