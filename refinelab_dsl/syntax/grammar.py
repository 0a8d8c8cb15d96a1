"""The parse table of `grammar/refine.lark`. The only module that imports lark, and lazily.

The table is shipped (`table.py`, written by `python grammar/write_table.py`): making it from the grammar takes longer
than reading most specs. Where another release of lark is installed than wrote it, it is made afresh.
"""

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
    """The LALR(1) table with the terminals it knows; `rules` and `grammar` are those of `build_table` alone."""
    import lark

    from refinelab_dsl.syntax import table

    if lark.__version__ != table.LARK:
        return build_table()
    return lark.Lark.load({"data": table.DATA, "memo": table.MEMO})


def build_table() -> Lark:
    """The table made from the text of the grammar.

    Lark's own lexer stays unused: it stops at the first character it does not know, and ours must go on
    (`lex.py`). `strict` makes a conflict in the grammar an error here, not a silent choice.
    """
    from lark.lexer import Lexer, LexerState, Token

    class NoLexer(Lexer):
        def __init__(self, conf: Any) -> None:
            pass

        def lex(self, lexer_state: LexerState, parser_state: Any) -> Iterator[Token]:
            return iter(())

    return _make(lexer=NoLexer, strict=True)


def render_table() -> str:
    """The text of the module `table.py`. Lark numbers its states as they come, so that another call may differ."""
    import lark
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    data, memo = _make(lexer="basic").memo_serialize([TerminalDef, Rule])
    return (
        '"""Written by `python grammar/write_table.py` from `grammar/refine.lark`; change that."""\n\n'
        "from typing import Any\n\n"
        f"LARK = {lark.__version__!r}\n"
        f"DATA: Any = {data!r}\n"
        f"MEMO: Any = {memo!r}\n"
    )


def _make(**options: Any) -> Lark:
    from lark import Lark

    return Lark(
        resources.read(GRAMMAR), parser="lalr", propagate_positions=True, maybe_placeholders=False, **options
    )
