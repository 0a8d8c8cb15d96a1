"""Random specs through every command: how they end, and every fault.

    python benchmarks/pipelines.py [--draws 200] [--first 0] [--http]

Each draw is a spec of random measures, validators, judges, operators, budget and output over rows of its own
(`tests/harness/pipelines.py`), taken through check, plan, pilot, apply, show, logs, replay, verify, review, once more
as it is, and with random decisions of a person. With `--http` the models are asked over HTTP, at an endpoint of this
machine that answers a part of the calls with 429 or 503, or without usage.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from refinelab_dsl.providers.endpoint import Simulation
from tests.harness.openai_server import Behaviour, ThreadServer
from tests.harness.openai_server import Fault as Served
from tests.harness.pipelines import Fault, draw, drive

CHANCES = ((Served("status", status=503), 0.05), (Served("status", status=429), 0.03), (Served("no_usage"), 0.05))


def main() -> int:
    """1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--http", action="store_true")
    arguments = parser.parse_args()
    ends: Counter[str] = Counter()
    for seed in range(arguments.first, arguments.first + arguments.draws):
        with tempfile.TemporaryDirectory(prefix="pipelines-") as folder, ExitStack() as stack:
            base_url = ""
            if arguments.http:
                server = ThreadServer(Behaviour(Simulation(success=0.8), chances=CHANCES))
                base_url = stack.enter_context(server).base_url
            drawn = draw(seed, base_url)
            try:
                ends[drive(drawn, Path(folder) / "project", seed)] += 1
            except Fault as fault:
                ends["fault"] += 1
                print(f"draw {seed}: {fault}\n{drawn.spec}", flush=True)
    print(f"{arguments.draws} draws: " + ", ".join(f"{count} {end}" for end, count in ends.most_common()))
    return 1 if ends["fault"] else 0


if __name__ == "__main__":
    sys.exit(main())
