"""Does a set that only lost items tell models apart better? `select`-only refinement of MMLU, held to other models.

    python benchmarks/select_only.py [--splits 20] [--draws 1000] [--size 1000] [--json FILE]

The ten models that HELM recorded on MMLU are split into five and five. A spec whose one operator is `remove` asks for
60% hard, 40% medium and no easy items, where difficulty is the share of the *first* five models that are right; it is
planned and applied by refinec. On the *other* five, of whose answers the plan knows nothing, are measured: the share
of right answers, its spread over models (best less worst), its standard deviation, and the mean item-rest correlation
(how well an item tells strong from weak), before and after, and on random subsets of the same size.

Of the items whose keys people checked (MMLU-Redux), the share with a fault is told before and after, too.

Nothing is simulated: answers are recorded, no call is made. Figures of one run stand in `select_only.md`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import refinelab_dsl
from refinelab_dsl.evaluation.score import score_set

SHARED = (Path(__file__).resolve().parent / "../../shared/data").resolve()
FIGURES = ("accuracy", "spread", "deviation", "discrimination")

SPEC = """\
edition = 1
seed = {seed}

dataset mmlu {{
  task = mcq
  source = "{shared}/mmlu/test/*.csv"
  format = csv
  columns = [question, A, B, C, D, answer]
  fields = {{
    choices = [column("A"), column("B"), column("C"), column("D")]
    subject = remove_suffix(stem(), "_test")
    place = row() - 1
  }}
  on_bad_row = skip
}}

dataset answers {{
  role = signals
  task = mcq
  source = "{shared}/mmlu_helm_predictions/predictions.csv"
  join = {{ subject = subject, test_row = place }}
  fields = {{ {models} }}
}}

measure right {{ kind = responses, matrix = answers, irt = rate }}

dimension difficulty {{
  from = right
  bands = {{ hard = below(0.5), medium = between(0.5, 0.9), easy = above(0.9) }}
  target = {{ hard = 60%, medium = 40%, easy = 0% }}
  unknown = drop
}}

