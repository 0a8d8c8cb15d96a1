"""Values as they are written in a spec: texts, words, labels, expressions."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from refinelab_dsl import builtins
from refinelab_dsl.diagnostics.catalog.data import shorten
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.expressions.nodes import Call, Constant, Expression, ListOf
from refinelab_dsl.propose.words import plain_name
from refinelab_dsl.syntax.lex import keywords

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONGEST = 40  # characters of a name that is made


def render_text(text: str) -> str:
    """`"…"`: what would not show, or would steer a terminal, is written by its number."""
    return f'"{"".join(map(_render_character, text))}"'


def render_label(label: str) -> str:
    """A bare word where the label is one, else a quoted text."""
    is_bare = _WORD.fullmatch(label) and label not in keywords() and not builtins.contexts_of(label)
    return label if is_bare else render_text(label)


def render_expression(expression: Expression) -> str:
    """An expression of `fields`: calls, lists and texts.

    Raises:
        AssertionError: another one, which no inference makes.
    """
    match expression:
        case Constant(type="text", text=text):
            return render_text(text)
        case ListOf(items=items):
            return f"[{', '.join(map(render_expression, items))}]"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(render_expression, arguments))})"
    raise AssertionError(expression)


def render_names(names: Iterable[str]) -> str:
    """Names of columns as a comment shows them: `a`, `b`."""
    return ", ".join(f"`{show(name)}`" for name in names)


def show(name: str) -> str:
    """A name from data, on one line and bounded, as a comment or a message may hold it."""
    return escape(shorten(name)).replace("`", "'")


def name_word(name: str, taken: Container[str] = ()) -> str:
    """A bare word made of a name, no reserved one and none of `taken`."""
    word = re.sub(r"[^a-z0-9_]", "", plain_name(name))[:_LONGEST].strip("_")
    if not word:
        word = "topic"
    if word[0].isdigit():
        word = f"set_{word}"
    while word in keywords() or word in taken:
        word += "_label" if not word.endswith("_label") else "s"
    return word


def _render_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
