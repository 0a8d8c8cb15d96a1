"""Connections that are kept open between calls, and only those on which nothing is left.

An endpoint, or a proxy before it, that answers a request twice leaves the second answer on the connection. aiohttp
would take it for the answer to the next request: the reply on another item would be paid for, judged and written. So
a connection on which something lies that nobody asked for is closed, and the call goes out on another one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    import httpx2


class CleanConnector(aiohttp.TCPConnector):
    """Hands out connections with nothing left on them."""

    async def connect(self, *arguments: Any, **options: Any) -> Any:
        while True:
            connection = await super().connect(*arguments, **options)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()


def keep_clean(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """The same client, on its aiohttp transport, with such connections; one that was not used yet.

    The SDK offers no parameter for it. `tests/faults/test_kinds.py` fails where this has no effect.
    """
    for transport in (client._transport, *client._mounts.values()):
        if transport is not None:
            transport.client = partial(_open_session, transport)  # type: ignore[attr-defined]
    return client


def _open_session(transport: Any) -> aiohttp.ClientSession:
    """As the transport opens its own, but for the class of the connector."""
    return aiohttp.ClientSession(
        connector=CleanConnector(
            limit=transport.limits.max_connections or 0, keepalive_timeout=transport.limits.keepalive_expiry,
            ssl=transport.ssl_context,
        )
    )  # fmt: skip
