"""Plain aligned text: tables whose columns fit a width, and the environment of the text templates."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import lru_cache

from jinja2 import Environment, StrictUndefined, Template

from refinelab_dsl import resources
from refinelab_dsl.diagnostics.display import escape, width
from refinelab_dsl.diagnostics.markdown import code_span, tag_text

NARROWEST = 60


def align_table(
    rows: Sequence[Sequence[str]], sides: str, *, room: int, flexible: int, gap: int = 3
) -> list[str]:
    """Rows as lines of aligned columns, at most `room` wide.

    sides: per column `<` or `>`. flexible: the column whose texts are cut with `…` where a line would be too long.
    """
    widths = [max(width(row[column]) for row in rows) for column in range(len(sides))]
    fixed = sum(widths) - widths[flexible] + gap * (len(sides) - 1)
    widths[flexible] = min(widths[flexible], max(12, room - fixed))
    return [
        (" " * gap).join(_pad(cell, side, size) for cell, side, size in zip(row, sides, widths, strict=True)).rstrip()
        for row in rows
    ]


@lru_cache(maxsize=16)  # to compile one takes longer than to render it
def load_template(name: str, room: int = NARROWEST) -> Template:
    """A template of ours for pages `room` columns wide.

    Its filters: `line(name)` makes `  name     text`, wrapped beneath its text; `text` escapes for a terminal; `code`
    and `tag` for markdown.
    """
    environment = Environment(
        autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )

    def line(text: str, name: str) -> str:
        first = f"  {name:<9}"
        return textwrap.fill(
            escape(text), room, initial_indent=first, subsequent_indent=" " * len(first),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip

    environment.filters.update(line=line, code=code_span, tag=tag_text, text=escape)
    return environment.from_string(resources.read(name))


def _pad(text: str, side: str, size: int) -> str:
    """The text in `size` columns, cut with `…` where it is wider."""
    if width(text) > size:
        while width(text) > size - 1:
            text = text[:-1]
        text += "…"
    fill = " " * (size - width(text))
    return text + fill if side == "<" else fill + text
