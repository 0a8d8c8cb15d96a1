"""Trees: what stands in them, where, and what is left of a text that does not parse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl import syntax
from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax import Attribute, Binary, Block, Call, Import, ListOf, Literal, MapOf, Reference, Tree, Unary

SPECS = sorted((Path(__file__).resolve().parents[2] / "specs").glob("*.refine"))


def parse(text: str) -> Tree:
    """The tree of a text that has no errors."""
    tree, found = syntax.parse(Source("a.refine", f"edition = 1\n{text}"))
    assert not found, found
    return tree


def value(text: str) -> syntax.Expression:
    """The value of the one attribute `x = …`."""
    statement = parse(f"x = {text}").statements[1]
    assert isinstance(statement, Attribute)
    return statement.value


def shape(expression: syntax.Expression) -> str:
    """An expression with all its brackets."""
    match expression:
        case Binary(operator, left, right):
            return f"({shape(left)} {operator} {shape(right)})"
        case Unary(operator, operand):
            return f"({operator} {shape(operand)})"
        case Reference(parts):
            return ".".join(parts)
        case Literal():
            return str(expression.value)
    raise AssertionError(expression)


def spans(node: Any) -> Iterator[Span]:
    """All spans of a tree."""
    if isinstance(node, Span):
        yield node
    elif is_dataclass(node):
        for field in fields(node):
            yield from spans(getattr(node, field.name))
    elif isinstance(node, tuple):
        for item in node:
            yield from spans(item)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_the_specs_of_this_repository_parse(path: Path) -> None:
    _, tree, found = syntax.parse_bytes(path.name, path.read_bytes(), path)
    assert list(found) == []
    assert tree.statements


@pytest.mark.parametrize(
    ("text", "bracketed"),
    [
        ("a or b and not c", "(a or (b and (not c)))"),
        ("not a == b", "(not (a == b))"),
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("a / b / c", "((a / b) / c)"),
        ("-a * b", "((- a) * b)"),
        ("a - -b", "(a - (- b))"),
        ("a in b or c not in d", "((a in b) or (c not in d))"),
        ("(a or b) and c", "((a or b) and c)"),
        ("a.b.c < 3", "(a.b.c < 3)"),
        ("not not a", "(not (not a))"),
        ("pre-algebra", "(pre - algebra)"),
    ],
)
def test_precedence(text: str, bracketed: str) -> None:
    assert shape(value(text)) == bracketed


def test_prices_are_exact_divisions() -> None:
    price = value("$0.15 / 1M")
    assert isinstance(price, Binary)
    assert isinstance(price.left, Literal)
    assert (price.left.kind, price.left.value) == ("money", Decimal("0.15"))
    assert isinstance(price.right, Literal)
    assert (price.right.kind, price.right.value) == ("count", Decimal(1000000))


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("7", "number", "7"),
        ("0.10", "number", "0.1"),
        ("1_000", "number", "1000"),
        ("25%", "percent", "0.25"),
        ("0.05%", "percent", "0.0005"),
        ("$3.00", "money", "3"),
        ("400k", "count", "400000"),
        ("8M", "count", "8000000"),
        ("1.5B", "count", "1500000000"),
        ("10s", "duration", "10"),
        ("2min", "duration", "120"),
        ("1d", "duration", "86400"),
        ("50ms", "duration", "0.05"),
        ("0e5", "number", "0"),
        ("9999999999999999999999999999", "number", "9999999999999999999999999999"),
        ("0.0000000000000000000000000001", "number", "0.0000000000000000000000000001"),
    ],
)
def test_numbers_are_exact(text: str, kind: str, expected: str) -> None:
    literal = value(text)
    assert isinstance(literal, Literal)
    assert literal.kind == kind
    assert str(format(literal.value, "f")) == expected


def test_text_blocks_lose_the_indentation_of_their_closing_mark() -> None:
    literal = value('"""\r\n    a\r\n\r\n      b \\n "c" # d\r\n \r\n    """')
    assert isinstance(literal, Literal)
    assert literal.value == 'a\n\n  b \\n "c" # d\n'


