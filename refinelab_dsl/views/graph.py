"""What of a spec refers to what: dataset to measures to dimensions, operators to models, prompts and checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared
from refinelab_dsl.semantics.uses import Reference, find_references

ORDER: Final = (
    "dataset", "measure", "dimension", "constraints", "operator", "prompt", "validator", "judge", "model", "embedding",
    "pilot", "output", "expect", "test", "loop",
)  # fmt: skip
"""Kinds of nodes, as a reader meets them."""

_ALONE: Final = ("constraints", "pilot", "loop")  # shown where they refer to something, or cannot be executed yet
_DETAILS: Final = {"dataset": "task", "model": "provider", "embedding": "provider", "output": "path"}


@dataclass(frozen=True, slots=True)
class Node:
    """One declaration. id: `operator.author`, `constraints`. detail: its kind, task, provider or path.

    later: what of it no plan of this version can execute, in words; file and line are those of its header.
    """

    id: str
    kind: str
    name: str
    detail: str
    doc: str
    file: str
    line: int
    later: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Edge:
    """From a declaration to what it refers to; from data to what is made of them. label: by which attributes."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True)
class Graph:
    """spec: its name. Nodes by kind, then as declared; edges in the order of their ends. Every end is a node."""

    spec: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @cached_property
    def index(self) -> Mapping[str, Node]:
        return {node.id: node for node in self.nodes}

    def leaving(self, node: str) -> tuple[Edge, ...]:
        return tuple(edge for edge in self.edges if edge.source == node)


def build_graph(bindings: Bindings, name: str) -> Graph:
    """The graph of a spec without errors. name: of the spec."""
    blocks = {node_id(each.kind, each.name): each for each in bindings.draft.blocks if each.kind in ORDER}
    places = {id_: number for number, id_ in enumerate(sorted(blocks, key=lambda id_: _rank(blocks[id_])))}
    labels: dict[tuple[str, str], dict[str, None]] = {}
    for source, target, label in _edges(bindings, blocks):
        labels.setdefault((source, target), {}).setdefault(label)
    ends = {end for edge in labels for end in edge}
    nodes = [_node(bindings, id_, blocks[id_]) for id_ in places]
    edges = [
        Edge(source, target, ", ".join(label for label in found if label)) for (source, target), found in labels.items()
    ]
    return Graph(
        name,
        tuple(node for node in nodes if node.kind not in _ALONE or node.id in ends or node.later),
        tuple(sorted(edges, key=lambda edge: (places[edge.source], places[edge.target]))),
    )


def node_id(kind: str, name: str) -> str:
    """`operator.author`, `budget`."""
    return f"{kind}.{name}" if name else kind


def references(bindings: Bindings, declared: Declared) -> Iterator[Reference]:
    """What a declaration refers to."""
    return find_references(declared, bindings.directory, bindings.views[declared.namespace].items)


def _rank(declared: Declared) -> int:
    return ORDER.index(declared.kind)


def _edges(bindings: Bindings, blocks: Mapping[str, Declared]) -> Iterator[tuple[str, str, str]]:
    main = bindings.draft.dataset
    for id_, declared in blocks.items():
        if main is not None and declared.kind in ("measure", "output"):
            yield node_id("dataset", main.name), id_, ""
        for attribute, kind, name in references(bindings, declared):
            other = node_id(kind, name)
            if other not in blocks or other == id_:
                continue
            if (declared.kind, attribute) == ("dimension", "from"):
                yield other, id_, ""  # a measure's values become labels: data flow on
            else:
                yield id_, other, attribute


def _node(bindings: Bindings, id_: str, declared: Declared) -> Node:
    span = declared.block.header_span
    detail = declared.get(_DETAILS.get(declared.kind, "kind"))
    line = bindings.sources[span.file].position(span.start).line
    return Node(
        id_, declared.kind, declared.name, detail if isinstance(detail, str) else "", declared.block.doc,
        span.file, line, tuple(use.what for use in declared.later),
    )  # fmt: skip
