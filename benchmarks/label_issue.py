"""Are faulty keys of public sets found from what models answered? Average precision, beside cleanlab.

    python benchmarks/label_issue.py [--cleanlab PYTHON] [--draws 2000] [--json FILE]

MMLU: the 19 subjects of MMLU-Redux, whose keys people checked, with the letters that HELM recorded of ten models. Truth
is `wrong_groundtruth`, and separately whatever is not `ok`. GSM8K: which of ten models were right on each item of the
test split, and whether GSM8K-Platinum kept the item. What is measured is what a spec gets by
`measure { kind = label_issue, answers = … }`; it is told of no key, so nothing is fitted to the truth. Its three
constants were chosen with an eye on this MMLU, so they are also chosen anew for each subject on the other 18
(leave one subject out), GSM8K gets what MMLU chose, and the mean of the values under all 27 needs no choice.

Beside it: that no model agrees with the key; the share of models that do not; cleanlab on the same answers, in all ways
that fit them (`--cleanlab` names the Python of an environment that has it). Intervals draw items anew, and where it is
said whole subjects, 95%.

Nothing is simulated: answers are recorded, no call is made. Figures of one run stand in `label_issue.md`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.measures.label_issue import DIGITS
from refinelab_dsl.measures.suspicion import BELIEFS, FEWEST, SILENT, Ballot, Beliefs, suspect_keys

SHARED = (Path(__file__).resolve().parent / "../../shared/data").resolve()
LETTERS = "ABCD"
GRID = [
    Beliefs(lure, faults, items)
    for lure, faults, items in itertools.product((0.3, 0.5, 1.0), (0.01, 0.03, 0.05), (5.0, 10.0, 30.0))
]

CLEANLAB = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd
import cleanlab
from cleanlab.multiannotator import get_label_quality_multiannotator
from cleanlab.rank import get_label_quality_scores
told = json.load(sys.stdin)
answers, keys, groups = np.array(told["answers"]), np.array(told["keys"]), np.array(told["groups"])
classes = told["classes"]
counts = np.stack([(answers == each).sum(axis=1) for each in range(classes)], axis=1).astype(float)
found = {}
def scores(name, rows, how):
    values = np.zeros(len(keys))
    for part in rows:
        values[part] = how(part)
    found[name] = (-values).tolist()
whole = [np.arange(len(keys))]
by_group = [np.flatnonzero(groups == each) for each in np.unique(groups)]
for called, rows in [("", whole)] + ([(", by subject", by_group)] if len(by_group) > 1 else []):
    for smooth in (0, 1):
        shares = (counts + smooth / classes) / np.maximum((counts + smooth / classes).sum(axis=1, keepdims=True), 1e-9)
        for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
            for adjusted in (False, True):
                if adjusted and method == "confidence_weighted_entropy":
                    continue
                name = f"{method}{', adjusted' * adjusted}{', smoothed' * smooth}{called}"
                try:
                    scores(name, rows, lambda part: get_label_quality_scores(
                        keys[part], shares[part], method=method, adjust_pred_probs=adjusted))
                except Exception as error:
                    print(f"{name}: {error}", file=sys.stderr)
    shares = (counts + 1 / classes) / (counts + 1 / classes).sum(axis=1, keepdims=True)
    def crowdlab(part):
        votes = pd.DataFrame(np.where(answers[part] < 0, np.nan, answers[part].astype(float)))
        votes = votes.dropna(axis=1, how="all").assign(key=keys[part].astype(float))
        told = get_label_quality_multiannotator(votes, shares[part], verbose=False)
        return told["detailed_label_quality"]["quality_annotator_key"].to_numpy()
    try:
        scores(f"CROWDLAB, the key as one more annotator{called}", rows, crowdlab)
    except Exception as error:
        print(f"CROWDLAB{called}: {error}", file=sys.stderr)
json.dump({"version": cleanlab.__version__, "scores": found}, sys.stdout)
"""

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Answers:
    """answers: (items, models), the position of a choice, -1 for none; keys, groups: per item. told_apart: whether
    wrong answers are told from each other. truths: name -> flags, of the items that are `checked`."""

    def __init__(
        self, answers: NDArray[np.int64], keys: NDArray[np.int64], groups: Sequence[str], classes: int,
        told_apart: bool, checked: Flags, truths: Mapping[str, Flags],
    ) -> None:  # fmt: skip
        self.answers, self.keys, self.groups = answers, keys, np.array(groups)
        self.classes, self.told_apart, self.checked, self.truths = classes, told_apart, checked, truths

    def judge(self, beliefs: Beliefs = BELIEFS, *, by: bool) -> Scores:
        """The values of the measure."""
        ballots = []
        for said, key, group in zip(self.answers.tolist(), self.keys.tolist(), self.groups.tolist(), strict=True):
            seen = {key: 0}
            votes = bytes(SILENT if each < 0 else seen.setdefault(each, len(seen)) for each in said)
            answers = self.classes if self.told_apart else FEWEST
            ballots.append(Ballot(votes, answers, group if by else None))
        found = suspect_keys(ballots, self.answers.shape[1], told_apart=self.told_apart, beliefs=beliefs)
        return np.round(found.values, DIGITS)


