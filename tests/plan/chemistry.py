"""A plan like the one that the documentation shows, its figures adding up: two dimensions, priced models, checks."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from refinelab_dsl.artifacts.plan import (
    Action,
    Amount,
    BudgetSummary,
    Candidate,
    Check,
    Header,
    Interval,
    Removal,
    Share,
    Solution,
    Step,
    Template,
    Trailer,
)
from refinelab_dsl.artifacts.plan_file import PlanFile, write_plan
from refinelab_dsl.declarations import Dataset, Model, Operator, Price, Prior
from tests.artifacts.plans import make_header

DIFFICULTY = {"easy": (38, 0, "0"), "medium": (50, 40, "0.4"), "hard": (12, 60, "0.6")}
TOPIC = {
    "organic": (18, 25, "0.25"), "inorganic": (22, 20, "0.2"), "physical": (30, 25, "0.25"),
    "analytical": (12, 15, "0.15"), "biochemistry": (18, 15, "0.15"),
}  # fmt: skip
AUTHOR = Interval(mean=0.55, low=0.43, high=0.67, source="spec")
EXPAND = Interval(mean=0.85, low=0.71, high=0.95, source="default")


def money(text: str) -> Decimal:
    return Decimal(text)


def make_model(name: str, **changes: Any) -> Model:
    price = Price(input=money("0.0000025"), output=money("0.00001"), as_of="2026-11-01")
    return Model(name=name, provider="openai", id=f"{name}-1", api_key="KEY", price=price).model_copy(update=changes)


def make_operator(name: str, kind: str, model: str | None) -> Operator:
    return Operator(
        name=name, kind=kind, model=model, prior=Prior(success=money("0.5"), input_tokens=600, output_tokens=400)
    )


def make_actions() -> tuple[Action, ...]:
    cells = [("biochemistry", "hard", 6), ("organic", "hard", 18), ("inorganic", "hard", 9), ("physical", "hard", 5)]
    authored = [
        Action(
            id=number, operator="author", kind="generate", from_={}, to={"topic": topic, "difficulty": level},
            count=count, attempts=2 * count, success=AUTHOR, chance=0.97,
        )
        for number, (topic, level, count) in enumerate(cells, start=1)
    ]  # fmt: skip
    cell = {"topic": "analytical", "difficulty": "hard"}
    copied = Action(
        id=5, operator="paraphrase", kind="expand", from_=cell, to=cell, count=10, attempts=13, success=EXPAND,
        chance=0.95,
    )  # fmt: skip
    return (*authored, copied)


def make_chemistry(**changes: Any) -> Header:
    def mix(labels: dict[str, tuple[int, int, str]]) -> dict[str, Share]:
        return {
            name: Share(
                now=now / 100, target=float(target), planned=planned / 100, count_now=now, count_planned=planned
            )
            for name, (now, planned, target) in labels.items()
        }

    template = {"system": "s", "user": "u", "reply_schema": {}, "max_output_tokens": 900}
    header = make_header(
        spec="chemistry",
        spec_path="specs/chemistry.refine",
        dataset=Dataset(name="chemistry", task="mcq", source=()),
        files=("data/college_chemistry_test.csv",),
        models=(make_model("strong"), make_model("bulk")),
        operators=(
            make_operator("drop", "remove", None), make_operator("paraphrase", "expand", "bulk"),
            make_operator("author", "generate", "strong"),
        ),
        templates=(
            Template(name="paraphrase", model="bulk", **template), Template(name="author", model="strong", **template),
        ),
        hosts=("api.openai.com",),
        actions=make_actions(),
        removals=(
            Removal(id=1, operator="drop", from_={"topic": "physical", "difficulty": "easy"}, planned=30),
            Removal(id=2, operator="drop", from_={"topic": "inorganic", "difficulty": "easy"}, planned=18),
        ),
        size_now=100,
        size_planned=100,
        mix={"difficulty": mix(DIFFICULTY), "topic": mix(TOPIC)},
        divergence={"difficulty": {"now": 0.320, "planned": 0.0}, "topic": {"now": 0.046, "planned": 0.0}},
        distinct=0.9,
        chance=0.9149,
        tokens=Amount(
            expected=money("83122"), low=money("70100"), high=money("101200"), ceiling=money("140012"),
            full=money("412000"),
        ),
        usd=Amount(
            expected=money("0.4912"), low=money("0.4101"), high=money("0.5999"), ceiling=money("0.8205"),
            full=money("2.4"),
        ),
        budget=BudgetSummary(
            tokens=200_000, usd=money("3"), spent=money("0.41"), reserve_tokens=20_000, reserve_usd=money("0.3"),
            luck_tokens=14_000, luck_usd=money("0.11"),
        ),
        solution=Solution(strategy="joint", status="optimal", objective=0.0, bound=0.0, gap=0.0),
        checks=(
            Check(title="coverage follows the curriculum", status="passed", value="jsd(topic) <= 0.01: jsd(topic) = 0"),
            Check(title="few wrong keys", status="after_run", value="error_rate() <= 0.03: not known yet"),
        ),
        notes=("assumed: new items are taken as made for their label of topic; not measured again",),
    )  # fmt: skip
    return header.model_copy(update=changes)


def save(path: Path, header: Header) -> PlanFile:
    """The plan with all the attempts that its actions list. Its id is made up and its parts need not fit each other:
    goldens show a page, not a format."""
    body: list[Candidate | Step] = [
        Candidate(removal=removal.id, rank=rank, item=f"{rank:016x}")
        for removal in header.removals
        for rank in range(removal.planned)
    ]
    number = 0
    for action in header.actions:
        for sample in range(action.attempts):
            number += 1
            body.append(
                Step(
                    id=number, action=action.id, operator=action.operator, items=("0123456789abcdef",),
                    target=action.to, template=action.operator, checks=(), sample=sample, key=f"{number:064x}",
                    input_tokens=650 if action.kind == "generate" else 420,
                    output_tokens=420 if action.kind == "generate" else 180,
                )
            )  # fmt: skip
    write_plan(path, header, body)
    trailer = Trailer.model_validate_json(path.read_bytes().splitlines()[-1])
    return PlanFile(path, header, trailer, "5a" * 32)
