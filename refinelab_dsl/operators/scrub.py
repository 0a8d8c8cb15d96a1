"""`scrub` (Generative Data Refinement): an item without its private or toxic content, and with nothing else changed.

Detectors find what is to go, so that clean items cost nothing. A model rewrites the texts that hold it, with pseudonyms
that are the same throughout the item. What it gives back must hold: detectors are silent, what was found is gone, few
tokens changed and all of them near to what was found, the answer is the one that it was, code passes its tests. What
does not hold is asked for again with the fault, twice at most. Then pseudonyms are put in by rule; and where that does
not hold either, the item has no result, and leaves the set (`execute.finish`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import msgspec

from refinelab_dsl.data import item_hash
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Validator
from refinelab_dsl.detectors import Change, Place, Watch, Work, compare, describe, detect, name_place, rebuild
from refinelab_dsl.detectors.detection import MASK
from refinelab_dsl.effects import Program, Salt
from refinelab_dsl.measures.detected import watch_for
from refinelab_dsl.operators.kind import Attempt, OperatorKind, Remark, Remarked, new_item, target_attributes
from refinelab_dsl.operators.replies import find_broken_key
from refinelab_dsl.prompts.compose import Feedback, retry_request
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.request import Request
from refinelab_dsl.prompts.scrubbing import RETRIES
from refinelab_dsl.prompts.steps import build_work, compose_step
from refinelab_dsl.questions import Questions, read_json
from refinelab_dsl.validators import VALIDATORS

NOTHING_TO_SCRUB: Final = "nothing to scrub"

REWRITE: Final = "scrub:rewrite"
"""The check of what a model wrote, in logs."""

BY_RULE: Final = "scrub:mask"
"""The check of what was put in by rule."""


MOST_UNMARKED: Final = "0.3"
"""The share of an item's tokens that may change where nothing is marked and the spec does not say."""


class _Reply(msgspec.Struct):
    parts: list[str]


@dataclass(frozen=True, slots=True)
class _Judged:
    """fault: why a rewrite does not hold, without a word of the text; None where it does. share: of the item's tokens
    that changed."""

    fault: str | None
    share: float


def make_item(attempt: Attempt, questions: Questions) -> Program[Item | Unreadable | Remarked]:
    """Detects, rewrites, verifies; again with the fault; then by rule."""
    work = build_work(questions.context, attempt.operator, attempt.parent)
    if not work.found and not work.is_whole:
        return Unreadable(NOTHING_TO_SCRUB)
    watch = watch_for(attempt.operator, questions.context.measures)
    remarks: list[Remark] = []
    fields: dict[str, Any] | None = None
    if work.asked:
        fields = yield from _rewrite(attempt, questions, work, watch, remarks)
    if fields is None and work.is_whole:
        return Remarked(Unreadable("no rewrite holds, and nothing is marked that could be masked"), tuple(remarks))
    if fields is None:
        written = {place: work.mask(place) for place in work.found}
        made = rebuild(attempt.parent.fields, work, written)
        judged = yield from _judge(attempt, questions, work, watch, made)
        remarks.append(_remark(BY_RULE, judged))
        if judged.fault is not None:
            return Remarked(Unreadable(f"neither a rewrite nor a mask holds: {judged.fault}"), tuple(remarks))
        fields = made
    salt = yield Salt(attempt.step_key)
    last = remarks[-1]
    facts = {**last.values, "found": work.describe(), "pseudonyms": work.digest(salt)}
    remarks[-1] = replace(last, values=facts)
    return Remarked(_build_item(attempt, questions, fields), tuple(remarks))


def _rewrite(
    attempt: Attempt, questions: Questions, work: Work, watch: Watch, remarks: list[Remark]
) -> Program[dict[str, Any] | None]:
    """The fields of the first rewrite that holds, None where none does."""
    request = compose_step(
        questions.context, attempt.operator.name, (attempt.parent,), attempt.target, attempt.sample
    )
    told: Feedback | None = None
    for turn in range(1 + RETRIES):
        asked = request if told is None else retry_request(request, told)
        reply, text = yield from _ask(asked)
        if isinstance(reply, Unreadable):
            judged = _Judged(f"the reply cannot be read: {reply.message}", 0.0)
        elif len(reply.parts) != len(work.asked):
            judged = _Judged(f"it has {len(reply.parts)} parts, and {len(work.asked)} were given", 0.0)
        else:
            written = {
                place: _keep_ends(work.texts[place], part)
                for place, part in zip(work.asked, reply.parts, strict=True)
            }
            fields = rebuild(attempt.parent.fields, work, written)
            judged = yield from _judge(attempt, questions, work, watch, fields)
            if judged.fault is None:
                remarks.append(_remark(REWRITE, judged))
                return fields
        remarks.append(_remark(REWRITE, judged))
        told = Feedback(turn + 1, attempt.operator.name, judged.fault or "", text)
    return None


