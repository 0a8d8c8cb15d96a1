"""Carries files of requests to a provider's batch endpoint, waits, and brings the answers back.

What a process that is killed leaves behind is never bought again: a batch stands in the journal, with a token that goes
along in its metadata, before its file is uploaded, and its id before anybody waits for it. A batch whose id never
arrived is looked for by its token; where there is none, its file is deleted, so that no late request can start it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

from refinelab_dsl.declarations import Run
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.execute.calls import Stopped
from refinelab_dsl.execute.halt import Halt
from refinelab_dsl.execute.journal import BatchEntry, Journal
from refinelab_dsl.execute.observe import BatchMoved, BatchStatus, Event
from refinelab_dsl.execute.retry import delay_before
from refinelab_dsl.prompts.request import Completion
from refinelab_dsl.providers import RefusedError, TransientError
from refinelab_dsl.providers.batches import CANCELLED, EXPIRED, TOKEN, Batches, BatchState, Verdict, read_lines
from refinelab_dsl.providers.wire import Dialect

_FIRST_WAIT: Final = 5.0  # seconds until a batch is asked about, where its provider does not say
_LONGEST_WAIT: Final = 300.0
_GROWTH: Final = 1.5
_UNCLEAR: Final = ("server", "timeout")  # what a gateway also says when those behind it have done their work
_GONE: Final = BatchState("", "completed", message="gone")

T = TypeVar("T")


class Trouble(Exception):
    """The batch endpoint cannot be used any further; the batches that are with it go on there."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass
class Courier:
    """The way to the batches of one model. labels: what goes along in the metadata for people to read. open: the ids of
    batches that are with the provider, with what is known of them. note: told how they do."""

    model: str
    batches: Batches
    journal: Journal
    halt: Halt
    settings: Run
    labels: Mapping[str, str]
    note: Callable[[Event], None]
    open: dict[str, BatchState] = field(default_factory=dict)
    _made: set[str] = field(default_factory=set)  # by this process

    async def submit(self, lines: Mapping[str, bytes]) -> BatchState:
        """Makes a batch of these requests (by key, each a line of its file).

        Raises:
            Stopped: the run stopped before the batch was made. Trouble. JournalError.
        """
        content = b"".join(lines.values())
        digest, token = hashlib.sha256(content).hexdigest(), secrets.token_hex(16)
        number = await self.journal.open_batch(self.model, token, digest, list(lines))
        metadata = {**self.labels, "refinec_file": digest, TOKEN: token}
        made_at, file, tries = time.time(), None, 0
        while True:
            if file is None:
                file = await self._persist(partial(self.batches.upload, content, f"{token}.jsonl"))
                await self.journal.note_file(number, file)
            if self.halt.is_set:
                raise Stopped
            try:
                state = await self.batches.create(file, metadata)
            except RefusedError as error:
                raise Trouble(self._describe(error)) from None
            except TransientError as error:
                may_be_made = error.sent or error.kind in _UNCLEAR
                found = await self._seek(token, made_at, file) if may_be_made else None
                if found is None:
                    file = None if may_be_made else file
                    tries += 1
                    await self._pause(error, tries)
                    continue
                state = found
            await self.journal.note_batch(number, state.id)
            self._made.add(state.id)
            state = replace(state, total=len(lines))
            self._keep(state)
            return state

    async def settle(self, entry: BatchEntry) -> BatchState | None:
        """What became of a batch that another process made, or was about to make; None where it never was.

        Raises:
            Stopped, Trouble, JournalError: as `submit`.
        """
        if entry.batch is not None:
            return await self._ask(entry.batch)
        state = await self._seek(entry.token, entry.made_at, entry.file)
        if state is not None:
            await self.journal.note_batch(entry.id, state.id)
            self._keep(state)
        return state

    async def wait(self, state: BatchState) -> BatchState:
        """The batch once it has ended.

        Raises:
            Stopped: the run stops; the batch goes on at its provider. Trouble.
        """
        own, failures = _FIRST_WAIT, 0
        self._keep(state)
        while state.status == "running":
            await self._sleep(own if state.wait is None else state.wait)
            own = min(own * _GROWTH, _LONGEST_WAIT)
            try:
                seen, failures = await self.batches.retrieve(state.id), 0
                state = replace(seen, total=seen.total or state.total)
            except TransientError as error:
                failures += 1
                if failures > self.settings.retries:
                    raise Trouble(self._describe(error)) from None
                state = replace(state, wait=error.retry_after)
            except RefusedError as error:
                if error.status != 404:
                    raise Trouble(self._describe(error)) from None
                failures += 1  # it may not be known yet to the machine that was asked
                if failures > self.settings.retries:
                    state = replace(_GONE, id=state.id)
            self._keep(state)
        return state

    def forget(self, state: BatchState) -> None:
        """The provider had no room for this batch: nothing of it will be made."""
        self.open.pop(state.id, None)

    def _keep(self, state: BatchState) -> None:
        """What is known of a batch now; whoever watches is told where that is news."""
        before = self.open.get(state.id)
        if before is None or (before.status, before.done) != (state.status, state.done):
            status: BatchStatus = "full" if state.is_full else state.status
            self.note(BatchMoved(self.model, state.id, status, state.done, state.total))
        self.open[state.id] = state

    async def collect(
        self, state: BatchState, keys: Collection[str], wording: Dialect | None
    ) -> dict[str, Verdict]:
        """What became of each of these requests of a batch that has ended; the first reply counts where there are
        several answers. One without an answer may have been charged, unless the batch ended before it was made; so what
        the provider says is done and does not show is asked for again, `retries` times. Of a batch that another process
        made what is still not there counts as lost then, to be bought again.

        Raises:
            Stopped, Trouble: as `wait`; so does a batch of this process that shows nothing at all: to buy it again at
                once may be to lose it again.
        """
        tries = 0
        while True:
            found, is_shown = await self._read_answers(state, keys, wording)
            tries += 1
            delay = delay_before(self.settings, state.id, tries, None)
            if is_shown or len(found) == len(keys) or delay is None or state.message == _GONE.message:
                break
            await self._sleep(delay)
            seen = await self._ask(state.id)
            state = seen if seen.status == state.status and seen.message != _GONE.message else state
        self.open.pop(state.id, None)
        if not found and not is_shown and state.status == "completed" and state.id in self._made:
            reason = f"batch {state.id} is completed, and shows none of its answers"
            raise Trouble(faults.batch_unavailable(self.model, reason, "missing"))
        for key in keys:
            if key not in found:
                found[key] = _judge_missing(state, is_gone=not is_shown)
        return found

    async def _read_answers(
        self, state: BatchState, keys: Collection[str], wording: Dialect | None
    ) -> tuple[dict[str, Verdict], bool]:
        """What the files of a batch say of these requests, and whether all is there that the provider says is done."""
        found: dict[str, Verdict] = {}
        shown: set[str] = set()
        is_whole = True
        for file in (state.output_file, state.error_file):
            if file is None:
                continue
            try:
                content = await self._persist(partial(self.batches.download, file), is_refusal_trouble=False)
            except RefusedError as error:
                if error.status != 404:
                    raise Trouble(self._describe(error)) from None
                is_whole = False
                continue
            for key, line in read_lines(content):
                shown.add(key)
                if key in keys and not isinstance(found.get(key), Completion):
                    verdict = self.batches.judge_line(line, wording)
                    if key not in found or isinstance(verdict, Completion):
                        found[key] = verdict
        is_empty = state.status == "completed" and not shown
        return found, is_whole and not is_empty and len(shown) >= min(state.done, state.total)

    async def close(self) -> None:
        await self.batches.close()

    async def _ask(self, batch: str) -> BatchState:
        tries = 0
        while True:
            try:
                return await self._persist(partial(self.batches.retrieve, batch), is_refusal_trouble=False)
            except RefusedError as error:
                if error.status != 404:
                    raise Trouble(self._describe(error)) from None
            tries += 1
            delay = delay_before(self.settings, batch, tries, None)
            if delay is None:
                return replace(_GONE, id=batch)
            await self._sleep(delay)

    async def _seek(self, token: str, since: float, file: str | None) -> BatchState | None:
        """The batch that bears the token. Where there is none, there will be none either: its file is gone."""
        found = await self._persist(partial(self.batches.find, token, since))
        if (found is None or found.status == "failed") and file is not None:
            await self._persist(partial(self.batches.discard, file))
            found = await self._persist(partial(self.batches.find, token, since))
        return None if found is None else replace(found, wait=0.0)  # a list does not say when to ask again: now

    async def _persist(self, operation: Callable[[], Awaitable[T]], *, is_refusal_trouble: bool = True) -> T:
        """An exchange that costs nothing and may be repeated."""
        tries = 0
        while True:
            try:
                return await operation()
            except RefusedError as error:
                if not is_refusal_trouble:
                    raise
                raise Trouble(self._describe(error)) from None
            except TransientError as error:
                tries += 1
                await self._pause(error, tries)

    async def _pause(self, error: TransientError, tries: int) -> None:
        delay = delay_before(self.settings, self.model, tries, error.retry_after)
        if delay is None:
            raise Trouble(self._describe(error)) from None
        await self._sleep(delay)

    async def _sleep(self, seconds: float) -> None:
        await self.halt.sleep(seconds)
        if self.halt.is_set:
            raise Stopped

    def _describe(self, error: TransientError | RefusedError) -> Diagnostic:
        return faults.batch_unavailable(self.model, error.message, error.kind)


def _judge_missing(state: BatchState, *, is_gone: bool) -> TransientError:
    """What it means that a request stands in no file of answers."""
    if state.status == "completed" or is_gone:
        return TransientError("missing", "the batch holds no answer to this request", sent=True)
    return TransientError(CANCELLED if state.status == "cancelled" else EXPIRED, f"the batch has {state.status}")


async def let_others_run() -> None:
    """Once round the event loop: whoever was woken has gone on."""
    await asyncio.sleep(0)
