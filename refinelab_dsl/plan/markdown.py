"""Text from specs, data and models inside GitHub's markdown: it stays text."""

from __future__ import annotations

import re

from refinelab_dsl.diagnostics.display import escape


def code_span(text: str) -> str:
    """The text as a code span, also inside a table: mentions, links, HTML, emphasis and pipes in it stay text.

    (A backslash does not stop a mention: GitHub looks for those in the rendered page, but never inside code.)
    """
    shown = escape(text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if not shown.strip() or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def tag_text(text: str) -> str:
    """The text inside an HTML comment, which it cannot end."""
    return escape(text).replace("--", "- -").replace(">", "&gt;").replace("<", "&lt;")
