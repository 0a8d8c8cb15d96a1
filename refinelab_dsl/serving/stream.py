"""A chat completion as the events that a client with `stream` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

_PIECE: Final = 24  # characters of the text in one event


def render_stream(reply: Mapping[str, Any], *, with_usage: bool) -> bytes:
    """The reply, faults included, as server-sent events. with_usage: an event at the end says what it took."""
    events = (f"data: {json.dumps(chunk)}\n\n" for chunk in _cut(reply, with_usage))
    return ("".join(events) + "data: [DONE]\n\n").encode()


def _cut(reply: Mapping[str, Any], with_usage: bool) -> Iterator[dict[str, Any]]:
    frame = {name: reply[name] for name in ("id", "created", "model", "system_fingerprint") if name in reply}
    frame["object"] = "chat.completion.chunk"
    for choice in reply["choices"]:
        message = choice["message"]
        text = str(message.get("content") or "")
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{"content": text[start : start + _PIECE]} for start in range(0, len(text), _PIECE)]
        if message.get("refusal"):
            deltas.append({"refusal": message["refusal"]})
        ends = [*[None] * len(deltas), choice["finish_reason"]]
        for delta, end in zip([*deltas, {}], ends, strict=True):
            yield {**frame, "choices": [{"index": choice["index"], "delta": delta, "finish_reason": end}]}
    if with_usage and "usage" in reply:
        yield {**frame, "choices": [], "usage": reply["usage"]}
