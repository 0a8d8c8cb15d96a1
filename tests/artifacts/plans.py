"""Small whole plans, made by hand, for tests of what reads and writes them."""

from __future__ import annotations

from decimal import Decimal

from refinelab_dsl.artifacts.plan import (
    Action,
    Amount,
    BudgetSummary,
    Candidate,
    Header,
    Input,
    Interval,
    Removal,
    Share,
    Solution,
    Step,
    Template,
)
from refinelab_dsl.declarations import (
    Constraints,
    Dataset,
    Dimension,
    Measure,
    Model,
    Operator,
    Output,
    Prior,
    Run,
    Solve,
    Target,
    Validator,
)

NOTHING = Amount(expected=Decimal(0), low=Decimal(0), high=Decimal(0), ceiling=Decimal(0), full=Decimal(0))


def make_header(**changes: object) -> Header:
    """A plan's header: a qa set of two topics, one of which is to grow by one item and lose another."""
    header = Header(
        compiler="0.1.0",
        spec="capitals",
        spec_path="capitals.refine",
        spec_sha256="11" * 32,
        variables={},
        seed=7,
        inputs=(Input(kind="spec", name="capitals", sha256="11" * 32),),
        dataset=Dataset(name="capitals", task="qa", source=()),
        files=("capitals.jsonl",),
        dataset_sha256="22" * 32,
        measures=(Measure(name="subject", kind="column", options={"column": "subject"}),),
        dimensions=(
            Dimension(
                name="topic",
                measure="subject",
                labels=("europe", "asia"),
                target=Target(kind="weights", weights={"europe": Decimal("0.5"), "asia": Decimal("0.5")}),
            ),
        ),
        labels={"topic": ("europe", "asia")},
        constraints=Constraints(),
        models=(Model(name="small", provider="simulated", id="rule"),),
        operators=(
            Operator(
                name="author",
                kind="generate",
                model="small",
                prior=Prior(success=Decimal("0.8"), input_tokens=300, output_tokens=100),
                checks=("well_formed",),
            ),
            Operator(name="drop", kind="remove", prior=Prior(success=Decimal(1), input_tokens=0, output_tokens=0)),
        ),
        validators=(Validator(name="well_formed", kind="format"),),
        templates=(
            Template(
                name="author", model="small", system="s", user="u {{ anchor.question }}",
                reply_schema={}, max_output_tokens=200
            ),
        ),
        outputs=(Output(name="refined", path="out.jsonl", format="jsonl"),),
        expects=(),
        run=Run(),
        solve=Solve(),
        budget=BudgetSummary(tokens=10_000, usd=None, spent=Decimal(0), reserve_tokens=1_000, reserve_usd=None),
        hosts=(),
        actions=(
            Action(
                id=1,
                operator="author",
                kind="generate",
                from_={},
                to={"topic": "asia"},
                count=1,
                attempts=2,
                success=Interval(mean=0.8, low=0.64, high=0.92, source="spec"),
                chance=0.95,
            ),
        ),
        removals=(Removal(id=1, operator="drop", from_={"topic": "europe"}, planned=1),),
        size_now=4,
        size_planned=4,
        mix={
            "topic": {
                "europe": Share(now=0.75, target=0.5, planned=0.5, count_now=3, count_planned=2),
                "asia": Share(now=0.25, target=0.5, planned=0.5, count_now=1, count_planned=2),
            }
        },
        divergence={"topic": {"now": 0.05, "planned": 0.0}},
        distinct=1.0,
        chance=0.95,
        tokens=NOTHING,
        usd=NOTHING,
        solution=Solution(strategy="joint", status="optimal", objective=0.0, bound=0.0, gap=0.0),
        checks=(),
        notes=(),
    )
    return header.model_copy(update=changes)


def make_body() -> list[Candidate | Step]:
    """One removal candidate and two attempts of the one action."""
    steps = [
        Step(
            id=number,
            action=1,
            operator="author",
            items=("0123456789abcdef",),
            target={"topic": "asia"},
            template="author",
            checks=("well_formed",),
            sample=number - 1,
            key=f"{number:064x}",
            input_tokens=300,
            output_tokens=100,
        )
        for number in (1, 2)
    ]
    return [Candidate(removal=1, rank=0, item="fedcba9876543210"), *steps]