def read_mmlu() -> Answers:
    with (SHARED / "mmlu_helm_predictions/predictions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    models = [name for name in rows[0] if name not in ("subject", "test_row", "answer")]
    with gzip.open(SHARED / "mmlu_redux/mmlu_redux.jsonl.gz", "rt", encoding="utf-8") as stream:
        checked = {(row["subject"], str(row["mmlu_test_row"])): row["error_type"] for row in map(json.loads, stream)}
    said = [checked.get((row["subject"], row["test_row"])) for row in rows]
    truths = {
        "wrong key": np.array([each == "wrong_groundtruth" for each in said]),
        "not ok": np.array([each not in (None, "ok") for each in said]),
    }
    return Answers(
        np.array([[LETTERS.find(row[each]) if row[each] else -1 for each in models] for row in rows]),
        np.array([LETTERS.index(row["answer"]) for row in rows]), [row["subject"] for row in rows], len(LETTERS), True,
        np.array([each is not None for each in said]), truths,
    )  # fmt: skip


def read_gsm8k() -> Answers:
    with (SHARED / "gsm8k_model_results/gsmplus_10models_even.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (SHARED / "gsm8k_platinum/status_even_indices.jsonl").open(encoding="utf-8") as stream:
        status = {str(row["test_index"]): row["status"] for row in map(json.loads, stream)}
    said = [status[row["test_index"]] for row in rows]
    models = [name for name in rows[0] if name != "test_index"]
    right = np.array([[int(row[each]) for each in models] for row in rows])
    truths = {
        "revised": np.array([each == "revised" for each in said]),
        "revised or removed": np.array([each != "kept" for each in said]),
    }
    every = np.ones(len(rows), np.bool_)
    return Answers(1 - right, np.zeros(len(rows), np.int64), ["" for _ in rows], 2, False, every, truths)


def average_precision(scores: Scores, flags: Flags) -> float:
    """What is ranked alike comes at once."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(flags[order])
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    gained = np.diff(np.r_[0, hits[ends]])
    return float((gained * hits[ends] / (ends + 1)).sum() / max(1, hits[-1]))


def leave_one_out(data: Answers, fits: Mapping[Beliefs, Scores], truth: str) -> tuple[Scores, Beliefs]:
    """The values of each subject with the constants that do best on the others; and those that do best on all."""
    flags = data.truths[truth]
    values = np.zeros(len(data.keys))
    for subject in np.unique(data.groups):
        others = data.checked & (data.groups != subject)
        best = max(GRID, key=lambda beliefs: average_precision(fits[beliefs][others], flags[others]))
        values[data.groups == subject] = fits[best][data.groups == subject]
    every = data.checked
    return values, max(GRID, key=lambda beliefs: average_precision(fits[beliefs][every], flags[every]))


def ask_cleanlab(python: str, data: Answers) -> tuple[str, dict[str, Scores]]:
    told = {
        "answers": data.answers.tolist(), "keys": data.keys.tolist(), "groups": data.groups.tolist(),
        "classes": data.classes,
    }  # fmt: skip
    ran = subprocess.run([python, "-c", CLEANLAB], input=json.dumps(told), capture_output=True, text=True, check=True)
    for line in ran.stderr.splitlines():
        print(f"  cleanlab: {line}", file=sys.stderr)
    found = json.loads(ran.stdout)
    return found["version"], {name: np.array(values) for name, values in found["scores"].items()}


def draw(
    figure: Callable[[NDArray[np.intp]], float], places: NDArray[np.intp], draws: int,
    groups: NDArray[Any] | None = None, seed: int = 1,
) -> tuple[float, float]:  # fmt: skip
    """The 95% interval of a figure, items drawn anew; with the groups of all items whole groups are."""
    random = np.random.default_rng(seed)
    if groups is None:
        values = [figure(random.choice(places, len(places))) for _ in range(draws)]
    else:
        parts = [places[groups[places] == each] for each in np.unique(groups[places])]
        picked = (random.integers(0, len(parts), len(parts)) for _ in range(draws))
        values = [figure(np.concatenate([parts[at] for at in each])) for each in picked]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def compare(
    title: str, data: Answers, ways: Mapping[str, Scores], truth: str, draws: int, without: str | None = None
) -> list[dict[str, Any]]:
    """Prints a table: each way, and by how much the first one is better."""
    flags = data.truths[truth]
    places = np.flatnonzero(data.checked & (data.groups != without) if without else data.checked)
    first = next(iter(ways.values()))
    print(f"\n{title}: {int(flags[places].sum())} of {len(places)} items\n")
    print("| way | average precision | 95% interval | ours more by | 95% interval |\n|---|---:|---:|---:|---:|")
    rows = []
    for name, scores in ways.items():
        value = average_precision(scores[places], flags[places])
        low, high = draw(lambda at, scores=scores: average_precision(scores[at], flags[at]), places, draws)  # type: ignore[misc]
        row = {"way": name, "precision": value, "low": low, "high": high}
        more = ""
        if scores is not first:
            gain = average_precision(first[places], flags[places]) - value
            worst, best = draw(
                lambda at, scores=scores: average_precision(first[at], flags[at])  # type: ignore[misc]
                - average_precision(scores[at], flags[at]), places, draws,
            )  # fmt: skip
            row |= {"more": gain, "more_low": worst, "more_high": best}
            more = f"{gain:+.3f} | {worst:+.3f} to {best:+.3f}"
        print(f"| {name} | {value:.3f} | {low:.3f} to {high:.3f} | {more or ' |'} |")
        rows.append(row)
    return rows


def tell_gain(what: str, ours: Scores, others: Mapping[str, Scores], data: Answers, truth: str, draws: int) -> None:
    """By how much one ranking is better than others: items drawn anew, and subjects, whole and without chemistry."""
    flags = data.truths[truth]
    for name, theirs in others.items():
        for left, places in {
            "": np.flatnonzero(data.checked),
            " (without college_chemistry)": np.flatnonzero(data.checked & (data.groups != "college_chemistry")),
        }.items():

            def gain(at: NDArray[np.intp], theirs: Scores = theirs) -> float:
                return average_precision(ours[at], flags[at]) - average_precision(theirs[at], flags[at])

            by_item, by_subject = draw(gain, places, draws), draw(gain, places, draws, data.groups)
            print(
                f"| {what}{left} | {name} | {average_precision(ours[places], flags[places]):.3f} | {gain(places):+.3f} "
                f"| {by_item[0]:+.3f} to {by_item[1]:+.3f} | {by_subject[0]:+.3f} to {by_subject[1]:+.3f} |"
            )


def tell_constants(fits: Mapping[Beliefs, Scores], data: Answers, truth: str) -> None:
    """What each constant does: the mean, least and most precision over what the others may be."""
    places, flags = np.flatnonzero(data.checked), data.truths[truth]
    found = {beliefs: average_precision(values[places], flags[places]) for beliefs, values in fits.items()}
    print(f"\n| constant | its value | {truth}: mean | least | most |\n|---|---:|---:|---:|---:|")
    for at, name in enumerate(Beliefs._fields):
        for value in sorted({beliefs[at] for beliefs in found}):
            own = [figure for beliefs, figure in found.items() if beliefs[at] == value]
            print(f"| {name} | {value:g} | {np.mean(own):.3f} | {min(own):.3f} | {max(own):.3f} |")


def tell_levels(values: Scores, data: Answers, truth: str) -> None:
    """How often keys are faulty at each height of the value."""
    print(f"\n| value | items | mean value | {truth} |\n|---|---:|---:|---:|")
    for low, high in itertools.pairwise((0.0, 0.05, 0.2, 0.5, 0.8, 1.01)):
        at = data.checked & (values >= low) & (values < high)
        if at.any():
            share = data.truths[truth][at].mean()
            print(f"| {low} to {min(high, 1)} | {at.sum()} | {values[at].mean():.3f} | {share:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cleanlab", metavar="PYTHON", help="the Python of an environment that has cleanlab")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {}
    mmlu, gsm8k = read_mmlu(), read_gsm8k()
    best = BELIEFS
    fits = {beliefs: mmlu.judge(beliefs, by=True) for beliefs in GRID}
    unchosen = np.mean(list(fits.values()), axis=0)
    for data, name in ((mmlu, "MMLU, ten models of HELM"), (gsm8k, "GSM8K, right and wrong of ten models")):
        against = data.answers != data.keys[:, None]
        known = data.answers >= 0
        share = (against & known).sum(axis=1) / known.sum(axis=1)
        version, theirs = ask_cleanlab(options.cleanlab, data) if options.cleanlab else ("", {})
        for truth, flags in data.truths.items():
            ways: dict[str, Scores] = {}
            if data is mmlu:
                ways["ours, `by = subject`"] = data.judge(by=True)
                ways["ours, `by = subject`, mean over all constants, none chosen"] = unchosen
                left_out, chosen = leave_one_out(data, fits, truth)
                best = chosen if truth == "wrong key" else best
                ways["ours, `by = subject`, constants chosen on other subjects"] = left_out
                ways["ours, without `by`"] = data.judge(by=False)
            else:
                ways["ours"] = data.judge(by=False)
                ways["ours, constants chosen on MMLU"] = data.judge(best, by=False)
            ways["no model agrees with the key"] = np.all(against, axis=1).astype(np.float64)
            ways["share of models that do not"] = share
            at = data.checked
            ranked = sorted(theirs, key=lambda each: -average_precision(theirs[each][at], flags[at]))
            for place, each in enumerate(ranked):
                if place < 3 or each in ("self_confidence", "normalized_margin, adjusted"):
                    ways[f"cleanlab {version}: {each}"] = theirs[each]
            title = f"{name}: {truth}"
            result[title] = compare(title, data, ways, truth, options.draws)
            if data is mmlu:
                others = {"the best of cleanlab": theirs[ranked[0]]} if ranked else {}
                others["no model agrees"] = ways["no model agrees with the key"]
                print("\n| way | beside | precision | more by | items drawn | subjects drawn |")
                print("|---|---|---:|---:|---:|---:|")
                told = {"as given": next(iter(ways.values())), "none chosen": unchosen, "chosen on others": left_out}
                for what, ours in told.items():
                    tell_gain(what, ours, others, data, truth, options.draws)
                tell_constants(fits, data, truth)
                short = dict(list(ways.items())[:1] + list(ways.items())[3:6])
                short |= {each: ways[each] for each in list(ways)[6:7]}
                result[f"{title}, without chemistry"] = compare(
                    f"{title}, without college_chemistry", data, short, truth, options.draws, "college_chemistry"
                )
        tell_levels(data.judge(by=data is mmlu), data, list(data.truths)[-1])
    print(f"\nchosen on all of MMLU: {best}; given: {BELIEFS}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
