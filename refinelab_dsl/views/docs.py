"""Documentation rendered: Markdown for a repository, HTML as one page that needs nothing else.

Layout stands in `templates/docs.*.j2`. Text of a spec is escaped here: it can be no markup, no link and no script.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from refinelab_dsl import resources
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.markdown import code_span, fence, plain_text
from refinelab_dsl.views.drawings import render_mermaid, render_tree
from refinelab_dsl.views.page import Page
from refinelab_dsl.views.prose import Inline, Part, parse_inline


def render_markdown(page: Page) -> str:
    """The page as GitHub's markdown, with its graph as a Mermaid diagram."""
    return _tidy(_load_markdown().render(page=page, drawing=render_mermaid(page.graph)))


def render_html(page: Page) -> str:
    """The page as HTML. It loads nothing and runs nothing: its style is inside, and it has no script."""
    return _load_html().render(page=page, drawing=render_tree(page.graph))


def anchor(id_: str) -> str:
    """The id of a declaration as a link's target: what is no letter, digit, `.`, `_` or `-` as its number."""
    return re.sub(r"[^A-Za-z0-9._-]", lambda match: f"~{ord(match[0]):x}~", id_)


# To compile a template takes ten times as long as to render a page.


@cache
def _load_markdown() -> Template:
    environment = _environment(autoescape=False)
    environment.filters.update(
        cell=code_span, code=_code, text=plain_text, anchor=anchor, fence=fence,
        prose=_markdown_prose, line=_markdown_line, words=lambda text: _markdown_inline(parse_inline(text)),
        pieces=_markdown_inline,
        remark=lambda text: _markdown_inline(parse_inline(text), _code),
        sentence=lambda text: f"{_markdown_inline(parse_inline(_capitalise(text)), _code)}.",
    )  # fmt: skip
    return environment.from_string(resources.read("templates/docs.md.j2"))


@cache
def _load_html() -> Template:
    environment = _environment(autoescape=True)
    environment.filters.update(
        text=escape, lines=_escape_lines, anchor=anchor,
        prose=_html_prose, line=_html_line, words=lambda text: _html_inline(parse_inline(text)),
        pieces=_html_inline,
        sentence=lambda text: _html_inline(parse_inline(f"{_capitalise(text)}.")),
    )  # fmt: skip
    return environment.from_string(resources.read("templates/docs.html.j2"))


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )


def _tidy(text: str) -> str:
    """At most one blank line, outside of blocks of code."""
    parts = re.split(r"(^(`{3,}).*?^\2$)", text, flags=re.M | re.S)
    for place in range(0, len(parts), 3):
        parts[place] = re.sub(r"\n{3,}", "\n\n", parts[place])
    return "".join(part for place, part in enumerate(parts) if place % 3 != 2)


def _code(text: str) -> str:
    """A code span outside of tables, where a backslash before a pipe would show."""
    return code_span(text, cell=False)


def _markdown_prose(parts: Sequence[Part]) -> str:
    return "\n\n".join(map(_markdown_part, parts))


def _markdown_part(part: Part) -> str:
    if part.kind == "code":
        return fence(part.text, "text")
    mark = "- " if part.kind == "items" else ""
    return "\n".join(mark + _markdown_inline(entry, _code) for entry in part.entries)


def _markdown_line(parts: Sequence[Part]) -> str:
    """Prose in a cell of a table."""
    return " ".join(
        code_span(" ".join(part.text.split()))
        if part.kind == "code"
        else " ".join(map(_markdown_inline, part.entries))
        for part in parts
    )


def _markdown_inline(pieces: Sequence[Inline], code: Callable[[str], str] = code_span) -> str:
    return "".join(code(piece.text) if piece.code else plain_text(piece.text) for piece in pieces)


def _html_prose(parts: Sequence[Part]) -> Markup:
    return Markup("\n").join(map(_html_part, parts))


def _html_part(part: Part) -> Markup:
    if part.kind == "code":
        return Markup("<pre>{}</pre>").format(_escape_lines(part.text))
    if part.kind == "items":
        items = (Markup("<li>{}</li>").format(_html_inline(entry)) for entry in part.entries)
        return Markup("<ul>{}</ul>").format(Markup("").join(items))
    return Markup("<p>{}</p>").format(Markup(" ").join(map(_html_inline, part.entries)))


def _html_line(parts: Sequence[Part]) -> Markup:
    return Markup(" ").join(
        Markup("<code>{}</code>").format(escape(part.text))
        if part.kind == "code"
        else Markup(" ").join(map(_html_inline, part.entries))
        for part in parts
    )


def _html_inline(pieces: Sequence[Inline]) -> Markup:
    return Markup("").join(
        Markup("<code>{}</code>").format(escape(piece.text)) if piece.code else Markup.escape(escape(piece.text))
        for piece in pieces
    )


def _capitalise(text: str) -> str:
    """The line of the language's table as a sentence of its own."""
    return text[:1].upper() + text[1:]


def _escape_lines(text: str) -> str:
    return "\n".join(map(escape, text.split("\n")))
