"""Changes of meaning as text, as markdown for a pull request, and as JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from fractions import Fraction
from itertools import groupby
from typing import Any

from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.markdown import code_span, tag_text
from refinelab_dsl.ir.diff import Change
from refinelab_dsl.ir.spelling import Prose, Share, Value, render_value, spell_label
from refinelab_dsl.plan.layout import align_table
from refinelab_dsl.source import Sources, Span

FORMAT_VERSION = "1.0"
MAX_COMMENT = 60_000

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "~"}
_COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m"}
_RESET = "\x1b[0m"
_CONTEXT = 2
_WIDE = 100


def render_json(changes: Sequence[Change], sources: Sources, old: str, new: str) -> dict[str, Any]:
    """`{"format_version", "old", "new", "changes": [{change, kind, name, path, old, new, where: {old, new}}]}`.

    Values are texts in the spelling of the language, null where there is none; places are `{file, line, column}`.
    """
    return {
        "format_version": FORMAT_VERSION,
        "old": old,
        "new": new,
        "changes": [
            {
                "change": each.change,
                "kind": each.kind,
                "name": each.name,
                "path": each.path,
                "old": _plain(each, each.old),
                "new": _plain(each, each.new),
                "where": {"old": _place(each.old_span, sources), "new": _place(each.new_span, sources)},
            }
            for each in changes
        ],
    }


def render_text(changes: Sequence[Change], sources: Sources, old: str, new: str, *, color: bool = False) -> str:
    """Declaration by declaration, `+` added, `-` removed, `~` changed; ends with a summary."""
    lines = [f"{escape(old)} -> {escape(new)}"]
    kind = None
    for (group, name), members in groupby(changes, key=lambda each: (each.kind, each.name)):
        if group != kind or group:
            lines.append("")
        kind = group
        lines.extend(_paint(line, color) for line in _declaration(group, name, list(members), sources))
    lines += ["", summarise(changes)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def render_markdown(changes: Sequence[Change], sources: Sources, old: str, new: str) -> str:
    """A comment for a pull request: a hidden tag to find it again, the headline, a table, prompts folded; under
    60 000 characters."""
    head = [f"<!-- refinec diff {tag_text(new)} -->", f"### {summarise(changes)}", ""]
    head.append(f"{code_span(old)} → {code_span(new)}")
    rows: list[str] = []
    folded: list[str] = []
    for each in changes:
        if isinstance(each.old, Prose) and isinstance(each.new, Prose):
            # Kinds, bare names and attributes: nothing in these is markdown or HTML.
            title = f"{_title(each.kind, each.name)}: {each.path}"
            body = "\n".join(escape(line) for line in _lines_of(each.old.text, each.new.text))
            fence = "`" * max(3, 1 + max((len(run) for run in _runs(body)), default=0))
            block = f"{fence}diff\n{body}\n{fence}"
            folded.append(f"\n<details><summary>{title}</summary>\n\n{block}\n\n</details>")
        else:
            rows.append(_row(each))
    table = ["", "| | declaration | attribute | old | new |", "|---|---|---|---|---|"] if rows else []
    parts = "\n".join([*head, *table])
    left_out = 0
    for part in [*rows, *folded]:
        if left_out or len(parts) + len(part) > MAX_COMMENT - 200:
            left_out += 1
            continue
        parts += f"\n{part}"
    if left_out:
        parts += f"\n\nLeft out, since a comment has room for 60 000 characters: {left_out} of the changes."
    return parts + "\n"


def summarise(changes: Sequence[Change]) -> str:
    """`1 added, 2 changed, 1 renamed`, counted in declarations; `no difference in meaning`."""
    tally: Counter[str] = Counter()
    for (kind, _), members in groupby(changes, key=lambda each: (each.kind, each.name)):
        found = list(members)
        whole = {each.change for each in found if not each.path and kind}
        tally.update(whole)
        if any(each.path or not kind for each in found):
            tally["changed"] += 1
    parts = [f"{tally[word]} {word}" for word in ("added", "removed", "changed", "renamed") if tally[word]]
    return ", ".join(parts) or "no difference in meaning"


def _declaration(kind: str, name: str, members: list[Change], sources: Sources) -> Iterator[str]:
    whole = [each for each in members if not each.path]
    parts = [each for each in members if each.path]
    title = escape(_title(kind, name))
    if not kind:
        for each in parts:
            yield f"{_SIGNS[each.change]} {_arrow(each)}"
        return
    first = whole[0] if whole else None
    where = _at(members[0], sources)
    if first is not None and first.change == "renamed":
        yield f"~ {title}   renamed, was `{escape(str(first.old))}`{where}"
    elif first is not None:
        yield f"{_SIGNS[first.change]} {title}{where}"
        values = first.new if first.change == "added" else first.old
        yield from _body(values, _SIGNS[first.change])
    else:
        yield f"~ {title}{where}"
    shares = [each for each in parts if isinstance(each.old or each.new, Share)]
    for path, group in groupby(shares, key=lambda each: each.path.partition(".")[0]):
        yield from _table(path, list(group))
    for each in parts:
        if each in shares:
            continue
        if isinstance(each.old, Prose) or isinstance(each.new, Prose):
            yield from _prose(each)
        else:
            yield f"  {_SIGNS[each.change]} {_arrow(each)}"


def _body(values: Value | None, sign: str) -> Iterator[str]:
    """What a declaration that came or went writes."""
    if not isinstance(values, Mapping):
        return
    for name, value in values.items():
        if isinstance(value, Prose) and "\n" in value.text:
            yield f"  {sign} {name} ="
            yield from (f"  {sign}   {escape(line)}" for line in value.text.splitlines())
        else:
            yield f"  {sign} {name} = {escape(render_value(value))}"


def _arrow(change: Change) -> str:
    path = escape(_path(change.path))
    if change.old is None:
        return f"{path} = {_shown(change.new)}"
    if change.new is None:
        return f"{path} = {_shown(change.old)}"
    return f"{path}   {_shown(change.old)} -> {_shown(change.new)}"


def _shown(value: Value | None) -> str:
    return "-" if value is None else escape(render_value(value))


def _table(path: str, members: Sequence[Change]) -> Iterator[str]:
    """Shares of labels, with the difference in points."""
    rows = [(f"  ~ {escape(path)}", "old", "new", "points")]
    for each in members:
        label = each.path.partition(".")[2]
        first = f"  {_SIGNS[each.change]}   {escape(spell_label(label))}"
        points = (_share(each.new) - _share(each.old)) * 100
        rows.append((first, _shown(each.old), _shown(each.new), _points(points)))
    yield from align_table(rows, "<>>>", room=_WIDE, flexible=0)


def _share(value: Value | None) -> Fraction:
    return value.share if isinstance(value, Share) else Fraction(0)


def _points(points: Fraction) -> str:
    text = f"{float(points):+.2f}".rstrip("0").rstrip(".")
    return text if text not in ("+0", "-0") else f"{float(points):+.1g}"


def _prose(change: Change) -> Iterator[str]:
    """A template, line by line."""
    yield f"  {_SIGNS[change.change]} {escape(_path(change.path))}"
    old = change.old.text if isinstance(change.old, Prose) else ""
    new = change.new.text if isinstance(change.new, Prose) else ""
    for line in _lines_of(old, new):
        yield f"    {line[0]} {escape(line[1:])}" if line[0] in "+-" else f"      {escape(line[1:])}"


def _lines_of(old: str, new: str) -> list[str]:
    """The changed lines with two of context, `+`, `-` or a blank before each; `…` where lines are left out."""
    lines = list(unified_diff(old.splitlines(), new.splitlines(), n=_CONTEXT, lineterm=""))[2:]
    shown = [" …" if line.startswith("@@ ") else line for line in lines]
    return shown[1:] if lines[:1] and re.match(r"@@ -[01][ ,]", lines[0]) else shown


def _paint(line: str, color: bool) -> str:
    sign = line.lstrip()[:1]
    return f"{_COLORS[sign]}{line}{_RESET}" if color and sign in _COLORS else line


def _row(change: Change) -> str:
    title = code_span(_title(change.kind, change.name)) if change.kind else ""
    path = code_span(_path(change.path)) if change.path else ("renamed" if change.change == "renamed" else "")
    cells = [_cell(change, change.old), _cell(change, change.new)]
    return f"| `{_SIGNS[change.change]}` | {title} | {path} | {cells[0]} | {cells[1]} |"


def _cell(change: Change, value: Value | None) -> str:
    text = _plain(change, value)
    if text is None:
        return ""
    lines = text.splitlines() or [""]
    return "<br>".join(code_span(line) for line in lines[:20]) + (" …" if len(lines) > 20 else "")


def _plain(change: Change, value: Value | None) -> str | None:
    """A value as text: a template as it is, a declaration as the lines of its block."""
    match value:
        case None:
            return None
        case Prose(text=text):
            return text
        case Mapping() if not change.path:
            return "\n".join(f"{name} = {render_value(each)}" for name, each in value.items())
    return render_value(value)


def _title(kind: str, name: str) -> str:
    if kind in ("expect", "test"):
        return f'{kind} "{name}"'
    return f"{kind} {name}" if name else kind


def _path(path: str) -> str:
    """`target.organic`; a key that is no bare word in quotes."""
    first, dot, rest = path.partition(".")
    return f"{first}.{rest if all(map(str.isidentifier, rest.split('.'))) else spell_label(rest)}" if dot else first


def _at(change: Change, sources: Sources) -> str:
    place = _place(change.new_span or change.old_span, sources)
    return "" if place is None else f"   {escape(place['file'])}:{place['line']}"


def _place(span: Span | None, sources: Sources) -> dict[str, Any] | None:
    if span is None or (source := sources.get(span.file)) is None:
        return None
    position = source.position(span.start)
    return {"file": span.file, "line": position.line, "column": position.column}


def _runs(text: str) -> Iterator[str]:
    return ("".join(run) for sign, run in groupby(text) if sign == "`")
