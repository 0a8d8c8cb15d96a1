"""A trace as text for a terminal and as JSON values."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.data.chains import STOPS
from refinelab_dsl.data.conversation import show_turn
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.effects import SANDBOX, UNASKED
from refinelab_dsl.provenance.trace import Trace

_NAME = 11  # columns of the names on the left, at least


def render_trace(trace: Trace, *, width: int = 100) -> str:
    """The item, then what it comes from, each a step further in; ends in a newline. Nothing in it steers a terminal."""
    return "\n".join(_render(trace, max(width, 60), "")) + "\n"


def dump_trace(trace: Trace) -> dict[str, Any]:
    """The trace as JSON values; dollars are decimal strings, null where a price is unknown."""
    commit = trace.commit
    return {
        "id": trace.id,
        "key": trace.key,
        "origin": trace.origin,
        "row": trace.row,
        "rows": trace.rows,
        "place": trace.place,
        "fields": None if trace.fields is None else dict(trace.fields),
        "missing": trace.missing,
        "operator": trace.operator,
        "copies": list(trace.copies),
        "simulated": commit is not None and commit.simulated,
        "attempt": None if commit is None else commit.model_dump(mode="json"),
        "calls": [call.model_dump(mode="json") for call in trace.calls],
        "verdicts": [verdict.model_dump(mode="json") for verdict in trace.verdicts],
        "chain": None if trace.chain is None else trace.chain.model_dump(mode="json", exclude={"event"}),
        "answers": None if trace.told is None else list(trace.told.answers),
        "refinements": None if trace.told is None else [each.answer for each in trace.told.rounds],
        "cost": {"tokens": trace.tokens, "usd": None if trace.usd is None else format(trace.usd.normalize(), "f")},
        "parents": [dump_trace(parent) for parent in trace.parents],
    }


def _render(trace: Trace, width: int, indent: str) -> Iterator[str]:
    yield f"{indent}{escape(trace.id)}   {escape(_describe(trace))}"
    inner = indent + "  "
    fields = trace.fields or {}
    column = max([_NAME, *(len(name) + 1 for name in fields)])

    def line(name: str, text: str) -> str:
        first = f"{inner}{name:<{column}}"
        # White space that is neither of these stands as an escape already, so wrapping cannot hide it.
        return textwrap.fill(
            escape(text), width, initial_indent=first, subsequent_indent=" " * len(first),
            break_on_hyphens=False, drop_whitespace=True, replace_whitespace=False,
        ) or first.rstrip()  # fmt: skip

    if trace.place is not None:
        yield line("source", trace.place)
    if trace.commit is not None:
        if trace.commit.target:
            yield line("made for", describe_labels(trace.commit.target))
        if isinstance(trace.commit, events.Commit) and trace.commit.measured:
            yield line("measured", describe_labels(trace.commit.measured))
    for name, value in fields.items():
        if "entry_point" in fields:  # code is read line by line
            for number, part in enumerate(str(value).rstrip("\n").split("\n")):
                yield line(name if number == 0 else "", part)
        elif isinstance(value, list | tuple):
            for number, part in enumerate(value):
                yield line(name if number == 0 else "", f"- {show_turn(part) if name == 'messages' else part}")
        else:
            yield line(name, str(value))
    if trace.fields is None and trace.missing is not None:
        yield line("text", f"not shown: {trace.missing}")
    for call, before in zip(trace.calls, (None, *trace.calls), strict=False):
        yield line(_name_call(call, trace.calls[0], before), _describe_call(call))
    for name, text in _tell_chain(trace):
        yield line(name, text)
    for verdict in trace.verdicts:
        yield line("check", describe_verdict(verdict))
    if trace.calls:
        asked = sum(bool(call.template) for call in trace.calls)
        calls = "1 call" if asked == 1 else f"{asked} calls"
        yield line("cost", f"{describe_usd(trace.usd)}, {trace.tokens:,} tokens in {calls}")
    for parent in trace.parents:
        yield f"{inner}from"
        yield from _render(parent, width, inner + "  ")


def _tell_chain(trace: Trace) -> Iterator[tuple[str, str]]:
    """Each refinement with what the judge said of it, and why there were no more."""
    if trace.chain is None:
        return
    texts = [each.answer for each in trace.told.rounds] if trace.told is not None else []
    for number, each in enumerate(trace.chain.rounds):
        said = [f"{each.refiner}: {_VERDICTS[each.verdict]}"]
        scores = [
            (opinion.previous, opinion.refined) for opinion in each.opinions
            if opinion.previous is not None and opinion.refined is not None
        ]  # fmt: skip
        if scores:
            said.append(", ".join(f"{before:g} : {after:g}" for before, after in scores))
        if each.flips:
            said.append(f"{each.flips} of {each.asked_twice} went with the order")
        yield f"round {number + 1}", "; ".join(said)
        if number < len(texts):
            yield "", texts[number]
    yield "ended", STOPS[trace.chain.stop]


_VERDICTS: Final = {
    "refined": "preferred to the answer before", "previous": "refused", "tie": "no better and no worse",
    None: "not judged",
}  # fmt: skip


def _describe(trace: Trace) -> str:
    where = "" if trace.row is None else f"row {trace.row:,} of {trace.rows:,}   "
    simulated = " (simulated)" if trace.commit is not None and trace.commit.simulated else ""
    match trace.origin:
        case "original":
            looked = f", since `{trace.operator}` found nothing better" if trace.chain is not None else ""
            return f"{where}kept as it came in{looked}"
        case "removed":
            like = f", as nearly the same as {' and '.join(trace.copies)}" if trace.copies else ""
            return f"left the set: taken out by `{trace.operator}`{like}"
        case "changed":
            return f"{where}changed by `{trace.operator}`{simulated}"
        case "added":
            return f"{where}added by `{trace.operator}`{simulated}"
        case "held":
            return f"made by `{trace.operator}`, refused and kept apart{simulated}"


def _name_call(call: events.Call, first: events.Call, before: events.Call | None) -> str:
    """What a call was for: a program that was run, a search, the first question again, another try after a refusal, a
    judge's verdict, or a question of its own. before: the call before it."""
    if not call.template:
        return UNASKED.get(call.model, "search")
    if call.turn and (before is None or before.turn < call.turn):
        return "retry"
    if call.template.startswith("judge."):
        return "judge"
    if before is not None and before.template.startswith("judge."):  # the next round
        return "call"
    return "repair" if call.call > 0 and call.template == first.template else "call"


