"""What becomes of a step whose turn it is: its events in the log, its counts in the tally, its item in the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.plan import ASKING, Action, Step
from refinelab_dsl.data.write import HeldRow, OutputRow, row_hash
from refinelab_dsl.declarations import complete_labels
from refinelab_dsl.effects import Embed, effect_line
from refinelab_dsl.execute.calls import Answer
from refinelab_dsl.execute.findings import describe_finding, list_calls
from refinelab_dsl.execute.ledger import NOTHING, Amount
from refinelab_dsl.execute.step import Check, Outcome, StepRunner
from refinelab_dsl.execute.tally import Addition, Additions, Refused, Tally
from refinelab_dsl.operators import OPERATORS, scrub
from refinelab_dsl.operators.correct import NOTHING_TO_CORRECT, split_calls
from refinelab_dsl.operators.refine import NOTHING_TO_REFINE
from refinelab_dsl.operators.scrub import NOTHING_TO_SCRUB
from refinelab_dsl.prompts.request import Request, Usage
from refinelab_dsl.prompts.verified import verdict_measure
from refinelab_dsl.provenance import LogWriter
from refinelab_dsl.provenance.chains import describe_chain
from refinelab_dsl.validators import Result, Surroundings, validate


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing came of a step. check: the one that refused, None where no answer came."""

    check: str | None
    reason: str