operator thin {{ kind = remove }}
constraints {{ size = {size}, max_removed = 90% }}
budget {{ tokens = 1k }}
output refined {{ path = "out/refined.jsonl", layout = task, columns = [subject, place] }}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=20, help="of the ten models into five and five")
    parser.add_argument("--draws", type=int, default=1_000, help="random subsets and bootstrap draws of each split")
    parser.add_argument("--size", type=int, default=1_000, help="items that stay")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures")
    options = parser.parse_args()
    if not SHARED.is_dir():
        print(f"the public sets are missing: {SHARED}", file=sys.stderr)
        return 2
    models, places, answers = read_answers()
    random = np.random.default_rng(7)
    faulty = read_faults(places)
    rows: list[dict[str, Any]] = []
    print(f"{'split':>5}  " + "  ".join(f"{name:>44}" for name in FIGURES))
    for number in range(options.splits):
        chosen = sorted(random.permutation(len(models))[:5].tolist())
        others = [place for place in range(len(models)) if place not in chosen]
        kept = refine([models[place] for place in chosen], places, options.size, number)
        rows.append(judge(models, answers, others, kept, options.draws, random))
        checked = [faulty[place] for place in kept if place in faulty]
        rows[-1]["faults"] = {"checked": len(checked), "faulty": sum(checked)}
        print(f"{number:>5}  " + "  ".join(f"{_line(rows[-1][name]):>44}" for name in FIGURES), flush=True)
    summarise(rows)
    share = sum(row["faults"]["faulty"] for row in rows) / sum(row["faults"]["checked"] for row in rows)
    before = sum(faulty.values()) / len(faulty)
    print(f"items with a fault: {before:.1%} of {len(faulty)} that people checked, {share:.1%} of those that stay")
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def read_answers() -> tuple[list[str], dict[tuple[str, str], int], NDArray[np.int8]]:
    """Names of the models, place of each (subject, row), and who was right: (models, items)."""
    with (SHARED / "mmlu_helm_predictions/predictions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    models = [name for name in rows[0] if name not in ("subject", "test_row", "answer")]
    grades = [[row[model].strip() == row["answer"] for row in rows] for model in models]
    return models, {(row["subject"], row["test_row"]): at for at, row in enumerate(rows)}, np.array(grades, np.int8)


def read_faults(places: dict[tuple[str, str], int]) -> dict[int, bool]:
    """Place of an item -> whether people found a fault in it."""
    with gzip.open(SHARED / "mmlu_redux/mmlu_redux.jsonl.gz", "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    keys = [(row["subject"], str(row["mmlu_test_row"])) for row in rows]
    return {places[key]: row["error_type"] != "ok" for key, row in zip(keys, rows, strict=True) if key in places}


def refine(models: Sequence[str], places: dict[tuple[str, str], int], size: int, seed: int) -> list[int]:
    """The items that stay, by a run of refinec in a folder of its own."""
    named = ", ".join(f'm{at} = column("{name}")' for at, name in enumerate(models))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / ".refine").mkdir()
        spec = folder / "select.refine"
        text = SPEC.format(seed=seed, shared=SHARED, models=named, size=f"{size:_}")
        spec.write_text(text, encoding="utf-8")
        refinelab_dsl.load(spec, allow_outside=True).plan().apply()
        lines = (folder / "out/refined.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    return [places[row["subject"], str(int(row["place"]))] for row in rows]


def judge(
    models: Sequence[str],
    answers: NDArray[np.int8],
    others: Sequence[int],
    kept: Sequence[int],
    draws: int,
    random: np.random.Generator,
) -> dict[str, Any]:
    """Each figure on the other models: before, after with an interval from drawing items anew, and on random subsets of
    the same size: mean, and the range that holds 95% of them."""
    names = [models[place] for place in others]
    table = answers[list(others)]
    every = np.arange(table.shape[1])
    found: dict[str, Any] = {"others": names, "kept": len(kept)}
    before, after = figures(names, table), figures(names, table[:, list(kept)])
    again = [figures(names, table[:, random.choice(kept, len(kept))]) for _ in range(draws)]
    by_chance = [figures(names, table[:, random.choice(every, len(kept), replace=False)]) for _ in range(draws)]
    for name in FIGURES:
        low, high = np.quantile([each[name] for each in again], (0.025, 0.975))
        chance = [each[name] for each in by_chance]
        chance_low, chance_high = np.quantile(chance, (0.025, 0.975))
        found[name] = {
            "before": round(before[name], 4), "after": round(after[name], 4),
            "interval": [round(float(low), 4), round(float(high), 4)],
            "random": round(statistics.fmean(chance), 4),
            "random range": [round(float(chance_low), 4), round(float(chance_high), 4)],
        }  # fmt: skip
    return found


def figures(names: Sequence[str], table: NDArray[np.int8]) -> dict[str, float]:
    score = score_set(names, table, table.shape[1])
    accuracy = float(table.mean())
    found = {
        "accuracy": accuracy,
        "spread": score.spread,
        "deviation": score.deviation,
        "discrimination": score.discrimination,
    }
    return {name: float("nan") if value is None else value for name, value in found.items()}


def summarise(rows: Sequence[dict[str, Any]]) -> None:
    """Means over the splits, and how many splits lie above all but 2.5% of their random subsets."""
    print(f"\n{'':16s} {'before':>8} {'after':>8} {'random':>8}   splits above their random subsets, and below")
    for name in FIGURES:
        keys = ("before", "after", "random")
        before, after, chance = (statistics.fmean(row[name][key] for row in rows) for key in keys)
        above = sum(row[name]["after"] > row[name]["random range"][1] for row in rows)
        below = sum(row[name]["after"] < row[name]["random range"][0] for row in rows)
        print(f"{name:16s} {before:8.4f} {after:8.4f} {chance:8.4f}   {above} and {below} of {len(rows)}")


def _line(figure: dict[str, Any]) -> str:
    (low, high), (least, most) = figure["interval"], figure["random range"]
    return f"{figure['before']:.3f} -> {figure['after']:.3f} ({low:.3f}-{high:.3f}), random {least:.3f}-{most:.3f}"


if __name__ == "__main__":
    raise SystemExit(main())
