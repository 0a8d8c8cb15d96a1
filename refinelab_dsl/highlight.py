"""The language for Pygments, and so for Sphinx, `pygmentize` and whoever else colours with it.

Terminals are the grammar's; which words are kinds of blocks and functions comes from the table in `builtins`. A text
with mistakes is coloured as far as it goes: what is no token of the language is an `Error` token, one character each.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, include, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text, Whitespace

from refinelab_dsl.builtins import BLOCKS, FUNCTIONS

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_WORD = rf"({_NAME})"
_BLANK = r"([ \t\f]*)"
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_DECIMAL = rf"{_DIGITS}(?:\.[0-9]+)?"
_ENDED = r"(?![\w.%$])"


class RefineLexer(RegexLexer):
    """Refine specs (`*.refine`) and files of variables (`*.refvars`)."""

    name = "Refine"
    aliases: ClassVar[list[str]] = ["refine"]
    filenames: ClassVar[list[str]] = ["*.refine", "*.refvars"]
    mimetypes: ClassVar[list[str]] = ["text/x-refine"]

    tokens: ClassVar[dict[str, list[object]]] = {
        "root": [
            (r"\r?\n|[ \t\f]+", Whitespace),
            (r"\ufeff", Whitespace),
            (r"##(?!#)[^\n]*", String.Doc),
            (r"#[^\n]*", Comment.Single),
            # The opening mark of a text block ends its line; the closing one stands first on its own.
            (r'("""[ \t]*\r?\n)', String.Heredoc, "block"),
            include("text"),
            (rf"(import)\b{_BLANK}", bygroups(Keyword.Namespace, Whitespace)),
            (r"as\b", Keyword.Namespace),
            (words(("and", "or", "not", "in"), suffix=r"\b"), Operator.Word),
            (words(("true", "false", "null", "rest"), suffix=r"\b"), Keyword.Constant),
            # `kind name {`, `kind "title" {`, `kind {`: a block's kind, known or not.
            (
                rf"{_WORD}([ \t\f]+){_WORD}{_BLANK}(?=\{{)",
                bygroups(Keyword.Declaration, Whitespace, Name.Class, Whitespace),
            ),
            (rf'{_WORD}{_BLANK}(?="(?:[^"\\\n]|\\.)*"[ \t\f]*\{{)', bygroups(Keyword.Declaration, Whitespace)),
            (rf"{_WORD}{_BLANK}(?=\{{)", bygroups(Keyword.Declaration, Whitespace)),
            (words(tuple(sorted(BLOCKS)), prefix=r"(?m:^)", suffix=r"\b(?![ \t\f]*=)"), Keyword.Declaration),
            (rf"{_WORD}{_BLANK}(?==(?!=))", bygroups(Name.Attribute, Whitespace)),
            (rf"(var)(\.){_WORD}", bygroups(Name.Builtin.Pseudo, Punctuation, Name.Variable)),
            (
                words(tuple(sorted({row.name for row in FUNCTIONS})), prefix=r"\b", suffix=r"(?=[ \t\f]*\()"),
                Name.Function,
            ),
            (rf"{_NAME}(?=[ \t\f]*\()", Name.Function),
            (_NAME, Name),
            (rf"{_DECIMAL}%{_ENDED}", Number),
            (rf"\${_DECIMAL}{_ENDED}", Number),
            (rf"{_DECIMAL}(?:ms|s|min|h|d|k|M|B){_ENDED}", Number),
            (rf"{_DIGITS}{_ENDED}", Number.Integer),
            (rf"{_DECIMAL}(?:[eE][+-]?[0-9]+)?{_ENDED}", Number.Float),
            (r"==|!=|<=|>=|[<>+\-*/]", Operator),
            (r"=", Operator),
            (r"[{}\[\](),.]", Punctuation),
        ],
        "text": [
            (r'"(?!"")(?=(?:[^"\\\n\r]|\\[^\n\r])*")', String.Double, "quoted"),
        ],
        "quoted": [
            (r'"', String.Double, "#pop"),
            (r'\\(?:[nrt"\\]|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})', String.Escape),
            (r'[^"\\\n]+', String.Double),
            (r"\\[^\n]", String.Double),
        ],
        "block": [
            (r'(?m:^)[ \t]*"""', String.Heredoc, "#pop"),
            (r"\{#(?:.|\n)*?#\}", Comment.Multiline),
            (r"\{[{%][+-]?", String.Interpol, "template"),
            (r"[^{\n]+|\n|\{", String.Heredoc),
        ],
        # Jinja inside `{{ }}` and `{% %}`. A closing mark of the block ends a template that was left open.
        "template": [
            (r'(?=(?m:^)[ \t]*""")', Text, "#pop"),
            (r"[+-]?[%}]\}", String.Interpol, "#pop"),
            (r"\s+", Whitespace),
            (r'"[^"\n]*"|\'[^\'\n]*\'', String.Double),
            (r"[0-9]+(?:\.[0-9]+)?", Number),
            (
                words(
                    ("for", "endfor", "if", "elif", "else", "endif", "set", "endset", "macro", "endmacro", "filter",
                     "endfilter", "in", "is", "and", "or", "not", "recursive", "raw", "endraw"),
                    prefix=r"\b", suffix=r"\b",
                ),
                Keyword,
            ),
            (_NAME, Name.Variable),
            (r".", Operator),
        ],
    }  # fmt: skip
