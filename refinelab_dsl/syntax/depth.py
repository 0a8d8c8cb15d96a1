"""A bound on nesting, so that no later stage can run out of stack on a hostile or broken text."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.syntax.lex import NEWLINE, Token

MAX_DEPTH = 120

_OPENERS = frozenset({"LBRACE", "LPAR", "LSQB"})
_CLOSERS = frozenset({"RBRACE", "RPAR", "RSQB"})
_OPERATORS = frozenset({"OR", "AND", "NOT", "IN", "COMPARE", "ADD", "MULTIPLY"})


def find_too_deep(tokens: Sequence[Token]) -> int | None:
    """The index of the first token that may nest the tree deeper than `MAX_DEPTH`, or None.

    A bracket counts 2 (a map and its pair), an operator 1: `a or b or c` is a tree of depth 2, since operators of one
    level may all be stacked on its first operand.
    """
    # For each open bracket: operators of its current item, and the depth of the deepest thing inside that item.
    levels: list[tuple[int, int]] = []
    operators = deepest = 0
    for index, token in enumerate(tokens):
        kind = token.type
        if kind in _OPERATORS:
            operators += 1
        elif kind in _OPENERS:
            levels.append((operators, deepest))
            operators = deepest = 0
        elif kind in _CLOSERS and levels:
            inside = 2 + operators + deepest
            operators, deepest = levels.pop()
            deepest = max(deepest, inside)
        elif kind == "COMMA" or kind == NEWLINE:
            # What came before in this bracket is finished, and counts as one of the things inside it.
            deepest = max(deepest, operators + deepest) if levels else 0
            operators = 0
        else:
            continue
        if operators + deepest + 2 * len(levels) > MAX_DEPTH:
            return index
    return None
