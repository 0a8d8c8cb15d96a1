"""Profiling 1 000 000 rows beside 10 000: seconds, rows per second and peak memory, per format.

    python benchmarks/profile_scale.py [--rows 1000000] [--small 10000]

Makes its own multiple-choice items (57 topics, three bands of length, one operator with a `where`), profiles each file
in a process of its own, and prints a table. `auto` reads the file twice: all rows settle how answers are written.
Times are to be read as ratios of this one run.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

CASES = (("items.jsonl", "letter"), ("items.jsonl", "auto"), ("items.jsonl.gz", "letter"), ("items.csv", "letter"))
COLUMNS = ("id", "question", "A", "B", "C", "D", "answer", "topic")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--small", type=int, default=10_000)
    arguments.add_argument("--measure", nargs=3, metavar=("FOLDER", "FILE", "ANSWERS"), help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.measure:
        print(json.dumps(measure(Path(chosen.measure[0]), *chosen.measure[1:])))
        return
    print(f"{'rows':>9}  {'file':<15} {'answers':<8} {'MB':>6} {'seconds':>8} {'rows/s':>8} {'peak MB':>8}")
    for rows in (chosen.small, chosen.rows):
        with tempfile.TemporaryDirectory(prefix="refinec-benchmark-") as folder:
            write_files(Path(folder), rows)
            for file, answers in CASES:
                command = [sys.executable, __file__, "--measure", folder, file, answers]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                assert found["items"] == rows, found
                size = (Path(folder) / file).stat().st_size / 1e6
                print(
                    f"{rows:>9}  {file:<15} {answers:<8} {size:>6.0f} {found['seconds']:>8.2f} "
                    f"{rows / found['seconds']:>8.0f} {found['peak']:>8.0f}"
                )


def make_rows(count: int) -> Iterator[dict[str, Any]]:
    """Distinct items of 5 to 40 words."""
    draw = random.Random(1)
    words = [f"word{number}" for number in range(500)]
    for number in range(count):
        question = f"{' '.join(draw.choices(words, k=draw.randint(4, 39)))} {number}?"
        choices = draw.sample(words, 4)
        yield {
            "id": f"q{number}",
            "question": question,
            **dict(zip("ABCD", choices, strict=True)),
            "answer": draw.choice("ABCD"),
            "topic": f"topic {draw.randrange(57)}",
        }


def write_files(folder: Path, count: int) -> None:
    """The same items as JSON Lines, compressed JSON Lines, and CSV."""
    with (
        (folder / "items.jsonl").open("w") as plain,
        gzip.open(folder / "items.jsonl.gz", "wt", compresslevel=1) as packed,
        (folder / "items.csv").open("w", newline="") as table,
    ):
        writer = csv.DictWriter(table, COLUMNS)
        writer.writeheader()
        for row in make_rows(count):
            line = json.dumps(row) + "\n"
            plain.write(line)
            packed.write(line)
            writer.writerow(row)


def measure(folder: Path, file: str, answers: Any) -> dict[str, float]:
    """Profiles one file in this process. Peak memory is the process's own, in MB, what it imports included."""
    from refinelab_dsl.data import build_profile
    from refinelab_dsl.declarations import (
        Band,
        Constraints,
        Dataset,
        Dimension,
        Measure,
        Operator,
        Prior,
        Target,
    )
    from refinelab_dsl.expressions import Binary, Call, Constant, ListOf, Name
    from refinelab_dsl.project import Project

    choices = ListOf(items=tuple(Call(function="column", arguments=(Constant.of(name),)) for name in "ABCD"))
    dataset = Dataset(name="items", task="mcq", source=(file,), answer_as=answers, fields={"choices": choices})
    measures = (
        Measure(name="area", kind="column", options={"column": "topic"}),
        Measure(name="words", kind="length", options={"unit": "words"}),
    )
    bands = (
        Band(label="short", high=Decimal(15)),
        Band(label="medium", low=Decimal(15), high=Decimal(30)),
        Band(label="long", low=Decimal(30)),
    )
    dimensions = (
        Dimension(name="topic", measure="area", target=Target(kind="uniform")),
        Dimension(name="length", measure="words", bands=bands, target=Target(kind="uniform")),
    )
    where = Binary(operator="!=", left=Name(space="dimension", name="topic"), right=Constant.of("topic 3"))
    prior = Prior(success=Decimal(1), input_tokens=0, output_tokens=0)
    operators = (Operator(name="drop", kind="remove", prior=prior, where=where),)
    start = time.perf_counter()
    profile, diagnostics = build_profile(
        dataset, measures, dimensions, operators, Constraints(), seed=7, project=Project(folder, folder)
    )
    seconds = time.perf_counter() - start
    assert profile is not None, list(diagnostics)
    assert len(profile.label_names["topic"]) == 57
    return {
        "items": profile.size,
        "seconds": seconds,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
