"""Writes the TextMate grammar from the language's own table: `python editors/textmate.py`.

VS Code, Sublime Text, JetBrains IDEs, Zed and GitHub read grammars of this form. The kinds of blocks and the functions
come from `refinelab_dsl.builtins`, so that the grammar cannot fall behind the language; a test holds the file to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from refinelab_dsl.builtins import BLOCKS, FUNCTIONS

PATH = Path(__file__).parent / "vscode" / "syntaxes" / "refine.tmLanguage.json"

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_DIGITS = "[0-9]+(?:_[0-9]+)*"
_DECIMAL = rf"{_DIGITS}(?:\.[0-9]+)?"
_ENDED = r"(?![\w.%$])"


def build_grammar() -> dict[str, Any]:
    """The grammar as TextMate's JSON form has it; the scope is `source.refine`."""
    kinds = "|".join(sorted(BLOCKS))
    functions = "|".join(sorted({row.name for row in FUNCTIONS}))
    return {
        "$comment": "Written by editors/textmate.py from the table of the language; change that.",
        "name": "Refine",
        "scopeName": "source.refine",
        "fileTypes": ["refine", "refvars"],
        "patterns": [{"include": "#statement"}],
        "repository": {
            "statement": _patterns("comment", "import", "block", "attribute", "value"),
            "comment": {
                "patterns": [
                    _match(r"##(?!#).*$", "comment.line.documentation.refine"),
                    _match(r"#.*$", "comment.line.number-sign.refine"),
                ]
            },
            "import": _captured(
                rf"^\s*(import)\s+({_QUOTED})\s+(as)\s+({_NAME})",
                "keyword.control.import.refine",
                "string.quoted.double.refine",
                "keyword.control.import.refine",
                "entity.name.namespace.refine",
            ),
            "block": {
                "patterns": [
                    _captured(
                        rf"\b({kinds})\b(?:\s+(?:({_NAME})|({_QUOTED})))?(?=\s*\{{)",
                        "storage.type.refine",
                        "entity.name.type.refine",
                        "string.quoted.double.title.refine",
                    ),
                    _captured(
                        rf"\b({_NAME})(?:\s+(?:({_NAME})|({_QUOTED})))?(?=\s*\{{)",
                        "entity.name.tag.refine",
                        "entity.name.type.refine",
                        "string.quoted.double.title.refine",
                    ),
                ]
            },
            "attribute": _captured(
                rf"\b({_NAME})\s*(=)(?!=)", "variable.other.property.refine", "keyword.operator.assignment.refine"
            ),
            "value": _patterns(
                "template", "text", "number", "constant", "operator", "call", "variable", "name", "mark"
            ),
            "template": {
                "name": "string.quoted.triple.refine",
                "begin": r'"""[ \t]*$',
                "end": r'^[ \t]*"""',
                "patterns": _patterns("jinja")["patterns"],
            },
            "jinja": {
                "patterns": [
                    {"name": "comment.block.jinja", "begin": r"\{#", "end": r"#\}"},
                    {
                        "name": "meta.template.expression.jinja",
                        "begin": r"\{[{%][+-]?",
                        "end": r"[+-]?[%}]\}",
                        "beginCaptures": {"0": {"name": "punctuation.definition.template-expression.begin.jinja"}},
                        "endCaptures": {"0": {"name": "punctuation.definition.template-expression.end.jinja"}},
                        "patterns": [
                            _match(
                                r"\b(?:for|endfor|if|elif|else|endif|set|endset|in|is|and|or|not)\b",
                                "keyword.control.jinja",
                            ),
                            _match(r"\"[^\"\n]*\"|'[^'\n]*'", "string.quoted.jinja"),
                            _match(r"\b[0-9]+(?:\.[0-9]+)?\b", "constant.numeric.jinja"),
                            _match(_NAME, "variable.other.jinja"),
                        ],
                    },
                ]
            },
            "text": {
                "name": "string.quoted.double.refine",
                "begin": '"',
                "end": '"|$',
                "patterns": [
                    _match(
                        r'\\(?:[nrt"\\]|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})',
                        "constant.character.escape.refine",
                    ),
                    _match(r"\\.", "invalid.illegal.escape.refine"),
                ],
            },
            "number": {
                "patterns": [
                    _captured(
                        rf"(\$)?(?<![\w.])({_DECIMAL})(?:(%|ms|s|min|h|d|k|M|B)|[eE][+-]?[0-9]+)?{_ENDED}",
                        "keyword.other.unit.refine",
                        "constant.numeric.refine",
                        "keyword.other.unit.refine",
                    ),
                    _match(r"\$?[0-9][\w.%$]*", "invalid.illegal.number.refine"),
                ]
            },
            "constant": _match(r"\b(?:true|false|null|rest)\b", "constant.language.refine"),
            "operator": {
                "patterns": [
                    _match(r"\b(?:and|or|not|in)\b", "keyword.operator.word.refine"),
                    _match("==|!=|<=|>=|<|>", "keyword.operator.comparison.refine"),
                    _match(r"[-+*/]", "keyword.operator.arithmetic.refine"),
                    _match("=", "keyword.operator.assignment.refine"),
                ]
            },
            "call": {
                "patterns": [
                    _captured(rf"\b({functions})(?=\s*\()", "support.function.refine"),
                    _captured(rf"\b({_NAME})(?=\s*\()", "entity.name.function.refine"),
                ]
            },
            "variable": _captured(
                rf"\b(var)(\.)({_NAME})",
                "variable.language.refine",
                "punctuation.accessor.refine",
                "variable.other.refine",
            ),
            "name": _match(rf"\b{_NAME}\b", "variable.other.constant.refine"),
            "mark": {
                "patterns": [
                    _match(r"[{}]", "punctuation.section.block.refine"),
                    _match(r"[\[\]]", "punctuation.section.brackets.refine"),
                    _match(r"[()]", "punctuation.section.parens.refine"),
                    _match(",", "punctuation.separator.refine"),
                    _match(r"\.", "punctuation.accessor.refine"),
                    _match(r"[^\s\ufeff]", "invalid.illegal.character.refine"),
                ]
            },
        },
    }


def render_grammar() -> str:
    """The text of the file."""
    return json.dumps(build_grammar(), indent=2, ensure_ascii=False) + "\n"


def _match(pattern: str, scope: str) -> dict[str, Any]:
    return {"name": scope, "match": pattern}


def _captured(pattern: str, *scopes: str) -> dict[str, Any]:
    return {"match": pattern, "captures": {str(number): {"name": scope} for number, scope in enumerate(scopes, 1)}}


def _patterns(*names: str) -> dict[str, Any]:
    return {"patterns": [{"include": f"#{name}"} for name in names]}


if __name__ == "__main__":
    PATH.write_text(render_grammar(), encoding="utf-8")
    print(f"wrote {PATH.relative_to(Path.cwd()) if PATH.is_relative_to(Path.cwd()) else PATH}")
