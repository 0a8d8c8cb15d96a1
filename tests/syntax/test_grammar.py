"""The grammar's file, the catalogue, and the examples agree."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from typing import Any

import pytest

from refinelab_dsl import resources
from refinelab_dsl.diagnostics.catalog import syntax as catalog
from refinelab_dsl.syntax import table
from refinelab_dsl.syntax.grammar import build_table, load_table
from refinelab_dsl.syntax.lex import keywords

# What needs bytes or sizes that no example can hold; tests/syntax/test_encoding.py and test_parse.py have them.
NO_EXAMPLE = {"RF1026", "RF1027", "RF1070", "RF1071", "RF1072", "RF1073"}


def test_reserved_words_are_those_of_the_language() -> None:
    assert keywords() == {"rest", "and", "or", "not", "in", "import", "as", "true", "false", "null"}


def test_the_table_is_loaded_once() -> None:
    assert load_table() is load_table()


def test_the_shipped_table_is_that_of_the_grammar() -> None:
    """Walks both tables side by side from the start: the numbers of states are arbitrary, what they do is not."""
    import lark

    again = "run: python grammar/write_table.py"
    assert lark.__version__ == table.LARK, again
    shipped, made = load_table(), build_table()
    assert _terminals(shipped) == _terminals(made), again
    one, other = shipped.parser.parser._parse_table, made.parser.parser._parse_table
    twins = {one.start_states["start"]: other.start_states["start"]}
    waiting = list(twins)
    while waiting:
        state = waiting.pop()
        actions, expected = one.states[state], other.states[twins[state]]
        assert actions.keys() == expected.keys(), again
        for token, (action, target) in actions.items():
            assert action.name == expected[token][0].name, again
            if action.name == "Reduce":
                assert _shape(target) == _shape(expected[token][1]), again
            elif target not in twins:
                twins[target] = expected[token][1]
                waiting.append(target)
            else:
                assert twins[target] == expected[token][1], again
    assert len(twins) == len(one.states) == len(other.states)


def _terminals(lark: Any) -> list[tuple[str, str, int, str]]:
    """Name, pattern, priority of each terminal, and whether it is left out."""
    ignored = lark.lexer_conf.ignore
    return sorted(
        (each.name, each.pattern.to_regexp(), each.priority, str(each.name in ignored)) for each in lark.terminals
    )


def _shape(rule: Any) -> tuple[object, ...]:
    options = rule.options
    return rule.origin.name, [symbol.name for symbol in rule.expansion], rule.alias, options.expand1, rule.order


def test_another_release_of_lark_gets_a_table_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LARK", "0.0")
    made = load_table.__wrapped__()
    assert hasattr(made, "grammar")  # made from the text: what is shipped has no grammar
    assert made.parse_interactive().accepts() == load_table().parse_interactive().accepts()


def test_the_grammar_has_no_conflict() -> None:
    assert {rule.origin.name for rule in build_table().rules} >= {"block", "attribute", "import_statement"}


def test_every_complaint_has_an_example() -> None:
    codes = {
        match[0]
        for name in catalog.__all__
        if (match := re.match(r"RF1\d{3}", inspect.getdoc(getattr(catalog, name)) or ""))
    }
    examples = tomllib.loads(resources.read("grammar/errors.toml"))["example"]
    assert len(codes) == len(catalog.__all__)
    assert {example["code"] for example in examples} == codes - NO_EXAMPLE


def test_every_terminal_of_a_value_has_a_literal() -> None:
    from refinelab_dsl.syntax import build

    module = ast.parse(inspect.getsource(build))
    table = next(node for node in module.body if isinstance(node, ast.AnnAssign))
    assert table.value is not None
    known = set(ast.literal_eval(table.value))
    rule = next(rule for rule in resources.read("grammar/refine.lark").splitlines() if rule.startswith("literal:"))
    assert set(rule.removeprefix("literal:").replace("|", " ").split()) == known
