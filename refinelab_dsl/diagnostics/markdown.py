"""Text from specs, data and models inside GitHub's markdown: it stays text."""

from __future__ import annotations

import re

from refinelab_dsl.diagnostics.display import escape


def code_span(text: str, *, cell: bool = True) -> str:
    """The text as a code span, also inside a table's cell: mentions, links, HTML, emphasis and pipes in it stay text.

    (A backslash does not stop a mention: GitHub looks for those in the rendered page, but never inside code.)
    """
    shown = escape(text).replace("|", "\\|" if cell else "|")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if not shown.strip() or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def tag_text(text: str) -> str:
    """The text inside an HTML comment, which it cannot end."""
    return escape(text).replace("--", "- -").replace(">", "&gt;").replace("<", "&lt;")


def plain_text(text: str) -> str:
    """The text as prose: what would be markup, HTML, a formula, a link or a mention in it stays text."""
    shown = re.sub(r"([\\`*_{}\[\]|~$!#])", r"\\\1", escape(text))
    shown = re.sub(r"^(\s*)([-+=]|\d+(?=[.)]))", lambda start: f"{start[1]}{_disarm(start[2])}", shown)
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = shown.replace("://", ":\\//").replace("www.", "www\\.")
    return shown.replace("@", "@\u2060")  # a word joiner: nobody is called so


def _disarm(start: str) -> str:
    """The start of what would be a list or a heading: the sign itself, or a number before its full stop."""
    return f"{start}\\" if start.isdigit() else f"\\{start}"


def fence(text: str, language: str) -> str:
    """The text as a block of code, which nothing in it ends."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    lines = "\n".join(map(escape, text.split("\n")))
    return f"{marks}{language}\n{lines}\n{marks}"
