"""Operators, validators and judges: what their kinds need, and whether moves, checks and prompts go together."""

from __future__ import annotations

from collections.abc import Iterator

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.builtins import CORRECTED_TASKS, OperatorKind, ValidatorKind
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.semantics import spaces
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared, Draft
from refinelab_dsl.semantics.judges import find_roles
from refinelab_dsl.semantics.written import find_pair
from refinelab_dsl.source import Span


def check_operators(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Models, moves, tasks and prompts of every operator."""
    draft = bindings.draft
    task = None if draft.dataset is None else draft.dataset.get("task")
    for operator in draft.all("operator"):
        row = operator.operator
        if row is None:
            continue
        header = operator.block.header_span
        if row.calls and operator.get("model") is None and not operator.is_broken("model"):
            yield faults.model_needed(header, operator.title, row.name)
        if row.moves == "required" and not operator.get("moves") and not operator.is_broken("moves"):
            yield faults.moves_needed(header, operator.title, row.name)
        if task is not None and task not in row.tasks:
            yield faults.wrong_task(operator.span("kind"), operator.title, row.name, row.tasks, task)
        if operator.get("unmarked") and "where" not in operator.written:
            because = "without it every item would be rewritten, whatever stands in it"
            yield faults.attribute_needed_with(header, operator.title, "where", because)
        for name, move in (operator.get("moves") or {}).items():
            yield from _check_move(draft, operator, name, move)
        yield from _check_prompt(draft, operator, row, task)


def check_validators(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """What each kind of validator needs."""
    draft = bindings.draft
    task = None if draft.dataset is None else draft.dataset.get("task")
    used = {name for operator in draft.all("operator") for name in operator.get("checks") or ()}
    used |= {each.get("validator") for kind in ("operator", "measure") for each in draft.all(kind)}
    for validator in draft.all("validator"):
        row = validator.validator
        if row is None:
            continue
        if task is not None and task not in row.tasks and validator.name in used:
            yield faults.wrong_task(validator.span("kind"), validator.title, row.name, row.tasks, task)
        if row.accept == "required" and "accept" not in validator.written:
            yield faults.accept_needed(validator.block.header_span, validator.title)
        if "retries" in validator.written and validator.get("on_reject") != "retry":
            yield faults.useless_retries(validator.written["retries"].name_span, validator.title)
        yield from _check_rejection(validator, row, task if validator.name in used else None)
        dimension = draft.named("dimension", validator.get("dimension"))
        if row.name == "in_bin" and dimension is not None:
            reason = spaces.unmeasurable(draft, dimension.get("from"))
            if reason:
                yield faults.bin_without_bands(validator.span("dimension"), dimension.name, reason)
    for judge in draft.all("judge"):
        yield from _check_judge(draft, judge)
        model, panel = judge.written.get("model"), judge.written.get("models")
        if model is not None and panel is not None:
            yield faults.either_or(panel.name_span, judge.title, "model", "models", model.name_span)
        if model is None and panel is None:
            example = "the name of a model; `models` takes a panel"
            yield faults.missing_attribute(judge.block.header_span, "model", judge.title, example)
        if judge.get("mode") == "pairwise":
            for name in ("length_penalty", "accept"):
                if name in judge.written:
                    because = "`mode = pairwise` gives no grades"
                    yield faults.no_effect(judge.written[name].name_span, name, judge.title, because)


def _check_judge(draft: Draft, judge: Declared) -> Iterator[Diagnostic]:
    """Whether what a judge is asked for can be had, and whether all that it says of itself counts."""
    roles = find_roles(draft, judge)
    alone = roles.get("alone")
    if alone is not None and judge.get("mode") == "pairwise":
        yield faults.nothing_to_compare(alone.span("checks"), judge.title, alone.title, judge.span("mode"))
    idle: dict[str, str] = {}
    if roles and roles.keys() <= {"answers"}:
        idle["on_reject"] = "it is a check of no operator, and a `refine` keeps the answer before"
    elif roles and "answers" not in roles and judge.get("on_reject") != "revise":
        idle["max_rounds"] = "a result that is refused is revised only with `on_reject = revise`"
    if roles and roles.keys() <= {"alone"}:
        idle |= dict.fromkeys(("swap", "length_penalty"), "it grades results alone, and compares nothing")
    for name, because in idle.items():
        if name in judge.written:
            yield faults.no_effect(judge.written[name].name_span, name, judge.title, because)


def _check_rejection(validator: Declared, row: ValidatorKind, task: str | None) -> Iterator[Diagnostic]:
    """What `on_reject` asks for can be had. task: of the results that it judges; None where there are none."""
    match validator.get("on_reject"):
        case "retry" if validator.get("retries") == 0:
            yield faults.retry_without_retries(validator.span("on_reject"), validator.title)
        case "correct" if not row.answers:
            bringing = tuple(kind.name for kind in builtins.VALIDATOR_KINDS.values() if kind.answers)
            yield faults.nothing_to_correct_with(validator.span("on_reject"), validator.title, row.name, bringing)
        case "correct" if task is not None and task not in CORRECTED_TASKS:
            yield faults.uncorrectable_task(validator.span("on_reject"), validator.title, task, CORRECTED_TASKS)


def _check_move(draft: Draft, operator: Declared, name: str, move: object) -> Iterator[Diagnostic]:
    dimension = draft.named("dimension", name)
    if dimension is None or dimension.is_broken("labels", "order", "bands"):
        return
    labels = spaces.dimension_labels(draft, dimension)
    span = _move_span(operator, name)
    match move:
        case int():
            if not spaces.is_ordered(dimension):
                declared = dimension.block.label_span or dimension.block.kind_span
                yield faults.shift_without_order(span, name, declared)
            elif labels is not None and abs(move) >= len(labels):
                yield faults.shift_too_far(span, name, len(labels))
        case types.Formed(function="to"):
            for label in move["labels"]:
                if labels is not None and label not in labels:
                    at = _label_span(operator, name, label) or span
                    yield faults.unlisted_label(at, label, dimension.title, nearest(label, labels), labels)


def _check_prompt(draft: Draft, operator: Declared, row: OperatorKind, task: str | None) -> Iterator[Diagnostic]:
    prompt = draft.named("prompt", operator.get("prompt"))
    kind = builtins.TASKS.get(task or "")
    if prompt is None or kind is None or row.effect not in ("expand", "generate"):
        return
    returns = prompt.get("returns")
    missing = () if not returns else tuple(name for name in kind.reply if name not in returns)
    if missing:
        yield faults.unplaced_field(operator.span("prompt"), prompt.name, operator.name, missing)
    for name in kind.reply if returns else ():
        given, listed = returns.get(name), name == "choices"
        # Labels of a dimension are texts, too.
        if given is not None and (isinstance(given, tuple) != listed or given in _NO_TEXT):
            pair = find_pair(prompt.written["returns"].value, name)
            span = operator.span("prompt") if pair is None else pair.value.span
            yield faults.returned_type(span, prompt.name, operator.name, name, "[text]" if listed else "text")


_NO_TEXT = ("number", "integer", "bool")


def _move_span(operator: Declared, name: str) -> Span:
    pair = find_pair(operator.written["moves"].value, name)
    return operator.span("moves") if pair is None else pair.value.span


def _label_span(operator: Declared, name: str, label: str) -> Span | None:
    """Where a label stands in `to(…)`."""
    pair = find_pair(operator.written["moves"].value, name)
    if pair is not None and isinstance(pair.value, syntax.Call):
        for argument in pair.value.arguments:
            match argument.value:
                case syntax.Reference(parts=(word,)) | syntax.Literal(value=str(word)) if word == label:
                    return argument.span
    return None
