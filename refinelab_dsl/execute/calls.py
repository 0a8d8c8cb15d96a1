"""One call, safely: what is bought already is not bought again; else reserve, write down, ask, keep, settle."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from refinelab_dsl.declarations import Run
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.effects import (
    SALT,
    SANDBOX,
    Effect,
    Embed,
    Execute,
    Retrieve,
    Salt,
    effect_ceiling,
    effect_key,
    effect_line,
    effect_tokens,
    effect_usd,
    split_vectors,
)
from refinelab_dsl.execute.answered import Answered
from refinelab_dsl.execute.halt import Halt
from refinelab_dsl.execute.journal import Intent, Journal
from refinelab_dsl.execute.landings import Landings
from refinelab_dsl.execute.ledger import NOTHING, Amount, Ledger, Reservation
from refinelab_dsl.execute.limits import Pace, Ticket
from refinelab_dsl.execute.observe import CallEnded, CallRetried, ModelStopped, Observer, SilentObserver
from refinelab_dsl.execute.retry import delay_before
from refinelab_dsl.execute.stillness import Stillness
from refinelab_dsl.prompts.request import Completion, Request, Usage
from refinelab_dsl.providers.provider import RefusedError, TransientError
from refinelab_dsl.providers.quotas import Announcing
from refinelab_dsl.providers.wire import is_other_model
from refinelab_dsl.store import Origin, Store
from refinelab_dsl.store.store import reply_hash

_GRACE = 30.0  # seconds beyond a model's timeout after which a provider that does not return is given up


class Stopped(Exception):
    """The run stops starting calls; this one was not made."""


class Starved(Exception):
    """A further try needs room in the budget of its own, since the failed one may have been charged, and there is
    none at the moment."""


class CallFailed(Exception):
    """No answer came, with all retries, or this request alone was refused; `kind` is the last failure's."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an effect. `usage` and `price` are what it takes to buy, whether it was bought now or long ago: the
    provenance log states them, and is the same in both cases."""

    effect: Effect
    request_key: str
    reply: str
    completion: Completion
    usage: Usage
    price: Amount


class Performer(Protocol):
    """What a line leads to: a provider, a corpus, a sandbox."""

    async def complete(self, effect: Any, /) -> Completion:
        """What comes of an effect of its kind; fails as `Provider.complete` does."""
        ...

    async def close(self) -> None: ...


@dataclass
class Line:
    """The way to one model, corpus or sandbox, and how it is doing.

    users: the operators, validators and measures that need it. is_free: asking it costs nothing, whatever its price: it
    only repeats what was bought, or runs on this machine. pace: lets calls out, and knows how it is doing.
    """

    name: str
    provider: Performer
    pace: Pace
    users: tuple[str, ...]
    timeout: float
    is_free: bool = False
    is_stopped: bool = False  # and why is said

    def __post_init__(self) -> None:
        if isinstance(self.provider, Announcing):
            self.provider.announce(self.pace.hear)


@dataclass
class Caller:
    """Makes the calls of one run; belongs to the run's event loop.

    answered: what the journal of this very run holds. bought: content keys of what this
    run bought; None where nobody asks.
    """

    lines: Mapping[str, Line]
    store: Store
    journal: Journal
    ledger: Ledger
    settings: Run
    halt: Halt
    answered: Answered
    use_cache: bool
    observer: Observer = field(default_factory=SilentObserver)
    bought: set[str] | None = None
    stillness: Stillness = field(default_factory=Stillness)
    landings: Landings = field(default_factory=Landings)
    calls: int = 0
    retries: int = 0
    failed: Counter[str] = field(default_factory=Counter)  # kind of failure -> calls that never got an answer
    others: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """(line, id asked for) -> the ids of other models that answered."""
    _own: dict[str, str] = field(default_factory=dict)  # key -> reply, of a run that buys again what the store holds
    _flying: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    def look_up(self, effect: Effect, step: int, part: int) -> tuple[Answer, bool] | None:
        """The answer that is bought already, and whether by this run; None if it must be asked.

        Raises:
            StoreError: the store is damaged.
        """
        key = effect_key(effect)
        reply = self.answered.find(step, part)
        if reply is not None:
            completion = self.store.reply(reply)
            if completion is not None:
                return self._answer(effect, key, reply, completion), True
            self.store.leads_to(key, reply)  # what was removed is bought again; what is damaged may be mended
        own = self._own.get(key)  # without the cache, what this very run bought still counts
        if own is not None and (completion := self.store.reply(own)) is not None:
            return self._answer(effect, key, own, completion), True
        if not self.use_cache or (isinstance(effect, Request) and effect.model.provider == "cached"):
            return None
        stored = self.store.get(key)
        if stored is None:
            return None
        return self._answer(effect, key, stored.reply_hash, stored.completion), False

    def look_up_texts(self, effect: Embed, batch: int) -> list[Answer | None]:
        """For each text of a batch what is bought already, as if it had been asked about alone; None where it must be
        asked. batch: its number among those that are asked about before the first step.

        Raises:
            StoreError: the store is damaged.
        """
        is_kept = self.use_cache or self.answered.find(0, batch) is not None
        found: list[Answer | None] = []
        for text in effect.texts:
            one = Embed(effect.embedding, (text,))
            key = effect_key(one)
            stored = self.store.get(key) if is_kept or key in self._own else None
            found.append(None if stored is None else self._answer(one, key, stored.reply_hash, stored.completion))
        return found

    def record_hit(self, answer: Answer, step: int, part: int) -> None:
        """Notes in the journal that an earlier run bought this answer."""
        intent = Intent(step, part, answer.request_key, effect_line(answer.effect), Amount())
        self.journal.hit(intent, answer.reply, answer.completion.usage)

    def is_free(self, effect: Effect) -> bool:
        """Whether a call costs nothing, whatever its price."""
        return self.lines[effect_line(effect)].is_free

    def worst_case(self, effect: Effect) -> Amount:
        """The most that one call can take."""
        if self.is_free(effect):
            return NOTHING
        tokens_in, tokens_out = effect_ceiling(effect)
        return Amount(tokens_in + tokens_out, effect_usd(effect, Usage(tokens_in, tokens_out)))

    async def ask(self, effect: Effect, step: int, part: int, claim: Reservation) -> Answer:
        """The answer, bought now unless the same request is in flight and gives it. Closes `claim` in every case.

        Raises:
            Stopped, Starved, CallFailed: see there.
            JournalError, StoreError: the reply could not be kept, and so does not count.
        """
        key = effect_key(effect)
        while key in self._flying:
            with self.stillness.waiting():
                await asyncio.wait([self._flying[key]])
            found = self.look_up(effect, step, part)
            if found is not None:
                self.ledger.release(claim)
                self.record_hit(found[0], step, part)
                return found[0]
        landed = self._flying[key] = asyncio.get_running_loop().create_future()
        try:
            return await self._ask(effect, key, step, part, claim)
        finally:
            if self._flying.get(key) is landed:
                del self._flying[key]
            landed.set_result(None)

    async def _ask(self, effect: Effect, key: str, step: int, part: int, claim: Reservation) -> Answer:
        line = self.lines[effect_line(effect)]
        worst, held = claim.amount, claim
        tries, made = 0, 0  # those that count against `retries`, and all
        while True:
            ticket = await line.pace.admit(effect_tokens(effect), self.halt)
            if ticket is None:
                self.ledger.release(held)
                raise Stopped
            try:
                failure = await self._try(effect, key, step, part, line, held, ticket)
            finally:
                line.pace.drop(ticket)
            if isinstance(failure, Answer):
                return failure
            if line.pace.is_given_up:
                self._give_up(line, failure)
            is_limited = failure.kind == "rate_limit"  # it was not let in: it waits for its turn, and has tried nothing
            tries, made = tries + (not is_limited), made + 1
            delay = 0.0 if is_limited else delay_before(self.settings, key, tries, failure.retry_after)
            if delay is None and (line.pace.state == "down" or self.halt.is_set):
                tries, delay = 0, 0.0  # the pace lets it out when the model is back
            if delay is None:
                self.failed[failure.kind] += 1
                if not failure.sent:
                    self.ledger.release(held)
                raise CallFailed(failure.kind)
            if failure.sent:
                again = self.ledger.reserve(worst, held.purpose)
                if again is None:
                    raise Starved
                held = again
            self.retries += 1
            pause = line.pace.pause if is_limited else delay
            self.observer.note(CallRetried(step, line.name, failure.kind, made, pause, failure.retry_after))
            await self.halt.sleep(delay)

    async def _try(
        self, effect: Effect, key: str, step: int, part: int, line: Line, held: Reservation, ticket: Ticket
    ) -> Answer | TransientError:
        """One try. A transient failure that may have been charged has forfeited `held`."""
        number = await self.journal.intend(Intent(step, part, key, line.name, held.amount))
        self.calls += isinstance(effect, Request | Embed)
        started = time.monotonic()
        try:
            async with asyncio.timeout(line.timeout + _GRACE):  # `wait_for` would make a task of each call
                completion = await line.provider.complete(effect)
        except TimeoutError:
            failure = TransientError("timeout", "the provider did not return", sent=True)
        except TransientError as error:
            failure = error
        except RefusedError as error:
            self._tell(effect, step, line, started, error=error.kind)
            await self.journal.fail(number, error.kind, error.message, lost=False)
            self.ledger.release(held)
            self.failed[error.kind] += 1
            if error.scope == "step":
                raise CallFailed(error.kind) from None
            self._stop_line(line, error.diagnostic or faults.model_refused(
                line.name, line.users, error.kind, error.message, error.status
            ))
            raise Stopped from None
        except BaseException:
            # Cut off while it was in flight: the intent stays open, and the claim counts as spent.
            self.ledger.forfeit(held)
            self._tell(effect, step, line, started, error="abandoned")
            raise
        else:
            self._tell(effect, step, line, started, completion=completion)
            usage = completion.usage
            line.pace.answer(ticket, None if usage is None else usage.input_tokens + usage.output_tokens)
            return await self._keep(effect, key, line, held, number, completion, time.monotonic() - started)
        self._tell(effect, step, line, started, error=failure.kind)
        if failure.kind == "rate_limit":
            line.pace.refuse(ticket, failure.retry_after)
        else:
            line.pace.fail(ticket, failure.kind, failure.retry_after)
        if failure.sent:
            self.ledger.forfeit(held)
        await self.journal.fail(number, failure.kind, failure.message, lost=failure.sent)
        return failure

    async def _keep(
        self, effect: Effect, key: str, line: Line, held: Reservation, number: int, completion: Completion,
        seconds: float,
    ) -> Answer:
        """Makes a reply durable, then settles what it took."""
        self._compare_model(effect, line, completion.model)
        answer = self._answer(effect, key, "", completion)
        reported = None if completion.usage is None else Amount() if line.is_free else answer.price
        overshoot = self.ledger.settle(held, reported)
        if overshoot is not None:
            self._stop_line(line, faults.usage_above_reservation(
                line.name, overshoot.reported.tokens, overshoot.reserved.tokens
            ))
        parts: tuple[tuple[str, Completion], ...] = ()
        if isinstance(effect, Embed) and len(effect.texts) > 1:
            parts = split_vectors(effect, completion)
        settled, origin = reported or held.amount, describe_origin(effect)
        reply = await self.journal.answer(number, key, completion, settled, seconds, parts, origin)
        for each in (key, *(part for part, _ in parts)):
            self.landings.add(each)
        if not self.use_cache:
            self._own |= {each: reply_hash(part) for each, part in parts} if parts else {key: reply}
        if self.bought is not None and not line.is_free:
            self.bought.add(key)
        return Answer(effect, key, reply, completion, answer.usage, answer.price)

    def _answer(self, effect: Effect, key: str, reply: str, completion: Completion) -> Answer:
        usage = completion.usage or Usage(*effect_ceiling(effect))
        usd = effect_usd(effect, usage)
        return Answer(effect, key, reply, completion, usage, Amount(usage.input_tokens + usage.output_tokens, usd))

    def _compare_model(self, effect: Effect, line: Line, answered: str) -> None:
        asked = effect.model if isinstance(effect, Request) else effect.embedding if isinstance(effect, Embed) else None
        if asked is not None and asked.provider == "openai" and is_other_model(asked.id, answered):
            self.others.setdefault((line.name, asked.id), set()).add(answered)

    def _give_up(self, line: Line, failure: TransientError) -> None:
        """The model has left so many probes without an answer that the run stops."""
        if not self.halt.is_set:
            self._stop_line(line, faults.model_unavailable(
                line.name, line.pace.probes, failure.message, asked_by="probes",
                is_limited=failure.kind == "rate_limit",
            ))

    def _stop_line(self, line: Line, why: Diagnostic) -> None:
        """Stops the run for a model's sake; the first reason of each is the one that counts."""
        self.halt.stop("model", *(() if line.is_stopped else (why,)))
        if not line.is_stopped:
            self.observer.note(ModelStopped(line.name, why.code))
        line.is_stopped = True

    def _tell(
        self, effect: Effect, step: int, line: Line, started: float, *, completion: Completion | None = None,
        error: str | None = None,
    ) -> None:
        seconds = time.monotonic() - started
        self.observer.note(CallEnded(step, line.name, effect, seconds, completion, error))


def describe_origin(effect: Effect) -> Origin:
    """Who is asked, and with which prompt, as the store keeps it."""
    match effect:
        case Request():
            return Origin(effect.model.provider, effect.model.id, effect.template)
        case Embed():
            return Origin(effect.embedding.provider, effect.embedding.id)
        case Retrieve():
            return Origin("corpus", effect.corpus)
        case Execute():
            return Origin(SANDBOX, effect.level)
        case Salt():
            return Origin(SALT, "")
