"""Programs generated from our own grammar parse."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.lark import LarkStrategy, from_lark

from refinelab_dsl import syntax
from refinelab_dsl.source import Source
from refinelab_dsl.syntax.dump import dump
from refinelab_dsl.syntax.grammar import build_table
from refinelab_dsl.syntax.lex import keywords

digits = st.integers(0, 10**6).map(str)
numbers = st.one_of(digits, st.decimals(0, 10**6, allow_nan=False, places=3).map(lambda number: format(number, "f")))


def text_block(lines: list[str]) -> str:
    return '"""\n' + "".join(f"  {line}\n" for line in lines) + '  """'


# Each terminal as the lexer reads it back: a space after it, since nothing else parts two words; no reserved word
# for a name; escapes and digits that are valid; newlines only where the grammar has them, which is where they count.
TERMINALS = {
    "NAME": st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in keywords()),
    "STRING": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r\n"), max_size=8).map(
        lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    ),
    "TEXT": st.lists(st.sampled_from(["", "a", "  b", "{{ c }}", '"quoted"', "# no comment"]), max_size=3).map(
        text_block
    ),
    "PERCENT": numbers.map(lambda number: f"{number}%"),
    "MONEY": numbers.map(lambda number: f"${number}"),
    "COUNT": st.tuples(numbers, st.sampled_from("kMB")).map("".join),
    "DURATION": st.tuples(numbers, st.sampled_from(["ms", "s", "min", "h", "d"])).map("".join),
    "NUMBER": numbers,
    "BLANK": st.sampled_from([" ", "\t", "  "]),
    # A comment ends with its line, and a newline counts: none in the middle of a statement.
    "COMMENT": st.just(" "),
}
KEPT = {"_NL", "DOT"}
TABLE = build_table()


def strategies() -> dict[str, st.SearchStrategy[str]]:
    spaced = {name: strategy.map(lambda text: f"{text} ") for name, strategy in TERMINALS.items()}
    for terminal in TABLE.terminals:
        if terminal.name not in spaced and terminal.name not in KEPT:
            spaced[terminal.name] = st.from_regex(terminal.pattern.to_regexp(), fullmatch=True).map(
                lambda text: f"{text} "
            )
    spaced["_NL"] = st.sampled_from(["\n", "\r\n", "\n\n", "  # a comment\n"])
    return spaced


class Sparing(LarkStrategy):
    """`from_lark`, but it prefers the alternatives that end soonest: drawn evenly, nearly every program of a grammar
    with twelve levels of expressions is either empty or too large for Hypothesis."""

    def __init__(self, start: str) -> None:
        super().__init__(TABLE, start, strategies(), st.characters(codec="utf-8"))
        _, rules, _ = TABLE.grammar.compile([start], ())
        height: dict[str, int] = {}
        alternatives: dict[str, list[tuple[Any, ...]]] = {}
        for rule in rules:
            alternatives.setdefault(rule.origin.name, []).append(tuple(rule.expansion))
        for _ in range(len(alternatives)):
            for name, expansions in alternatives.items():
                height[name] = min(self._height(expansion, height) for expansion in expansions)
        self.nonterminal_strategies = {
            name: st.sampled_from(
                [
                    *[min(expansions, key=lambda each: (self._height(each, height), len(each)))] * len(expansions),
                    *expansions,
                ]
            )
            for name, expansions in alternatives.items()
        }

    @staticmethod
    def _height(expansion: tuple[Any, ...], known: dict[str, int]) -> int:
        return 1 + max((0 if symbol.is_term else known.get(symbol.name, 99) for symbol in expansion), default=0)


statements = st.one_of(Sparing("attribute"), Sparing("attribute"), Sparing("block"), Sparing("import_statement"))
programs = st.one_of(
    from_lark(TABLE, start="start", explicit=strategies()),
    st.lists(statements, min_size=1, max_size=5).map("\n".join),
)


@given(programs)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_generated_programs_parse(program: str) -> None:
    source = Source("generated.refine", f"edition = 1\n{program}")
    tree, found = syntax.parse(source)
    assume("RF1026" not in [entry.code for entry in found])  # deeper than we go
    assert list(found) == [], program
    json.dumps(dump(tree, source))


@given(programs, programs)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_statements_mean_the_same_side_by_side(one: str, other: str) -> None:
    parts = [syntax.parse(Source("generated.refine", text), edition=False) for text in (one, other)]
    assume(not any(found for _, found in parts))
    whole, found = syntax.parse(Source("generated.refine", f"{one}\n{other}"), edition=False)
    assert not found
    assert whole.statements == parts[0][0].statements + parts[1][0].statements
