"""When a call that failed is tried again."""

from __future__ import annotations

import hashlib

from refinelab_dsl.declarations import Run

LONGEST = 60.0  # seconds between two tries of our own choosing
LONGEST_ASKED = 300.0  # seconds that an endpoint can make us wait with `Retry-After`


def delay_before(settings: Run, key: str, tries: int, retry_after: float | None) -> float | None:
    """Seconds to wait before the next try after `tries` failed ones, None if there is none.

    What the endpoint asks for; else exponential backoff with full jitter (Brooker 2015), drawn from the call's content
    key, so that a run waits the same twice and calls that failed together do not come back together.
    """
    if tries > settings.retries:
        return None
    if retry_after is not None:
        return min(max(retry_after, 0.0), LONGEST_ASKED)
    bound = min(LONGEST, float(settings.backoff) * 2.0 ** min(tries - 1, 32))
    draw = int.from_bytes(hashlib.sha256(f"{key}\n{tries}".encode()).digest()[:8], "big") / 2**64
    return bound * draw
