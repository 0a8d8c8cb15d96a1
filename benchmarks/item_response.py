"""Difficulty by item response on recorded answers: against published difficulties, on held-out models, and beside what
people find hard.

    python benchmarks/item_response.py [--folds 3] [--json FILE]

Reads the public matrices under ../shared/data in place (metabench, HELM's answers on MMLU, ARC's labels of people,
NAEP). No model is called. Figures of one run stand in `item_response.md`.

Held-out models: difficulties are fitted on the other models; a held-out model's ability comes from a random half of the
items, and the log loss is taken on its other half (natural logarithm, per answer). `additive` is the logistic fit
logit P = model - item by joint maximum likelihood, with a ridge of 0.01 on each parameter, without which items that all
models get right have no finite value. The Rasch model has the same formula; what differs is that abilities are
integrated out and items have a prior that is learned. `two_parameter` has slopes as well.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.measures.item_response import ABSENT, ItemResponse, Slopes, fit_items

SHARED = (Path(__file__).resolve().parent / "../../shared/data").resolve()
METABENCH = ("arc_A", "gsm8k_A", "mmlu_A")
KINDS: tuple[Slopes, Slopes] = ("rasch", "two_parameter")
RIDGE = 0.01
DRAWS = 2_000
Floats = NDArray[np.float64]
Answers = NDArray[np.int8]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=3, help="of the models of metabench; of HELM one each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for name in METABENCH:
        answers, items = read_metabench(name)
        figures[name] = {**published(name, answers, items), **held_out(name, answers, options.folds)}
    helm, places = read_helm()
    figures["helm"] = held_out("HELM on MMLU", helm, len(helm))
    figures["helm"]["shared"] = shared_items(helm, places)
    figures["words"] = words()
    figures["people"] = people()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def read_metabench(name: str) -> tuple[Answers, list[dict[str, str]]]:
    """Answers (models, items), and the rows of the items."""
    folder = SHARED / "metabench"
    with gzip.open(folder / f"{name}_responses.txt.gz", "rt", encoding="ascii") as stream:
        answers = np.array([[int(mark) for mark in line.strip()] for line in stream], dtype=np.int8)
    with (folder / f"{name}_items.csv").open(encoding="utf-8", newline="") as stream:
        return answers, list(csv.DictReader(stream))


def read_helm() -> tuple[Answers, list[str]]:
    """Answers (models, items) against the key, and each item's `subject:row`."""
    with (SHARED / "mmlu_helm_predictions/predictions.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    models = [name for name in rows[0] if name not in ("subject", "test_row", "answer")]
    answers = [[row[model].strip() == row["answer"] for row in rows] for model in models]
    return np.array(answers, dtype=np.int8), [f"{row['subject']}:{row['test_row']}" for row in rows]


def published(name: str, answers: Answers, items: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Rank correlation with the difficulties -d/a that metabench publishes, on items of positive slope: an item with a
    negative one is answered better by weaker models, and -d/a means nothing there."""
    slope, shift = (np.array([float(row[key]) for row in items]) for key in ("irt_a", "irt_d"))
    plain = slope > 0
    wrong = 1 - answers.mean(axis=0)
    found: dict[str, Any] = {"models": len(answers), "items": len(items), "negative slopes": int((~plain).sum())}
    print(f"\n{name}: {len(answers)} models, {len(items)} items, {int((~plain).sum())} of them with a negative slope")
    print(f"  Spearman with the published -d/a on {int(plain.sum())} items (with -d of all in brackets)")
    fits: dict[str, Floats] = {"share of wrong answers": wrong}
    for kind in KINDS:
        start = time.process_time()
        fit = fit_items(answers, kind)
        fits[kind] = fit.difficulty
        errors = f"standard error {np.median(fit.error):.3f}, {fit.error.max():.3f} at most"
        print(f"  {kind}: {fit.rounds} rounds, {time.process_time() - start:.1f} s of processor; {errors}")
    for how, values in fits.items():
        by_ratio = spearman(values[plain], (-shift / slope)[plain])
        by_shift = spearman(values, -shift)
        found[how] = {"-d/a": round(by_ratio, 4), "-d": round(by_shift, 4)}
        print(f"    {how:24s} {by_ratio:.4f}  ({by_shift:.4f})")
    return found


def held_out(name: str, answers: Answers, folds: int) -> dict[str, Any]:
    """Log loss on the other half of the answers of models that no difficulty was fitted on."""
    random = np.random.default_rng(7)
    order = random.permutation(len(answers))
    known = random.random(answers.shape) < 0.5
    losses: dict[str, Floats] = {how: np.zeros(len(answers)) for how in ("item alone", "additive", *KINDS)}
    for fold in range(folds):
        out = order[fold::folds]
        train = np.delete(answers, out, axis=0)
        seen = np.where(known[out], answers[out], ABSENT).astype(np.int8)
        rest = np.where(known[out], ABSENT, answers[out]).astype(np.int8)
        rate = (train.sum(axis=0) + 0.5) / (len(train) + 1)
        losses["item alone"][out] = log_loss(rest, np.broadcast_to(rate, rest.shape))
        losses["additive"][out] = log_loss(rest, additive(train, seen))
        for kind in KINDS:
            losses[kind][out] = log_loss(rest, predict(fit_items(train, kind), seen))
    means = {how: float(values.mean()) for how, values in losses.items()}
    print(f"\n{name}: {len(answers)} models, {answers.shape[1]} items, log loss on held-out models ({folds} folds)")
    found: dict[str, Any] = {"log loss": {how: round(mean, 5) for how, mean in means.items()}, "less than additive": {}}
    for how, mean in means.items():
        if how in KINDS:
            low, high = interval(losses["additive"] - losses[how], random)
            gain = means["additive"] - mean
            found["less than additive"][how] = [round(gain, 5), round(low, 5), round(high, 5)]
            print(f"    {how:14s} {mean:.4f}   {gain:+.5f} better than additive ({low:+.5f} to {high:+.5f})")
        else:
            print(f"    {how:14s} {mean:.4f}")
    return found


def additive(train: Answers, seen: Answers) -> Floats:
    """(held-out models, items): chances of logit P = model - item, fitted on `train`, the models' part on `seen`."""
    item, _ = fit_additive(train)
    model = np.zeros(len(seen))
    known = seen != ABSENT
    right = (seen == 1).sum(axis=1)
    for _ in range(100):
        chance = logistic(model[:, None] - item[None, :])
        slope = right - (chance * known).sum(axis=1) - RIDGE * model
        step = slope / ((chance * (1 - chance) * known).sum(axis=1) + RIDGE)
        model += np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    return logistic(model[:, None] - item[None, :])


def fit_additive(train: Answers) -> tuple[Floats, Floats]:
    """Joint maximum likelihood, by turns of Newton steps for items and models."""
    item, model = np.zeros(train.shape[1]), np.zeros(len(train))
    right_items, right_models = train.sum(axis=0), train.sum(axis=1)
    for _ in range(500):
        before = item
        for _ in range(2):
            chance = logistic(model[:, None] - item[None, :])
            weight = chance * (1 - chance)
            item = item - np.clip(
                (right_items - chance.sum(axis=0) + RIDGE * item) / (weight.sum(axis=0) + RIDGE), -1, 1
            )
            chance = logistic(model[:, None] - item[None, :])
            weight = chance * (1 - chance)
            model = model + np.clip(
                (right_models - chance.sum(axis=1) - RIDGE * model) / (weight.sum(axis=1) + RIDGE), -1, 1
            )
        if np.abs(item - before).max() < 1e-6:
            break
    return item, model


def predict(fit: ItemResponse, seen: Answers) -> Floats:
    """(held-out models, items): chances averaged over what `seen` leaves open of a model's ability; before that it is
    normal, as the abilities of the fitted models are."""
    spread = float(np.sqrt((fit.ability**2 + fit.ability_error**2).mean()))
    nodes = np.linspace(-6 * spread, 6 * spread, 481)
    chances = np.clip(fit.chances(nodes), 1e-12, 1 - 1e-12)
    right, wrong = (seen == 1).astype(float), (seen == 0).astype(float)
    weights = right @ np.log(chances).T + wrong @ np.log1p(-chances).T - 0.5 * (nodes / spread) ** 2
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)) @ chances)


