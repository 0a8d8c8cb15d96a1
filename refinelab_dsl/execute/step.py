"""A step as a small program of calls: ask, read the reply (and ask once more if it cannot be read), check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refinelab_dsl import prompts
from refinelab_dsl.artifacts.plan import Header, Step
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Operator, Validator
from refinelab_dsl.execute.calls import Answer, Caller, CallFailed, Starved, Stopped
from refinelab_dsl.execute.ledger import NOTHING, Amount, Reservation
from refinelab_dsl.execute.shelf import Shelf
from refinelab_dsl.operators import OPERATORS, Made, Unreadable, find_broken_key, read_reply
from refinelab_dsl.prompts.request import Request
from refinelab_dsl.prompts.steps import StepContext, StepFault, compose_step
from refinelab_dsl.validators import Result, Surroundings, Verdict, settle_time, validate
from refinelab_dsl.validators.duplicate import measure_originals
from refinelab_dsl.validators.nearness import embedding_of

REPLY = "reply"  # the name under which the parser of replies gives its verdict


class ItemMissing(Exception):
    """The plan names an item that the dataset does not hold, though the dataset's hash is the plan's."""

    def __init__(self, key: str, step: int) -> None:
        super().__init__(key)
        self.key = key
        self.step = step


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step ready to run. call, repair: what it must claim of the budget before it starts; nothing for what is bought.
    A step whose prompt cannot be rendered has no request."""

    parents: tuple[Item, ...]
    request: Request | None
    answer: Answer | None
    is_ours: bool  # the answer was bought, or taken from the store, by this very run
    call: Amount
    repair: Amount

    @property
    def worst(self) -> Amount:
        return self.call + self.repair


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a step and its verdict; None is still to be judged, at commit."""

    name: str
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to.

    result: None where no reply could be read. reply: hash of the reply that was read. failure: why no answer came.
    is_starved: it needs more room in the budget than there was. is_stopped: the run stopped before it got an answer.
    """

    answers: tuple[Answer, ...] = ()
    result: Result | None = None
    reply: str = ""
    checks: tuple[Check, ...] = ()
    failure: str | None = None
    is_starved: bool = False
    is_stopped: bool = False
    cached: int = 0

    @property
    def is_rejected(self) -> bool:
        """Whether it is sure, before it is its turn, that nothing comes of it."""
        return self.failure is not None or any(
            check.verdict is not None and not check.verdict.accept for check in self.checks
        )


