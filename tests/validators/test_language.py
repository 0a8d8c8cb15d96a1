"""Replies in another language than their item's."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from refinelab_dsl.declarations import Validator
from refinelab_dsl.validators import validate
from refinelab_dsl.validators.language import find_difference, find_language, find_script
from tests.validators.items import make_item, make_result, make_surroundings

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
ENGLISH = "Which of the following acids is found in the vinegar that is used for salads?"
TEXTS = {
    "English": ENGLISH,
    "German": "Welche der folgenden Säuren ist in dem Essig enthalten, der für Salate verwendet wird?",
    "French": "Lequel des acides suivants est présent dans le vinaigre que l'on utilise pour les salades ?",
    "Spanish": "¿Cuál de los siguientes ácidos se encuentra en el vinagre que se usa para las ensaladas?",
    "Italian": "Quale degli acidi seguenti è contenuto nella bottiglia di aceto che si usa per le insalate?",
    "Portuguese": "Qual dos ácidos seguintes é encontrado no vinagre que se usa para as saladas?",
    "Dutch": "Welke van de volgende zuren zit in de azijn die wordt gebruikt voor het maken van salades?",
}


@pytest.mark.parametrize("language", TEXTS)
def test_running_text_tells_its_language(language: str) -> None:
    assert find_language(TEXTS[language]) == language
    assert (find_difference(ENGLISH, TEXTS[language]) is None) == (language == "English")


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (ENGLISH, "LATIN"), ("Какая из следующих кислот содержится в уксусе?", "CYRILLIC"),
        ("下列哪一種酸存在於用來做沙拉的醋中呢", "CJK"), ("サラダに使われる酢に含まれる酸はどれですか", "JAPANESE"),
        ("H2O", None), ("f(x) = 3", None), ("Ελληνικά γράμματα και λέξεις", "GREEK"),
    ],
)  # fmt: skip
def test_letters_tell_their_script(text: str, script: str | None) -> None:
    assert find_script(text) == script


def test_formulas_and_names_change_nothing() -> None:
    assert find_difference(ENGLISH, "Solve λ + β = π for β where λ = 2 and π is the sum of all the angles.") is None
    assert find_difference("2 + 2?", "Combien font deux et deux ?") is None  # the item says nothing of its language


def test_format_refuses_a_reply_in_another_language() -> None:
    parent = make_item(ENGLISH, "acetic acid", "HCl", key="parent")
    for language, text in TEXTS.items():
        result = make_result(make_item(text, "acetic acid", "HCl"), parent)
        verdict = validate(Validator(name="form", kind="format"), result, make_surroundings())
        assert verdict.accept == (language == "English")
        assert verdict.accept or verdict.reason == f"it is in {language}, its item in English"


@pytest.mark.skipif(not SHARED.is_dir(), reason="THE REAL DATA SETS ARE MISSING: ../shared/data does not exist")
def test_no_real_english_question_is_taken_for_another_language() -> None:
    questions = [
        row[0]
        for path in sorted((SHARED / "mmlu" / "test").glob("*.csv"))
        for row in csv.reader(path.open(encoding="utf-8"))
    ]
    lines = (SHARED / "gsm8k" / "test.jsonl").read_text(encoding="utf-8").split("\n")
    questions += [json.loads(line)["question"] for line in lines if line]
    found = [find_language(question) for question in questions]
    assert len(questions) > 3_500
    assert set(found) <= {"English", None}
    assert found.count("English") > 0.8 * len(found)
    assert {find_script(question) for question in questions} <= {"LATIN", None}
