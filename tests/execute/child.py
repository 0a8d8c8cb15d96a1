"""Applies the hand-made plan in a process of its own, so that a test can kill it.

`python -m tests.execute.child FOLDER BASE_URL [WISH as JSON] [most bytes that a file may grow to] [workers]`
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path

from tests.execute.worlds import Wish, build_world


def main(folder: str, base_url: str, wish: str = "{}", limit: str = "", workers: str = "0") -> int:
    """The run's exit code; its diagnostics' codes go to standard output."""
    world = build_world(Path(folder), Wish(**json.loads(wish)), base_url=base_url or None)
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    outcome = world.apply(saved=True, workers=int(workers))
    print(" ".join(diagnostic.code for diagnostic in outcome.diagnostics), flush=True)
    return int(outcome.exit_code)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
