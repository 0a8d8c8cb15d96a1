"""New distractors: the invariants of RefineLab r5 on every MMLU item that there is, and on made-up ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.likeness import likeness, normalise
from refinelab_dsl.operators.distractors import LEAST_DISTINCT, Candidate, Choices, choose_distractors
from refinelab_dsl.project import Project
from tests.data.sets import MMLU_COLUMNS, MMLU_FIELDS

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
MISTAKES = ("sign", "unit", "confused terms", "a step left out")


def propose(item: Item, draw: random.Random) -> list[Candidate]:
    """Candidates as models give them: fair ones, copies of the key and of choices, empty ones, in any order."""
    key, choices = item.fields["answer"], item.fields["choices"]
    texts = [f"{draw.choice(('not', 'half', 'twice', 'never'))} {draw.choice(choices)} {number}"
             for number in draw.sample(range(99), 6)]
    texts += [key, f" {key.upper()} ", draw.choice(choices), ""]
    draw.shuffle(texts)
    return [Candidate(text, draw.choice(MISTAKES), draw.random()) for text in texts]


def hold(choices: Sequence[str], key: str, candidates: Sequence[Candidate], found: Choices, count: int) -> None:
    """Everything that must hold of new choices."""
    assert found.choices.count(key) == 1  # its text untouched, to the last character
    assert len(found.choices) == len(choices)
    assert len({normalise(choice) for choice in found.choices}) == len(choices)
    proposed = {candidate.text for candidate in candidates}
    new = [choice for choice in found.choices if choice not in choices]
    assert set(new) <= proposed
    assert all(normalise(choice) != normalise(key) for choice in new)
    replaced = min(count, len(choices) - 1)
    assert len(set(choices) & set(found.choices)) >= len(choices) - replaced
    made = dict(zip(found.choices, found.mistakes, strict=True))
    assert all((choice in new) == bool(made[choice]) for choice in found.choices)
    assert all(any(each.text == choice and each.mistake == made[choice] for each in candidates) for choice in new)
    assert made[key] == ""


def represent(choices: Sequence[str], key: str, candidates: Sequence[Candidate], found: Choices) -> None:
    """Every type with a valid candidate stands for a choice, while there are as many new choices as types."""
    old = {normalise(choice) for choice in choices}
    valid = {
        each.mistake
        for each in candidates
        if normalise(each.text) and normalise(each.text) not in old
        and 1 - likeness(normalise(each.text), normalise(key)) >= LEAST_DISTINCT
    }  # fmt: skip
    new = [mistake for mistake in found.mistakes if mistake]
    assert len(set(new)) == min(len(new), len(valid))


@pytest.mark.skipif(not SHARED.is_dir(), reason="THE REAL DATA SETS ARE MISSING: ../shared/data does not exist")
def test_every_item_of_mmlu_keeps_its_key_and_gets_distinct_choices() -> None:
    dataset = Dataset(
        name="mmlu", task="mcq", source=("x",), columns=MMLU_COLUMNS, on_bad_row="skip", answer_as="letter",
        fields=dict(MMLU_FIELDS),
    )  # fmt: skip
    files = sorted((SHARED / "mmlu" / "test").glob("*.csv"))
    items = [entry for entry in read_items(dataset, files, Project(SHARED, SHARED)) if isinstance(entry, Item)]
    assert len(items) > 3_000
    draw, unchanged = random.Random(5), 0
    for number, item in enumerate(items):
        choices, key = item.fields["choices"], item.fields["answer"]
        candidates, count = propose(item, draw), 1 + number % 4
        found = choose_distractors(choices, key, candidates, count=count, harder=number % 2 == 0, seed=item.key)
        if found is None:
            unchanged += 1
            continue
        hold(choices, key, candidates, found, count)
        represent(choices, key, candidates, found)
    assert unchanged < len(items) / 10


@given(
    st.lists(st.text("abcdefgh ", min_size=1, max_size=12).map(str.strip).filter(bool), min_size=2, max_size=6,
             unique_by=normalise),
    st.lists(st.tuples(st.text("abcdefghij ", max_size=12), st.sampled_from(MISTAKES), st.floats(-1, 2)), max_size=10),
    st.integers(1, 5), st.booleans(), st.text(max_size=3),
)  # fmt: skip
def test_choices_of_any_texts(
    choices: list[str], proposed: list[tuple[str, str, float]], count: int, harder: bool, seed: str
) -> None:
    candidates = [Candidate(*entry) for entry in proposed]
    found = choose_distractors(choices, choices[0], candidates, count=count, harder=harder, seed=seed)
    assert found == choose_distractors(choices, choices[0], candidates, count=count, harder=harder, seed=seed)
    if found is not None:
        hold(choices, choices[0], candidates, found, count)


KEY, OLD = "g, downwards", ("zero", "red", "5 m")
PROPOSED = [
    Candidate("g, upwards", "direction", 0.3), Candidate("2 g", "size", 0.9), Candidate("g/2", "size", 0.8),
    Candidate("depends on the mass", "mass", 0.7),
]  # fmt: skip


def choose(**more: object) -> Choices:
    arguments = {"count": 3, "harder": True, "seed": "s", **more}
    found = choose_distractors([KEY, *OLD], KEY, PROPOSED, **arguments)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_each_type_of_mistake_comes_before_the_second_of_any() -> None:
    found = choose()
    assert sorted(found.mistakes) == ["", "direction", "mass", "size"]
    assert "2 g" in found.choices
    assert "g/2" not in found.choices


def test_a_lower_difficulty_prefers_what_nobody_falls_for() -> None:
    harder, easier = choose(count=1), choose(count=1, harder=False)
    assert {"2 g", "g/2", "depends on the mass"} & set(harder.choices)
    assert "g, upwards" in easier.choices


def test_too_few_candidates_are_no_item() -> None:
    assert choose_distractors([KEY, *OLD], KEY, PROPOSED[:2], count=3, harder=True, seed="") is None


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_the_place_of_the_key_follows_from_the_seed(seed: str) -> None:
    assert choose(seed=seed) == choose(seed=seed)


def test_the_key_does_not_stay_in_one_place() -> None:
    assert len({choose(seed=str(number)).choices.index(KEY) for number in range(40)}) == 4


def test_the_key_in_other_words_is_no_distractor() -> None:
    near = Candidate(KEY + ".", "near", 1.0)
    found = choose_distractors([KEY, *OLD], KEY, [near, *PROPOSED], count=3, harder=True, seed="s")
    assert found is not None
    assert near.text not in found.choices or LEAST_DISTINCT < 0.05
