"""Programs of calls without a plan, within a budget: how models are examined.

Every reply goes to the store before it counts, as in a run, so what was bought is not bought again: an examination that
stopped at its budget, or was interrupted, goes on where it stopped when it is asked again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from refinelab_dsl import providers
from refinelab_dsl.declarations import Model, Run
from refinelab_dsl.diagnostics.catalog import evaluation as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.effects import Effect, Program, decode_outcome, effect_line
from refinelab_dsl.execute.answered import Answered
from refinelab_dsl.execute.calls import Caller, CallFailed, Line, Starved, Stopped
from refinelab_dsl.execute.halt import SIGNALLED, Halt, Reason
from refinelab_dsl.execute.interpret import PATIENCE
from refinelab_dsl.execute.journal import Journal, create_journal
from refinelab_dsl.execute.ledger import Amount, Ledger, Reservation
from refinelab_dsl.execute.limits import Pace
from refinelab_dsl.execute.loop import heed_signals
from refinelab_dsl.execute.observe import BEAT, SHOW_EVERY, Observer, OperatorProgress, Progress, SilentObserver
from refinelab_dsl.store import Store

_LOOK_AGAIN = 0.05  # seconds until a call that found no room in the budget looks whether there is some


@dataclass(frozen=True)
class Examined:
    """What came of the programs, in their order; None where one did not end.

    needed: what the next call would have had to claim, where the budget stopped it. diagnostics: of models that
    stopped, and of signals. failed: calls without an answer, by the kind of failure. reasons: why it stopped.
    """

    results: tuple[Any, ...]
    spent: Amount
    calls: int
    cached: int
    failed: Mapping[str, int]
    needed: Amount | None
    diagnostics: tuple[Diagnostic, ...]
    reasons: frozenset[Reason] = frozenset()


@dataclass(frozen=True)
class Bench:
    """What programs run on. tokens, usd: the budget. observer: told of it as of a run, each model as an operator."""

    models: Sequence[Model]
    store: Store
    journal: Path
    tokens: int | None
    usd: Decimal | None
    settings: Run
    environ: Mapping[str, str]
    observer: Observer = field(default_factory=SilentObserver)


class Unusable(Exception):
    """A model cannot be called at all."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def examine(programs: Sequence[tuple[str, Program[Any]]], bench: Bench) -> Examined:
    """Drives all programs to their ends, as many at once as their models take.

    programs: each with the name of the model that it asks.

    Raises:
        Unusable: a model cannot be called. StoreError, JournalError: the state cannot be kept.
    """
    return asyncio.run(_examine(programs, bench))


async def _examine(programs: Sequence[tuple[str, Program[Any]]], bench: Bench) -> Examined:
    halt = Halt()
    create_journal(bench.journal)
    journal = Journal(bench.journal, bench.store)
    lines: dict[str, Line] = {}
    try:
        for model in bench.models:
            provider = providers.open_provider(model, store=bench.store, environ=bench.environ)
            if isinstance(provider, Diagnostic):
                raise Unusable(provider)
            lines[model.name] = Line(
                model.name, provider, Pace(model.limits, backoff=float(bench.settings.backoff)), ("evaluate",),
                float(model.timeout), model.provider == "cached",
            )
        ledger = Ledger(bench.tokens, bench.usd)
        answered = Answered(journal)
        caller = Caller(lines, bench.store, journal, ledger, bench.settings, halt, answered, True, bench.observer)
        work = _Work(caller, halt, bench.observer, [None] * len(programs))
        with heed_signals(halt, work.abandon, faults.evaluation_interrupted):
            await work.run(programs, {model.name: max(1, model.limits.concurrency) for model in bench.models})
            await journal.flush()
        calls, cached = journal.count()
    finally:
        for line in lines.values():
            await line.provider.close()
        journal.close()
    spent = Amount(ledger.settled_tokens, ledger.settled_usd if ledger.usd_is_complete else None)
    found = tuple(diagnostic for each in halt.reasons.values() for diagnostic in each)
    return Examined(
        tuple(work.results), spent, calls, cached, dict(caller.failed), work.needed, found, frozenset(halt.reasons)
    )


