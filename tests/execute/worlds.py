"""A small project on disk with a plan made by hand: what the tests of the runtime run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from refinelab_dsl import execute, prompts
from refinelab_dsl.artifacts.plan import (
    Action,
    Amount,
    BudgetSummary,
    Candidate,
    Header,
    Input,
    Interval,
    Removal,
    Step,
    Template,
)
from refinelab_dsl.artifacts.plan_file import write_plan
from refinelab_dsl.data import digest_dataset, digest_files, read_items
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import (
    Band,
    Dataset,
    Dimension,
    Limits,
    Measure,
    Model,
    Operator,
    Output,
    Price,
    Prior,
    Run,
    Target,
    Validator,
)
from refinelab_dsl.execute.runs import RunFolder
from refinelab_dsl.expressions import Binary, Constant, Name
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.asking import count_retries
from refinelab_dsl.prompts.steps import StepContext, compose_step
from tests.artifacts.plans import make_header

SOURCE = "capitals.jsonl"
RATE = Interval(mean=0.7, low=0.5, high=0.9, source="spec")
TOPICS = ("europe", "asia", "africa")


@dataclass(frozen=True)
class Wish:
    """What the plan is to hold. actions: (operator kind, topic, count, attempts). removed: items of europe that go."""

    rows: int = 30
    actions: Sequence[tuple[str, str, int, int]] = (("generate", "asia", 5, 11), ("expand", "africa", 3, 7))
    removed: int = 6
    tokens: int | None = None
    usd: Decimal | None = None
    price: Price | None = None
    concurrency: int = 16
    rpm: int | None = None
    retries: int = 4
    backoff: str = "0.01"  # seconds
    params: Mapping[str, Any] = field(default_factory=lambda: {"success": 0.7, "malformed": 0.2})
    api_key: str | None = None
    provider: str = "simulated"
    timeout: str = "20"
    models: int = 1
    max_cost: Decimal | None = None  # of `generate`
    retries_of: Mapping[str, int] = field(default_factory=dict)  # validator -> further tries
    held_by: Sequence[str] = ()  # validators that keep apart what they refuse
    batch: bool = False  # the models are asked by batches


@dataclass(frozen=True)
class World:
    """A project with its plan file."""

    project: Project
    plan: Path
    header: Header
    steps: tuple[Step, ...]

    def apply(self, observer: execute.Observer | None = None, **options: Any) -> execute.RunOutcome:
        """Applies the plan."""
        given = {"source": (SOURCE,), "environ": dict(os.environ), **options}
        return execute.run(self.plan, self.project, execute.RunOptions(**given), observer)

    def folder(self, run: int) -> RunFolder:
        return RunFolder(self.project.runs / f"{run:04d}")

    def output(self) -> bytes:
        return (self.project.base / "out.jsonl").read_bytes()

    def log(self, run: int) -> bytes:
        return self.folder(run).log.read_bytes()


def build_world(folder: Path, wish: Wish = Wish(), *, base_url: str | None = None) -> World:
    """Writes dataset and plan into `folder`; the same wish and address give the same bytes anywhere."""
    project = Project(folder, folder)
    folder.mkdir(parents=True, exist_ok=True)
    topics = [TOPICS[0] if row % 2 else TOPICS[1 + row // 2 % 2] for row in range(wish.rows)]
    lines = [
        json.dumps({"question": _question(row), "answer": f"City {row}", "subject": topics[row], "note": f"row {row}"})
        for row in range(wish.rows)
    ]
    (folder / SOURCE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    dataset = Dataset(name="capitals", task="qa", source=(SOURCE,), format="jsonl")
    items = [entry for entry in read_items(dataset, (folder / SOURCE,), project) if isinstance(entry, Item)]
    assert len(items) == wish.rows
    header = _build_header(wish, project, topics, base_url)
    steps = _build_steps(wish, header, items, topics)
    header = header.model_copy(update=_find_ceilings(header, steps, items))
    leaving = [item.key for item, topic in zip(items, topics, strict=True) if topic == "europe"][: wish.removed]
    body: list[Candidate | Step] = [Candidate(removal=1, rank=rank, item=key) for rank, key in enumerate(leaving)]
    plan = folder / "plan.refplan"
    write_plan(plan, header, [*body, *steps])
    return World(project, plan, header, tuple(steps))


def _question(row: int) -> str:
    """Questions that share few words, so that no two of them are near duplicates."""
    words = [hashlib.sha256(f"{row} {index}".encode()).hexdigest()[:7] for index in range(8 + row % 9)]
    return f"Which city {' '.join(words)}?"


def _build_header(wish: Wish, project: Project, topics: Sequence[str], base_url: str | None) -> Header:
    digests, problems = digest_files((project.base / SOURCE,), project)
    assert not problems
    models = tuple(
        Model(
            name=f"small{number}", provider=wish.provider if base_url is None else "openai", id=f"rule{number}",
            base_url=base_url, api_key=wish.api_key, price=wish.price,
            params=dict(wish.params) if base_url is None else {},
            limits=Limits(concurrency=wish.concurrency, rpm=wish.rpm), timeout=Decimal(wish.timeout),
            batch=wish.batch,
        )
        for number in range(wish.models)
    )
    kinds = sorted({kind for kind, *_ in wish.actions})
    operators = tuple(
        Operator(
            name=kind, kind=kind, model=models[index % len(models)].name, checks=("well_formed", "fresh", "in_size"),
            prior=Prior(success=Decimal("0.7"), input_tokens=300, output_tokens=100),
            max_cost=wish.max_cost if kind == "generate" else None,
        )
        for index, kind in enumerate(kinds)
    )
    templates = []
    for operator in operators:
        system, user = prompts.builtin_template(operator.kind, "qa")
        assert operator.model is not None
        templates.append(Template(
            name=operator.name, model=operator.model, system=system, user=user, reply_schema=prompts.item_schema("qa"),
            max_output_tokens=300,
        ))
    similarity = Binary(
        operator="<", left=Name(space="context", name="similarity"), right=Constant(type="number", text="0.92")
    )
    added = sum(count for _, _, count, _ in wish.actions)
    return make_header(
        dataset=Dataset(name="capitals", task="qa", source=(), format="jsonl"),
        files=(SOURCE,),
        dataset_sha256=digest_dataset(digests),
        inputs=(Input(kind="file", name=SOURCE, sha256=digests[0].sha256),),
        measures=(
            Measure(name="subject", kind="column", options={"column": "subject"}),
            Measure(name="words", kind="length", options={"unit": "words"}),
        ),
        dimensions=(
            Dimension(
                name="topic", measure="subject", labels=TOPICS, on_new="assume", target=Target(kind="uniform"),
                tolerance=Decimal("0.5"),
            ),
            Dimension(
                name="size", measure="words",
                bands=(Band(label="short", high=Decimal(14)), Band(label="long", low=Decimal(14))),
            ),
        ),
        labels={"topic": TOPICS, "size": ("short", "long")},
        models=models,
        operators=(*operators, make_header().operators[1]),
        validators=tuple(
            validator.model_copy(update={"on_reject": "retry", "retries": retries})
            if retries
            else validator.model_copy(update={"on_reject": "quarantine"})
            if validator.name in wish.held_by
            else validator
            for validator in (
                Validator(name="well_formed", kind="format"),
                Validator(name="fresh", kind="duplicate", against=("originals", "output"), accept=similarity),
                Validator(name="in_size", kind="in_bin", dimension="size"),
            )
            for retries in [wish.retries_of.get(validator.name, 0)]
        ),
        templates=tuple(templates),
        outputs=(
            Output(
                name="refined", path="out.jsonl", format="jsonl", provenance="out.prov.jsonl",
                quarantine="held/out.jsonl" if wish.held_by else None,
            ),
        ),
        run=Run(retries=wish.retries, backoff=Decimal(wish.backoff), batch="require" if wish.batch else "never"),
        budget=BudgetSummary(tokens=wish.tokens, usd=wish.usd, spent=Decimal(0), reserve_tokens=None, reserve_usd=None),
        actions=tuple(
            Action(
                id=number, operator=kind, kind=kind,
                from_={} if kind == "generate" else {"topic": topic, "size": "short"},
                to={"topic": topic, "size": "short"}, count=count, attempts=attempts, success=RATE, chance=0.9,
            )
            for number, (kind, topic, count, attempts) in enumerate(wish.actions, 1)
        ),
        removals=(Removal(id=1, operator="drop", from_={"topic": "europe"}, planned=wish.removed),),
        size_now=wish.rows,
        size_planned=wish.rows + added - wish.removed,
        mix=_plan_mix(wish, topics),
        divergence={"topic": {"now": 0.1, "planned": 0.0}},
    )


def _plan_mix(wish: Wish, topics: Sequence[str]) -> dict[str, Any]:
    planned = {topic: topics.count(topic) for topic in TOPICS}
    planned["europe"] -= wish.removed
    for _, topic, count, _ in wish.actions:
        planned[topic] += count
    size = sum(planned.values())
    return make_header().model_validate({**make_header().model_dump(), "mix": {
        "topic": {
            topic: {
                "now": topics.count(topic) / len(topics), "target": 1 / 3, "planned": planned[topic] / size,
                "count_now": topics.count(topic), "count_planned": planned[topic],
            }
            for topic in TOPICS
        },
        "size": {
            label: {"now": 0.0, "target": None, "planned": 0.0, "count_now": 0, "count_planned": 0}
            for label in ("short", "long")
        },
    }}).mix


def _build_steps(wish: Wish, header: Header, items: Sequence[Item], topics: Sequence[str]) -> list[Step]:
    """First the attempts that the counts need, in the order of the actions, then the reserves."""
    numbered: list[tuple[Action, int]] = [
        (action, sample) for action in header.actions for sample in range(action.count)
    ]
    numbered += [(action, sample) for action in header.actions for sample in range(action.count, action.attempts)]
    steps = []
    for number, (action, sample) in enumerate(numbered, 1):
        topic = action.to["topic"]
        ours = [
            item for item, own in zip(items, topics, strict=True)
            if own == topic and len(str(item.fields["question"]).split()) < 14
        ]
        item = ours[sample % len(ours)]
        steps.append(Step(
            id=number, action=action.id, operator=action.operator, items=(item.key,),
            target=action.to, template=action.operator, checks=("well_formed", "fresh", "in_size"),
            sample=sample // len(ours), key=hashlib.sha256(f"step {number}".encode()).hexdigest(), input_tokens=300,
            output_tokens=100,
        ))
    return steps


def _find_ceilings(header: Header, steps: Sequence[Step], items: Sequence[Item]) -> dict[str, Any]:
    """What the attempts can take at most, as a plan states it."""
    context = StepContext.of_header(header)
    by_key = {item.key: item for item in items}
    tokens, usd = 0, Decimal(0)
    for step in steps:
        request = compose_step(context, step.operator, [by_key[key] for key in step.items], step.target, step.sample)
        tokens += sum(prompts.attempt_ceiling(request))
        usd += prompts.attempt_ceiling_usd(request) or 0
        again = prompts.retries_ceiling(request, count_retries(context, context.operators[step.operator]))
        tokens += sum(again)
        usd += prompts.price_usd(request.model, *again) or 0
    none = dict.fromkeys(("expected", "low", "high", "full"), Decimal(0))
    return {"tokens": Amount(**none, ceiling=Decimal(tokens)), "usd": Amount(**none, ceiling=usd)}
