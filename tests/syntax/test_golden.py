"""Trees of small specs, one file each. To accept a change: `pytest tests/syntax --snapshot-update`, then read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics.render import render_text
from refinelab_dsl.syntax.dump import dump

SPECS = sorted((Path(__file__).parent / "specs").glob("*.refine"))


class TextFile(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(TextFile)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_tree(path: Path, golden: SnapshotAssertion) -> None:
    source, tree, found = syntax.parse_bytes(path.name, path.read_bytes())
    assert "\n".join([*outline(dump(tree, source)), "", render_text(found)]).rstrip() + "\n" == golden


def outline(node: Any, name: str = "", depth: int = 0) -> list[str]:
    """A tree as indented lines: a node's class, its place, its plain members; then the nodes in it."""
    label = f"{name}: " if name else ""
    if not isinstance(node, dict):
        return [f"{'  ' * depth}{label}{json.dumps(node, ensure_ascii=False)}"]
    plain = {key: value for key, value in node.items() if not _holds_nodes(value) and key not in ("node", "at")}
    members = "".join(f" {key}={json.dumps(value, ensure_ascii=False)}" for key, value in plain.items())
    lines = [f"{'  ' * depth}{label}{node['node']} {node['at']}{members}"]
    for key, value in node.items():
        if _holds_nodes(value):
            for item in value if isinstance(value, list) else [value]:
                lines.extend(outline(item, key, depth + 1))
    return lines


def _holds_nodes(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))
