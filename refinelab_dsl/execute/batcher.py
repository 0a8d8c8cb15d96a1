"""A line that asks by batches: requests of steps that wait are gathered, and go out when the run stands still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from refinelab_dsl import providers
from refinelab_dsl.declarations import Model, Run
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.effects import effect_key
from refinelab_dsl.execute.calls import Stopped
from refinelab_dsl.execute.courier import Courier, Trouble, let_others_run
from refinelab_dsl.execute.halt import Halt
from refinelab_dsl.execute.journal import Journal
from refinelab_dsl.execute.observe import Event
from refinelab_dsl.execute.stillness import Stillness
from refinelab_dsl.prompts.request import Completion, Request
from refinelab_dsl.providers.batches import (
    CANCELLED,
    MOST_FILE_BYTES,
    MOST_REQUESTS,
    Batches,
    BatchState,
    Verdict,
)
from refinelab_dsl.providers.provider import TransientError
from refinelab_dsl.providers.wire import Dialect

BATCH_WINDOW: Final = 10_000
"""Steps read ahead where a model is asked by batches: the most requests of one. A step that waits takes some 20 kB."""

LONGEST_BATCH: Final = 7 * 86_400.0
"""Seconds after which a batch that never ends is given up; its provider has a day for it."""

_RENDERED_AT_ONCE: Final = 256

PATIENCE: Final = 86_400.0  # seconds in which a provider works off what fills its queue: the time that a batch has
_FIRST_PAUSE: Final = 60.0  # seconds until a queue that others fill is tried again
_LONGEST_PAUSE: Final = 600.0

T = TypeVar("T")


def goes_by_batch(model: Model) -> bool:
    """Whether a batch endpoint is asked. Other providers answer at once, at the price of a batch: a rehearsal."""
    return model.batch and model.provider == "openai"


def open_batcher(
    model: Model, environ: Mapping[str, str], journal: Journal, halt: Halt, settings: Run, stillness: Stillness,
    labels: Mapping[str, str], note: Callable[[Event], None],
) -> Batcher | Diagnostic:
    """What performs the requests of a model that is asked by batches, or why nothing can. labels, note: see
    `Courier`."""
    batches = providers.open_batches(model, environ)
    if isinstance(batches, Diagnostic):
        return batches
    return Batcher(batches, Courier(model.name, batches, journal, halt, settings, labels, note), halt, stillness)


@dataclass(eq=False, slots=True)
class _Waiter:
    """A step that waits for the answer to its request."""

    key: str
    request: Request
    answer: asyncio.Future[Completion]


class Batcher:
    """Performs the requests of one model. Each answer goes the way of a call's; what is retried goes into a later
    batch. most: requests of one batch."""

    def __init__(
        self, batches: Batches, courier: Courier, halt: Halt, stillness: Stillness, most: int = MOST_REQUESTS
    ) -> None:
        self.courier = courier
        self._batches = batches
        self._halt = halt
        self._stillness = stillness
        self._most = most
        self._gathered: list[_Waiter] = []
        self._in_vain = 0  # batches in a row that answered nothing
        self._out = 0  # batches that are brought to the provider, or are there
        self._queue: set[asyncio.Future[None]] = set()  # done when one of them has ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        stillness.call(self._send)

    async def complete(self, request: Request) -> Completion:
        """The answer, in hours.

        Raises:
            TransientError, RefusedError: as `Provider.complete`. Stopped: the run stops; where the batch is made, it
            goes on at its provider. JournalError: the batch could not be recorded, and was not made.
        """
        if self._halt.is_set:
            raise Stopped
        if self._watch is None:
            self._watch = asyncio.create_task(self._give_up_on_halt())
        waiter = _Waiter(effect_key(request), request, asyncio.get_running_loop().create_future())
        self._gathered.append(waiter)
        with self._stillness.waiting():
            return await waiter.answer

    async def close(self) -> None:
        """Ends what is going on here; batches go on at their provider."""
        tasks = [*self._tasks, *([self._watch] if self._watch is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.courier.close()

    def _send(self) -> None:
        """All is still: what was gathered goes out."""
        waiters = [waiter for waiter in self._gathered if not waiter.answer.done()]
        self._gathered = []
        if waiters and not self._halt.is_set:
            self._start(self._send_all(waiters))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_all(self, waiters: Sequence[_Waiter]) -> None:
        wording = self._batches.wording
        rendered: list[tuple[_Waiter, bytes]] = []
        for number, waiter in enumerate(waiters, 1):
            rendered.append((waiter, self._batches.render_line(waiter.key, waiter.request)))
            if number % _RENDERED_AT_ONCE == 0:
                await let_others_run()
        for part in split_file(rendered, self._most):
            self._start(self._carry(part, wording))

    async def _carry(self, part: Sequence[tuple[_Waiter, bytes]], wording: Dialect) -> None:
        """One batch, from its file to the answers of those who wait for it; two, one after the other, where the
        provider's queue has no room for all of it."""
        waiters = {waiter.key: waiter for waiter, _ in part}
        try:
            state = await self._bring({waiter.key: line for waiter, line in part})
            if state.is_full and len(part) > 1:
                half = (len(part) + 1) // 2
                await self._carry(part[:half], wording)
                await self._carry(part[half:], wording)
                return
            verdicts = await self.courier.collect(state, waiters.keys(), wording)
        except Trouble as trouble:
            self._halt.stop("model", trouble.diagnostic)
            verdicts = {}
        except Stopped:
            verdicts = {}
        except Exception as error:
            for waiter in waiters.values():
                _fail(waiter, error)
            return
        else:
            if state.status == "failed":
                self._halt.stop("model", faults.batch_refused(self.courier.model, state.id, state.message))
                verdicts = {}
            elif any(isinstance(each, TransientError) and each.kind == CANCELLED for each in verdicts.values()):
                self._halt.stop("model", faults.batch_cancelled(
                    self.courier.model, state.id, state.done, len(waiters)
                ))
            self._count_answers(verdicts)
        for key, waiter in waiters.items():
            if key not in verdicts:
                _fail(waiter, Stopped())
                continue
            verdict = verdicts[key]
            if verdict is None and self._halt.is_set:
                _fail(waiter, Stopped())
            elif verdict is None:
                self._gathered.append(waiter)
            elif isinstance(verdict, Completion):
                if not waiter.answer.done():
                    waiter.answer.set_result(verdict)
            else:
                _fail(waiter, Stopped() if getattr(verdict, "kind", "") == CANCELLED else verdict)
        await let_others_run()
        self._stillness.look()

    async def _bring(self, lines: Mapping[str, bytes]) -> BatchState:
        """A batch of these requests once it has ended. It is tried again when others of ours have made room for it; one
        that comes back as full is to be made smaller, or was tried for longer than a batch takes.

        Raises:
            As `Courier.submit`.
        """
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            if self._halt.is_set:
                raise Stopped
            self._out += 1
            try:
                state = await self.courier.wait(await self.courier.submit(lines))
            finally:
                self._out -= 1
                for each in self._queue:
                    _wake(each)
            if not state.is_full:
                return state
            self.courier.forget(state)
            if self._out:
                await self._wait_for_another()
            elif len(lines) > 1 or time.monotonic() - began > PATIENCE:
                return state
            else:
                await self._halt.sleep(pause if state.wait is None else state.wait)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _wait_for_another(self) -> None:
        """Until another batch has ended, or the run stops."""
        ended = asyncio.get_running_loop().create_future()
        self._queue.add(ended)
        self._halt.wakers.add(ended)
        try:
            await ended
        finally:
            self._queue.discard(ended)
            self._halt.wakers.discard(ended)

    def _count_answers(self, verdicts: Mapping[str, Verdict]) -> None:
        """A provider whose batches answer nothing, time after time, is not asked for ever."""
        if not verdicts or any(not isinstance(verdict, TransientError) for verdict in verdicts.values()):
            self._in_vain = 0
            return
        self._in_vain += 1
        if self._in_vain > self.courier.settings.retries:
            last = next(each for each in verdicts.values() if isinstance(each, TransientError))
            self._halt.stop("model", faults.model_unavailable(
                self.courier.model, self._in_vain, last.message, asked_by="batches"
            ))

    async def _give_up_on_halt(self) -> None:
        await self._halt.event.wait()
        for waiter in self._gathered:
            _fail(waiter, Stopped())
        self._gathered = []


def split_file(
    rendered: Sequence[tuple[T, bytes]], most: int, most_bytes: int = MOST_FILE_BYTES
) -> Iterator[list[tuple[T, bytes]]]:
    """Parts that a provider takes, in order. rendered: lines, each with whose it is; none of them is larger than a
    file may be, since a prompt is not."""
    part: list[tuple[T, bytes]] = []
    size = 0
    for entry in rendered:
        if part and (len(part) >= most or size + len(entry[1]) > most_bytes):
            yield part
            part, size = [], 0
        part.append(entry)
        size += len(entry[1])
    if part:
        yield part


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(waiter: _Waiter, error: Exception) -> None:
    if not waiter.answer.done():
        waiter.answer.set_exception(error)
