"""No test reaches the network: connections to anything but this machine fail."""

from __future__ import annotations

import gc
import ipaddress
import socket
from typing import Any

import pytest

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


def _is_local(family: int, address: Any) -> bool:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def pytest_collection_finish() -> None:
    """Modules and nine thousand tests stay until the end: to look through them for garbage again and again takes a
    twentieth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Any:
    """Guards this process; processes that tests start talk to servers of the tests alone."""

    def connect(self: socket.socket, address: Any) -> None:
        if not _is_local(self.family, address):
            raise RuntimeError(f"a test tried to reach the network: {address!r}")
        _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        if not _is_local(self.family, address):
            raise RuntimeError(f"a test tried to reach the network: {address!r}")
        return _connect_ex(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", connect)
    patch.setattr(socket.socket, "connect_ex", connect_ex)
    yield
    patch.undo()
