"""What each kind of check accepts and refuses, and why."""

from __future__ import annotations

from decimal import Decimal

import pytest

from refinelab_dsl.builtins import JUDGING, VALIDATOR_KINDS
from refinelab_dsl.declarations import Validator
from refinelab_dsl.expressions import Binary, Call, Constant, Name
from refinelab_dsl.validators import VALIDATORS, settle_time, validate
from tests.validators.items import make_item, make_result, make_surroundings

PARENT = make_item("Which acid is strong?", "HCl", "HF", "HCN", "H2S")
FORMAT = Validator(name="well_formed", kind="format")
IN_SIZE = Validator(name="in_size", kind="in_bin", dimension="size")


def below(limit: str) -> Binary:
    similarity = Name(space="context", name="similarity")
    return Binary(operator="<", left=similarity, right=Constant.of(Decimal(limit)))


FRESH = Validator(name="fresh", kind="duplicate", against=("originals", "output"), accept=below("0.92"))


def test_the_table_holds_what_the_language_says_can_be_used() -> None:
    assert set(VALIDATORS) == {JUDGING.name, *(name for name, row in VALIDATOR_KINDS.items() if row.reached)}


@pytest.mark.parametrize(
    ("choices", "answer", "reason"),
    [
        (("HBr", "HF", "HCN", "H2S"), "HBr", ""),
        (("HBr", "HF", "HCN"), "HBr", "it has 3 choices instead of 4"),
        (("HBr", "HF", "hf ", "H2S"), "HBr", "two choices are the same"),
        (("HBr", "HF", "HCN", "H2S"), "HI", "the answer is none of the choices"),
        (("HBr", "", "HCN", "H2S"), "HBr", "`choices` is empty"),
    ],
)
def test_multiple_choice_keeps_its_invariants(choices: tuple[str, ...], answer: str, reason: str) -> None:
    item = make_item("Which halide is a strong acid?", *choices, answer=answer)
    verdict = validate(FORMAT, make_result(item, PARENT), make_surroundings())
    assert (verdict.accept, verdict.reason) == (not reason, reason)


def test_no_field_is_empty() -> None:
    parent = make_item("How far is it?", answer="far")
    surroundings = make_surroundings("qa")
    assert validate(FORMAT, make_result(make_item("How?", answer="so"), parent), surroundings).accept
    for item in (make_item(" ", answer="so"), make_item("How?", answer=" ")):
        assert not validate(FORMAT, make_result(item, parent), surroundings).accept


@pytest.mark.parametrize(
    ("before", "after", "accept"),
    [
        ("18", "42", True),
        ("$1,800", "3.5", True),
        ("18", "about 42", False),
        ("x + 1", "x + 2", True),
        ("18", "\u221e", False),
    ],
)
def test_a_number_stays_a_number(before: str, after: str, accept: bool) -> None:
    parent = make_item("How many?", answer=before, solution="so many")
    item = make_item("How many now?", answer=after, solution="so many more")
    verdict = validate(FORMAT, make_result(item, parent), make_surroundings("math"))
    assert verdict.accept == accept


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("sua", "sua", ""),
        ("u", "ua", ""),  # the answer was made
        ("uu", "uaua", ""),
        ("ua", "u", "its turns are not those of the parent's 2"),
        ("ua", "uaua", "its turns are not those of the parent's 2"),
        ("ua", "sua", "its turns are not those of the parent's 2"),
        ("ua", "aa", "the first turn is the assistant's"),
        ("ua", "uaa", "turns 2 and 3 are both the assistant's"),
    ],
)
def test_a_conversation_keeps_its_speakers(before: str, after: str, reason: str) -> None:
    def talk(roles: str, said: str) -> list[dict[str, str]]:
        names = {"s": "system", "u": "user", "a": "assistant"}
        return [{"role": names[role], "content": f"{said} {place}"} for place, role in enumerate(roles)]

    parent = make_item("", messages=talk(before, "Why is the sea salty"))
    item = make_item("", messages=talk(after, "Why is the sky blue"))
    verdict = validate(FORMAT, make_result(item, parent), make_surroundings("chat"))
    assert (verdict.accept, verdict.reason) == (not reason, reason)


