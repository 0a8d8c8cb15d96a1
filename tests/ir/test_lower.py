"""Lowering: defaults filled in, references by name, numbers exact, places kept beside."""

from __future__ import annotations

from decimal import Decimal

import pytest

from refinelab_dsl import builtins, ir
from refinelab_dsl.declarations import Band, Constraints, Move, Run, Size, Solve
from refinelab_dsl.expressions import Binary, Call, Constant, ListOf, Name, Unary
from tests.harness.front import HEAD, compile_text


def _program(text: str) -> ir.Program:
    return compile_text(HEAD + text).certain


def test_defaults() -> None:
    program = _program("")
    assert program.seed == 0
    assert program.constraints == Constraints()
    assert (program.solve, program.run, program.budget) == (Solve(), Run(), None)
    assert program.dataset.answer_as == "auto"
    assert program.models[0].id == "simulated"
    assert program.models[0].limits.concurrency == 16
    assert program.outputs[0].format == "jsonl"


def test_a_task_of_a_corpus_is_no_difference() -> None:
    without, written = (
        _program(f'dataset passages {{ role = corpus, {task} source = "data/passages.jsonl" }}\n'
                 "validator known { kind = rag, model = small, corpus = passages }\n")
        for task in ("", "task = qa, ")
    )  # fmt: skip
    assert ir.spec_hash(without) == ir.spec_hash(written)
    assert [each.task for each in without.datasets] == [None]


def test_empty_blocks_are_their_defaults() -> None:
    program = _program("constraints { }\nsolve { }\nrun { }\nbudget { cost = $1 }\n")
    assert program.constraints == Constraints()
    assert (program.solve, program.run) == (Solve(), Run())
    assert program.budget is not None
    assert program.budget.reserve == Decimal("0.1")


@pytest.mark.parametrize("kind", [name for name, row in builtins.OPERATOR_KINDS.items() if row.reached and row.calls])
def test_an_operator_has_its_kinds_prior(kind: str) -> None:
    row = builtins.OPERATOR_KINDS[kind]
    more = {
        "correct": ', validator = sure }\nvalidator sure { kind = rag, model = small, corpus = wikipedia("en")',
        "refine": ", judge = fair }\njudge fair { model = small",
        "rewrite": ", moves = { length = +1 }",
        "rewrite_distractors": ", moves = { length = +1 }",
    }.get(kind, "")
    head = HEAD.replace("task = qa", f"task = {row.tasks[0]}") if "qa" not in row.tasks else HEAD
    text = f"operator a {{ kind = {kind}, model = small, prior = {{ success = 12.5% }}{more} }}\n"
    program = compile_text(head + text).certain
    (operator,) = program.operators
    assert operator.prior.success == Decimal("0.125")
    assert operator.prior.input_tokens == row.prior.input_tokens
    assert operator.prior.declared == ("success",)
    assert operator.max_per_item == row.max_per_item


def test_moves() -> None:
    program = _program(
        "operator a { kind = generate, model = small, "
        "moves = { topic = to(algebra, geometry), length = -1 }, max_per_item = 2 }\n"
        "operator b { kind = generate, model = small, moves = { topic = any, length = +1 } }\n"
    )
    first, second = program.operators
    assert first.moves == {
        "topic": Move(kind="to", labels=("algebra", "geometry")),
        "length": Move(kind="shift", by=-1),
    }
    assert first.max_per_item == 2
    assert second.moves == {"topic": Move(kind="any"), "length": Move(kind="shift", by=1)}


def test_bands_stand_lowest_first() -> None:
    program = _program(
        "dimension d { from = words, bands = { c = above(2.5), a = below(-1), b = between(-1, 2.5) } }\n"
    )
    dimension = program.dimensions[2]
    assert dimension.labels == ("a", "b", "c")
    assert dimension.ordered
    assert dimension.bands == (
        Band(label="a", high=Decimal(-1)),
        Band(label="b", low=Decimal(-1), high=Decimal("2.5")),
        Band(label="c", low=Decimal("2.5")),
    )


def test_an_order_of_ones_own_wins_over_that_of_the_numbers() -> None:
    program = _program(
        "dimension d { from = words, order = [hard, easy], bands = { hard = below(10), easy = above(10) } }\n"
    )
    assert program.dimensions[2].labels == ("hard", "easy")
    assert [band.label for band in program.dimensions[2].bands] == ["hard", "easy"]


@pytest.mark.parametrize(
    ("size", "lowered"),
    [
        ("keep", Size()),
        ("2_000", Size(kind="exact", low=2000, high=2000)),
        ("2k", Size(kind="exact", low=2000, high=2000)),
        ("between(900, 1_100)", Size(kind="between", low=900, high=1100)),
    ],
)
def test_sizes(size: str, lowered: Size) -> None:
    assert _program(f"constraints {{ size = {size} }}\n").constraints.size == lowered