def test_a_text_block_may_be_empty() -> None:
    literal = value('"""\n"""')
    assert isinstance(literal, Literal)
    assert literal.value == ""


def test_tabs_indent_text_blocks_as_they_stand() -> None:
    literal = value('"""\n\t\ta\n\tb\n\t"""')
    assert isinstance(literal, Literal)
    assert literal.value == "\ta\nb"


def test_a_place_in_a_text_block_is_found_in_the_source() -> None:
    text = 'edition = 1\nx = """\n    one\n    two {{ oops }}\n    """\n'
    source = Source("a.refine", text)
    tree, _ = syntax.parse(source)
    statement = tree.statements[1]
    assert isinstance(statement, Attribute)
    assert isinstance(statement.value, Literal)
    span = syntax.find_in_block(source, statement.value, 2, 8)
    assert source.position(span.start).line == 4
    assert text[span.start : span.end] == "oops }}"
    assert syntax.find_in_block(source, statement.value, 9) == statement.value.span


def test_maps_lists_and_calls() -> None:
    mapped = value('{ a = 1, "pre-algebra" = [b, "c",]\n  d = f(1, top_k = 4) }')
    assert isinstance(mapped, MapOf)
    assert [pair.key for pair in mapped.pairs] == ["a", "pre-algebra", "d"]
    items, call = mapped.pairs[1].value, mapped.pairs[2].value
    assert isinstance(items, ListOf)
    assert len(items.items) == 2
    assert isinstance(call, Call)
    assert [argument.name for argument in call.arguments] == [None, "top_k"]


def test_blocks_labels_and_imports() -> None:
    tree = parse(
        'import "lib.refine" as lib\nmeasure size { kind = length }\nexpect "all \\"good\\"" { a = b }\nsolve { }'
    )
    kinds = [
        (statement.kind, statement.label) if isinstance(statement, Block) else type(statement)
        for statement in tree.statements[1:]
    ]
    assert kinds == [Import, ("measure", "size"), ("expect", 'all "good"'), ("solve", None)]


def test_newlines_and_commas_separate_alike() -> None:
    one = parse("a = 1, b = [1, 2], c { d = { e = 1, f = 2 } }")
    other = parse("\n\na = 1\n\n\nb = [\n1\n,\n2\n]\nc {\n\nd = {\ne = 1\nf = 2,\n}\n}\n")
    assert one == other  # spans do not count


def test_spans_are_those_of_the_text() -> None:
    text = "edition = 1\ndimension topic { target = { a = (1 + 2) * 3 } }\n"
    tree, _ = syntax.parse(Source("a.refine", text))
    block = tree.statements[1]
    assert isinstance(block, Block)
    assert block.label_span is not None
    attribute = block.body[0]
    assert isinstance(attribute, Attribute)
    assert isinstance(attribute.value, MapOf)
    pair = attribute.value.pairs[0]
    cut = {
        "block": block.span, "kind": block.kind_span, "label": block.label_span, "header": block.header_span,
        "attribute": attribute.span, "name": attribute.name_span, "map": attribute.value.span, "pair": pair.span,
        "key": pair.key_span, "product": pair.value.span,
    }  # fmt: skip
    assert {name: text[span.start : span.end] for name, span in cut.items()} == {
        "block": "dimension topic { target = { a = (1 + 2) * 3 } }",
        "kind": "dimension",
        "label": "topic",
        "header": "dimension topic",
        "attribute": "target = { a = (1 + 2) * 3 }",
        "name": "target",
        "map": "{ a = (1 + 2) * 3 }",
        "pair": "a = (1 + 2) * 3",
        "key": "a",
        "product": "(1 + 2) * 3",
    }


def test_every_span_lies_in_the_text() -> None:
    source = Source("a.refine", SPECS[0].read_text(encoding="utf-8"))
    tree, _ = syntax.parse(source)
    found = list(spans(tree))
    assert len(found) > 100
    assert all(span.file == "a.refine" and 0 <= span.start <= span.end <= len(source.text) for span in found)


