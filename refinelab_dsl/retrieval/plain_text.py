"""What a page says, without its markup: from HTML to paragraphs of plain text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_SILENT: Final = _HEADINGS | frozenset(
    {"script", "style", "table", "sup", "math", "svg", "figure", "noscript", "nav", "head"}
)
_BREAKS: Final = _HEADINGS | frozenset(
    {"p", "div", "br", "li", "ul", "ol", "dl", "dt", "dd", "section", "blockquote"}
)


def strip_markup(html: str) -> str:
    """The paragraphs of a page, an empty line between them. Headings, tables, notes, figures and scripts are left
    out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    paragraphs = (" ".join(paragraph.split()) for paragraph in "".join(reader.parts).split("\n\n"))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        if tag in _BREAKS:
            self.parts.append("\n\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:  # what stands unclosed inside of it ends with it
            while self._silent.pop() != tag:
                pass
        elif tag in _BREAKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data.replace("\n", " "))
