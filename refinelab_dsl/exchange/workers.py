"""Worker processes that make the exchanges of this one: past what one processor can do for the SDK, several share it.

Only bytes go to them and come back. Ledger, journal, store, rates and the meaning of replies stay here, so a run gives
the same bytes with any number of workers. A worker that dies takes its calls with it: they may have been charged, and
fail as if their connections had been lost. It is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import os
import socket
import subprocess
import sys
from typing import Final

from refinelab_dsl.exchange.messages import (
    Ask,
    Broken,
    Done,
    Forget,
    Frames,
    FromWorker,
    Open,
    Outcome,
    Ready,
    Settings,
    dump_frame,
)
from refinelab_dsl.exchange.secret import Secret

START_SECONDS: Final = 60.0
"""For which the first call waits until all workers can be asked."""

_NEEDED: Final = ("openai", "aiohttp")  # which this process does not import
_MOST_STARTS: Final = 3  # in a row of a worker that ended before it could be asked
_PAUSE: Final = 0.5  # seconds until a worker that ended without one answer is started again

_PROGRAM: Final = "import sys; sys.path[:] = sys.argv[1:]; from refinelab_dsl.exchange.worker import main; main()"
_KEPT_VARIABLES: Final = frozenset({
    "ALL_PROXY", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "NO_PROXY",
    "OPENSSL_CONF", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "SYSTEMROOT", "TMPDIR", "TZ",
})  # fmt: skip
"""All that an exchange goes by: no keys, whose variables a spec may name as it likes."""


class Workers:
    """`count` processes, at least one, which belong to one event loop. They start with `begin`, and end when the last
    channel is closed."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._numbers = itertools.count()
        self._opened: dict[int, bytes] = {}  # endpoint -> the frame that tells a worker of it
        self._workers: list[_Worker] = []

    def open(self, settings: Settings, key: Secret | None) -> RemoteChannel:
        """A way to an endpoint through the workers.

        Raises:
            ModuleNotFoundError: what they need is not installed.
        """
        for name in _NEEDED:
            if importlib.util.find_spec(name) is None:
                raise ModuleNotFoundError(f"{name} is not installed", name=name)
        endpoint = next(self._numbers)
        self._opened[endpoint] = dump_frame(Open(endpoint, settings, None if key is None else key.reveal()))
        for worker in self._workers:
            worker.write(self._opened[endpoint])
        return RemoteChannel(self, endpoint, settings.seconds)

    async def begin(self) -> None:
        """Starts the workers, if there is anything for them to do, and waits until they can be asked."""
        if self._opened and not self._workers:
            self._workers = [_Worker(self._opened) for _ in range(self._count)]
            for worker in self._workers:
                await worker.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                for worker in self._workers:
                    await worker.settled.wait()

    async def ask(self, endpoint: int, path: str, content: bytes, seconds: float) -> Outcome:
        """What comes of a request, made by the worker with the fewest in flight."""
        if not any(worker.is_ready for worker in self._workers):
            try:
                async with asyncio.timeout(seconds):
                    await self._find_ready()
            except TimeoutError:
                return Broken("connection", "no worker process can be asked", sent=False)
        ready = [worker for worker in self._workers if worker.is_ready]
        if not ready:
            return Broken("connection", "the worker processes do not start", sent=False)
        return await min(ready, key=_count_flying).ask(Ask(next(self._numbers), endpoint, path, content))

    async def _find_ready(self) -> None:
        """Waits until one worker can be asked, or none will ever be."""
        await self.begin()
        waiting = [asyncio.ensure_future(worker.settled.wait()) for worker in self._workers if not worker.is_given_up]
        try:
            if waiting:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    async def close(self, endpoint: int) -> None:
        """An endpoint is not asked any more; without any the workers end."""
        self._opened.pop(endpoint, None)
        if not self._opened:
            workers, self._workers = self._workers, []
            for worker in workers:
                worker.end()
            await asyncio.sleep(0)  # the transports close their sockets


class RemoteChannel:
    """A way to one endpoint through workers; see `messages.Channel`."""

    def __init__(self, workers: Workers, endpoint: int, seconds: float) -> None:
        self._workers = workers
        self._endpoint = endpoint
        self._seconds = seconds

    async def ask(self, path: str, content: bytes) -> Outcome:
        return await self._workers.ask(self._endpoint, path, content, self._seconds)

    async def close(self) -> None:
        await self._workers.close(self._endpoint)


class _Worker:
    """One process after the other. settled: it can be asked, or is given up."""

    def __init__(self, opened: dict[int, bytes]) -> None:
        self._opened = opened
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._starts = 0
        self._has_answered = False
        self._starting: asyncio.Task[None] | None = None
        self._has_ended = False
        self.flying: dict[int, asyncio.Future[Outcome]] = {}
        self.settled = asyncio.Event()
        self.is_ready = False
        self.is_given_up = False

    async def start(self) -> None:
        """A new process, which is told of all endpoints; where the machine gives none, it is given up."""
        self._starts += 1
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _PROGRAM, *filter(None, sys.path)],  # the code that runs here
                    stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    env=_choose_environment(), start_new_session=True,
                )  # fmt: skip
            except OSError:
                ours.close()
                self._give_up()
                return
        frames = Frames(FromWorker, self._hear, self._lose)
        self._transport, _ = await asyncio.get_running_loop().create_connection(lambda: frames, sock=ours)
        for frame in self._opened.values():
            self._transport.write(frame)

    def write(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)

    async def ask(self, request: Ask) -> Outcome:
        """What comes of a request, to a worker that can be asked."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.flying[request.number] = future
        self.write(dump_frame(request))
        try:
            return await future
        except asyncio.CancelledError:
            if self.flying.get(request.number) is future:
                self.write(dump_frame(Forget(request.number)))
            raise
        finally:
            self.flying.pop(request.number, None)

    def end(self) -> None:
        """Ends the process; what is in flight fails."""
        self._has_ended = True
        if self._starting is not None:
            self._starting.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._reap()
        self._fail_flying()

    def _hear(self, message: FromWorker) -> None:
        match message:
            case Ready():
                self.is_ready = True
                self._starts = 0
                self.settled.set()
            case Done(number, outcome):
                self._has_answered = True
                future = self.flying.pop(number, None)
                if future is not None and not future.done():
                    future.set_result(outcome)

    def _lose(self) -> None:
        """The process is gone, or speaks no frames any more."""
        self.is_ready = False
        self.settled.clear()
        self._transport = None
        self._reap()
        self._fail_flying()
        if self._has_ended:
            return
        if self._starts >= _MOST_STARTS:
            self._give_up()
        else:
            pause, self._has_answered = 0.0 if self._has_answered else _PAUSE, False
            self._starting = asyncio.get_running_loop().create_task(self._start_again(pause))

    async def _start_again(self, pause: float) -> None:
        await asyncio.sleep(pause)
        await self.start()

    def _give_up(self) -> None:
        self.is_given_up = True
        self.settled.set()

    def _fail_flying(self) -> None:
        flying, self.flying = self.flying, {}
        for future in flying.values():
            if not future.done():
                future.set_result(Broken("connection", "the worker process that made the call ended", sent=True))

    def _reap(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _count_flying(worker: _Worker) -> int:
    return len(worker.flying)


def _choose_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.upper() in _KEPT_VARIABLES}