@dataclass
class _Work:
    """Programs being driven."""

    caller: Caller
    halt: Halt
    observer: Observer
    results: list[Any]
    needed: Amount | None = None
    wanted: Counter[str] = field(default_factory=Counter)  # model -> programs
    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    running: Counter[str] = field(default_factory=Counter)
    shown_at: float = 0.0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def abandon(self) -> None:
        """Gives up the calls in flight; each keeps its claim on the budget."""
        for task in self.tasks:
            task.cancel()

    async def run(self, programs: Sequence[tuple[str, Program[Any]]], slots: Mapping[str, int]) -> None:
        """A few workers per model take the programs in their order."""
        queues = {name: [at for at, (model, _) in enumerate(programs) if model == name][::-1] for name in slots}
        self.wanted.update(model for model, _ in programs)
        aside = [asyncio.create_task(self._beat()), asyncio.create_task(self._wind_up())]
        try:
            async with asyncio.TaskGroup() as group:
                for name, queue in queues.items():
                    for _ in range(min(slots[name], len(queue))):
                        self.tasks.append(group.create_task(self._take(programs, queue)))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            for task in aside:
                task.cancel()
            self._show(force=True)

    async def _take(self, programs: Sequence[tuple[str, Program[Any]]], queue: list[int]) -> None:
        while queue and not self.halt.is_set:
            at = queue.pop()
            model, program = programs[at]
            self.running[model] += 1
            try:
                self.results[at] = await self._drive(at, program)
            except (Stopped, CallFailed):
                self.failed[model] += 1
            else:
                self.done[model] += 1
            finally:
                program.close()
                self.running[model] -= 1
            self._show()

    async def _drive(self, step: int, program: Program[Any]) -> Any:
        part = 0
        try:
            effect = next(program)
            while True:
                effect = program.send(await self._perform(effect, step, part))
                part += 1
        except StopIteration as end:
            return end.value

    async def _perform(self, effect: Effect, step: int, part: int) -> Any:
        found = self.caller.look_up(effect, step, part)
        if found is not None:
            self.caller.record_hit(found[0], step, part)
            return decode_outcome(effect, found[0].completion)
        while True:
            claim = await self._claim(effect)
            try:
                answer = await self.caller.ask(effect, step, part, claim)
            except Starved:
                continue
            return decode_outcome(effect, answer.completion)

    async def _claim(self, effect: Effect) -> Reservation:
        """Room in the budget, waited for while calls in flight may leave some."""
        worst = self.caller.worst_case(effect)
        while not self.halt.is_set:
            claim = self.caller.ledger.reserve(worst, effect_line(effect))
            if claim is not None:
                return claim
            if not self.caller.ledger.running:
                self.needed = self.needed or worst
                self.halt.stop("budget")
                break
            await self.halt.sleep(_LOOK_AGAIN)
        raise Stopped

    async def _wind_up(self) -> None:
        """Once a signal stops the evaluation: calls in flight get a while to end, for they are paid."""
        await self.halt.event.wait()
        for diagnostic in (each for reason in SIGNALLED for each in self.halt.reasons.get(reason, ())):
            self.observer.say(diagnostic)
        await asyncio.sleep(PATIENCE)
        self.abandon()

    async def _beat(self) -> None:
        """Shows how far it is also while no answer comes."""
        while True:
            await asyncio.sleep(BEAT)
            self._show()

    def _show(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self.shown_at < SHOW_EVERY:
            return
        self.shown_at = now
        ledger = self.caller.ledger
        self.observer.update(Progress(
            tuple(
                OperatorProgress(
                    name, self.done[name] + self.failed[name], total, self.done[name], self.failed[name],
                    self.running[name], 0, ledger.spent_on(name).tokens, ledger.spent_on(name).usd,
                )
                for name, total in self.wanted.items()
            ),
            ledger.settled_tokens, ledger.settled_usd if ledger.usd_is_complete else None, self.caller.calls,
            self.caller.retries,
        ))