def _describe_call(call: events.Call) -> str:
    if not call.template:
        what = "a program in the sandbox" if call.model == SANDBOX else call.model
        return f"{what}, request {call.request[:12]}, outcome {(call.reply or 'none')[:12]}"
    answered = f", answered by {call.model_id}" if call.model_id and call.model_id != call.model else ""
    template = f"template {call.template}, " if call.template else ""
    reply = f"reply {call.reply[:12]}" if call.reply else "no reply"
    return (
        f"{template}model {call.model}{answered}, "
        f"{call.input_tokens:,} + {call.output_tokens:,} tokens, {describe_usd(call.usd)}, "
        f"request {call.request[:12]}, {reply}"
    )


def describe_verdict(verdict: events.Verdict) -> str:
    """`fresh: rejected; too near to another; similarity 0.93`."""
    values = ", ".join(f"{name} {value}" for name, value in verdict.values.items())
    said = "accepted by hand" if verdict.by_hand else "accepted" if verdict.accept else "rejected"
    parts = [f"{verdict.check}: {said}", verdict.reason, values]
    return "; ".join(part for part in parts if part)


def describe_labels(labels: dict[str, str] | dict[str, str | None]) -> str:
    """`topic algebra, difficulty not measured`."""
    return ", ".join(f"{name} {'not measured' if label is None else label}" for name, label in labels.items())


def describe_usd(value: Decimal | None) -> str:
    """`$0.0012`; None is a price that nobody knows."""
    return "price unknown" if value is None else f"${value.normalize():f}"
