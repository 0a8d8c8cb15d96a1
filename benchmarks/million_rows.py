"""A plan over 1 000 000 rows beside one over 10 000: the allocation model and the time to solve it are the same.

    python benchmarks/million_rows.py [--rows 1000000] [--solver highs]

Makes both files itself (19 topics, three bands of length), plans each in a process of its own, and prints what the
issue of scale is about: columns, rows and rounds of the model, seconds of solving, seconds of the whole plan, peak
memory. Times are to be read as ratios of this one run.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPEC = """\
edition = 1
seed = 3

dataset questions {
  task = qa
  source = "rows.jsonl"
  fields = { question = column("question"), answer = column("answer"), topic = column("topic") }
}

measure subject { kind = column, column = "topic" }
measure words { kind = length, unit = words }

dimension topic {
  from = subject
  target = uniform()
}

dimension length {
  from = words
  order = [short, medium, long]
  bands = { short = below(10), medium = between(10, 25), long = above(25) }
  target = { short = 30%, medium = 40%, long = rest }
}

model small {
  provider = simulated
  id = "simulated-small"
}

operator drop {
  kind = remove
}

operator author {
  kind = generate
  model = small
  moves = { topic = any, length = any }
}

budget {
  tokens = 2M
}

output refined {
  path = "out/refined.jsonl"
}
"""
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu")


def write_rows(path: Path, count: int) -> None:
    """`count` rows whose topics are unequally frequent; the frequencies do not depend on `count`."""
    draw = random.Random(1)
    topics = [f"topic_{number:02d}" for number in range(19)]
    weights = [draw.random() + 0.2 for _ in topics]
    with path.open("w") as stream:
        for number in range(count):
            text = " ".join(draw.choice(WORDS) for _ in range(draw.choice([6, 8, 12, 15, 20, 30, 45])))
            topic = draw.choices(topics, weights)[0]
            row = {"question": f"Q{number} {text}", "answer": str(number * 7), "topic": topic}
            stream.write(json.dumps(row) + "\n")


def plan_once(folder: Path, solver: str) -> None:
    """Plans the spec in `folder` and prints one JSON line; run in a process of its own."""
    from refinelab_dsl import compiler

    started = time.monotonic()
    planned = compiler.plan(folder / "rows.refine", compiler.Options(solver=solver))  # type: ignore[arg-type]
    assert planned.assignment is not None, [diagnostic.message for diagnostic in planned.diagnostics]
    assert planned.problem is not None
    answer = planned.assignment
    print(
        json.dumps(
            {
                "cells": len(planned.problem.cells),
                "variables": answer.variables,
                "rounds": answer.rounds,
                "gap": answer.objective - answer.bound,
                "status": answer.status,
                "solve": answer.seconds,
                "plan": time.monotonic() - started,
                "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--solver", default="highs", choices=["highs", "glpk"])
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        plan_once(arguments.one, arguments.solver)
        return
    print(f"{'rows':>10} {'cells':>6} {'columns':>8} {'rounds':>7} {'gap':>9} {'solve s':>8} {'plan s':>8} {'MB':>6}")
    results = []
    for count in (10_000, arguments.rows):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_rows(folder / "rows.jsonl", count)
            (folder / "rows.refine").write_text(SPEC)
            command = [sys.executable, __file__, "--one", str(folder), "--solver", arguments.solver]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            result = json.loads(output)
            results.append(result)
            print(
                f"{count:>10,} {result['cells']:>6} {result['variables']:>8} {result['rounds']:>7} "
                f"{result['gap']:>9.1e} {result['solve']:>8.2f} {result['plan']:>8.1f} {result['memory']:>6.0f}"
            )
    small, large = results
    print(f"columns: {large['variables'] / small['variables']:.2f} times; "
          f"solving: {large['solve'] / small['solve']:.2f} times; solver: {arguments.solver}")


if __name__ == "__main__":
    main()