class Committer:
    """Commits steps in the order of the plan. Nothing in what it writes depends on when replies arrived.

    bought: content keys of what this run bought, where somebody asks what it paid.
    """

    def __init__(
        self, log: LogWriter, surroundings: Surroundings, additions: Additions, refused: Refused, tally: Tally,
        runner: StepRunner, bought: set[str] | None,
    ) -> None:
        header = tally.header
        self._log = log
        self._surroundings = surroundings
        self._additions = additions
        self._refused = refused
        self._tally = tally
        self._runner = runner
        self._bought = bought
        self._sharing = {operator.name for operator in header.operators if operator.per_call > 1}
        self._scrubbing = {operator.name for operator in header.operators if operator.kind == scrub.KIND.kind}
        self._correcting = {  # operator -> whether a pilot measures the verdicts of the items
            operator.name: verdict_measure(header.measures, operator) is not None
            for operator in header.operators
            if operator.kind == "correct"
        }
        holds = any(output.quarantine is not None for output in header.outputs)
        self._keeping = {each.name for each in header.validators if holds and each.on_reject == "quarantine"}
        self._by_hand = frozenset[str]() if header.decisions is None else header.decisions.by_hand
        self._told: set[str] = set()  # keys of calls that several attempts share, and that were committed
        self._counted: set[str] = set()  # keys of the calls that make up `paid`
        self.paid = NOTHING  # for the committed steps, by this run

    def judge(self, step: Step, outcome: Outcome) -> tuple[Check, ...]:
        """The checks of a step whose turn it is, to the first refusal; those that waited are judged against the output
        so far. What a person accepted by hand none of these refuses, once there is no further try."""
        judged: list[Check] = []
        for check in outcome.checks:
            verdict = check.verdict
            if verdict is None:
                assert outcome.result is not None
                verdict = validate(self._runner.validator(check.name), outcome.result, self._surroundings)
                is_last = outcome.telling is None or outcome.telling.left[check.name] <= 0
                if not verdict.accept and is_last and step.key in self._by_hand:
                    verdict = verdict.overruled()
            judged.append(Check(check.name, verdict))
            if not verdict.accept:
                break
        return tuple(judged)

    def commit(self, step: Step, action: Action, outcome: Outcome, checks: Sequence[Check]) -> Refusal | None:
        """Writes the step's events; says why where nothing comes of it. checks: as judged (`judge`)."""
        tally = self._tally
        bought = self._find_bought(step, outcome.answers)
        known: set[str] = set()
        for index, answer in enumerate(outcome.answers):
            self._log_call(step, index, answer, is_counted=index not in bought, known=known)
            self._count_paid(answer)
        tally.retries[step.operator] += outcome.retries
        tally.corrections[step.operator] += outcome.corrections
        if outcome.chain is not None:
            self._log.append(describe_chain(step, outcome.chain))
            tally.chains.count(step.operator, outcome.chain)
        refusal: Refusal | None = None
        for check in (*outcome.past, *checks):
            verdict = check.verdict
            assert verdict is not None
            refusal = None if verdict.accept else Refusal(check.name, verdict.reason)
            tally.watch.compare(check.name, verdict)
            self._log.append(events.Verdict(
                step=step.id, check=check.name, accept=verdict.accept, reason=verdict.reason,
                values=dict(verdict.values), by_hand=verdict.by_hand,
            ))
        if outcome.failure is not None:
            refusal = Refusal(None, f"no answer: {outcome.failure.replace('_', ' ')}")
            tally.failed += 1
        if refusal is None:
            if action.kind in ASKING:
                self._keep_finding(step, outcome)
            elif outcome.result is None:
                self._keep_item(step, outcome)
            else:
                self._accept(step, outcome, outcome.result)
                tally.by_hand[step.operator] += any(check.verdict.by_hand for check in checks if check.verdict)
                tally.watch.accept(
                    step.operator, action.id, outcome.result.parent, outcome.result.item,
                    {check.name: check.verdict for check in checks if check.verdict is not None},
                    tally.input_tokens + tally.output_tokens,
                )
            return None
        if step.key in self._by_hand:
            tally.still_refused[step.key] = (refusal.check or "", refusal.reason)
        tally.rejected[action.id] += 1
        tally.reasons[refusal.check or "no answer"] += 1
        tally.unflagged[step.operator] += refusal.reason == NOTHING_TO_CORRECT
        if step.operator in self._scrubbing and refusal.reason != NOTHING_TO_SCRUB:
            tally.leaving[step.items[0]] = step.operator
        if refusal.check in self._keeping and outcome.result is not None:
            self._hold(step, outcome, outcome.result, refusal)
        self._log.append(events.Reject(
            step=step.id, action=step.action, operator=step.operator, check=refusal.check, reason=refusal.reason
        ))
        return refusal

    def _count_paid(self, answer: Answer) -> None:
        """Once per call, whichever of the steps that share it was the first to ask."""
        bought, key = self._bought, answer.request_key
        if bought is not None and key in bought and key not in self._counted:
            self._counted.add(key)
            self.paid += Amount(answer.price.tokens, answer.price.usd or Decimal(0))

    def _find_bought(self, step: Step, answers: Sequence[Answer]) -> frozenset[int]:
        """Places of the answers of a `correct` that a plan does not count on paying: what a pilot asked, and what only
        repeats a call. The report sets the rest beside what was planned."""
        if step.operator not in self._correcting:
            return frozenset()
        first, repeated = split_calls(list_calls(answers), step.operator)
        return repeated.union(range(first) if self._correcting[step.operator] else ())

    def _log_call(self, step: Step, index: int, answer: Answer, *, is_counted: bool, known: set[str]) -> None:
        """known: keys of the calls of the step before this one."""
        completion, tally, effect = answer.completion, self._tally, answer.effect
        asked = effect if isinstance(effect, Request) else None
        if answer.request_key in known:  # asked again of another try, and not paid again
            answer = replace(answer, usage=Usage(0, 0), price=NOTHING)
        known.add(answer.request_key)
        if step.operator in self._sharing:  # what several attempts share is told, and counted, once
            if answer.request_key in self._told:
                answer = replace(answer, usage=Usage(0, 0), price=NOTHING)
            self._told.add(answer.request_key)
        tally.calls += isinstance(effect, Request | Embed)
        tally.input_tokens += answer.usage.input_tokens
        tally.output_tokens += answer.usage.output_tokens
        tally.used[step.operator] += (answer.usage.input_tokens + answer.usage.output_tokens) * is_counted
        tally.usd = None if tally.usd is None or answer.price.usd is None else tally.usd + answer.price.usd
        self._log.append(events.Call(
            step=step.id, call=index, template=asked.template if asked is not None else "", request=answer.request_key,
            reply=answer.reply, model=effect_line(effect), model_id=completion.model, request_id=completion.request_id,
            sample=asked.sample if asked is not None else 0, turn=asked.turn if asked is not None else 0,
            seed=tally.header.seed,
            input_tokens=answer.usage.input_tokens, output_tokens=answer.usage.output_tokens, usd=answer.price.usd,
            simulated=completion.simulated,
        ))

    def _keep_finding(self, step: Step, outcome: Outcome) -> None:
        """What was found for a measure."""
        event = describe_finding(step, outcome)
        self._log.append(event)
        self._tally.accepted[step.action] += 1
        is_simulated = not isinstance(event, events.Clusters) and event.simulated
        self._tally.simulated = self._tally.simulated or is_simulated

    def _accept(self, step: Step, outcome: Outcome, result: Result) -> None:
        tally = self._tally
        item = result.item
        measured, found = self._measure(result)
        simulated = any(answer.completion.simulated for answer in outcome.answers)
        kind = self._runner.operator(step).kind
        origin = OPERATORS[kind].origin
        assert origin is not None
        self._log.append(events.Commit(
            step=step.id, action=step.action, operator=step.operator, origin=origin, id=item.id, key=item.key,
            row=row_hash(item), parents=step.items, target=step.target, measured=found, reply=outcome.reply,
            simulated=simulated,
        ))
        self._refused.settle(item.id)
        self._additions.append(Addition(
            OutputRow(item, origin, simulated, step.items, outcome.chain), kind, step.target, measured, result.values
        ))
        tally.accepted[step.action] += 1
        tally.simulated = tally.simulated or simulated
        for name, neighbours in self._surroundings.output.items():
            neighbours.add(item, result.vectors.get(name))

    def _keep_item(self, step: Step, outcome: Outcome) -> None:
        """The item stays as it is: nothing was found that is better."""
        item, chain = outcome.parents[0], outcome.chain
        simulated = any(answer.completion.simulated for answer in outcome.answers)
        self._log.append(events.Kept(
            step=step.id, action=step.action, operator=step.operator, id=item.id, key=item.key,
            reason=NOTHING_TO_REFINE, simulated=simulated,
        ))
        self._additions.append(Addition(
            OutputRow(item, "original", simulated, (item.key,), chain), self._runner.operator(step).kind, {}, {}
        ))
        self._tally.accepted[step.action] += 1
        self._tally.kept[step.operator] += 1

    def _hold(self, step: Step, outcome: Outcome, result: Result, refusal: Refusal) -> None:
        """Keeps a refused result apart."""
        item = result.item
        simulated = any(answer.completion.simulated for answer in outcome.answers)
        self._log.append(events.Held(
            step=step.id, action=step.action, operator=step.operator, id=item.id, key=item.key, row=row_hash(item),
            parents=step.items, target=step.target, reply=outcome.reply, simulated=simulated,
        ))
        self._refused.settle(item.id)
        self._refused.append(HeldRow(
            item, step.operator, result.parent.id, step.target, refusal.check or "", refusal.reason, simulated
        ))
        self._tally.simulated = self._tally.simulated or simulated

    def _measure(self, result: Result) -> tuple[dict[str, str | None], dict[str, str | None]]:
        """The result's labels, as they count and as they are recorded (None where they are assumed)."""
        surroundings = self._surroundings
        surroundings.scope.open(result.item, result.values)
        counted: dict[str, str | None] = {}
        recorded: dict[str, str | None] = {}
        target = complete_labels(result.target, self._tally.header.measures)
        for dimension in self._tally.header.dimensions:
            name = dimension.name
            if surroundings.measurable[name]:
                label = surroundings.scope.label(name)
                counted[name] = recorded[name] = label if label in surroundings.labels.get(name, ()) else None
            else:
                counted[name], recorded[name] = target.get(name), None
        return counted, recorded
