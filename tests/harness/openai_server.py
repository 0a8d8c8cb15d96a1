"""The simulated endpoint of `refinelab_dsl.serving` beside a test: in its event loop, in a thread, as a process. Its
tally keeps every body and its headers.

In a test::

    async with OpenAIServer(Behaviour(script=(Fault("status", status=429, retry_after="0"),))) as server:
        ...  # model with base_url = server.base_url
    server.tally.delivered  # body key -> replies that were sent in full

    with ThreadServer(Behaviour()) as server: ...        # beside blocking code
    with ProcessServer("--delay", "0.01", log=path) as server: ...  # outlives a client that is killed

As a process: `python -m tests.harness.openai_server --port 0 --delay 0.01 --log requests.jsonl`, which prints its port.
What `refinec serve-simulated` does not do, a server that keeps silent about being simulated, it does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.serving import Behaviour, Fault, Tally, parse_chance
from refinelab_dsl.serving.server import SimulatedServer

__all__ = ["Behaviour", "Fault", "OpenAIServer", "ProcessServer", "Recording", "ThreadServer", "parse_arguments"]

PLAIN: Final = Behaviour()


@dataclass
class Recording(Tally):
    """A tally that keeps what was sent, in order of arrival."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def note_request(self, key: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> int:
        self.bodies.append(dict(body))
        self.headers.append(dict(headers))
        return super().note_request(key, body, headers)


class OpenAIServer(SimulatedServer):
    """The server in the running event loop."""

    tally: Recording

    def __init__(self, behaviour: Behaviour = PLAIN, port: int = 0) -> None:
        super().__init__(behaviour, port, tally=Recording())

    def refuse_after(self, count: int) -> None:
        """The next `count` requests are answered, the one after them is refused for good."""
        self.script = deque([*([None] * count), Fault("status", status=401)])


class ThreadServer:
    """The server in a thread of its own, beside a test that blocks; a context manager."""

    def __init__(self, behaviour: Behaviour = PLAIN) -> None:
        self.server = OpenAIServer(behaviour)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def base_url(self) -> str:
        return self.server.base_url

    @property
    def script(self) -> deque[Fault | None]:
        """What is left of the behaviour's script."""
        return self.server.script

    @property
    def tally(self) -> Recording:
        return self.server.tally

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class ProcessServer:
    """The server as a child process with these command-line arguments; a context manager. With `log`, `exchanges`
    reads back every request and how it was answered."""

    def __init__(self, *arguments: str, log: Path | None = None) -> None:
        self._arguments = (*arguments, *(("--log", str(log)) if log is not None else ()))
        self._log = log
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def exchanges(self) -> list[dict[str, str]]:
        """`{"key", "outcome"}` per request, in order; outcome `answered` is what would be paid for."""
        if self._log is None or not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]

    def __enter__(self) -> Self:
        root = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.openai_server", "--port", "0", *self._arguments],
            cwd=root, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def parse_arguments(arguments: Sequence[str] | None = None) -> tuple[Behaviour, int]:
    """The behaviour and the port that a command line asks for."""
    parser = argparse.ArgumentParser(description="An OpenAI-shaped endpoint with faults on request.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--success", type=float, default=1.0)
    parser.add_argument("--malformed", type=float, default=0.0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--fail", action="append", default=[], type=parse_chance, metavar="KIND=SHARE")
    parser.add_argument("--refuse", action="append", default=[])
    parser.add_argument("--key")
    parser.add_argument("--silent", action="store_true", help="replies do not say that they are simulated")
    parser.add_argument("--log", type=Path)
    options = parser.parse_args(arguments)
    simulation = Simulation(options.seed, options.success, options.malformed, announce=not options.silent)
    return Behaviour(
        simulation=simulation, latency=(options.delay, options.delay), chances=tuple(options.fail),
        refuse=frozenset(options.refuse), key=options.key, log=options.log,
    ), options.port  # fmt: skip


async def serve(behaviour: Behaviour, port: int) -> None:
    """Until the process ends."""
    async with OpenAIServer(behaviour, port) as server:
        print(server.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*parse_arguments()))
