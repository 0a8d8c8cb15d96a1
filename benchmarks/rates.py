"""`refinec apply` against an endpoint that enforces rate limits, over HTTP: what part of the permitted rate is used,
and what part of the calls is refused.

    python benchmarks/rates.py [--seconds 240] [--only WORDS]

The endpoint is that of `refinec serve-simulated`, in this process; each run is a `refinec apply` of its own, of a plan
with calls enough for so many seconds. `steady` is from a third of a run's time on, in whole windows where the limit has
them: where nobody says what the limit is, the first refusals are how it is learnt, and a bucket begins with a minute's
worth. Limits are per minute: 1200 requests, or 600 000 tokens, of which a call claims what it may take at most, as at
OpenAI. Latency 0.2 to 0.6 s, at most 64 calls at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from refinelab_dsl.serving import Behaviour, RateLimits, Tally  # noqa: E402
from refinelab_dsl.serving.limits import claimed_tokens  # noqa: E402
from refinelab_dsl.serving.server import SimulatedServer  # noqa: E402

RPM, TPM = 1_200, 600_000
CONCURRENCY = 64

SPEC = """\
edition = 1

dataset items {{
  task = qa
  source = "items.jsonl"
}}

model served {{
  provider = openai
  id = "simulated"
  base_url = "{base_url}"
  price = {{ input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }}
  limits = {{ {limits}concurrency = {concurrency} }}
}}

operator author {{
  kind = generate
  model = served
  prior = {{ success = 100%, input_tokens = 300, output_tokens = 100 }}
}}

constraints {{ size = {size} }}
budget {{ tokens = 1_000M }}
output refined {{ path = "out.jsonl" }}
"""


@dataclass
class Timed(Tally):
    """A tally that knows when requests came, and for how many tokens each counts."""

    came: list[tuple[float, int, str]] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)

    def note_request(self, key: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> int:
        self.tokens[key] = claimed_tokens(body)
        self.came.append((time.monotonic(), self.tokens[key], key))
        return super().note_request(key, body, headers)


class Served:
    """The endpoint in a thread of its own; a context manager."""

    def __init__(self, limits: RateLimits) -> None:
        self.tally = Timed()
        self.refused: list[float] = []
        tally, refused = self.tally, self.refused

        class _Server(SimulatedServer):
            def _limit(self, body: Mapping[str, Any]) -> Any:
                found = super()._limit(body)
                if found is not None:
                    refused.append(tally.came[-1][0])
                return found

        self.server = _Server(Behaviour(latency=(0.2, 0.6), limits=limits), tally=self.tally)
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Served:
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)


@dataclass(frozen=True)
class Figures:
    used: float  # of the permitted rate, steady
    refused_steady: float
    refused: float
    calls: int
    seconds: float


def measure(limits: RateLimits, declared: str, seconds: float) -> Figures:
    """One run."""
    calls = int(seconds * (limits.rpm / 60 if limits.rpm is not None else TPM / 60 / 500))
    with tempfile.TemporaryDirectory() as name, Served(limits) as served:
        folder = Path(name)
        rows = ({"question": f"What is {number} and {number * 7}?", "answer": str(8 * number)} for number in range(50))
        (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "items.refine").write_text(SPEC.format(
            base_url=served.server.base_url, limits=declared, concurrency=CONCURRENCY, size=50 + calls
        ))
        done = subprocess.run(
            [sys.executable, "-m", "refinelab_dsl.cli.main", "-q", "apply", "--auto-approve"], cwd=folder,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": name}, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode not in (0, 9):
            sys.exit(done.stdout + done.stderr)
    came, start, end = served.tally.came, served.tally.came[0][0], served.tally.came[-1][0]
    low, high = start + (end - start) / 3, end - 1.0  # at the end calls run out
    if limits.window is not None:
        low = -(-low // limits.window) * limits.window
        high = max(high // limits.window * limits.window, low + 1.0)
    refused = set(served.refused)
    let_in = [(at, tokens) for at, tokens, _ in came if at not in refused and low <= at < high]
    minutes = (high - low) / 60
    used = (
        len(let_in) / minutes / limits.rpm if limits.rpm is not None
        else sum(tokens for _, tokens in let_in) / minutes / (limits.tpm or 1)
    )  # fmt: skip
    steady = [at for at, _, _ in came if low <= at < high]
    return Figures(
        used, sum(low <= at < high for at in served.refused) / len(steady), len(served.refused) / len(came), len(came),
        end - start,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--only", default="", help="words of a row, to measure that one alone")
    options = parser.parse_args()
    kinds = {"bucket": (60.0, None), "bucket of 2 s": (2.0, None), "window of 60 s": (60.0, 60.0),
             "window of 10 s": (60.0, 10.0)}  # fmt: skip
    rows = []
    for unit in ("requests", "tokens"):
        for name, (burst, window) in kinds.items():
            rpm, tpm = (RPM, None) if unit == "requests" else (None, TPM)
            declared = f"rpm = {RPM}, " if unit == "requests" else f"tpm = {TPM}, "
            limits = RateLimits(rpm, tpm, burst, window)
            silent = RateLimits(rpm, tpm, burst, window, headers=False)
            mute = RateLimits(rpm, tpm, burst, window, headers=False, retry_after=False)
            rows += [
                (f"{unit}, {name}, declared, no headers", silent, declared), (f"{unit}, {name}, headers", limits, ""),
                (f"{unit}, {name}, Retry-After alone", silent, ""), (f"{unit}, {name}, nothing told", mute, ""),
            ]
    print("| limit | permitted rate used, steady | refused, steady | refused, all | calls | seconds |")
    print("|---|---|---|---|---|---|")
    for title, limits, declared in rows:
        if all(word in title for word in options.only.split()):
            found = measure(limits, declared, options.seconds)
            print(
                f"| {title} | {found.used:.1%} | {found.refused_steady:.2%} | {found.refused:.2%} | {found.calls} "
                f"| {found.seconds:.0f} |", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
