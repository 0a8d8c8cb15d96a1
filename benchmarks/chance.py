"""What plans state of their luck beside what luck does: the chance of all counts, and how often a budget is overrun.

    python benchmarks/chance.py [--draws 200000] [--plans 12] [--seed 1]

Plans of many shapes are drawn: one to six operators whose rates are known from 5 to 200 attempts, few and many counts,
sources that are limited or not. For each the attempts are listed as a plan lists them, and its budget is the least
that the plan may have: the expected cost and the reserve. Then it is carried out as often as `--draws` says, a rate
drawn for each operator from its posterior. Stated and seen should agree; `overrun` should be at most 100% less the
confidence; `without` is what it would be without a reserve.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from refinelab_dsl.estimate import AttemptCost, Estimates, OperatorEstimate, Rate
from refinelab_dsl.estimate.chance import Want, size_attempts
from refinelab_dsl.estimate.spread import Lot, weigh_luck
from tests.estimate.fortune import draw_fortunes

CONFIDENCES = (0.5, 0.8, 0.9, 0.95, 0.99)


def draw_plan(dice: random.Random) -> tuple[dict[str, Rate], dict[str, float], list[Want]]:
    """Rates, tokens of an attempt, and what is wanted."""
    names = [f"operator{number}" for number in range(dice.randint(1, 6))]
    rates, tokens = {}, {}
    for name in names:
        mean, strength = dice.uniform(0.15, 0.95), dice.choice((5, 20, 20, 60, 200))
        rates[name] = Rate(mean * strength, (1 - mean) * strength, "evidence")
        tokens[name] = float(dice.randint(100, 2000))
    wants = []
    for _ in range(dice.choice((1, 3, 10, 40))):
        name, count = dice.choice(names), dice.choice((1, 4, 20, 150))
        limited = dice.random() < 0.3
        wants.append(Want(name, count, int(count / rates[name].mean * dice.uniform(1.0, 1.6)) + 1 if limited else None))
    return rates, tokens, wants


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=200_000)
    parser.add_argument("--plans", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    print("operators  counts  results  confidence   stated    seen   overrun  without  reserve")
    worst_gap = worst_overrun = 0.0
    for _ in range(arguments.plans):
        rates, tokens, wants = draw_plan(dice)
        estimates = Estimates(
            {
                name: OperatorEstimate(rate, AttemptCost(1, tokens[name], 0.0, 0, None, None))
                for name, rate in rates.items()
            },
            0.0,
            None,
        )
        for confidence in CONFIDENCES:
            stated = size_attempts(wants, rates, confidence)
            lots = [Lot(want.operator, want.count, n) for want, n in zip(wants, stated.attempts, strict=True)]
            expected = sum(
                min(lot.count / rates[lot.operator].mean, lot.listed) * tokens[lot.operator] for lot in lots
            )
            luck = weigh_luck(lots, estimates, confidence).tokens
            seen = draw_fortunes(lots, rates, tokens, arguments.draws, arguments.seed)
            reached, overrun = seen.reached.mean(), (seen.tokens > expected + luck + 1e-6).mean()
            worst_gap = max(worst_gap, abs(reached - stated.chance))
            worst_overrun = max(worst_overrun, overrun - (1 - confidence))
            print(
                f"{len({want.operator for want in wants}):9}  {len(wants):6}  {sum(want.count for want in wants):7}  "
                f"{confidence:10.0%}  {stated.chance:7.1%} {reached:7.1%}  {overrun:8.1%} "
                f"{(seen.tokens > expected + 1e-6).mean():8.1%}  {luck / expected:7.1%}"
            )
    print(f"\nstated and seen differ by at most {worst_gap:.2%}")
    print(f"a budget is overrun at most {max(worst_overrun, 0):.2%} more often than the confidence leaves")


if __name__ == "__main__":
    main()
