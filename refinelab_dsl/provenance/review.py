"""An edit as text for a terminal and as JSON values: what was, what is, who did it, what the checks said, the price."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.decisions import Word
from refinelab_dsl.data.items import Item
from refinelab_dsl.diagnostics.display import escape, width
from refinelab_dsl.provenance.changes import Change, Passage, compare_fields
from refinelab_dsl.provenance.edits import REFUSED, Edit
from refinelab_dsl.provenance.render import describe_labels, describe_usd, describe_verdict

_NAME = 11  # columns of the names on the left, at least
_SIGNS = {"same": "  ", "old": "- ", "new": "+ "}
_MARKS = {"same": ("", ""), "old": ("[-", "-]"), "new": ("{+", "+}")}


def compare_edit(edit: Edit) -> tuple[Change, ...]:
    """The fields of an edit: of a new item written after an anchor all are new, of one that left all are gone."""
    before = None if edit.is_anchored else edit.parent.fields
    if edit.kind == "removed":
        return compare_fields(before, None)
    return () if edit.result is None else compare_fields(before, edit.result.fields)


def render_edit(edit: Edit, *, columns: int = 100, decision: Word) -> str:
    """Some lines and an empty one. Words that left stand as `[-words-]`, those that came as `{+words+}`; where a whole
    line or entry did, it stands behind `-` or `+`. Nothing in it steers a terminal."""
    return "\n".join(_render(edit, max(columns, 60), decision)) + "\n\n"


def dump_edit(edit: Edit, decision: Word) -> dict[str, Any]:
    """The edit as JSON values; dollars are a decimal string, null where a price is unknown."""
    return {
        "kind": edit.kind,
        "id": edit.id,
        "operator": edit.operator,
        "parent": {"id": edit.parent.id, "place": str(edit.parent.place), "anchor": edit.is_anchored},
        "target": dict(edit.target or {}),
        "before": dict(edit.parent.fields),
        "after": None if edit.result is None else dict(edit.result.fields),
        "missing": edit.missing,
        "changes": [
            {
                "field": change.field,
                "passages": [[[part.kind, part.text] for part in passage.parts] for passage in change.passages],
            }
            for change in compare_edit(edit)
        ],
        "chain": None if edit.chain is None else edit.chain.model_dump(mode="json", include={"rounds", "stop"}),
        "check": edit.check,
        "reason": edit.reason,
        "verdicts": [verdict.model_dump(mode="json", exclude={"event", "step"}) for verdict in edit.verdicts],
        "cost": {
            "tokens": edit.tokens, "usd": None if edit.usd is None else format(edit.usd.normalize(), "f"),
            "calls": sum(bool(call.template) for call in edit.calls),
        },
        "simulated": edit.simulated,
        "decision": decision,
    }  # fmt: skip


def _render(edit: Edit, columns: int, decision: Word) -> Iterator[str]:
    simulated = " (simulated)" if edit.simulated else ""
    decided = "" if decision == ("reject" if edit.kind in REFUSED else "accept") else f"   decided: {decision}"
    yield escape(f"{edit.kind} {edit.id}   {edit.operator}{simulated}{decided}")
    changes = compare_edit(edit)
    indent = max([_NAME, *(width(escape(change.field)) + 1 for change in changes)])

    def line(name: str, text: str, sign: str = "  ") -> str:
        first = f"  {escape(name):<{indent}}{sign}"
        # White space that is neither of these stands as an escape already, so wrapping cannot hide it.
        return textwrap.fill(
            escape(text), columns, initial_indent=first, subsequent_indent=" " * (len(first) - 2) + sign,
            break_on_hyphens=False, replace_whitespace=False,
        ) or first.rstrip()  # fmt: skip

    yield line("anchor" if edit.is_anchored else "from", _describe_parent(edit.parent))
    if edit.target:
        yield line("made for", describe_labels(dict(edit.target)))
    for change in changes:
        if change.is_same:
            yield line(change.field, "as it was")
            continue
        for number, passage in enumerate(change.passages):
            yield line(change.field if number == 0 else "", *_spell(passage))
    if edit.missing is not None:
        yield line("text", f"not shown: {edit.missing}")
    for verdict in edit.verdicts:
        yield line("check", describe_verdict(verdict))
    if edit.chain is not None:
        yield line("chain", _describe_chain(edit.chain))
    if edit.kind == "kept" or (edit.check is None and edit.reason):
        yield line("kept" if edit.kind == "kept" else "refused", edit.reason)
    if edit.calls:
        asked = sum(bool(call.template) for call in edit.calls)
        calls = "1 call" if asked == 1 else f"{asked} calls"
        yield line("cost", f"{describe_usd(edit.usd)}, {edit.tokens:,} tokens in {calls}")


def _spell(passage: Passage) -> tuple[str, str]:
    """The text of a passage and the sign before it."""
    if len(passage.parts) == 1:
        (part,) = passage.parts
        return part.text, _SIGNS[part.kind]
    text = "".join(f"{_MARKS[part.kind][0]}{part.text}{_MARKS[part.kind][1]}" for part in passage.parts)
    return text, "~ "


def _describe_chain(chain: events.Chain) -> str:
    rounds, better = len(chain.rounds), len(chain.answers) - 1
    return f"{rounds} {'round' if rounds == 1 else 'rounds'}, {better} preferred; ended by: {chain.stop}"


def _describe_parent(parent: Item) -> str:
    place = str(parent.place)
    return parent.id if not place else f"{parent.id}, {place}"
