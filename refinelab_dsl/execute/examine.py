"""Programs of calls without a plan, within a budget: how models are examined.

Every reply goes to the store before it counts, as in a run, so what was bought is not bought again: an examination that
stopped at its budget, or was interrupted, goes on where it stopped when it is asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from refinelab_dsl import providers
from refinelab_dsl.declarations import Model, Run
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.effects import Effect, Program, decode_outcome
from refinelab_dsl.execute.calls import Caller, CallFailed, Line, Starved, Stopped
from refinelab_dsl.execute.halt import Halt
from refinelab_dsl.execute.journal import Journal
from refinelab_dsl.execute.ledger import Amount, Ledger, Reservation
from refinelab_dsl.execute.limits import Pace
from refinelab_dsl.store import Store

_LOOK_AGAIN = 0.05  # seconds until a call that found no room in the budget looks whether there is some


@dataclass(frozen=True)
class Examined:
    """What came of the programs, in their order; None where one did not end.

    needed: what the next call would have had to claim, where the budget stopped it. diagnostics: of models that
    stopped. failed: calls without an answer, by the kind of failure.
    """

    results: tuple[Any, ...]
    spent: Amount
    calls: int
    cached: int
    failed: Mapping[str, int]
    needed: Amount | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Bench:
    """What programs run on. limits: of the budget. progress: told how many programs have ended."""

    models: Sequence[Model]
    store: Store
    journal: Path
    tokens: int | None
    usd: Decimal | None
    settings: Run
    environ: Mapping[str, str]
    progress: Callable[[int], None] = field(default=lambda done: None)


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
    journal = Journal(bench.journal, bench.store)
    lines: dict[str, Line] = {}
    try:
        for model in bench.models:
            provider = providers.open_provider(model, store=bench.store, environ=bench.environ)
            if isinstance(provider, Diagnostic):
                raise Unusable(provider)
            lines[model.name] = Line(
                model.name, provider, Pace(model.limits), ("evaluate",), float(model.timeout),
                model.provider == "cached", asyncio.Semaphore(max(1, model.limits.concurrency)),
            )  # fmt: skip
        ledger = Ledger(bench.tokens, bench.usd)
        caller = Caller(lines, bench.store, journal, ledger, bench.settings, halt, {}, True)
        work = _Work(caller, halt, bench.progress, [None] * len(programs))
        await work.run(programs, {model.name: max(1, model.limits.concurrency) for model in bench.models})
        await journal.flush()
        calls, cached = journal.count()
    finally:
        for line in lines.values():
            await line.provider.close()
        journal.close()
    spent = Amount(ledger.settled_tokens, ledger.settled_usd if ledger.usd_is_complete else None)
    found = tuple(diagnostic for each in halt.reasons.values() for diagnostic in each)
    return Examined(tuple(work.results), spent, calls, cached, dict(caller.failed), work.needed, found)


@dataclass
class _Work:
    """Programs being driven."""

    caller: Caller
    halt: Halt
    progress: Callable[[int], None]
    results: list[Any]
    needed: Amount | None = None
    done: int = 0

    async def run(self, programs: Sequence[tuple[str, Program[Any]]], slots: Mapping[str, int]) -> None:
        """A few workers per model take the programs in their order."""
        queues = {name: [at for at, (model, _) in enumerate(programs) if model == name][::-1] for name in slots}
        try:
            async with asyncio.TaskGroup() as group:
                for name, queue in queues.items():
                    for _ in range(min(slots[name], len(queue))):
                        group.create_task(self._take(programs, queue))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _take(self, programs: Sequence[tuple[str, Program[Any]]], queue: list[int]) -> None:
        while queue and not self.halt.is_set:
            at = queue.pop()
            try:
                self.results[at] = await self._drive(at, programs[at][1])
            except (Stopped, CallFailed):
                programs[at][1].close()
                continue
            self.done += 1
            self.progress(self.done)

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
            claim = self.caller.ledger.reserve(worst)
            if claim is not None:
                return claim
            if not self.caller.ledger.running:
                self.needed = self.needed or worst
                self.halt.stop("budget")
                break
            await self.halt.sleep(_LOOK_AGAIN)
        raise Stopped
