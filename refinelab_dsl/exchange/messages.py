"""What an exchange takes and gives, and how both go to a worker and back.

A frame is four bytes of length, the lowest first, and as many of msgpack. A worker is told of each endpoint before the
first request to it; the key is in that frame and nowhere else. Its first frame says that it can be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

import msgspec

_PREFIX: Final = 4


class Settings(msgspec.Struct, frozen=True, array_like=True):
    """How one endpoint is reached. host: in lower case; no other one is sent anything. seconds: for one exchange.
    connections: at a time. most_bytes: of one reply's body. trust_env: proxies of the environment are used."""

    base_url: str
    host: str
    seconds: float
    connections: int
    most_bytes: int
    trust_env: bool


class Answer(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """A reply of status 2xx. headers: those that a run reads, with names in lower case."""

    content: bytes
    headers: dict[str, str]


class Status(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A reply of another status, with what its body says: in words, as a code, and of which parameter."""

    status: int
    message: str
    code: str | None
    param: str | None
    headers: dict[str, str]


class Broken(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """No usable reply. kind, sent: as `TransientError` has them."""

    kind: str
    message: str
    sent: bool


Outcome: TypeAlias = Answer | Status | Broken
"""What comes of one exchange."""


class Channel(Protocol):
    """A way to one endpoint: from this process, or through workers."""

    async def ask(self, path: str, content: bytes) -> Outcome:
        """What comes of posting a body of JSON."""
        ...

    async def close(self) -> None:
        """Releases connections; it is not asked afterwards."""
        ...


class Open(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """To a worker: an endpoint by the number that requests name. Not to be shown: it holds the key."""

    endpoint: int
    settings: Settings
    key: str | None


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """To a worker: a request. content: the body, as JSON."""

    number: int
    endpoint: int
    path: str
    content: bytes


class Forget(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """To a worker: nobody waits for this reply any more."""

    number: int


class Ready(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """From a worker: it can be asked."""


class Done(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """From a worker: what came of a request."""

    number: int
    outcome: Outcome


ToWorker: TypeAlias = Open | Ask | Forget
FromWorker: TypeAlias = Ready | Done


def dump_frame(message: ToWorker | FromWorker) -> bytes:
    """A message as it goes over the socket."""
    content = msgspec.msgpack.encode(message)
    return len(content).to_bytes(_PREFIX, "little") + content


class Frames(asyncio.Protocol):
    """Reads the frames of one socket.

    hear: gets each message, of one of the types in `kinds`. end: is called once, when the other side is gone; so it is
    when it sends what is no frame.
    """

    def __init__(self, kinds: Any, hear: Callable[[Any], None], end: Callable[[], None]) -> None:
        self._decoder = msgspec.msgpack.Decoder(kinds)
        self._hear = hear
        self._end = end
        self._buffer = bytearray()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        start = 0
        while len(self._buffer) >= start + _PREFIX:
            end = start + _PREFIX + int.from_bytes(self._buffer[start : start + _PREFIX], "little")
            if len(self._buffer) < end:
                break
            try:
                message = self._decoder.decode(self._buffer[start + _PREFIX : end])
            except msgspec.MsgspecError:
                if isinstance(self._transport, asyncio.Transport):
                    self._transport.abort()
                return
            self._hear(message)
            start = end
        del self._buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
