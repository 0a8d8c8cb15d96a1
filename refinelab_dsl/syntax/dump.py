"""A tree as JSON values, for `compile --emit=ast`, other tools, and golden tests."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax.nodes import Tree


def dump(tree: Tree, source: Source) -> dict[str, Any]:
    """`{"node": "Tree", "at": "1:1-9:2", "statements": […]}`: a node's class, its place, then its members.

    Places are `line:column` from 1, the end exclusive. Exact numbers are texts; members without a value are left out.
    """
    result = _dump(tree, source)
    assert isinstance(result, dict)
    return result


def _dump(value: Any, source: Source) -> Any:
    if isinstance(value, Span):
        start, end = source.position(value.start), source.position(value.end)
        return f"{start.line}:{start.column}-{end.line}:{end.column}"
    if is_dataclass(value):
        members = {field.name: getattr(value, field.name) for field in fields(value)}
        dumped: dict[str, Any] = {"node": type(value).__name__, "at": _dump(members.pop("span"), source)}
        for name, member in members.items():
            if not (name.endswith("_span") or member is None or member == () or (name == "doc" and not member)):
                dumped[name] = _dump(member, source)
        return dumped
    if isinstance(value, tuple | list):
        return [_dump(member, source) for member in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    return value
