"""What an endpoint of embeddings replies, as a value. A reply that cannot be used is refused, not repaired: a distance
from a wrong vector looks like any other."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from refinelab_dsl.effects import encode_outcome
from refinelab_dsl.prompts.request import Completion, Usage
from refinelab_dsl.providers.provider import RefusedError
from refinelab_dsl.providers.wire import SIMULATED_FINGERPRINT, BadReply, clean, read_count, reported

_LARGEST: Final = 1e18  # of a component: its square is still a float32


def read_vectors(count: int, width: int | None, content: bytes, request_id: str | None) -> Completion:
    """The vectors that a body holds, as `effects.encode_outcome` writes them.

    count: the texts that were sent. width: the numbers of a vector, where one is known.

    Raises:
        BadReply: no JSON object.
        ReportedError: the body reports an error.
        RefusedError: kind `bad_vectors`: other vectors than were asked for, or what is no vector.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise BadReply("the reply's body is no JSON") from None
    if not isinstance(body, dict):
        raise BadReply("the reply's body is no JSON object")
    if body.get("error"):
        raise reported(body["error"])
    vectors = _order(body.get("data"), count)
    for vector in vectors:
        if len(vector) != (width or len(vectors[0])):
            _refuse(f"a vector of {len(vector)} numbers came after one of {width or len(vectors[0])}")
    usage, model = body.get("usage"), body.get("model")
    sent = read_count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None
    return Completion(
        text=encode_outcome(vectors),
        usage=None if sent is None else Usage(sent, 0),
        finish_reason="stop",
        model=clean(model) if isinstance(model, str) else "unknown",
        request_id=clean(request_id or "") or None,
        simulated=body.get("system_fingerprint") == SIMULATED_FINGERPRINT,
    )


def _order(data: Any, count: int) -> list[list[float]]:
    """The vectors in the order of the texts."""
    if not isinstance(data, list) or len(data) != count:
        _refuse(f"{len(data) if isinstance(data, list) else 'no'} vectors came for {count} texts")
    placed: dict[int, list[float]] = {}
    for place, entry in enumerate(data):
        index = entry.get("index", place) if isinstance(entry, dict) else place
        vector = entry.get("embedding") if isinstance(entry, dict) else None
        if not isinstance(vector, list) or not vector:
            _refuse("an entry of the reply holds no vector")
        if not all(_is_number(each) for each in vector):
            _refuse("a vector of the reply holds something else than finite numbers")
        if not any(vector):
            _refuse("a vector of the reply is zero")
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < count or index in placed:
            _refuse("the reply numbers its vectors wrongly")
        placed[index] = [float(each) for each in vector]
    return [placed[index] for index in range(count)]


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and abs(value) < _LARGEST


def _refuse(reason: str) -> NoReturn:
    raise RefusedError("bad_vectors", reason)