def test_a_result_too_like_an_original_is_refused_with_the_likeness() -> None:
    surroundings = make_surroundings(originals=[PARENT])
    copy = make_item("Which  ACID is strong?", "H2S", "HCN", "HF", "HCl", answer="HCl")
    verdict = validate(FRESH, make_result(copy, PARENT), surroundings)
    assert (verdict.accept, verdict.values["similarity"]) == (False, 1.0)
    other = make_item("What colour does litmus turn in lye?", "blue", "red", "green", "none")
    assert validate(FRESH, make_result(other, PARENT), surroundings).accept


def test_a_result_too_like_one_accepted_before_is_refused() -> None:
    first = make_item("What colour does litmus turn in lye?", "blue", "red", "green", "none")
    surroundings = make_surroundings(originals=[PARENT])
    assert validate(FRESH, make_result(first, PARENT), surroundings).accept
    surroundings.output[""].add(first)
    assert not validate(FRESH, make_result(first, PARENT), surroundings).accept
    only_originals = FRESH.model_copy(update={"against": ("originals",)})
    assert validate(only_originals, make_result(first, PARENT), surroundings).accept


def test_only_what_depends_on_the_output_waits_for_its_turn() -> None:
    assert settle_time(FRESH) == "commit"
    assert settle_time(FRESH.model_copy(update={"against": ("originals",)})) == "arrival"
    assert settle_time(FORMAT) == settle_time(IN_SIZE) == "arrival"


def test_a_result_lies_in_the_bin_it_was_made_for() -> None:
    surroundings = make_surroundings()
    short = make_item("Which acid is weak?", "HF", "HCl")
    assert validate(IN_SIZE, make_result(short, PARENT, size="short"), surroundings).accept
    verdict = validate(IN_SIZE, make_result(short, PARENT, size="long"), surroundings)
    assert (verdict.accept, dict(verdict.values)) == (False, {"wanted": "long", "measured": "short"})


def test_a_bin_that_cannot_be_measured_is_assumed_and_said_to_be() -> None:
    on_topic = Validator(name="on_topic", kind="in_bin", dimension="topic")
    verdict = validate(on_topic, make_result(PARENT, PARENT, topic="acids"), make_surroundings())
    assert verdict.accept
    assert "assumed" in verdict.reason


def condition(left: Name | Call, operator: str, right: str | Decimal) -> Validator:
    accept = Binary(operator=operator, left=left, right=Constant.of(right))  # type: ignore[arg-type]
    return Validator(name="own", kind="expression", accept=accept)


def test_a_condition_sees_fields_measures_and_labels() -> None:
    surroundings = make_surroundings()
    result = make_result(make_item("Which acid is weak?", "HF", "HCl"), PARENT, size="short", topic="acids")
    answer = Name(space="field", name="answer")
    for validator, accept in (
        (condition(answer, "==", "HF"), True),
        (condition(answer, "==", "HCl"), False),
        (condition(Name(space="measure", name="words"), "<=", Decimal(4)), True),
        (condition(Name(space="dimension", name="size"), "==", "long"), False),
        (condition(Name(space="dimension", name="topic"), "==", "acids"), True),  # assumed as made
        (condition(Call(function="words", arguments=(answer,)), "==", Decimal(1)), True),
    ):
        assert validate(validator, result, surroundings).accept == accept, validator.accept


def test_a_condition_without_a_value_refuses_and_quotes_nothing() -> None:
    number = Call(function="number", arguments=(Name(space="field", name="answer"),))
    result = make_result(make_item("Which?", "secret text", "HCl"), PARENT)
    verdict = validate(condition(number, ">", Decimal(1)), result, make_surroundings())
    assert not verdict.accept
    assert "secret" not in verdict.reason + repr(verdict.values)
