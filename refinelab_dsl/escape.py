"""Text from data and models, made safe to show: it can neither drive a terminal nor leave its place in a page."""

from __future__ import annotations

import re

# Controls, line and paragraph separators, marks that reorder or hide text (bidirectional, zero width, tags), and lone
# surrogates, which no stream can encode.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)


def escape_terminal(text: str, *, newlines: bool = False) -> str:
    """The text with every character that is no visible one as an escape: `\\x1b`, `\\u202e`. `newlines` stay if told."""
    return _UNSEEN.sub(lambda match: match[0] if newlines and match[0] == "\n" else _escape(match[0]), text)


def escape_markdown(text: str) -> str:
    """The text as a code span of GitHub's markdown, also inside a table: mentions, links, HTML and pipes stay text."""
    shown = escape_terminal(text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if not shown.strip() or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
