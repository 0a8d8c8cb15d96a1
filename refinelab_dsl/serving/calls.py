"""What the simulated endpoint answers, by path: each call is a pure function from a request's body to a reply's."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from refinelab_dsl.embeddings import Hashed
from refinelab_dsl.providers.endpoint import Simulation, answer_body
from refinelab_dsl.providers.wire import SIMULATED_FINGERPRINT

WIDTH: Final = 256
"""Numbers of a vector."""

Call: TypeAlias = Callable[[Mapping[str, Any], Simulation], dict[str, Any]]
"""From a body to a reply; raises ValueError, with a message for the client, where the body is no such request."""


def complete_chat(body: Mapping[str, Any], simulation: Simulation) -> dict[str, Any]:
    """A chat completion.

    Raises:
        ValueError: no such request, or one for what is not simulated (`n`, tools).
    """
    if body.get("n") not in (None, 1):
        raise ValueError("'n' is 1 here: one choice is simulated")
    for name in ("tools", "functions"):
        if body.get(name):
            raise ValueError(f"{name!r} is not simulated")
    return answer_body(body, simulation)


def embed_texts(body: Mapping[str, Any], simulation: Simulation) -> dict[str, Any]:
    """Vectors of texts: hashed letters, so texts that read alike are near each other.

    Raises:
        ValueError: `input` is neither a text nor a list of texts, or `dimensions` is none of 1 to `WIDTH`.
    """
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError("'input' must be a text or a list of texts, none of them empty")
    width = body.get("dimensions", WIDTH)
    if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= WIDTH:
        raise ValueError(f"'dimensions' must be a whole number from 1 to {WIDTH}")
    rows = Hashed().embed(texts)[:, :width].astype(np.float32)
    is_packed = body.get("encoding_format") == "base64"
    data = [
        {
            "object": "embedding",
            "index": place,
            "embedding": base64.b64encode(row.astype("<f4").tobytes()).decode() if is_packed else row.tolist(),
        }
        for place, row in enumerate(rows)
    ]
    tokens = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    reply = {"object": "list", "data": data, "model": str(body.get("model", "")), "usage": usage}
    if simulation.announce:
        reply["system_fingerprint"] = SIMULATED_FINGERPRINT
    return reply


CALLS: Final[Mapping[str, Call]] = {"/v1/chat/completions": complete_chat, "/v1/embeddings": embed_texts}
