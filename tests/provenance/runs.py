"""A finished run on disk, made by hand from the real parts: plan, store, items, outputs, log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import Candidate, Header, Step
from refinelab_dsl.artifacts.plan_file import write_plan
from refinelab_dsl.data.files import digest_dataset, digest_files, find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.write import OutputRow, prepare_outputs, row_hash
from refinelab_dsl.declarations import Dataset, Output
from refinelab_dsl.operators import Made, generate, read_reply
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.request import Completion, Usage, request_key
from refinelab_dsl.prompts.steps import StepContext, compose_step
from refinelab_dsl.provenance import LogWriter, iterate_rows
from refinelab_dsl.store import Store
from tests.artifacts.plans import make_header

SOURCE = ("data/capitals.jsonl",)
LANDS = (
    ("France", "Paris", "europe"),
    ("Spain", "Madrid", "europe"),
    ("Norway", "Oslo", "europe"),
    ("Poland", "Warsaw", "europe"),
    ("Japan", "Tokyo", "asia"),
    ("Laos", "Vientiane", "asia"),
)
ROWS = [
    {"id": f"c{number}", "question": f"Capital of {land}?", "answer": city, "subject": part}
    for number, (land, city, part) in enumerate(LANDS)
]
REPLIES = ['{"question": "Capital of India?", "answer": "New Delhi"}', "no JSON at all",
           '{"question": "Capital of \\u001b[31mNepal?", "answer": "=Kathmandu"}']  # fmt: skip


@dataclass(frozen=True)
class MadeRun:
    """`kept`, `added`: keys in output order. `removed`: the key of the one that left."""

    project: Project
    folder: Path
    header: Header
    root: str
    kept: tuple[str, ...]
    added: tuple[str, ...]
    removed: str

    @property
    def log(self) -> Path:
        return self.folder / "provenance.jsonl"

    def store(self) -> Store:
        return Store(self.project.store)


def make_run(base: Path, *, outputs: tuple[Output, ...] | None = None, simulated: bool = True) -> MadeRun:
    """Run 1 of a spec in `base/specs`: three attempts (one rejected), one removal, a JSONL and a CSV output."""
    project = Project(base, base / "specs")
    (project.base / "data").mkdir(parents=True)
    (project.base / SOURCE[0]).write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    dataset = Dataset(name="capitals", task="qa", source=SOURCE)
    files, _ = find_files(dataset, project)
    digests, _ = digest_files(files, project)
    items = [entry for entry in read_items(dataset, files, project) if isinstance(entry, Item)]
    outputs = outputs or (
        Output(name="refined", path="out/capitals.jsonl", format="jsonl", provenance="out/capitals.prov.jsonl"),
        Output(name="table", path="out/capitals.csv", format="csv", layout="task"),
    )
    (action,) = make_header().actions
    header = make_header(
        spec_path="specs/capitals.refine", dataset_sha256=digest_dataset(digests), outputs=outputs, size_now=6,
        size_planned=7, actions=(action.model_copy(update={"attempts": len(REPLIES)}),),
    )  # fmt: skip
    anchors = (items[4], items[5], items[4])
    steps = [make_step(number, anchor) for number, anchor in enumerate(anchors, start=1)]
    folder = project.runs / "0001"
    folder.mkdir(parents=True)
    removed = items[3]
    plan_id = write_plan(
        folder / "plan.refplan", header, [Candidate(removal=1, rank=0, item=removed.key), *steps]
    )
    header = header.model_copy(update={"dataset": dataset})
    with Store(project.store) as store, LogWriter(folder / "provenance.jsonl") as log:
        log.append(make_run_event(header, plan_id, simulated))
        log.append(events.Plan(size_now=6, size_planned=7, tokens_expected=Decimal(800)))
        results = []
        for step, anchor, text in zip(steps, anchors, REPLIES, strict=True):
            made = _log_step(log, store, header, step, anchor, text, simulated)
            if made is not None:
                results.append(OutputRow(made, "added", simulated, (anchor.key,)))
        log.append(events.Remove(removal=1, operator="drop", id=removed.id, key=removed.key))
        rows = iterate_rows(header, files, project, {removed.key}, results)
        prepared, problems = prepare_outputs(outputs, dataset, files, project, rows, simulated=simulated)
        assert prepared is not None, problems
        log.append(events.Result(status="complete", size=7, mix={"topic": {"europe": 3, "asia": 4}}))
        for digest in prepared.digests:
            log.append_output(digest)
        root = log.close(prepared.digests)
        assert len(prepared.commit()) == 0
    kept = tuple(item.key for item in items if item is not removed)
    return MadeRun(project, folder, header, root, kept, tuple(row.item.key for row in results), removed.key)


def make_step(number: int, anchor: Item) -> Step:
    return Step(
        id=number, action=1, operator="author", items=(anchor.key,), target={"topic": "asia"}, template="author",
        checks=("well_formed",), sample=number - 1, key=f"{number:064x}", input_tokens=300, output_tokens=100,
    )  # fmt: skip


def make_run_event(header: Header, plan_id: str, simulated: bool = False, **changes: Any) -> events.Run:
    event = events.Run(
        compiler="0.1.0", spec=header.spec, spec_path=header.spec_path, spec_sha256=header.spec_sha256,
        plan_id=plan_id, dataset=header.dataset.name, dataset_sha256=header.dataset_sha256, files=header.files,
        inputs=header.inputs, models=(events.ModelUsed(name="small", provider="simulated", id="rule"),), seed=7,
        simulated=simulated,
    )  # fmt: skip
    return event.model_copy(update=changes)


def every_event() -> Iterator[events.AnyEvent]:
    """One event of each kind but the trailer, with values in all of their fields."""
    yield make_run_event(make_header(), "33" * 32, simulated=True)
    action = events.PlannedAction(operator="author", from_={}, to={"topic": "asia"}, count=1, attempts=2)
    removal = events.PlannedRemoval(operator="drop", from_={"topic": "europe"}, planned=1)
    yield events.Plan(
        size_now=4, size_planned=4, actions=(action,), removals=(removal,), tokens_expected=Decimal(800),
        tokens_ceiling=Decimal(2000), usd_expected=Decimal("0.0012"), usd_ceiling=None,
    )  # fmt: skip
    yield events.Call(
        step=1, template="author", request="44" * 32, reply="55" * 32, model="small", model_id="rule-1",
        request_id="req-é", sample=0, seed=7, input_tokens=300, output_tokens=95, usd=Decimal("0.00095"),
        simulated=True,
    )  # fmt: skip
    yield events.Verdict(
        step=1, check="fresh", accept=True, reason="unlike", values={"similarity": 0.25, "n": 3, "x": None, "b": True}
    )
    yield events.Commit(
        step=1, action=1, operator="author", id="ab" * 8, key="ab" * 8, row="66" * 32, parents=("0123456789abcdef",),
        target={"topic": "asia"}, measured={"topic": None}, reply="55" * 32, simulated=True,
    )  # fmt: skip
    yield events.Reject(step=2, action=1, operator="author", check="fresh", reason="too near")
    yield events.Remove(removal=1, operator="drop", id="c3", key="fedcba9876543210")
    yield events.Result(
        status="complete", size=4, mix={"topic": {"asia": 2}}, divergence={"topic": 0.0}, calls=2, input_tokens=600,
        output_tokens=190, usd=Decimal("0.0019"),
    )  # fmt: skip
    yield events.Output(
        name="refined", file="out.jsonl", format="jsonl", rows=2, size=120, sha256="77" * 32, head="88" * 32
    )
    yield events.Rows(file="out.jsonl", first=1, digests="0123456789abcdef" * 2)


def _log_step(
    log: LogWriter, store: Store, header: Header, step: Step, anchor: Item, text: str, simulated: bool
) -> Item | None:
    completion = Completion(text, Usage(300, 90 + step.id), "stop", "rule-1", simulated=simulated)
    asked = compose_step(StepContext.of_header(header), "author", (anchor,), step.target, step.sample)
    request = request_key(asked)
    reply = store.put(request, completion)
    log.append(
        events.Call(
            step=step.id, template="author", request=request, reply=reply, model="small", model_id="rule-1",
            sample=step.sample, seed=7, input_tokens=300, output_tokens=90 + step.id, usd=Decimal("0.0009"),
            simulated=simulated,
        )
    )  # fmt: skip
    fields = read_reply("qa", text)
    if not isinstance(fields, dict):
        log.append(events.Verdict(step=step.id, check="reply", accept=False, reason=fields.message))
        log.append(events.Reject(step=step.id, action=1, operator="author", check="reply"))
        return None
    made = generate.build_item(Made("qa", anchor, fields, step.key, step.target, header.dimensions, header.measures))
    log.append(events.Verdict(step=step.id, check="well_formed", accept=True, values={"words": 3}))
    log.append(
        events.Commit(
            step=step.id, action=1, operator="author", id=made.id, key=made.key, row=row_hash(made),
            parents=step.items, target=step.target, measured={"topic": "asia"}, reply=reply, simulated=simulated,
        )
    )  # fmt: skip
    return made
