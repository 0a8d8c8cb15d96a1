"""Refusals as OpenAI words them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from refinelab_dsl.providers.wire import SIMULATED_FINGERPRINT

MARK: Final = {"x-refinec": SIMULATED_FINGERPRINT}
"""Header of every answer."""


def refuse(
    status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None,
    param: str | None = None, headers: Mapping[str, str] | None = None,
) -> web.Response:  # fmt: skip
    """An answer that says why there is none, as OpenAI words it."""
    error = {"message": message, "type": kind, "code": code, "param": param}
    return web.json_response({"error": error}, status=status, headers={**MARK, **(headers or {})})
