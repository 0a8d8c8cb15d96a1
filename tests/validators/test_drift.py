"""Checks by an embedding: `drift`, and `duplicate` with `embedding`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from refinelab_dsl import builtins
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding, Validator
from refinelab_dsl.likeness import EmbeddedNeighbours
from refinelab_dsl.validators import Surroundings, build_embedders, open_neighbours, validate
from tests.embeddings.real import read_gsm_plus
from tests.harness.front import HEAD, compile_text
from tests.validators.items import make_item, make_result, make_surroundings

LETTERS = Embedding(name="letters")


def _default(kind: str, provider: str | None = None) -> Validator:
    row = builtins.VALIDATOR_KINDS[kind]
    options = {} if provider is None else {"embedding": "letters"}
    against = ("originals", "output") if kind == "duplicate" else ()
    accept = builtins.default_accept(row, provider)
    return Validator(name=kind, kind=kind, accept=accept, against=against, options=options)


def _surround(originals: list[Item], *validators: Validator) -> Surroundings:
    def read() -> Iterator[Item]:
        return iter(originals)

    embedders = build_embedders(validators, (LETTERS,), read, Path())
    found = replace(
        make_surroundings("math"), embedders=embedders, originals=open_neighbours(validators, "originals", embedders),
        output=open_neighbours(validators, "output", embedders),
    )
    for neighbours in found.originals.values():
        for item in originals:
            neighbours.add(item)
    return found


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Item, Item]]:
    """Problems of GSM-Plus, each with the same in other words."""
    return [
        (
            make_item(row["seed_question"], answer=row["seed_answer"]),
            make_item(row["question"], answer=row["answer"]),
        )
        for row in read_gsm_plus("problem understanding")
    ]


def test_what_is_put_in_other_words_passes_and_another_problem_does_not(pairs: list[tuple[Item, Item]]) -> None:
    drift = _default("drift")
    surroundings = _surround([seed for seed, _ in pairs], drift)
    kept = [validate(drift, make_result(item, seed), surroundings).accept for seed, item in pairs]
    others = [
        validate(drift, make_result(item, seed), surroundings).accept
        for (seed, _), (_, item) in pairwise(pairs)
    ]
    assert sum(kept) >= 0.95 * len(pairs)
    assert sum(others) <= 0.02 * len(pairs)


def test_a_verdict_states_its_likeness_and_no_text(pairs: list[tuple[Item, Item]]) -> None:
    drift = _default("drift")
    surroundings = _surround([pairs[0][0]], drift)
    verdict = validate(drift, make_result(make_item("Who wrote it?", answer="Woolf"), pairs[0][0]), surroundings)
    assert not verdict.accept
    assert verdict.reason == "it is too far from its parent"
    assert 0 <= float(verdict.values["similarity"]) < 0.3
    same = validate(drift, make_result(pairs[0][0], pairs[0][0]), surroundings)
    assert same.accept
    assert same.values == {"similarity": 1}


def test_the_answer_is_part_of_what_is_meant() -> None:
    drift = _default("drift")
    parent = make_item("Which is the largest?", answer="the Pacific, between Asia and the Americas")
    other = make_item("Which is the largest?", answer="a blue whale that was measured in 1947 off South Georgia")
    surroundings = _surround([parent, other], drift)
    assert float(validate(drift, make_result(other, parent), surroundings).values["similarity"]) < 0.6


def test_a_copy_is_found_by_an_embedding_among_originals_and_output(pairs: list[tuple[Item, Item]]) -> None:
    fresh = _default("duplicate", "hashed")
    seeds = [seed for seed, _ in pairs]
    surroundings = _surround(seeds, fresh)
    question = str(seeds[7].fields["question"])
    copy = make_item(question.replace(".", " ."), answer="x")
    verdict = validate(fresh, make_result(copy, seeds[3]), surroundings)
    assert not verdict.accept
    assert float(verdict.values["similarity"]) > 0.95
    new = make_item("How many sheep does a shepherd keep who has lost three of twenty in the fog?", answer="17")
    assert validate(fresh, make_result(new, seeds[3]), surroundings).accept
    surroundings.output["letters"].add(new)
    assert not validate(fresh, make_result(new, seeds[3]), surroundings).accept


def test_many_neighbours_are_all_compared() -> None:
    items = [make_item(f"What is {number} plus {number + 1}, in words?", answer="x") for number in range(700)]
    embedder = build_embedders([_default("drift")], (), lambda: iter(items), Path())[""]
    neighbours = EmbeddedNeighbours(embedder)
    assert neighbours.nearest(items[0]) == 0
    for item in items:
        neighbours.add(item)
    assert neighbours.nearest(items[699]) == 1
    assert neighbours.nearest(make_item("What is 69 plus 70, in words?", answer="x", context="a passage")) == 0


def test_what_stands_by_default_follows_the_embedding() -> None:
    spec = HEAD + """
embedding letters { provider = hashed }
embedding asked { provider = openai, id = "e", base_url = "http://localhost:1/v1" }
validator close { kind = drift }
validator close_too { kind = drift, embedding = asked }
validator fresh { kind = duplicate, against = output }
validator fresh_too { kind = duplicate, embedding = letters }
validator own { kind = drift, embedding = asked, accept = similarity > 0.5 }
operator reword { kind = expand, model = small, checks = [close, close_too, fresh, fresh_too, own] }
"""
    program = compile_text(spec).certain
    bounds = {each.name: str(getattr(each.accept, "right", None)) for each in program.validators}
    found = {name: bounds[name].partition("number='")[2] or bounds[name] for name in bounds}
    assert "0.3" in found["close"]
    assert "0.7" in found["close_too"]
    assert "0.92" in found["fresh"]
    assert "0.95" in found["fresh_too"]
    assert "0.5" in found["own"]
