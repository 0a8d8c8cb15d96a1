"""The parse table of `grammar/refine.lark`, built once per process. The only module that imports lark, and lazily."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from refinelab_dsl import resources

if TYPE_CHECKING:
    from lark import Lark

GRAMMAR = "grammar/refine.lark"


@cache
def load_table() -> Lark:
    """The LALR(1) table with the terminals it knows.

    Lark's own lexer stays unused: it stops at the first character it does not know, and ours must go on
    (`lex.py`). `strict` makes a conflict in the grammar an error here, not a silent choice.
    """
    from lark import Lark
    from lark.lexer import Lexer, LexerState, Token

    class NoLexer(Lexer):
        def __init__(self, conf: Any) -> None:
            pass

        def lex(self, lexer_state: LexerState, parser_state: Any) -> Iterator[Token]:
            return iter(())

    return Lark(
        resources.read(GRAMMAR),
        parser="lalr",
        lexer=NoLexer,
        strict=True,
        propagate_positions=True,
        maybe_placeholders=False,
    )
