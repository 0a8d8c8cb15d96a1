"""`auto`: which way an item takes, what its own text shows, and what a way that is closed gives."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from refinelab_dsl.effects import Passage, Retrieve
from refinelab_dsl.validators import auto
from refinelab_dsl.validators.route import choose_route
from refinelab_dsl.validators.stem import find_stem_fault
from tests.validators.driving import Driver, driver, make_questions, make_validator, program
from tests.validators.items import make_item

AUTO = make_validator("auto")
NUMBERS = ("12", "15", "18", "20")
PLACES = ("Paris", "Rome", "Oslo", "Bern")


@pytest.fixture(scope="module")
def drives() -> Iterator[Driver]:
    with driver() as made:
        yield made


@pytest.mark.parametrize(
    ("question", "choices", "route"),
    [
        ("How many legs do 3 dogs and 2 birds have?", NUMBERS, "pot"),
        ("A train covers 30 km in 2 hours. What is its average speed?", ("15 km/h", "60 km/h"), "pot"),
        ("If f(x) = 3x + 3, what is f(4)?", NUMBERS, "pot"),
        ("Which city lies on the Seine?", PLACES, "rag"),
        ("In what year did the war end?", ("1918", "1919", "1945", "1946"), "rag"),
        ("When did the Berlin Wall fall?", ("1987", "1988", "1989", "1990"), "rag"),
        ("Who wrote the play?", PLACES, "rag"),
        ("As of 2017, how many countries had signed it?", NUMBERS, "rag"),
        ("Why do leaves fall?", PLACES, "rag"),
    ],
)
def test_multiple_choice_takes_the_way_that_fits(question: str, choices: tuple[str, ...], route: str) -> None:
    assert choose_route(make_item(question, *choices), "mcq") == route


def test_the_task_decides_where_it_can() -> None:
    item = make_item("Who?", answer="nobody", prompt="def f():")
    assert choose_route(item, "math") == "pot"
    assert choose_route(item, "code") == "exec"
    assert choose_route(item, "qa") == "rag"


@pytest.mark.parametrize(
    ("question", "fault"),
    [
        ("How many eggs are 3 and 4 eggs? (The answer is 7.)", "the question gives its answer away"),
        ("How many eggs are 3 and 4 eggs? Hint: 7", "the question gives its answer away"),
        ("How many eggs are 3 and 4 eggs? The correct answer is: seven", "the question gives its answer away"),
        ("How many eggs are 3 and 4 eggs? Give the answer as a number.", None),
        ("How many eggs are 3 and 4 eggs? The answer is smaller than 9.", None),
        ("Tom has 3 eggs and then buys", "the question breaks off"),
        ("Tom has 3 eggs and buys 4. How many eggs does he have", None),
        ("Find the sum of 3 and 4", None),
        ("Tom has 3 eggs. He buys 4. Add them.", None),
    ],
)
def test_a_question_may_show_its_own_fault(question: str, fault: str | None) -> None:
    assert find_stem_fault(make_item(question, answer="7"), "math") == fault


def test_a_choice_is_given_away_by_letter_text_or_value() -> None:
    for hint in ("Hint: B", "(the answer is Rome)", "The right choice is option B."):
        assert find_stem_fault(make_item(f"Which city? {hint}", *PLACES, answer="Rome"), "mcq") is not None
    assert find_stem_fault(make_item("Which city? Hint: it is in Italy", *PLACES, answer="Rome"), "mcq") is None
    assert find_stem_fault(make_item("The capital of Italy is", *PLACES, answer="Rome"), "mcq") is None


def test_a_faulty_question_costs_nothing(drives: Driver) -> None:
    questions = make_questions("math", {"validator.check.pot": "pot"})
    finding = drives.drive(auto.inquire(AUTO, make_item("Tom has 3 eggs and then buys", answer="7"), questions))
    assert (finding.verdict, finding.reason) == ("refuted", "the question breaks off")
    assert drives.asked == []


def test_what_is_computed_is_asked_for_as_a_program(drives: Driver) -> None:
    questions = make_questions("mcq", {"validator.check.pot": "pot"})
    item = make_item("How many legs do 3 dogs and 2 birds have?", "12", "16", answer="16")
    finding = drives.drive(auto.inquire(AUTO, item, questions), [program("answer = 3 * 4 + 2 * 2")])
    assert (finding.verdict, finding.confidence) == ("supported", 1.0)


def test_without_a_corpus_nothing_is_looked_up(drives: Driver) -> None:
    questions = make_questions("mcq", {"validator.check.pot": "pot"})
    finding = drives.drive(auto.inquire(AUTO, make_item("Which city lies on the Seine?", *PLACES), questions))
    assert (finding.verdict, finding.confidence) == ("unknown", 0.0)
    assert finding.reason == "its answer has to be looked up, and there is no corpus"
    assert drives.asked == []


def test_with_a_corpus_passages_decide(drives: Driver) -> None:
    questions = make_questions("mcq", {"validator.check.pot": "pot", "validator.check.rag": "rag"})
    drives.passages = (Passage("cities.txt:1", "", "Paris lies on the Seine."),)
    reply = json.dumps({"passages": [1], "verdict": "supported", "answer": "", "confidence": 0.9})
    item = make_item("Which city lies on the Seine?", *PLACES)
    finding = drives.drive(auto.inquire(make_validator("auto", corpus="cities"), item, questions), [reply])
    assert (finding.verdict, finding.confidence, finding.passages) == ("supported", 0.9, ("cities.txt:1",))
    assert isinstance(drives.asked[0], Retrieve)
    assert drives.asked[0].corpus == "cities"


def test_functions_are_run(drives: Driver) -> None:
    item = make_item("", prompt="def f(x):\n", tests="assert f(2) == 3", entry_point="f", solution="    return x + 1\n")
    finding = drives.drive(auto.inquire(AUTO, item, make_questions("code", {})))
    assert (finding.verdict, len(drives.outcomes)) == ("supported", 2)