def log_loss(answers: Answers, chances: Floats) -> Floats:
    """Per model, of the answers that are there."""
    there = answers != ABSENT
    said = np.where(answers == 1, chances, 1 - chances)
    return -(np.log(np.clip(said, 1e-12, 1)) * there).sum(axis=1) / there.sum(axis=1)


def shared_items(helm: Answers, places: Sequence[str]) -> dict[str, Any]:
    """Difficulties of HELM's ten models against those published for other models, on the items that both have."""
    _, items = read_metabench("mmlu_A")
    at = {place: number for number, place in enumerate(places)}
    both = [(row, at[row["ref"]]) for row in items if row["ref"] in at and float(row["irt_a"]) > 0]
    theirs = np.array([-float(row["irt_d"]) / float(row["irt_a"]) for row, _ in both])
    found: dict[str, Any] = {"items": len(both)}
    print(f"\nHELM and metabench share {len(both)} MMLU items; Spearman of difficulty by 10 models and by 4 278 others")
    for kind in KINDS:
        mine = fit_items(helm, kind).difficulty[[number for _, number in both]]
        found[kind] = round(spearman(mine, theirs), 3)
        print(f"    {kind:14s} {found[kind]:.3f}")
    return found


def words() -> dict[str, Any]:
    """The baseline of a guess without models: Spearman of the words of a question with its Rasch difficulty."""
    found: dict[str, Any] = {}
    print("\nWords of the question: Spearman with the Rasch difficulty for models")
    for name in METABENCH:
        answers, items = read_metabench(name)
        counts = [float(len(row["question"].split())) for row in items]
        found[name] = _compare(name, list(zip(fit_items(answers, "rasch").difficulty.tolist(), counts, strict=True)))
    found["MMLU-Pro"] = _compare("MMLU-Pro, 29 models", list(mmlu_pro()))
    return found


