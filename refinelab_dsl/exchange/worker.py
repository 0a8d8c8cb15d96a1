"""A process that makes exchanges for another one, which feeds it over the socket that is its standard input.

It ends when that socket does, however its parent ended. It has a session of its own, so that Ctrl-C on a terminal
reaches the parent alone, which lets running calls end.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from typing import NoReturn

from refinelab_dsl.exchange.client import Client
from refinelab_dsl.exchange.messages import (
    Ask,
    Broken,
    Done,
    Forget,
    Frames,
    Open,
    Outcome,
    Ready,
    ToWorker,
    dump_frame,
)
from refinelab_dsl.exchange.secret import Secret


def main() -> None:
    """Never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # what was imported stays: no collection has to look through it
    asyncio.run(_serve(socket.socket(fileno=0)))


async def _serve(connection: socket.socket) -> None:
    desk = _Desk()
    frames = Frames(ToWorker, desk.hear, _leave)
    desk.transport, _ = await asyncio.get_running_loop().create_connection(lambda: frames, sock=connection)
    desk.transport.write(dump_frame(Ready()))
    await asyncio.Event().wait()


def _leave() -> NoReturn:
    """At once: nobody waits for what is in flight."""
    os._exit(0)


class _Desk:
    """Makes the exchanges that the parent asks for, as many at a time as it asks."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._clients: dict[int, Client] = {}
        self._flying: dict[int, asyncio.Task[None]] = {}

    def hear(self, message: ToWorker) -> None:
        match message:
            case Open(endpoint, settings, key):
                self._clients[endpoint] = Client(settings, None if key is None else Secret(key))
            case Ask(number):
                self._flying[number] = asyncio.get_running_loop().create_task(self._answer(message))
            case Forget(number):
                task = self._flying.pop(number, None)
                if task is not None:
                    task.cancel()

    async def _answer(self, request: Ask) -> None:
        try:
            outcome: Outcome = await self._clients[request.endpoint].ask(request.path, request.content)
        except Exception as error:  # a bug: the parent must not wait for ever
            outcome = Broken("connection", f"the exchange failed: {type(error).__name__}", sent=True)
        self._flying.pop(request.number, None)
        self.transport.write(dump_frame(Done(request.number, outcome)))
