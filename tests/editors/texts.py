"""Texts that editors show: every spec of the repository and the well-formed examples of its pages."""

from __future__ import annotations

import re
from functools import cache

from refinelab_dsl import syntax
from refinelab_dsl.source import Source
from refinelab_dsl.syntax.lex import Token, lex
from tests.architecture.tree import ROOT

_FENCE = re.compile(r"^```refine\b[^\n]*\n(.*?)^```$", re.M | re.S)


@cache
def find_texts() -> dict[str, str]:
    """Name -> text: the files `*.refine`, and the fenced blocks of README and of the language's chapters that parse."""
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder in ("specs", "templates", "tests/syntax/specs")
        for path in sorted((ROOT / folder).rglob("*.refine"))
        if path.name != "broken.refine"
    }
    for page in (ROOT / "README.md", *sorted((ROOT / "specs" / "language").glob("*.md"))):
        content = page.read_text(encoding="utf-8")
        for found in _FENCE.finditer(content):
            _, problems = syntax.parse(Source("block", found[1]), edition=False)
            if not problems:
                texts[f"{page.name}:{content.count(chr(10), 0, found.start()) + 1}"] = found[1]
    return texts


def find_tokens(text: str) -> tuple[Token, ...]:
    """What our own lexer makes of a text, comments included, newlines left out."""
    lexed = lex(Source("text", text))
    tokens = (*lexed.tokens, *lexed.comments)
    return tuple(sorted((token for token in tokens if token.type != "_NL"), key=lambda token: token.start))
