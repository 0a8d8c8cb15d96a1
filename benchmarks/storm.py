"""A run at an endpoint where 30 of 100 requests fail, in every way that the served endpoint knows.

    python benchmarks/storm.py [--steps 2000] [--share 0.3] [--seed 0] [--budget TOKENS]

Server and run share one process. After the run everything is held against each other: steps against endings, the
journal's tokens against the run's and against what the endpoint would charge, rows kept apart against rejections, the
log against its hashes and a replay. What does not hold is printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.faults.storm import Storm, weather_storm


def render_storm(storm: Storm, steps: int, seconds: float) -> str:
    """The figures, one per line."""
    head = storm.outcome.head
    rejected = ", ".join(f"{count} {check}" for check, count in sorted(head["rejected"].items()))
    outcomes = ", ".join(f"{count} {name}" for name, count in storm.tally.outcomes.most_common())
    return "\n".join([
        f"steps      {steps}: {head['added']} accepted, {sum(head['rejected'].values())} rejected ({rejected})",
        f"run        {head['status']}, exit code {int(storm.outcome.exit_code)}, {seconds:.0f} s",
        f"requests   {storm.asked}, {storm.spoilt} of them spoilt: {outcomes}",
        f"tokens     {head['cost']['tokens']} counted, {storm.tally.billed} charged by the endpoint",
        f"kept apart {head['quarantined']} rows",
        f"problems   {'; '.join(storm.problems) or 'none'}",
    ])  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="A run at an endpoint that fails in every way.")
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=int, metavar="TOKENS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        storm = weather_storm(
            Path(folder), options.steps, share=options.share, tokens=options.budget, seed=options.seed
        )
        print(render_storm(storm, options.steps, time.monotonic() - started))
    return 1 if storm.problems else 0


if __name__ == "__main__":
    sys.exit(main())
