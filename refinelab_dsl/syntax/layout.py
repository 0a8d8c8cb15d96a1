"""Which newlines count, and which declaration a `##` comment documents."""

from __future__ import annotations

from collections.abc import Iterable

from refinelab_dsl.syntax.lex import NEWLINE, Token

_OPENERS = frozenset({"LBRACE", "LPAR", "LSQB"})
_CLOSERS = {"RBRACE": "LBRACE", "RPAR": "LPAR", "RSQB": "LSQB"}


def filter_newlines(tokens: Iterable[Token]) -> list[Token]:
    """The tokens without the newlines that separate nothing: inside `( )` and `[ ]`, after an opening bracket, after
    a comma, after another newline, and at the start."""
    kept: list[Token] = []
    inside: list[str] = []
    previous = NEWLINE
    for token in tokens:
        kind = token.type
        if kind == NEWLINE:
            if previous == NEWLINE or previous == "COMMA" or previous in _OPENERS:
                continue
            if inside and inside[-1] != "LBRACE":
                continue
        elif kind in _OPENERS:
            inside.append(kind)
        elif kind in _CLOSERS and inside and inside[-1] == _CLOSERS[kind]:
            inside.pop()
        kept.append(token)
        previous = kind
    return kept


def attach_docs(text: str, tokens: Iterable[Token], comments: Iterable[Token]) -> dict[int, str]:
    """The texts of `##` comments by the offset of the token that each run of them stands directly above.

    A `##` comment counts where it is alone on its line; comments of one `#` between it and the token do not part
    them, a blank line does.
    """
    docs: dict[int, str] = {}
    run: list[str] = []
    end = 0
    merged = sorted((*tokens, *comments), key=lambda token: token.start)
    for token in merged:
        if token.type == NEWLINE:
            continue
        if run and text.count("\n", end, token.start) > 1:
            run = []
        if token.type != "COMMENT":
            if run:
                docs[token.start] = "\n".join(run)
                run = []
            continue
        line = text[text.rfind("\n", 0, token.start) + 1 : token.start]
        if token.text.startswith("##") and not token.text.startswith("###") and not line.strip(" \t\f"):
            run.append(token.text[2:].removeprefix(" ").rstrip())
        end = token.end
    return docs
