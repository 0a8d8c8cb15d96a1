"""What a run did, read back from its folder: each attempt with its calls, verdicts and ending; texts on request."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.data import files, read
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.effects import UNASKED
from refinelab_dsl.execute.journal import Entry, read_entries
from refinelab_dsl.execute.runs import RunDamaged, RunFolder
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.compose import Feedback, retry_request
from refinelab_dsl.prompts.request import Request
from refinelab_dsl.prompts.steps import StepContext, StepFault, compose_step
from refinelab_dsl.provenance.log import LogLine, read_log
from refinelab_dsl.store import Store


@dataclass(frozen=True)
class Call:
    """One call. `prompt` and `reply` are texts, None where they are no longer to be had.

    part: `call`, `repair` (a reply could not be read), `retry` (a check refused what came of the reply before),
    `judge`, `check`, `measure`, `search`, `run` (a program). turn: which further try of the attempt it belongs to.
    """

    part: str
    model: str
    state: str
    tokens_in: int | None
    tokens_out: int | None
    usd: str | None
    cached: bool
    seconds: float | None
    failure: str | None
    prompt: tuple[dict[str, str], ...] | None = None
    reply: str | None = None
    turn: int = 0


@dataclass(frozen=True)
class Attempt:
    """One step of the plan as the run knows it. `outcome`: accepted, kept (its item stays as it is, and nothing
    failed), rejected, or open while the run has not got there. `item` is the new item's id, also of a rejected one that
    was kept apart (`quarantined`)."""

    step: int
    operator: str
    target: dict[str, str]
    sources: tuple[str, ...]
    outcome: str = "open"
    item: str | None = None
    rejected_by: str | None = None
    reason: str = ""
    quarantined: bool = False
    verdicts: tuple[dict[str, Any], ...] = ()
    calls: tuple[Call, ...] = ()


def load_attempts(plan: PlanFile, folder: RunFolder) -> tuple[list[Attempt], tuple[Diagnostic, ...]]:
    """The steps that the run has touched, in plan order; and what is wrong with its log.

    Raises:
        JournalError: the journal cannot be read.
    """
    endings, told, damage = read_endings(folder.log)
    calls: dict[int, list[Call]] = {}
    if folder.journal.exists():
        for entry in read_entries(folder.journal):
            call = describe_call(entry, told.get(entry.step, ()))
            calls.setdefault(entry.step, []).append(call)
    attempts = []
    for step in plan.steps():
        if step.id not in calls and step.id not in endings:
            continue
        attempt = Attempt(
            step.id, step.operator, step.target, step.items, calls=tuple(calls.get(step.id, ()))
        )
        attempts.append(replace(attempt, **endings.get(step.id, {})))
    return attempts, damage


def describe_call(entry: Entry, told: Sequence[events.Call] = ()) -> Call:
    """A call as the journal has it; its cost is what it was settled at. told: the calls of its step, as logged."""
    usage = entry.usage
    known = entry.part < len(told)
    return Call(
        part=_name_part(told, entry.part) if known else "repair" if entry.part else "call",
        turn=told[entry.part].turn if known else 0,
        model=entry.model,
        state=entry.state,
        tokens_in=None if usage is None else usage.input_tokens,
        tokens_out=None if usage is None else usage.output_tokens,
        usd=None if entry.settled.usd is None else format(entry.settled.usd, "f"),
        cached=entry.cached,
        seconds=entry.seconds,
        failure=entry.failure if entry.message is None else f"{entry.failure}: {entry.message}",
        reply=entry.reply,
    )


def _name_part(told: Sequence[events.Call], index: int) -> str:
    call, before = told[index], told[index - 1] if index else None
    if not call.template:
        return UNASKED.get(call.model, "search")
    if before is not None and call.turn > before.turn:
        return "retry"
    if before is not None and call.template == before.template and not call.template.startswith("judge."):
        return "repair"
    kind = call.template.partition(".")[0]
    return {"validator": "check", "measure": "measure", "judge": "judge"}.get(kind, "call")


def read_endings(
    log: Path,
) -> tuple[dict[int, dict[str, Any]], dict[int, list[events.Call]], tuple[Diagnostic, ...]]:
    """From the provenance log, empty while a run has none: step -> how it ended, and step -> its calls in order."""
    calls: dict[int, list[events.Call]] = {}
    endings: dict[int, dict[str, Any]] = {}
    ending: dict[str, Any]
    kept: dict[str, Any]
    verdicts: dict[int, list[dict[str, Any]]] = {}
    held: dict[int, str] = {}
    damage: list[Diagnostic] = []
    for event in _events(log, damage):
        match event:
            case events.Call():
                calls.setdefault(event.step, []).append(event)
            case events.Verdict():
                verdicts.setdefault(event.step, []).append(
                    {"check": event.check, "accept": event.accept, "reason": event.reason, "values": event.values}
                )
            case events.Commit():
                said = tuple(verdicts.pop(event.step, ()))
                endings[event.step] = {"outcome": "accepted", "item": event.id, "verdicts": said}
            case events.Kept():
                said = tuple(verdicts.pop(event.step, ()))
                ending = {"outcome": "kept", "item": event.id, "reason": event.reason}
                endings[event.step] = {**ending, "verdicts": said}
            case events.Held():
                held[event.step] = event.id
            case events.Reject():
                said = tuple(verdicts.pop(event.step, ()))
                kept = {"item": held.pop(event.step), "quarantined": True} if event.step in held else {}
                ending = {"outcome": "rejected", "rejected_by": event.check, "reason": event.reason}
                endings[event.step] = {**ending, **kept, "verdicts": said}
            case _:
                pass
    return endings, calls, tuple(damage)


def _events(log: Path, damage: list[Diagnostic]) -> Iterator[events.AnyEvent]:
    if log.exists():
        for line in read_log(log):
            if isinstance(line, LogLine):
                yield line.event
            else:
                damage.append(line)


def add_texts(
    attempts: Sequence[Attempt], plan: PlanFile, project: Project, folder: RunFolder
) -> list[Attempt]:
    """Adds replies from the store, and prompts as the plan and the data give them again.

    Raises:
        StoreError: the store cannot be read.
    """
    prompts_by_step = compose_prompts({attempt.step for attempt in attempts}, plan, project, folder)
    retrying = {validator.name for validator in plan.header.validators if validator.on_reject == "retry"}
    if not project.store.exists():
        return [_with_texts(attempt, None, prompts_by_step.get(attempt.step), retrying) for attempt in attempts]
    with Store(project.store, is_read=True) as store:
        return [_with_texts(attempt, store, prompts_by_step.get(attempt.step), retrying) for attempt in attempts]


def _with_texts(
    attempt: Attempt, store: Store | None, request: Request | None, retrying: Collection[str]
) -> Attempt:
    """retrying: the checks that ask for further tries."""
    calls = []
    refusals = [verdict for verdict in attempt.verdicts if not verdict["accept"] and verdict["check"] in retrying]
    before = ""  # the last reply to the operator's own prompt
    for call in attempt.calls:
        completion = store.reply(call.reply) if store is not None and call.reply is not None else None
        asked = request if call.part == "call" else None
        if call.part == "retry" and request is not None and call.turn <= len(refusals):
            refusal = refusals[call.turn - 1]
            asked = retry_request(request, Feedback(call.turn, refusal["check"], refusal["reason"], before))
        messages = None
        if asked is not None:
            messages = tuple({"role": message.role, "content": message.content} for message in asked.messages)
        if completion is not None and call.part in ("call", "repair", "retry"):
            before = completion.text
        calls.append(replace(call, prompt=messages, reply=None if completion is None else completion.text))
    return replace(attempt, calls=tuple(calls))


def compose_prompts(
    wanted: set[int], plan: PlanFile, project: Project, folder: RunFolder
) -> dict[int, Request]:
    """Step -> its request, made again from the plan and the data; empty where the data are not what they were."""
    try:
        record = folder.load_record()
    except RunDamaged:
        return {}
    header = plan.header
    place = project.seen_from(header.spec_path)
    dataset = header.dataset.model_copy(update={"source": record.source})
    paths, problems = files.find_files(dataset, place, allow_outside=record.allow_outside)
    digests, unreadable = files.digest_files(paths, place)
    if problems or unreadable or files.digest_dataset(digests) != header.dataset_sha256:
        return {}
    steps = [step for step in plan.steps() if step.id in wanted]
    items = read.load_items(dataset, paths, place, {key for step in steps for key in step.items})
    context = StepContext.of_header(header)
    requests = {}
    for step in steps:
        try:
            sources = [items[key] for key in step.items]
            requests[step.id] = compose_step(context, step.operator, sources, step.target, step.sample)
        except (KeyError, StepFault):
            continue
    return requests
