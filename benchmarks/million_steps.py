"""Peak memory of `refinec apply` beside the number of a plan's steps.

    python benchmarks/million_steps.py [--steps 100000 300000 1000000]

For each number: 80 items, and a plan that adds as many as there are steps, applied with the simulated model and then as
if for the first time, with every reply from the store. Prints the peak of resident memory of each
process, its seconds, and what a step adds between two numbers: what is kept per step, a run of any length shows.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPEC = """\
edition = 1
seed = 3

dataset questions {{
  task = qa
  source = "rows.jsonl"
  fields = {{ question = column("question"), answer = column("answer"), topic = column("topic") }}
}}

measure subject {{ kind = column, column = "topic" }}

dimension topic {{
  from = subject
  target = uniform()
}}

model rule {{
  provider = simulated
  id = "rule"
  params = {{ success = 100% }}
  limits = {{ concurrency = 64 }}
}}

operator author {{
  kind = generate
  model = rule
  moves = {{ topic = any }}
  checks = [well_formed]
  prior = {{ success = 100%, input_tokens = 400, output_tokens = 100 }}
}}

validator well_formed {{ kind = format }}

constraints {{
  size = {size}
  max_removed = 0%
}}

budget {{ tokens = {tokens} }}

output refined {{
  path = "out/refined.jsonl"
  provenance = "out/refined.prov.jsonl"
}}
"""
ROWS = 80
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    arguments = parser.parse_args()
    print(f"{'steps':>9} {'run':>10} {'peak MB':>8} {'seconds':>8} {'bytes per step more':>20}")
    before: dict[str, tuple[int, float]] = {}
    for steps in arguments.steps:
        with tempfile.TemporaryDirectory(prefix="steps-") as name:
            folder = Path(name)
            build_project(folder, steps)
            for run in ("plan", "simulated", "cached"):
                peak, seconds = run_once(folder, run)
                more = ""
                if run in before:
                    more = f"{(peak - before[run][1]) / (steps - before[run][0]):,.0f}"
                before[run] = steps, peak
                print(f"{steps:>9,} {run:>10} {peak / 2**20:>8,.0f} {seconds:>8.1f} {more:>20}", flush=True)


def build_project(folder: Path, steps: int) -> None:
    """Few items of two topics, and a spec that wants `steps` more."""
    (folder / "refine.toml").touch()
    with (folder / "rows.jsonl").open("w") as stream:
        for number in range(ROWS):
            text = " ".join(WORDS[(number + place * place) % len(WORDS)] for place in range(9))
            row = {"question": f"Q{number} {text}?", "answer": str(number), "topic": ("rivers", "hills")[number % 2]}
            stream.write(json.dumps(row) + "\n")
    tokens = 20_000 * steps  # no attempt has to wait for another's
    (folder / "spec.refine").write_text(SPEC.format(size=steps + ROWS, tokens=tokens))


def run_once(folder: Path, run: str) -> tuple[float, float]:
    """Peak memory in bytes and seconds of one process."""
    if run == "cached":  # the store stays
        shutil.rmtree(folder / ".refine" / "runs")
    arguments = ("plan", "spec.refine", "-o", "spec.refplan") if run == "plan" else ("apply", "spec.refplan")
    return start(folder, *arguments)


def start(folder: Path, *arguments: str) -> tuple[float, float]:
    """Runs refinec to its end."""
    began = time.monotonic()
    with (folder / "said.txt").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "refinelab_dsl", *arguments], cwd=folder, stdout=said, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"refinec {arguments[0]} ended with {process.returncode}:\n{said.read()}")
    return scale_peak(usage), time.monotonic() - began


def scale_peak(usage: resource.struct_rusage) -> float:
    """Bytes: Linux counts kilobytes, macOS bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
