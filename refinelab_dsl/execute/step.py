"""A step as a program of calls: make an item, check it, measure it. Driven with what is known, then with calls.

The program itself does no input and no output (`effects`). `prepare` sends it what the journal and the store know, to
the first effect that nobody has performed; `run` performs the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from refinelab_dsl import prompts
from refinelab_dsl.artifacts.plan import ASKING, CLUSTER, COMPARE, DISCOVER, Header, Step
from refinelab_dsl.builtins import FORMAT, OPERATOR_KINDS, validator_row
from refinelab_dsl.data.chains import Chain
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Measure, Operator, Validator
from refinelab_dsl.effects import Effect, Finding, Measured, Program, decode_outcome, effect_key
from refinelab_dsl.execute.calls import Answer, Caller, CallFailed, Starved, Stopped
from refinelab_dsl.execute.ledger import NOTHING, Amount, Reservation
from refinelab_dsl.execute.shelf import Shelf
from refinelab_dsl.execute.vectors import Compared, Originals
from refinelab_dsl.expressions.walk import named_in
from refinelab_dsl.measures.table import is_paid
from refinelab_dsl.measures_paid import ask_value, compare_pair, discover_labels
from refinelab_dsl.operators import OPERATORS, Attempt
from refinelab_dsl.operators.again import correct_result, make_result
from refinelab_dsl.prompts.asking import (
    MOST_BYTES_PER_TOKEN,
    Bound,
    Use,
    asks_of_items,
    bound_question,
    claim_checks,
    count_own_retries,
    item_bytes,
    result_ceiling,
    result_questions,
)
from refinelab_dsl.prompts.compose import Feedback
from refinelab_dsl.prompts.replies import Unreadable
from refinelab_dsl.prompts.request import Request
from refinelab_dsl.prompts.steps import StepContext, StepFault, compose_step
from refinelab_dsl.prompts.vectors import asked_by, embedding_of
from refinelab_dsl.questions import Known, Questions
from refinelab_dsl.validators import (
    VALIDATORS,
    Result,
    Surroundings,
    Verdict,
    judge_finding,
    judge_hearing,
    settle_time,
    validate,
)
from refinelab_dsl.validators.duplicate import measure_originals
from refinelab_dsl.validators.nearness import embed_result

REPLY = "reply"  # the name under which the parser of replies gives its verdict


class ItemMissing(Exception):
    """The plan names an item that the dataset does not hold, though the dataset's hash is the plan's."""

    def __init__(self, key: str, step: int) -> None:
        super().__init__(key)
        self.key = key
        self.step = step


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a step and its verdict; None is still to be judged, at commit."""

    name: str
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step's program waits with until it is the step's turn: checks against the output are still to be judged,
    and one that refuses asks for another try. It is sent the checks as judged, to the first refusal."""


StepProgram: TypeAlias = Generator[Effect | Turn, Any, None]


@dataclass(frozen=True, slots=True)
class _Refused:
    """What a check said of a result that it refuses. finding: of a validator that inquires."""

    check: str
    reason: str
    finding: Finding | None = None


@dataclass(slots=True)
class Telling:
    """A step's program while it is driven, and what it has come to.

    is_made: the item is there; what is asked after that is about it. is_waiting: for its turn (`Turn`).
    checks: of the last result. past: those of the results before it, each with its verdict. left: check -> how often it
    may still ask for another try. retries, corrections: how often a result was made again, or given another answer.
    """

    parents: tuple[Item, ...]
    program: StepProgram | None = None
    effect: Effect | None = None  # that the program waits for
    answers: list[Answer] = field(default_factory=list)
    ours: list[bool] = field(default_factory=list)  # of each answer: bought, or taken from the store, by this very run
    is_made: bool = False
    reply: str = ""  # the last answer of making the item
    result: Result | None = None
    measured: Measured | None = None
    labels: Mapping[str, str] | None = None
    compared: Compared | None = None
    chain: Chain | None = None
    checks: list[Check] = field(default_factory=list)
    past: list[Check] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    corrections: int = 0
    is_waiting: bool = False
    is_broken: bool = False  # a template could not be rendered

    def start(self, program: StepProgram) -> None:
        self.program = program
        self._go_on(lambda: next(program))

    def send(self, answer: Answer, is_ours: bool) -> None:
        """Goes on with what came of `effect`."""
        assert self.program is not None
        assert self.effect is not None
        program, outcome = self.program, decode_outcome(self.effect, answer.completion)
        was_made = self.is_made
        self.answers.append(answer)
        self.ours.append(is_ours)
        self._go_on(lambda: program.send(outcome))
        if not was_made:
            self.reply = answer.reply

    def may_retry(self, checks: Sequence[Check]) -> bool:
        """Whether it waits for its turn, and its checks, judged then, ask for another try."""
        refusing = next((check for check in checks if check.verdict is not None and not check.verdict.accept), None)
        return self.is_waiting and refusing is not None and self.left[refusing.name] > 0

    def resume(self, checks: Sequence[Check]) -> None:
        """Goes on where it waited for its turn. checks: as judged now."""
        assert self.program is not None
        program = self.program
        self._go_on(lambda: program.send(checks))

    def begin_again(self) -> None:
        """The result is refused, and another takes its place. What was to be judged at its turn never is."""
        self.past += [check for check in self.checks if check.verdict is not None]
        self.checks = []
        self.result = None
        self.chain = None

    def _go_on(self, step: Any) -> None:
        self.is_waiting = False
        try:
            found = step()
            self.is_waiting = isinstance(found, Turn)
            self.effect = None if self.is_waiting else found
        except StopIteration:
            self.effect = None
        except StepFault:
            self.effect, self.is_broken = None, True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step ready to run. worst: what it must claim of the budget before it starts; nothing for what is bought.
    unasked: the effect that nobody had performed, and how many answers the run had then (`Landings`)."""

    telling: Telling
    worst: Amount
    unasked: tuple[Effect, int] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to.

    parents: the items that it is about. result: None where no item came of it. measured: what a measure found. labels:
    those that were found, with their meanings. compared: the clusters of all items. chain: of answers that were made
    one from the other; with one of them and no result the item stays as it is, and nothing failed. reply: hash of the
    reply that the item was made of. checks: of that result. past: the verdicts on results of the step that it took the
    place of; retries and corrections say how. failure: why no answer came. is_starved: it needs more room in the budget
    than there was. is_stopped: the run stopped before it got an answer.
    """

    answers: tuple[Answer, ...] = ()
    parents: tuple[Item, ...] = ()
    result: Result | None = None
    measured: Measured | None = None
    labels: Mapping[str, str] | None = None
    compared: Compared | None = None
    chain: Chain | None = None
    reply: str = ""
    checks: tuple[Check, ...] = ()
    past: tuple[Check, ...] = ()
    retries: int = 0
    corrections: int = 0
    failure: str | None = None
    is_starved: bool = False
    is_stopped: bool = False
    cached: int = 0
    telling: Telling | None = None  # of a step that goes on where it stopped: it is starved, or waits for its turn

    @property
    def is_rejected(self) -> bool:
        """Whether it is sure, before it is its turn, that nothing comes of it."""
        return self.failure is not None or any(
            check.verdict is not None and not check.verdict.accept for check in self.checks
        )


class StepRunner:
    """Runs steps of one plan."""

    def __init__(
        self, header: Header, caller: Caller, shelf: Shelf, surroundings: Surroundings, known: Known,
        originals: Originals,
    ) -> None:
        self._header = header
        self._context = StepContext.of_header(header)
        self._questions = Questions(self._context)
        self._known = known
        self._kinds = {action.id: action.kind for action in header.actions}
        self._measures = {measure.name: measure for measure in header.measures}
        self._measured = tuple(
            self._measures[name]
            for name in dict.fromkeys(each.measure for each in header.dimensions if each.on_new == "measure")
            if is_paid(self._measures[name])
        )
        self._by_hand = frozenset[str]() if header.decisions is None else header.decisions.by_hand
        self._bounds: dict[str, tuple[Bound, ...]] = {}
        self._ceilings: dict[str, Use] = {}
        self._caller = caller
        self._shelf = shelf
        self._surroundings = surroundings
        self._originals = originals

    def operator(self, step: Step) -> Operator:
        return self._context.operators[step.operator]

    def validator(self, name: str) -> Validator:
        return self._context.validators[name]

    def prepare(self, step: Step) -> Prepared:
        """Drives a step's program as far as what is bought allows, and says what the rest must claim.

        Raises:
            ItemMissing, StoreError: the dataset or the store is not what it should be.
        """
        parents = []
        for key in step.items:
            item = self._shelf.find(key)
            if item is None:
                raise ItemMissing(key, step.id)
            parents.append(item)
        telling = Telling(tuple(parents))
        telling.start(self._tell(step, telling))
        return self._drive(step, telling)

    def prepare_rest(self, step: Step, telling: Telling) -> Prepared:
        """A step that was starved or waited for its turn, ready to go on."""
        telling.ours = [True] * len(telling.answers)  # what the store held is noted
        return self._drive(step, telling)

    def bound_further(self, step: Step, telling: Telling) -> Amount:
        """The most that a step may claim beyond what it claims at its start: further tries, and what is asked about
        results beyond the usual; nothing once it has come to an end."""
        if self._kinds[step.action] in ASKING or (telling.effect is None and not telling.is_waiting):
            return NOTHING
        operator = self.operator(step)
        use = self._ceiling(operator, telling.parents)
        further = Amount(int(use.tokens), use.usd or Decimal(0))
        retries = count_own_retries(self._context, operator)
        if retries and operator.name in self._context.templates:
            request = compose_step(self._context, operator.name, telling.parents, step.target, step.sample)
            again = prompts.retries_ceiling(request, retries)
            further += Amount(sum(again), prompts.price_usd(request.model, *again) or Decimal(0))
        return further

    def _ceiling(self, operator: Operator, parents: Sequence[Item]) -> Use:
        """Of what is asked about results."""
        if asks_of_items(self._context, operator):
            return result_ceiling(self._context, operator, parents)
        if operator.name not in self._ceilings:
            self._ceilings[operator.name] = result_ceiling(self._context, operator, parents)
        return self._ceilings[operator.name]

    def _drive(self, step: Step, telling: Telling) -> Prepared:
        while telling.effect is not None:
            found = self._caller.look_up(telling.effect, step.id, len(telling.answers))
            if found is None:
                unasked = telling.effect, self._caller.landings.count
                return Prepared(telling, self._claim(step, telling, telling.effect), unasked)
            telling.send(*found)
        return Prepared(telling, NOTHING)

    async def run(self, step: Step, prepared: Prepared, claim: Reservation) -> Outcome:
        """Runs a step to where its result waits for its turn. Closes the claim in every case.

        Raises:
            JournalError, StoreError: a reply could not be kept.
        """
        telling, purse = prepared.telling, _Purse(self._caller, claim)
        for part, (answer, is_ours) in enumerate(zip(telling.answers, telling.ours, strict=True)):
            if not is_ours:
                self._caller.record_hit(answer, step.id, part)
        failure, is_stopped, is_starved = None, False, False
        try:
            while telling.effect is not None:
                part = len(telling.answers)
                found = None
                if prepared.unasked is None or not self._is_still_unasked(telling.effect, *prepared.unasked):
                    found = self._caller.look_up(telling.effect, step.id, part)
                if found is None:
                    piece = purse.draw(self._caller.worst_case(telling.effect))
                    telling.send(await self._caller.ask(telling.effect, step.id, part, piece), True)
                else:
                    if not found[1]:
                        self._caller.record_hit(found[0], step.id, part)
                    telling.send(*found)
        except Stopped:
            is_stopped = True
        except Starved:
            is_starved = True
        except CallFailed as error:
            failure = error.kind
        finally:
            purse.close()
        ended = not (is_stopped or is_starved or failure)
        return Outcome(
            answers=tuple(telling.answers),
            parents=telling.parents,
            result=telling.result if ended else None,
            measured=telling.measured if ended else None,
            labels=telling.labels if ended else None,
            compared=telling.compared if ended else None,
            chain=telling.chain if ended else None,
            reply=telling.reply,
            checks=tuple(telling.checks),
            past=tuple(telling.past),
            retries=telling.retries,
            corrections=telling.corrections,
            failure="template" if telling.is_broken else failure,
            is_starved=is_starved,
            is_stopped=is_stopped,
            cached=telling.ours.count(False),
            telling=telling if is_starved or telling.is_waiting else None,
        )

    def _is_still_unasked(self, effect: Effect, looked_up: Effect, answers: int) -> bool:
        """Whether an effect is sure to be bought by nobody: it was looked up when the run had so many answers."""
        return effect is looked_up and not self._caller.landings.may_have(effect_key(effect), answers)

    # ---- the program ---------------------------------------------------------------------------------------------

    def _tell(self, step: Step, telling: Telling) -> StepProgram:
        parent = telling.parents[0]
        kind = self._kinds[step.action]
        if kind in ASKING:
            yield from self._ask(kind, self._measures[step.operator], telling)
            return
        operator = self.operator(step)
        make_item = OPERATORS[operator.kind].make_item
        assert make_item is not None
        attempt = Attempt(operator, parent, step.target, step.sample, step.key)
        is_asked = self._bound(operator) or any(asked_by(self._context, operator))
        validators = [self.validator(name) for name in step.checks]
        telling.left.update({each.name: each.retries for each in validators if each.on_reject == "retry"})
        told: Feedback | None = None
        while True:
            made = yield from make_result(make_item, attempt, self._questions, told)
            telling.past += [Check(each.check, Verdict(each.accept, each.reason, each.values)) for each in made.remarks]
            telling.is_made = True
            telling.chain = made.chain
            if made.item is None:
                return
            if isinstance(made.item, Unreadable):
                telling.checks.append(Check(REPLY, Verdict(False, made.item.message)))
                return
            if is_asked and item_bytes(made.item) > self._most_bytes(operator, parent):
                telling.checks.append(Check(REPLY, Verdict(False, "it is too long to be checked")))
                return
            refused = yield from self._check_and_correct(step, telling, Result(made.item, parent, step.target))
            if refused is None and any(check.verdict is None and telling.left[check.name] for check in telling.checks):
                telling.checks = list((yield Turn()))
                refused = _find_refusal(telling.checks)
            if refused is None or telling.left[refused.check] <= 0:
                if refused is not None and step.key in self._by_hand:
                    self._accept_by_hand(step, telling)
                return
            telling.left[refused.check] -= 1
            telling.retries += 1
            telling.begin_again()
            telling.is_made = False
            told = Feedback(telling.retries, refused.check, refused.reason, made.reply)

    def _accept_by_hand(self, step: Step, telling: Telling) -> None:
        """The last result of a step counts as accepted, whatever refused it; only its form must be that of the task.
        What other checks would have asked was never asked, and is not."""
        last = telling.checks[-1]
        assert last.verdict is not None
        assert telling.result is not None
        if self.validator(last.name).kind == FORMAT:
            return
        telling.checks[-1] = Check(last.name, last.verdict.overruled())
        for name in step.checks[step.checks.index(last.name) + 1 :]:
            if self.validator(name).kind == FORMAT:
                telling.checks.append(Check(name, validate(self.validator(name), telling.result, self._surroundings)))

    def _check_and_correct(self, step: Step, telling: Telling, result: Result) -> Program[_Refused | None]:
        """The checks; once in a step a result that is refused with another answer gets that, and is checked anew."""
        refused = yield from self._check(step, telling, result)
        if refused is None or refused.finding is None or telling.corrections:
            return refused
        if self.validator(refused.check).on_reject != "correct":
            return refused
        item = correct_result(self.operator(step), self._questions.task, result.item, refused.finding)
        if item is None:
            return refused
        telling.corrections += 1
        telling.begin_again()
        return (yield from self._check(step, telling, Result(item, result.parent, result.target), refused.check))

    def _ask(self, kind: str, measure: Measure, telling: Telling) -> Program[None]:
        """What a pilot asks for a measure."""
        first, *others = telling.parents
        if kind == DISCOVER:
            count = int(measure.options["labels"]["count"])
            found = yield from discover_labels(measure, telling.parents, count, self._questions)
            if isinstance(found, Unreadable):
                telling.checks.append(Check(REPLY, Verdict(False, found.message)))
            else:
                telling.labels = {each.label: each.meaning for each in found}
        elif kind == COMPARE:
            result = yield from compare_pair(measure, first, others[0], self._questions)
            telling.measured = Measured(result)
        elif kind == CLUSTER:
            telling.compared = self._originals.cluster(measure)
        else:
            telling.measured = yield from ask_value(measure, first, self._questions, self._known)

    def _check(
        self, step: Step, telling: Telling, result: Result, corrected_by: str | None = None
    ) -> Program[_Refused | None]:
        """The verdicts that do not depend on what else is accepted, to the first refusal; then what is to be
        measured. corrected_by: the validator whose answer the result has: it must support it, whatever it accepts."""
        findings: dict[str, Finding] = {}
        values: dict[str, Measured] = {}
        for name in step.checks:
            validator = self.validator(name)
            kind = VALIDATORS[validator.kind]
            verdict: Verdict | None = None
            result = yield from embed_result(validator, result, self._context.embeddings)
            if kind.inquire is not None:
                finding = findings[name] = yield from kind.inquire(validator, result.item, self._questions)
                verdict = judge_finding(validator, result.including(values), self._surroundings, finding)
                if name == corrected_by and verdict.accept and finding.verdict != "supported":
                    verdict = Verdict(False, "the corrected result is not supported", verdict.values)
            elif kind.hear is not None:
                role = OPERATOR_KINDS[self.operator(step).kind].judged
                heard = yield from kind.hear(validator, result, self._questions, alone=role == "alone")
                yield from self._measure(self._needed(validator), result.item, findings, values)
                verdict = judge_hearing(validator, result.including(values), self._surroundings, heard)
            elif settle_time(validator) == "commit":
                compared = embedding_of(validator)
                if "originals" in validator.against and compared not in result.likeness:
                    result = result.likened(compared, measure_originals(compared, result, self._surroundings))
            else:
                yield from self._measure(self._needed(validator), result.item, findings, values)
                verdict = validate(validator, result.including(values), self._surroundings)
            telling.checks.append(Check(name, verdict))
            if verdict is not None and not verdict.accept:
                telling.result = result.including(values)
                return _Refused(name, verdict.reason, findings.get(name))
        yield from self._measure(self._measured, result.item, findings, values)
        telling.result = result.including(values)
        return None

    def _measure(
        self, wanted: tuple[Measure, ...], item: Item, findings: Mapping[str, Finding], values: dict[str, Measured]
    ) -> Program[None]:
        """Asks for the values of paid measures that are not there yet."""
        for measure in wanted:
            if measure.name in values:
                continue
            finding = findings.get(str(measure.options.get("validator", "")))
            if finding is not None:  # the validator was a check of this very item
                values[measure.name] = Measured(finding.verdict)
            else:
                values[measure.name] = yield from ask_value(measure, item, self._questions, self._known)

    def _needed(self, validator: Validator) -> tuple[Measure, ...]:
        """The paid measures that a check looks at."""
        sees_items = validator_row(validator.kind).items
        names = set(named_in(validator.accept, "measure")) if sees_items else set()
        watched = set(named_in(validator.accept, "dimension")) if sees_items else set()
        if validator.dimension is not None:
            watched.add(validator.dimension)
        names |= {each.measure for each in self._header.dimensions if each.name in watched}
        return tuple(measure for measure in self._measured if measure.name in names)

    # ---- claims --------------------------------------------------------------------------------------------------

    def _claim(self, step: Step, telling: Telling, effect: Effect) -> Amount:
        """What a step claims before it starts: the call it waits for, one repair of it, and what is usually asked
        about a result. What goes beyond that is claimed when it is asked."""
        if isinstance(effect, Request) and self._caller.is_free(effect):
            return NOTHING  # it only repeats what was bought
        if isinstance(effect, Request) and effect.messages[-1].role == "user" and not effect.is_repair:
            tokens_in, tokens_out = prompts.attempt_ceiling(effect)
            worst = Amount(tokens_in + tokens_out, prompts.price_usd(effect.model, tokens_in, tokens_out))
        else:
            worst = self._caller.worst_case(effect)
        if telling.is_made or self._kinds[step.action] in ASKING:
            return worst
        operator = self.operator(step)
        use = claim_checks(self._context, operator, self._bound(operator), telling.parents[0])
        return worst + Amount(int(use.tokens), use.usd)

    def _bound(self, operator: Operator) -> tuple[Bound, ...]:
        if operator.name not in self._bounds:
            questions = result_questions(self._context, operator)
            self._bounds[operator.name] = tuple(bound_question(self._context, question) for question in questions)
        return self._bounds[operator.name]

    def _most_bytes(self, operator: Operator, parent: Item) -> int:
        """Of a result. A refined one has the question of its parent, however long that is."""
        most = MOST_BYTES_PER_TOKEN * self._context.templates[operator.name].max_output_tokens
        return most + item_bytes(parent) if operator.kind == "refine" else most


class _Purse:
    """A step's claim on the budget, from which its calls draw; what they need beyond it is claimed as they go."""

    def __init__(self, caller: Caller, claim: Reservation) -> None:
        self._ledger = caller.ledger
        self._claim = claim

    def draw(self, amount: Amount) -> Reservation:
        """The claim of one call.

        Raises:
            Starved: there is no room for it now.
        """
        parts = self._ledger.split(self._claim, amount)
        if parts is not None:
            piece, self._claim = parts
            return piece
        more = self._ledger.reserve(amount, self._claim.purpose)
        if more is None:
            raise Starved
        return more

    def close(self) -> None:
        """Gives back what is left."""
        self._ledger.release(self._claim)


def _find_refusal(checks: Sequence[Check]) -> _Refused | None:
    return next(
        (_Refused(each.name, each.verdict.reason) for each in checks if each.verdict and not each.verdict.accept), None
    )
