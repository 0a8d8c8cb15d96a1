"""Nearly equal items: which cluster a profile says that they stand in, and which of them may leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refinelab_dsl.data import Profile, build_profile
from refinelab_dsl.data.clusters import find_copies
from refinelab_dsl.declarations import Constraints, Dataset, Dimension, Embedding, Measure, Operator, Prior
from refinelab_dsl.expressions.nodes import Binary, Constant, Expression, Name

from .sets import codes, make_project

TRAIN = "A train travels 120 miles in 3 hours. What is its average speed in miles per hour"
ACID = "Which of these acids is strong enough to give away all of its protons in water"
ROWS = [
    {"id": "t1", "question": f"{TRAIN}?", "answer": "40"},
    {"id": "a1", "question": f"{ACID}?", "answer": "hydrochloric acid"},
    {"id": "t2", "question": f"{TRAIN} ?", "answer": "40"},
    {"id": "x", "question": "Who wrote the novel?", "answer": "Woolf"},
    {"id": "t3", "question": f"{TRAIN.upper()}  ?", "answer": "40"},
    {"id": "a2", "question": f"{ACID}?", "answer": "hydrochloric acid"},
]
TWINS = Measure(name="twins", kind="near_duplicate", options={"method": "minhash"})
FREE = Prior(success="1", input_tokens=0, output_tokens=0)


def once(measure: str = "twins", where: Expression | None = None) -> Operator:
    return Operator(name="once", kind="deduplicate", where=where, prior=FREE, options={"measure": measure})


def field_is(name: str, text: str) -> Binary:
    return Binary(operator="==", left=Name(space="field", name=name), right=Constant(type="text", text=text))


def profile(folder: Path, rows: list[dict[str, Any]] = ROWS, *, measure: Measure = TWINS, **options: Any) -> Profile:
    project = make_project(folder, {"items.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    dataset = Dataset(name="items", task="qa", source=("items.jsonl",))
    constraints = Constraints(protect=options.get("protect"))
    found, diagnostics = build_profile(
        dataset, (measure, *options.get("measures", ())), options.get("dimensions", ()),
        (once(where=options.get("where")),), constraints, seed=0, project=project,
        embeddings=options.get("embeddings", ()),
    )  # fmt: skip
    assert codes(diagnostics) == []
    assert found is not None
    return found


def named(found: Profile) -> list[int | None]:
    """Per item the place of the first of its cluster."""
    return [None if value is None else list(found.keys).index(str(value)) for value in found.recorded["twins"]]


def leaving(found: Profile) -> list[str]:
    return [str(row["id"]) for row, copy in zip(ROWS, found.eligible["once"], strict=True) if copy]


def test_a_cluster_is_named_by_its_first_item_and_all_others_may_leave(tmp_path: Path) -> None:
    found = profile(tmp_path)
    assert named(found) == [0, 1, 0, None, 0, 1]
    assert leaving(found) == ["t2", "t3", "a2"]
    assert "5 items stand in 2 clusters by measure `twins`" in found.notes


def test_copies_count_as_flagged(tmp_path: Path) -> None:
    """Otherwise no target would ask for their leaving."""
    found = profile(tmp_path)
    assert found.flagged is not None
    assert found.flagged.tolist() == found.eligible["once"].tolist()


def test_what_may_not_leave_stays_in_place_of_the_first(tmp_path: Path) -> None:
    found = profile(tmp_path, protect=field_is("id", "t3"))
    assert leaving(found) == ["t1", "t2", "a2"]
    found = profile(tmp_path, where=Binary(operator="!=", left=Name(space="field", name="id"),
                                           right=Constant(type="text", text="a2")))
    assert leaving(found) == ["a1", "t2", "t3"]


def test_what_is_dropped_does_not_count_as_the_one_that_stays(tmp_path: Path) -> None:
    rows = [{**row, "area": "" if row["id"] == "t1" else "x"} for row in ROWS]
    area = Measure(name="area", kind="column", options={"column": "area"})
    found = profile(
        tmp_path, rows, measures=(area,), dimensions=(Dimension(name="area", measure="area", unknown="drop"),)
    )
    kept = [row["id"] for row in rows[1:]]
    assert [name for name, copy in zip(kept, found.eligible["once"], strict=True) if copy] == ["t3", "a2"]


@pytest.mark.parametrize("embeddings", [(), (Embedding(name="letters"),)])
def test_clusters_of_embeddings(tmp_path: Path, embeddings: tuple[Embedding, ...]) -> None:
    options = {"method": "embedding", **({"embedding": "letters"} if embeddings else {})}
    measure = Measure(name="twins", kind="near_duplicate", options=options)
    assert named(profile(tmp_path, measure=measure, embeddings=embeddings)) == [0, 1, 0, None, 0, 1]


def test_the_threshold_says_from_where_on_two_items_are_one(tmp_path: Path) -> None:
    rows = [{"id": str(speed), "question": TRAIN.replace("120", str(speed)), "answer": "x"} for speed in (120, 150)]
    for threshold, expected in (("0.9", [0, 0]), ("0.99", [None, None])):
        measure = Measure(name="twins", kind="near_duplicate", options={"method": "minhash", "threshold": threshold})
        assert named(profile(tmp_path, rows, measure=measure)) == expected


def test_a_set_without_copies(tmp_path: Path) -> None:
    found = profile(tmp_path, ROWS[:2])
    assert not found.eligible["once"].any()
    assert "no two items are one by measure `twins`" in found.notes


@pytest.mark.parametrize(
    ("clusters", "free", "copies"),
    [
        (["a", "a", None, "a"], "1111", "0101"),
        (["a", "a", "a"], "101", "101"),
        (["a", "b", "a", "b"], "1110", "0110"),
        ([None, None], "11", "00"),
        ([], "", ""),
    ],
)
def test_one_of_each_cluster_stays(clusters: list[str | None], free: str, copies: str) -> None:
    found = find_copies(clusters, np.array([each == "1" for each in free], dtype=bool))
    assert "".join(str(int(each)) for each in found) == copies
