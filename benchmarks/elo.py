"""Elo under a judge of stated noise: are bands those of the truth, and how many comparisons does that take?

    python benchmarks/elo.py [--items 300] [--seeds 40] [--repeats 3] [--json FILE]

**A simulation.** No model is asked. Items and seeds have true ratings, normal around 1500 with a standard deviation of
200. The judge names the harder of two with the chance of Elo's curve on their true ratings, and in a stated share of
calls (`coin`) by tossing a coin; with a stated chance (`first`) it names what stands first whatever it is. Seeds are
rated by all pairs (`seeds = bootstrap(40)`) or have their true ratings; items are then compared with `neighbours` of
them, in one order or both, and lie in the bands below 1350, to 1650, and above. Near exemplars are near by *text* in
refinec, which says nothing of difficulty; here they are drawn at random.

The programs are refinec's own (`measures_paid`): what is simulated is the reply to each call.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.measures_paid.ratings import (
    Rating,
    draw_bytes,
    expected_result,
    fit_strengths,
    merge_orders,
    settle_rating,
)

MEAN, SPREAD = 1500.0, 200.0
BANDS = (1350.0, 1650.0)


@dataclass(frozen=True)
class Judge:
    """coin: share of calls decided by a coin. first: chance to name what stands first, whatever it is."""

    coin: float
    first: float

    def prefers_first(self, first: float, second: float, chance: Callable[[], float]) -> bool:
        if chance() < self.first:
            return True
        if chance() < self.coin:
            return chance() < 0.5
        return chance() < expected_result(first, second)


JUDGES = {
    "the curve alone": Judge(0.0, 0.0),
    "one call in ten a coin": Judge(0.1, 0.0),
    "one in ten a coin, one in five the first": Judge(0.1, 0.2),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print("A simulation: replies are drawn, no model is asked.")
    print(f"{'judge':42} {'seeds':9} {'pairs':>5} {'orders':>6} {'calls':>5} {'band':>6} {'off by':>7} {'error':>6} "
          f"{'within':>6} {'settled':>7}")  # fmt: skip
    for name, judge in JUDGES.items():
        for rated in ("true", "bootstrap"):
            for neighbours in (4, 8, 16, 32):
                for swap in (False, True):
                    found = [
                        run(judge, rated, neighbours, swap, options.items, options.seeds, repeat)
                        for repeat in range(options.repeats)
                    ]
                    row = {key: statistics.fmean(each[key] for each in found) for key in found[0]}
                    rows.append({"judge": name, "seeds": rated, "pairs": neighbours, "swap": swap, **row})
                    print(
                        f"{name:42} {rated:9} {neighbours:>5} {2 if swap else 1:>6} {neighbours * (1 + swap):>5} "
                        f"{row['band']:6.1%} {row['off']:7.0f} {row['error']:6.0f} {row['within']:6.1%} "
                        f"{row['settled']:7.1%}",
                        flush=True,
                    )
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def run(judge: Judge, rated: str, neighbours: int, swap: bool, items: int, seeds: int, repeat: int) -> dict[str, float]:
    """One set. band: share of items in their true band. off: median distance to the true rating, in points. error:
    median standard error that is stated. within: share of items within 1.96 of it. settled: share that came to rest."""
    random = np.random.default_rng(repeat)
    truth, seed_truth = random.normal(MEAN, SPREAD, items), random.normal(MEAN, SPREAD, seeds)
    seed_truth += MEAN - seed_truth.mean()
    known = list(seed_truth) if rated == "true" else rate_seeds(judge, seed_truth, swap, repeat)
    ratings: list[Rating] = []
    for place, rating in enumerate(truth):
        chosen = random.permutation(seeds)[:neighbours]
        comparisons = [
            (float(known[other]), compare(judge, float(rating), float(seed_truth[other]), swap, repeat, place, other))
            for other in chosen.tolist()
        ]
        ratings.append(settle_rating(comparisons, seed=f"{repeat}:{place}"))
    values = np.array([each.value for each in ratings])
    errors = np.array([each.error for each in ratings])
    off = np.abs(values - truth)
    return {
        "band": float((band(values) == band(truth)).mean()),
        "off": float(np.median(off)),
        "error": float(np.median(errors)),
        "within": float((off < 1.96 * errors).mean()),
        "settled": float(np.mean([each.settled for each in ratings])),
    }


def rate_seeds(judge: Judge, truth: NDArray[np.float64], swap: bool, repeat: int) -> Sequence[float]:
    """All pairs, and the fit to their results."""
    count = len(truth)
    results = {
        (one, other): compare(judge, truth[one], truth[other], swap, repeat, -1 - one, other)
        for one in range(count) for other in range(one + 1, count)
    }  # fmt: skip
    return fit_strengths(count, results).ratings


def compare(judge: Judge, rating: float, other: float, swap: bool, repeat: int, place: int, seed: int) -> float:
    """The result of an item against a seed, in one order, drawn, or in both."""
    straight = draw_bytes(repeat, place, seed)[0] % 2 == 0
    results: list[float | None] = []
    for first in (straight, not straight) if swap else (straight,):
        stream = _stream(repeat, place, seed, int(first))
        pair = (rating, other) if first else (other, rating)
        results.append(float(judge.prefers_first(*pair, stream) == first))
    merged = merge_orders(results)
    assert merged is not None
    return merged


def band(ratings: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.digitize(ratings, BANDS)


def _stream(*source: int) -> Callable[[], float]:
    """Numbers in [0, 1) that follow from `source`."""
    state = [0]

    def chance() -> float:
        state[0] += 1
        content = ":".join(map(str, (*source, state[0]))).encode()
        return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") / 2**64

    return chance


if __name__ == "__main__":
    raise SystemExit(main())