def test_budgets() -> None:
    half = _program("budget { tokens = 0.5 * full_cost, cost = $3.00 }\n").budget
    assert half is not None
    assert (half.tokens, half.tokens_of_full_cost, half.cost) == (None, Decimal("0.5"), Decimal(3))
    quarter = _program("budget { tokens = full_cost * 25% }\n").budget
    assert quarter is not None
    assert quarter.tokens_of_full_cost == Decimal("0.25")


def test_prices_are_per_token() -> None:
    price = (
        _program("model m { provider = simulated, price = { input = $0.15 / 1M, output = $600 / 1B } }\n")
        .models[1]
        .price
    )
    assert price is not None
    assert (price.input, price.output) == (Decimal("1.5e-7"), Decimal("6e-7"))


def test_expressions() -> None:
    program = _program(
        'operator a { kind = remove, where = topic == algebra and not matches(question, "x"), prefer = -z(words) }\n'
        'operator b { kind = remove, where = length >= long or area in [1, "two"] }\n'
        "constraints { protect = words + 1 < 3 }\n"
        'expect "e" { assert = share(topic, algebra) >= 25% and count(words > 3) > -1 }\n'
    )
    first, second = program.operators
    topic, words = Name(space="dimension", name="topic"), Name(space="measure", name="words")
    question = Name(space="field", name="question")
    assert first.where == Binary(
        operator="and",
        left=Binary(operator="==", left=topic, right=Constant.of("algebra")),
        right=Unary(operator="not", operand=Call(function="matches", arguments=(question, Constant.of("x")))),
    )
    assert first.prefer == Unary(operator="-", operand=Call(function="z", arguments=(Constant.of("words"),)))
    # The order of labels is the dimension's: a comparison of size becomes a choice of labels.
    assert second.where == Binary(
        operator="or",
        left=Binary(
            operator="in", left=Name(space="dimension", name="length"), right=ListOf(items=(Constant.of("long"),))
        ),
        right=Binary(
            operator="in",
            left=Name(space="field", name="area"),
            right=ListOf(items=(Constant.of(Decimal(1)), Constant.of("two"))),
        ),
    )
    assert program.constraints.protect is not None
    assertion = program.expects[0].assertion
    assert isinstance(assertion, Binary)
    assert assertion.left == Binary(
        operator=">=",
        left=Call(function="share", arguments=(Constant.of("topic"), Constant.of("algebra"))),
        right=Constant.of(Decimal("0.25")),
    )
    assert assertion.right == Binary(
        operator=">",
        left=Call(function="count", arguments=(Binary(operator=">", left=words, right=Constant.of(Decimal(3))),)),
        right=Constant.of(Decimal(-1)),
    )


def test_a_validators_default_is_its_kinds() -> None:
    program = _program(
        "validator fresh { kind = duplicate }\noperator a { kind = expand, model = small, checks = [fresh] }\n"
        "budget { tokens = 1k }\n"
    )
    (fresh,) = program.validators
    assert fresh.accept == builtins.VALIDATOR_KINDS["duplicate"].default
    assert fresh.against == ("originals", "output")


def test_an_output_folder_takes_the_format_of_the_source() -> None:
    text = HEAD.replace("data/items.jsonl", "data/*.csv.gz") + 'output all { path = "out/all/" }\n'
    assert compile_text(text).certain.outputs[1].format == "csv"


def test_places_and_documentation_stand_beside() -> None:
    text = HEAD + (
        "## Keeps the set as large as it was.\nconstraints {\n  size = keep\n  floor = { topic = 3 }\n}\n"
        "## Long ones go first.\noperator drop { kind = remove, where = words > 30 }\n\n"
        'expect "a b" { assert = size() > 1 }\n'
    )
    program = compile_text(text).certain

    def written(path: str) -> str:
        span = program.origins[path]
        return text[span.start : span.end]

    assert written("edition") == "edition = 1"
    assert written("constraints") == "constraints"
    assert written("constraints.size") == "size = keep"
    assert written("constraints.floor.topic") == "topic = 3"
    assert written("operator.drop") == "operator drop"
    assert written("operator.drop.where") == "where = words > 30"
    assert written("dimension.length.bands.short") == "short = below(10)"
    assert written("expect.a b") == 'expect "a b"'
    assert program.docs == {
        "constraints": "Keeps the set as large as it was.",
        "operator.drop": "Long ones go first.",
    }


def test_what_no_plan_can_execute_is_listed_with_its_place() -> None:
    text = HEAD + (
        "measure rating { kind = elo, model = small, seeds = bootstrap(40) }\n"
        "dimension difficulty { from = rating, bands = { easy = below(0), hard = above(0) } }\n"
        "pilot { items = 20 }\nconstraints { size = between(1, 2) }\n"
        'solve { strategy = greedy, on_infeasible = relax(topic) }\nexpect "e" { assert = error_rate() < 3% }\n'
    )
    program = compile_text(text).certain
    listed = {use.what: text[use.span.start : use.span.end] for use in program.unexecutable if use.span is not None}
    assert listed == {
        "`on_infeasible` of `solve` other than `report`": "on_infeasible = relax(topic)",
    }
    assert compile_text(HEAD).certain.unexecutable == ()