def _ask(request: Request) -> Program[tuple[_Reply | Unreadable, str]]:
    """The reply to a request, and its text as it came."""
    program = read_json(request, partial(read_object, shape=_Reply, strip=False))
    text = ""
    try:
        effect = next(program)
        while True:
            outcome = yield effect
            text = outcome.text
            effect = program.send(outcome)
    except StopIteration as end:
        return end.value, text


def _keep_ends(before: str, after: str) -> str:
    """The text with the white space at its ends that it had: models lose it, and it means nothing."""
    inner = after.strip()
    if not inner or not before.strip():
        return after
    start = before[: len(before) - len(before.lstrip())]
    return start + inner + before[len(before.rstrip()) :]


def _judge(
    attempt: Attempt, questions: Questions, work: Work, watch: Watch, fields: Mapping[str, Any]
) -> Program[_Judged]:
    """Whether an item with these fields holds."""
    written = dict(_texts_of(fields, work))
    changes = [_compare(work, place, text) for place, text in written.items()]
    total = sum(len(text.split()) for place, text in work.texts.items() if place not in written)
    share = sum(each.changed for each in changes) / max(1, total + sum(each.total for each in changes))
    fault = _find_fault(attempt, questions, work, watch, fields, written, changes, share)
    if fault is None and questions.task == "code":
        fault = yield from _run_tests(attempt, questions, fields)
    return _Judged(fault, round(share, 6))


def _find_fault(
    attempt: Attempt, questions: Questions, work: Work, watch: Watch, fields: Mapping[str, Any],
    written: Mapping[Place, str], changes: list[Change], share: float,
) -> str | None:
    for place, text in written.items():
        left = detect(text, watch)
        if left:
            return f"in `{name_place(place)}` stands what was to go, or more of its kind: {describe(left)}"
        kept = [each.category for each in work.found.get(place, ()) if work.texts[place][each.start : each.end] in text]
        if kept:
            return f"in `{name_place(place)}` a {kept[0]} stands that was to go"
    limit = attempt.operator.options.get("max_change", MOST_UNMARKED if work.is_whole else None)
    if work.is_whole and not share:
        return "nothing changed"
    for place, change in zip(written, changes, strict=True):
        if not change.is_confined and not work.is_whole:
            return f"in `{name_place(place)}` more changed than what was found and the words beside it"
    if limit is not None and share > float(limit):
        return f"{share:.0%} of the item's tokens changed, and at most {float(limit):.0%} may"
    if questions.task == "mcq" and len(set(fields["choices"])) < len(set(attempt.parent.fields["choices"])):
        return "two choices became the same"
    return find_broken_key(questions.task, fields)


def _texts_of(fields: Mapping[str, Any], work: Work) -> Iterator[tuple[Place, str]]:
    """The texts that were to change, as they are now."""
    for place in work.touched:
        value: Any = fields
        for step in place:
            value = value[step]
        yield place, str(value)


def _compare(work: Work, place: Place, text: str) -> Change:
    return compare(work.texts[place], work.found.get(place, ()), text, (*work.pseudonyms.values(), MASK))


def _run_tests(attempt: Attempt, questions: Questions, fields: Mapping[str, Any]) -> Program[str | None]:
    """What the tests of code say; nothing where they said no better of the item before."""
    inquire = VALIDATORS["exec"].inquire
    assert inquire is not None
    check = Validator(name=attempt.operator.name, kind="exec")
    finding = yield from inquire(check, replace(attempt.parent, fields=dict(fields)), questions)
    if finding.verdict != "refuted":
        return None
    before = yield from inquire(check, attempt.parent, questions)
    return None if before.verdict == "refuted" else finding.reason


def _remark(check: str, judged: _Judged) -> Remark:
    return Remark(check, judged.fault is None, judged.fault or "", {"change": judged.share})


def _build_item(attempt: Attempt, questions: Questions, fields: dict[str, Any]) -> Item:
    """The clean item; every attribute is its parent's, and so is its passage but for what was found there."""
    made = attempt.made_of(fields, questions)
    item = new_item(made, {**attempt.parent.attributes, **target_attributes(made)})
    return replace(item, fields=fields, hash=item_hash(questions.task, fields))


KIND: Final = OperatorKind("scrub", "changed", make_item)