class StepRunner:
    """Runs steps of one plan."""

    def __init__(self, header: Header, caller: Caller, shelf: Shelf, surroundings: Surroundings) -> None:
        self._header = header
        self._context = StepContext.of_header(header)
        self._validators: Mapping[str, Validator] = {validator.name: validator for validator in header.validators}
        self._caller = caller
        self._shelf = shelf
        self._surroundings = surroundings

    def operator(self, step: Step) -> Operator:
        return self._context.operators[step.operator]

    def validator(self, name: str) -> Validator:
        return self._validators[name]

    def prepare(self, step: Step) -> Prepared:
        """Composes a step's request, looks up whether it is bought, and what it must claim otherwise.

        Raises:
            ItemMissing, StoreError: the dataset or the store is not what it should be.
        """
        parents = []
        for key in step.items:
            item = self._shelf.find(key)
            if item is None:
                raise ItemMissing(key, step.id)
            parents.append(item)
        try:
            request = compose_step(self._context, step.operator, parents, step.target, step.sample)
        except StepFault:
            return Prepared(tuple(parents), None, None, False, NOTHING, NOTHING)
        found = self._caller.look_up(request, step.id, 0)
        worst = self._caller.worst_case(request)
        if found is None:
            tokens_in, tokens_out = prompts.attempt_ceiling(request)
            usd = prompts.price_usd(request.model, tokens_in, tokens_out)
            more = None if usd is None or worst.usd is None else usd - worst.usd
            repair = Amount(tokens_in + tokens_out - worst.tokens, more) if worst.tokens else NOTHING
            return Prepared(tuple(parents), request, None, False, worst, repair)
        answer, is_ours = found
        fields = read_reply(self._context.task, answer.completion.text)
        repair = NOTHING
        if isinstance(fields, Unreadable):
            again = prompts.repair_request(request, answer.completion.text, fields.message)
            if self._caller.look_up(again, step.id, 1) is None:
                repair = self._caller.worst_case(again)
        return Prepared(tuple(parents), request, answer, is_ours, NOTHING, repair)

    async def run(self, step: Step, prepared: Prepared, call: Reservation, repair: Reservation) -> Outcome:
        """Runs a step to where its result waits for its turn. Closes both claims in every case.

        Raises:
            JournalError, StoreError: a reply could not be kept.
        """
        ledger, open_claims = self._caller.ledger, [call, repair]
        answers: list[Answer] = []
        cached = 0

        async def ask(request: Request, part: int, claim: Reservation) -> Answer:
            nonlocal cached
            bought = None if prepared.answer is None else (prepared.answer, prepared.is_ours)
            found = bought if part == 0 else self._caller.look_up(request, step.id, part)
            open_claims.remove(claim)
            if found is None:
                answer = await self._caller.ask(request, step.id, part, claim)
            else:
                answer, is_ours = found
                ledger.release(claim)
                if not is_ours:
                    cached += 1
                    self._caller.record_hit(answer, request, step.id, part)
            answers.append(answer)
            return answer

        try:
            if prepared.request is None:
                return Outcome(failure="template")
            answer = await ask(prepared.request, 0, call)
            fields = read_reply(self._context.task, answer.completion.text)
            if isinstance(fields, Unreadable):
                again = prompts.repair_request(prepared.request, answer.completion.text, fields.message)
                answer = await ask(again, 1, repair)
                fields = read_reply(self._context.task, answer.completion.text)
            if isinstance(fields, Unreadable):
                verdict = Verdict(False, fields.message)
                return Outcome(tuple(answers), None, answer.reply, (Check(REPLY, verdict),), cached=cached)
            broken = find_broken_key(self._context.task, fields)
            if broken is not None:
                verdict = Verdict(False, broken)
                return Outcome(tuple(answers), None, answer.reply, (Check(REPLY, verdict),), cached=cached)
            result, checks = self._check(step, prepared, fields)
            return Outcome(tuple(answers), result, answer.reply, checks, cached=cached)
        except Stopped:
            return Outcome(tuple(answers), is_stopped=True, cached=cached)
        except Starved:
            return Outcome(tuple(answers), is_starved=True, cached=cached)
        except CallFailed as error:
            return Outcome(tuple(answers), failure=error.kind, cached=cached)
        finally:
            for claim in open_claims:
                ledger.release(claim)

    def _check(self, step: Step, prepared: Prepared, fields: Mapping[str, object]) -> tuple[Result, tuple[Check, ...]]:
        """The result, with the verdicts that do not depend on what else is accepted."""
        build = OPERATORS[self.operator(step).kind].build_item
        assert build is not None
        parent = prepared.parents[0]
        item = build(Made(
            task=self._context.task, parent=parent, fields=fields, step_key=step.key, target=step.target,
            dimensions=self._header.dimensions, measures=self._header.measures,
        ))
        result = Result(item, parent, step.target)
        checks = []
        for name in step.checks:
            validator = self._validators[name]
            if settle_time(validator) == "commit":
                compared = embedding_of(validator)
                if "originals" in validator.against and compared not in result.likeness:
                    found = measure_originals(compared, result, self._surroundings)
                    result = Result(item, parent, step.target, {**result.likeness, compared: found})
                checks.append(Check(name, None))
            else:
                checks.append(Check(name, validate(validator, result, self._surroundings)))
        return result, tuple(checks)
