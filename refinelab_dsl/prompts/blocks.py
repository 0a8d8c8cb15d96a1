"""Delimited blocks: how dataset text stands in a user message, and how a simulated endpoint reads it back.

A block is three lines::

    <item>
    {"question": "…", "choices": ["…", "…"], "answer": "…"}
    </item>

The middle line is JSON on one line. Data cannot close a block or open another: a line break inside of JSON is
written `\\n`, so no line of a block is the data's own, and a `<` that could begin a tag or a chat-template token
(`</item>`, `<|im_start|>`) is written `\\u003c`. Invisible and direction-changing characters are escaped too, so what
a model reads is what a person sees. Nothing is lost: `parse_blocks` gives the values back.

A user's own template may write `{{ item.question }}` inside of a sentence. Such text becomes an inline block,
`<data>…</data>`, in which a `<` that could begin a tag is written `&lt;`; inline blocks are not read back.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

INLINE_NAME: Final = "data"

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_TAG_START: Final = re.compile(r"<(?=[A-Za-z/!?|_\[])")
# Controls, format and bidirectional characters, line separators, lone surrogates, the invisible "tag" alphabet.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_BLOCK: Final = re.compile(r"^<([a-z][a-z0-9_]*)>\n(.*)\n</\1>$", re.MULTILINE)


def render_block(name: str, value: Any) -> str:
    """The block `name` with a JSON value. Decimals and other scalars that JSON lacks become text.

    Raises:
        ValueError: `name` is no lower-case word, or the value holds NaN, an infinity, or a cycle.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a block")
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    text = _TAG_START.sub(r"\\u003c", text)
    return f"<{name}>\n{_UNSEEN.sub(_json_escape, text)}\n</{name}>"


def render_inline(value: str) -> str:
    """A text from the data inside of a sentence: `<data>…</data>`."""
    return f"<{INLINE_NAME}>{neutralise(value)}</{INLINE_NAME}>"


def neutralise(text: str) -> str:
    """`text` without anything that could begin a tag or hide from a reader."""
    return _UNSEEN.sub(lambda match: f"\\u{{{ord(match[0]):x}}}", _TAG_START.sub("&lt;", text))


def parse_blocks(text: str) -> dict[str, Any]:
    """The blocks of a message by name; the first of a name counts. What is no well-formed block is text."""
    blocks: dict[str, Any] = {}
    for match in _BLOCK.finditer(text):
        try:
            value = json.loads(match[2])
        except ValueError:
            continue
        blocks.setdefault(match[1], value)
    return blocks


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