def mmlu_pro() -> Sequence[tuple[float, float]]:
    """(Rasch difficulty by 29 models, words of the question); an answer that could not be parsed is wrong."""
    folder = SHARED / "mmlu_pro"
    asked = {str(row["question_id"]): row["question"] for row in _lines(folder / "questions.jsonl.gz")}
    with gzip.open(folder / "predictions.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["question_id"] in asked]
    models = [name for name in rows[0] if name not in ("question_id", "category", "answer")]
    answers = np.array(
        [[ABSENT if row[name] == "" else row[name] == row["answer"] for row in rows] for name in models], dtype=np.int8
    )
    difficulty = fit_items(answers, "rasch").difficulty
    lengths = [float(len(asked[row["question_id"]].split())) for row in rows]
    return [(float(each), length) for each, length in zip(difficulty, lengths, strict=True) if not np.isnan(each)]


def people() -> dict[str, Any]:
    """What people find hard beside what models get wrong: Spearman, with its 95% interval."""
    found: dict[str, Any] = {}
    print("\nDifficulty for people and for models: Spearman with the Rasch difficulty for models")
    answers, items = read_metabench("arc_A")
    difficulty = dict(zip((row["ref"] for row in items), fit_items(answers, "rasch").difficulty, strict=True))
    labels: dict[str, dict[str, str]] = {}
    for name in ("Challenge", "Easy"):
        path = SHARED / f"arc_difficulty/ARC-{name}-Test_annotations.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            labels |= {row["id"]: row for row in csv.DictReader(stream)}
    readings: dict[str, Callable[[dict[str, str]], float | None]] = {
        "ARC: grade": lambda row: float(row["grade"][-2:]) if row["grade"][-2:].isdigit() else None,
        "ARC: low, medium, high": lambda row: _place(row["difficulty"], ("Low", "Medium", "High")),
        "ARC: depth of knowledge": lambda row: _place(row["depth_of_knowledge"], ("I", "II", "III", "IV")),
    }
    for title, read in readings.items():
        pairs = [(difficulty[key], read(row)) for key, row in labels.items() if key in difficulty]
        found[title] = _compare(title, [(mine, theirs) for mine, theirs in pairs if theirs is not None])
    found["NAEP: share of pupils who are wrong"] = _compare("NAEP: share of pupils who are wrong", list(naep()))
    return found


def naep() -> Sequence[tuple[float, float]]:
    """(Rasch difficulty by 18 models, share of pupils who are wrong) of released items of NAEP history."""
    folder = SHARED / "naep_history"
    keys = {row["item_id"]: row["correct_option_index"] for row in _lines(folder / "naep-history-items.jsonl")}
    wrong: dict[str, list[float]] = {}
    for row in _lines(folder / "naep-history-response-distributions.jsonl"):
        shares = row["response_distribution"]
        if row["item_id"] in keys and sum(shares) > 0:
            wrong.setdefault(row["item_id"], []).append(1 - shares[keys[row["item_id"]]] / sum(shares))
    right: dict[str, dict[str, bool]] = {}
    for row in _lines(folder / "llm_response_logits.jsonl.gz"):
        if row["item_id"] in keys:
            mean = np.mean(row["logits"], axis=0)
            right.setdefault(row["model"], {})[row["item_id"]] = int(np.argmax(mean)) == keys[row["item_id"]]
    names = sorted(set(wrong) & {item for each in right.values() for item in each})
    answers = np.array([[each.get(item, ABSENT) for item in names] for _, each in sorted(right.items())], dtype=np.int8)
    difficulty = fit_items(answers, "rasch").difficulty
    return [(float(mine), float(np.mean(wrong[item]))) for mine, item in zip(difficulty, names, strict=True)]


def _lines(path: Path) -> Sequence[dict[str, Any]]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    return [json.loads(line) for line in data.split(b"\n") if line.strip()]


def _place(word: str, words: Sequence[str]) -> float | None:
    return float(words.index(word)) if word in words else None


def _compare(title: str, pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    mine, theirs = (np.array(side) for side in zip(*pairs, strict=True))
    random = np.random.default_rng(7)
    drawn = []
    for _ in range(DRAWS):
        chosen = random.integers(len(mine), size=len(mine))
        drawn.append(spearman(mine[chosen], theirs[chosen]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    rho = spearman(mine, theirs)
    print(f"    {title:38s} {rho:+.3f} ({low:+.3f} to {high:+.3f}), {len(mine)} items")
    return {"items": len(mine), "spearman": round(rho, 3), "interval": [round(float(low), 3), round(float(high), 3)]}


def spearman(one: Floats, other: Floats) -> float:
    """Rank correlation; equal values share the mean of their ranks."""
    return float(np.corrcoef(mean_ranks(one), mean_ranks(other))[0, 1])


def mean_ranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], dtype=np.float64)


def interval(differences: Floats, random: np.random.Generator) -> tuple[float, float]:
    """95% of the mean, by drawing models anew."""
    means = [float(random.choice(differences, len(differences)).mean()) for _ in range(DRAWS)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def logistic(odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-odds)))


if __name__ == "__main__":
    raise SystemExit(main())
