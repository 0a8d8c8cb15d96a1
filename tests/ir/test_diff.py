"""What two specs mean differently: spelling and order count for nothing, values, names and texts do."""

from __future__ import annotations

import re

import pytest

from refinelab_dsl import compiler
from refinelab_dsl.ir.diff import Change, Subject, compare
from refinelab_dsl.ir.spelling import Prose, render_value
from refinelab_dsl.source import Source

BASE = """\
edition = 1
seed = 7
dataset quiz { task = mcq, source = "q.jsonl", fields = { area = column("subject") } }
measure subject { kind = column, column = "area" }
measure words { kind = length }
dimension topic { from = subject, labels = [a, "b-c", d], target = { a = 50%, "b-c" = 25%, d = rest } }
dimension size { from = words, bands = { short = below(10), long = above(10) }, target = { short = 50%, long = 50% } }
model small {
  provider = openai
  id = "m-1"
  api_key = env("OPENAI_API_KEY")
  price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }
}
prompt ask { system = "Be brief.", user = \"\"\"
  Write one.
  About {{ target }}.
  Thanks.
  \"\"\"
}
operator drop { kind = remove, where = topic == a and words > 3 }
operator author { kind = generate, model = small, prompt = ask, moves = { topic = any }, checks = [fine] }
validator fine { kind = duplicate, against = [originals, output], accept = similarity < 0.9 }
budget { tokens = 400k, cost = $3 }
output refined { path = "out/q.jsonl" }
expect "close" { assert = jsd(topic) <= 0.01 and cost() <= $2 }
"""


def subject(text: str) -> Subject:
    analysis = compiler.analyze(Source("spec.refine", text))
    assert not analysis.diagnostics.has_errors, analysis.diagnostics
    assert analysis.program is not None
    assert analysis.bindings is not None
    return Subject(analysis.program, analysis.bindings)


def changed(old: str, new: str, text: str = BASE, *, docs: bool = False) -> tuple[Change, ...]:
    assert old in text
    return compare(subject(text), subject(text.replace(old, new)), docs=docs)


def told(changes: tuple[Change, ...]) -> list[tuple[str, str, str | None, str | None]]:
    return [
        (
            each.change, f"{each.kind} {each.name} {each.path}".strip(),
            None if each.old is None else render_value(each.old), None if each.new is None else render_value(each.new),
        )
        for each in changes
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 7", "# a comment\n\n\nseed   =  7"),
        ("400k", "400_000"),
        ("400k", "0.4M"),
        ("$3 }", "$3.00, reserve = 10%, per = plan }"),
        ("d = rest", "d = 25%"),
        ("a = 50%, \"b-c\" = 25%", '"b-c" = 25%, a = 0.5 * 100%'),
        ("short = 50%, long = 50%", "short = 50%, long = rest"),
        ("{ short = 50%, long = 50% }", "uniform()"),
        ("long = above(10) }", "long = above(10) }, order = [short, long]"),
        ("labels = [a, \"b-c\", d]", 'labels = [d, a, "b-c"]'),
        ("$0.15 / 1M", "$0.00000015 / 1"),
        ("against = [originals, output]", "against = [output, originals]"),
        ("kind = length", "kind = length, unit = words"),
        ("topic == a and words > 3", "(topic == a) and (words > 3)"),
        ("output refined", "constraints { max_removed = 30%, distinct = at_least(80%) }\nsolve { }\noutput refined"),
        ('id = "m-1"', 'id = "m-1"\n  timeout = 1min\n  limits = { concurrency = 16 }'),
        ("checks = [fine] }", "checks = [fine], prior = { success = 55% } }"),
        ('path = "out/q.jsonl"', 'path = "out/q.jsonl", format = jsonl, layout = source'),
        ("tokens = 400k", "tokens = var.limit"),
    ],
)  # fmt: skip
def test_spelling_is_no_difference(old: str, new: str) -> None:
    text = BASE + "variable limit { type = tokens, default = 400k }\n"
    assert told(changed(old, new, text)) == []


