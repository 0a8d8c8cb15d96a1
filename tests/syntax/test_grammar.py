"""The grammar's file, the catalogue, and the examples agree."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib

from refinelab_dsl import resources
from refinelab_dsl.diagnostics.catalog import syntax as catalog
from refinelab_dsl.syntax.grammar import load_table
from refinelab_dsl.syntax.lex import keywords

# What needs bytes or sizes that no example can hold; tests/syntax/test_encoding.py and test_parse.py have them.
NO_EXAMPLE = {"RF1026", "RF1027", "RF1070", "RF1071", "RF1072", "RF1073"}


def test_reserved_words_are_those_of_the_language() -> None:
    assert keywords() == {"rest", "and", "or", "not", "in", "import", "as", "true", "false", "null"}


def test_the_table_is_built_once() -> None:
    assert load_table() is load_table()


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
