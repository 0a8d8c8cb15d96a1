"""The command line that the peers' adapters share. It runs in a peer's environment, so it imports Python's own only.

    python with_PEER.py FOLDER BASE_URL ROWS [option=value]...        probes.py: one call per row of a JSONL file
    python with_PEER.py --base-url URL --bodies FILE --concurrency N  throughput.py: one call per body

Both end by a line of JSON: `{"questions": [...]}`, the question of each row of the result in its order, and
`{"calls": 1000, "versions": {...}}`. Options of the first: `concurrency`, `toggled` (a flag without meaning for
results), `unknown` (a key that the tool does not know), `cap` (tokens), `sampled`, `text` (plain text will do).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Row = dict[str, Any]
# Asks once per row: folder that outlives the process, base URL, rows, options -> rows of the result.
Ask = Callable[[Path, str, list[Row], dict[str, str]], list[Row]]


def run_adapter(package: str, ask: Ask) -> None:
    """Reads the command line, asks, and says what came of it."""
    if sys.argv[1].startswith("--"):
        said = send_bodies(ask, package)
    else:
        folder, base_url, rows, *options = sys.argv[1:]
        Path(folder).mkdir(parents=True, exist_ok=True)
        result = ask(Path(folder), base_url, load_rows(Path(rows)), dict(each.split("=", 1) for each in options))
        hard = sum(row.get("grade") == "hard" for row in result)
        said = {"questions": [row["question"] for row in result], "hard": hard}
    sys.stderr.flush()
    print("\n" + json.dumps(said), flush=True)


def send_bodies(ask: Ask, package: str) -> dict[str, Any]:
    """Asks with the user's text of each body; what else is sent is the peer's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--bodies", type=Path, required=True)
    parser.add_argument("--concurrency", required=True)
    given = parser.parse_args()
    rows = [
        {"question": next(each["content"] for each in body["messages"] if each["role"] == "user"), "at": at}
        for at, body in enumerate(load_rows(given.bodies))
    ]
    with tempfile.TemporaryDirectory() as folder:
        result = ask(Path(folder), given.base_url, rows, {"concurrency": given.concurrency, "text": "1"})
    if len(result) != len(rows):
        raise SystemExit(f"{len(result)} rows of {len(rows)}")
    return {"calls": len(result), "versions": {package: version(package)}}


def load_rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
