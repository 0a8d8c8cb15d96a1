"""A bound on nesting, so that no later stage can run out of stack on a hostile or broken text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refinelab_dsl.syntax.lex import NEWLINE, Token

MAX_DEPTH = 100

_OPENERS = frozenset({"LBRACE", "LPAR", "LSQB"})
_CLOSERS = frozenset({"RBRACE", "RPAR", "RSQB"})
_OPERATORS = frozenset({"OR", "AND", "NOT", "IN", "COMPARE", "ADD", "MULTIPLY"})


def find_too_deep(tokens: Sequence[Token]) -> int | None:
    """The index of the first token that may nest the tree deeper than `MAX_DEPTH`, or None.

    A bracket counts 2 (a map and its pair), an operator 1: operators of one level are taken to be stacked on its
    first operand, as in `a or b or c`.
    """
    levels: list[_Level] = []
    level = _Level()
    for index, token in enumerate(tokens):
        kind = token.type
        if kind in _OPERATORS:
            level.operators += 1
        elif kind in _OPENERS:
            levels.append(level)
            level = _Level()
        elif kind in _CLOSERS and levels:
            inside = 2 + level.depth
            level = levels.pop()
            level.inner = max(level.inner, inside)
        elif kind == "COMMA" or kind == NEWLINE:
            level = _Level(finished=level.depth if levels else 0)
        else:
            continue
        if level.depth + 2 * len(levels) > MAX_DEPTH:
            return index
    return None


@dataclass(slots=True)
class _Level:
    """Inside one bracket: the operators of the current item, the deepest bracket in it, the deepest item before it."""

    operators: int = 0
    inner: int = 0
    finished: int = 0

    @property
    def depth(self) -> int:
        return max(self.finished, self.operators + self.inner)
