"""`check` of texts of which everything is wrong, at one, two, four and eight times a size: the time grows as they do.

    python benchmarks/check_growth.py [--lines 400]

Prints seconds and the ratio to half the size; 2.0 is linear. Ratios of one run on one machine, to be read as such.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise

from refinelab_dsl import compiler
from refinelab_dsl.source import Source

FAULTS = {
    "a right block, over and over": "operator o{n} {{ kind = remove }}",
    "a doubled `=` in each block": "operator o{n} {{ kind = = remove }}",
    "blocks that are never closed": "operator o{n} {{ kind = remove",
    "one block, a fault on each line": "  kind: remove",
    "brackets that are never closed": "x = [[[[ {{",
    "text blocks that are never closed": 'x = """',
    "unknown names": "operator o{n} {{ kind = expand, model = m{n} }}",
    "misspelt names": "validator val_{n} {{ kind = format }}\noperator o{n} {{ kind = remove, checks = [vla_{n}] }}",
    "conflict markers": "<<<<<<< ours\nseed = 7\n=======\nseed = 8",
    "one long expression": "or words(question) > {n}",
}


def measure(line: str, count: int) -> float:
    """Seconds of one check, the better of two."""
    lines = "\n".join(line.format(n=number) for number in range(count))
    source = Source("growth.refine", f"edition = 1\n{lines}\n")
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        compiler.analyze(source)
        best = min(best, time.process_time() - started)
    return best


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=400)
    lines = parser.parse_args().lines
    measure("seed = 7", 1)
    print(f"{'':36} " + " ".join(f"{lines * size:>6} lines" for size in (1, 2, 4, 8)))
    for name, line in FAULTS.items():
        seconds = [measure(line, lines * size) for size in (1, 2, 4, 8)]
        ratios = ", ".join(f"{after / before:.1f}" for before, after in pairwise(seconds))
        print(f"{name:36} " + " ".join(f"{each:>11.2f}s" for each in seconds) + f"   times {ratios}", flush=True)


if __name__ == "__main__":
    main()