def test_order_of_declarations_is_no_difference() -> None:
    first, *others = BASE.split("\nmodel ")
    moved = first.split("\n")
    reordered = "\n".join([moved[0], *reversed(moved[1:])]) + "\nmodel " + "\nmodel ".join(others)
    assert told(compare(subject(BASE), subject(reordered))) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("seed = 7", "seed = 8", ("changed", "seed", "7", "8")),
        ("400k", "500k", ("changed", "budget  tokens", "400k", "500k")),
        ("400k", "0.5 * full_cost", ("changed", "budget  tokens", "400k", "0.5 * full_cost")),
        (", cost = $3", "", ("removed", "budget  cost", "$3", None)),
        ("$0.15 / 1M", "$0.2 / 1M", ("changed", "model small price.input", "$0.15 / 1M", "$0.20 / 1M")),
        ("topic = any", "topic = to(a, \"b-c\")", ("changed", "operator author moves.topic", "any", 'to(a, "b-c")')),
        ("words > 3", "words > 4", (
            "changed", "operator drop where", "topic == a and words > 3", "topic == a and words > 4")),
        ("cost() <= $2", "cost() <= $2.50", (
            "changed", "expect close assert", "jsd(topic) <= 0.01 and cost() <= $2",
            "jsd(topic) <= 0.01 and cost() <= $2.50")),
        ("similarity < 0.9", "similarity < 0.8", (
            "changed", "validator fine accept", "similarity < 0.9", "similarity < 0.8")),
        ("output refined", "constraints { size = 40 }\noutput refined", ("changed", "constraints  size", "keep", "40")),
        ('id = "m-1"', 'id = "m-1"\n  params = { temperature = 0.7 }', (
            "added", "model small params", None, "{ temperature = 0.7 }")),
        ("checks = [fine] }", "checks = [] }", ("changed", "operator author checks", "[fine]", "[]")),
        ("checks = [fine] }", "checks = [fine], prior = { success = 60% } }", (
            "changed", "operator author prior.success", "55%", "60%")),
        ('column("subject")', 'lower(column("subject"))', (
            "changed", "dataset quiz fields.area", 'column("subject")', 'lower(column("subject"))')),
        ("output refined", "pilot { items = 20 }\noutput refined", ("added", "pilot", None, "{ items = 20 }")),
    ],
)  # fmt: skip
def test_one_difference(old: str, new: str, expected: tuple[str, str, str | None, str | None]) -> None:
    found = told(changed(old, new))
    if expected[1] == "constraints  size":
        assert expected in found
    else:
        assert found == [expected]


def test_a_target_differs_label_by_label() -> None:
    found = changed('a = 50%, "b-c" = 25%', 'a = 40%, "b-c" = 25%')
    assert told(found) == [
        ("changed", "dimension topic target.a", "50%", "40%"),
        ("changed", "dimension topic target.d", "25%", "35%"),
    ]


def test_a_third_is_no_decimal() -> None:
    found = told(changed('{ a = 50%, "b-c" = 25%, d = rest }', "uniform()"))
    assert found[0] == ("changed", "dimension topic target.a", "50%", "~33.333%")
    assert len(found) == 3


def test_a_label_that_comes_is_told_once() -> None:
    """Bands settle the labels; that those changed with them is not told twice."""
    found = told(changed("long = above(10) }", "middle = between(10, 20), long = above(20) }", BASE.replace(
        "target = { short = 50%, long = 50% }", "")))  # fmt: skip
    assert found == [
        ("added", "dimension size bands.middle", None, "between(10, 20)"),
        ("changed", "dimension size bands.long", "above(10)", "above(20)"),
    ]


def test_a_prompt_differs_as_text() -> None:
    (found,) = changed("Thanks.", "Thank you.")
    assert (found.kind, found.name, found.path) == ("prompt", "ask", "user")
    assert found.old == Prose("Write one.\nAbout {{ target }}.\nThanks.")
    assert isinstance(found.new, Prose)


def test_a_declaration_that_goes_and_one_that_comes() -> None:
    found = told(changed("operator drop { kind = remove", "operator thin { kind = remove, prefer = words"))
    assert [(change, title) for change, title, _, _ in found] == [
        ("added", "operator thin"),
        ("removed", "operator drop"),
    ]
    assert found[0][3] == "{ kind = remove, where = topic == a and words > 3, prefer = words }"


def test_a_renamed_declaration_and_all_that_refers_to_it() -> None:
    text = BASE
    for old, new in (("topic", "area_of"), ("words", "count_of"), ("fine", "good"), ("small", "bulk"), ("ask", "tell")):
        text = re.sub(rf"\b{old}\b", new, text)
    found = told(compare(subject(BASE), subject(text)))
    assert found == [
        ("renamed", "measure count_of", "words", "count_of"),
        ("renamed", "dimension area_of", "topic", "area_of"),
        ("renamed", "model bulk", "small", "bulk"),
        ("renamed", "prompt tell", "ask", "tell"),
        ("renamed", "validator good", "fine", "good"),
    ]


def test_of_several_alike_the_names_most_alike_go_together() -> None:
    text = BASE + "validator left { kind = format }\nvalidator right { kind = format }\n"
    other = text.replace("validator left", "validator lefty").replace("validator right", "validator righty")
    assert told(compare(subject(text), subject(other))) == [
        ("renamed", "validator lefty", "left", "lefty"),
        ("renamed", "validator righty", "right", "righty"),
    ]


def test_documentation_counts_when_asked() -> None:
    assert told(changed("measure words", "## Long or short.\nmeasure words")) == []
    (found,) = changed("measure words", "## Long or short.\nmeasure words", docs=True)
    assert (found.change, found.path, found.new) == ("added", "##", Prose("Long or short."))


def test_places_are_those_of_either_side() -> None:
    old, new = subject(BASE), subject(BASE.replace("$0.15 / 1M", "$0.20 / 1M"))
    (found,) = compare(old, new)
    assert found.old_span is not None
    assert old.bindings.text(found.old_span) == "input = $0.15 / 1M"
    assert found.new_span is not None
    assert new.bindings.text(found.new_span) == "input = $0.20 / 1M"