def test_documentation_attaches_to_what_stands_directly_below() -> None:
    tree = parse(
        "## Lost: a blank line follows.\n\n"
        "## Sizes.\n##\n## In words.\n# TODO: tokens\nmeasure size {  ## not above anything\n"
        "  ## How.\n  kind = length\n}\n### a banner\nsolve { }\n"
    )
    size, solve = tree.statements[1:]
    assert isinstance(size, Block)
    assert isinstance(solve, Block)
    assert size.doc == "Sizes.\n\nIn words."
    assert isinstance(size.body[0], Attribute)
    assert size.body[0].doc == "How."
    assert solve.doc == ""


def test_sound_statements_survive_broken_ones() -> None:
    text = "edition = 1\nmeasure size {\n  kind length\n}\nmodel m { provider = simulated }\n"
    text += 'expect "x" { a = }\nimport 3 as lib\n'
    tree, found = syntax.parse(Source("a.refine", text))
    assert [entry.code for entry in found] == ["RF1006", "RF1013", "RF1023"]
    assert [statement.label for statement in tree.statements if isinstance(statement, Block)] == ["m"]
    assert tree.broken == (("measure", "size"), ("expect", "x"), ("import", "lib"))


def test_the_other_side_of_a_conflict_counts_as_declared() -> None:
    text = (
        "edition = 1\n<<<<<<< a\nmodel m { provider = simulated }\n=======\nmodel n { provider = cached }\n>>>>>>> b\n"
    )
    tree, found = syntax.parse(Source("a.refine", text))
    assert [entry.code for entry in found] == ["RF1024"]
    assert [statement.label for statement in tree.statements if isinstance(statement, Block)] == ["m"]
    assert tree.broken == (("model", "n"),)


def test_an_unknown_edition_is_all_that_is_said() -> None:
    tree, found = syntax.parse(Source("a.refine", "edition = 3\nmodel m { provider = simulated\n"))
    assert [entry.code for entry in found] == ["RF1032"]
    assert tree.statements == ()


def test_a_text_without_edition_can_be_asked_for() -> None:
    tree, found = syntax.parse(Source("a.refvars", "limit = 400k\n"), edition=False)
    assert not found
    assert len(tree.statements) == 1


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 60 + "1" + ")" * 60,
        "x = " + "[" * 5000,
        "x = " + "not " * 101 + "a",
        "x = a" + " or a" * 101,
        "x = " + "-" * 101 + "1",
        "a {\n" + " a {\n" * 60 + "}\n" * 61,
        "x = " + "{ a = " * 60 + "1" + " }" * 60,
    ],
    ids=lambda text: text[:12],
)
def test_nesting_is_bounded(text: str) -> None:
    _, found = syntax.parse(Source("a.refine", f"edition = 1\n{text}"))
    assert "RF1026" in [entry.code for entry in found]


def test_what_is_wide_is_not_deep() -> None:
    parse("x = [" + "a + b, " * 500 + "]\ny = f(" + "(a), " * 500 + "b)\n" + "z { a = b + c }\n" * 500)
    parse("x = " + "(" * 49 + "1" + ")" * 49)
    parse("x = a" + " or a" * 99)


def test_many_errors_are_cut_short() -> None:
    _, found = syntax.parse(Source("a.refine", "edition = 1\n" + "a b c\n" * 3000))
    assert len(found) == 51
    assert (found[-1].code, found[-1].severity) == ("RF1027", "note")


@pytest.mark.parametrize(
    "piece",
    ['a = """\n', '"""\n', '"""x\n', "a\n", '"\n', "'\\'", "“", "(", "{}", "a.", "1_", "é", "<<<<<<< \n", "a b {\n",
     '{"q": 1}\n'],
)  # fmt: skip
def test_long_hostile_texts_end(piece: str) -> None:
    """Each of these was quadratic in some earlier form; at this size that would take minutes."""
    _, found = syntax.parse(Source("a.refine", piece * (100_000 // len(piece))))
    assert found.has_errors
    assert len(found) <= 52
