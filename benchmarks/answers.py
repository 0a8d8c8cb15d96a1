"""The comparison of answers, the arithmetic of derivations and the ways of `auto` on real data.

    python benchmarks/answers.py [--data ../shared/data] [--json FILE] [--show]

No model is asked: everything here is a function of the data. Where a set is missing its part is left out, and said.

- GSM8K keys beside those of GSM8K-Platinum: kept keys must be the same, revised ones different.
- GSM-Plus: the number after `####` beside the answer, the seed's answer beside that of each variant.
- TheoremQA: how many answers of each type are read as what they are.
- MMLU and MMLU-Pro: no two choices of one item should be the same. Each pair that is, is shown with `--show`.
- Derivations of GSM8K's test items (taken to be right) and of BIG-Bench-Mistake (the first wrong step is known).
- The way that `auto` takes, on items whose way is known by where they come from. The rules were made looking at GSM8K's
  test split, TheoremQA, OpenBookQA's test split and MMLU; those marked `held out` were not looked at.
- How often a question of these sets is found to give its answer away or to break off (none is known to), and how often
  one that is cut at a random word is found to.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from refinelab_dsl.equivalence import check_claims, compare_answers, find_wrong_line, shape_of
from refinelab_dsl.validators.route import COMPUTED, count_points
from refinelab_dsl.validators.stem import breaks_off, gives_away
from tests.validators.items import make_item

Figures = dict[str, int]
SHOWN: list[str] = []

COMPUTED_SUBJECTS = ("high_school_mathematics", "college_mathematics")
LOOKED_UP = (
    "anatomy", "business_ethics", "college_biology", "global_facts", "high_school_biology", "marketing",
    "medical_genetics", "philosophy", "sociology", "us_foreign_policy",
)  # fmt: skip


def lines(path: Path) -> Iterator[Any]:
    """The rows of a JSONL file, gzipped or not."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            yield json.loads(line)


def mmlu(data: Path, split: str = "*") -> Iterator[tuple[str, list[str]]]:
    """(subject, row) of MMLU."""
    for path in sorted((data / "mmlu").glob(f"{split}/*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                if len(row) == 6 and row[5] in "ABCD":
                    yield path.stem.rpartition("_")[0], row


def platinum(data: Path) -> Figures:
    """GSM8K keys as they are and as Platinum has them."""
    keys = [row["answer"].split("####")[-1].strip() for row in lines(data / "gsm8k" / "test.jsonl")]
    figures: Counter[str] = Counter()
    for row in lines(data / "gsm8k_platinum" / "status_even_indices.jsonl"):
        if row["platinum_answer"] is not None:
            figures[f"{row['status']}: {compare_answers(keys[row['test_index']], row['platinum_answer'])}"] += 1
    return figures


def gsm_plus(data: Path) -> Figures:
    """The answers of variants."""
    figures: Counter[str] = Counter()
    for row in lines(data / "gsm_plus" / "testmini_seeds_first_half.jsonl.gz"):
        stated = row["solution"].split("####")[-1].strip()
        figures[f"number of the solution: {compare_answers(stated, row['answer'])}"] += 1
        figures[f"{row['perturbation_type']}: {compare_answers(row['answer'], row['seed_answer'])}"] += 1
    return figures


def theoremqa(data: Path) -> Figures:
    """What answers are read as."""
    with gzip.open(data / "theoremqa" / "theoremqa_test.json.gz", "rt", encoding="utf-8") as file:
        rows = json.load(file)
    return Counter(f"{row['Answer_type']}: {shape_of(str(row['Answer']))}" for row in rows)


def choices(data: Path) -> Figures:
    """Pairs of choices of one item that are found to be the same."""
    figures: Counter[str] = Counter()
    sets = {
        "mmlu": (row[1:5] for _, row in mmlu(data)),
        "mmlu_pro": (row["options"] for row in lines(data / "mmlu_pro" / "questions.jsonl.gz")),
    }
    for name, items in sets.items():
        for offered in items:
            figures[f"{name}: items"] += 1
            words = {each for each in offered if shape_of(each) == "words"}
            for one, other in itertools.combinations(offered, 2):
                figures[f"{name}: pairs"] += 1
                if one.strip() == other.strip():
                    figures[f"{name}: pairs of one text"] += 1
                elif not {one, other} <= words and compare_answers(one, other) == "same":
                    figures[f"{name}: pairs of one value"] += 1
                    SHOWN.append(f"{name}: {one!r} | {other!r}")
    return figures


def derivations(data: Path) -> Figures:
    """Claims of derivations, and where the first wrong one is found."""
    figures: Counter[str] = Counter()
    for number, row in enumerate(lines(data / "gsm8k" / "test.jsonl")):
        solution = row["answer"].split("####")[0].rstrip()
        claims = check_claims(solution)
        figures.update(f"gsm8k claims: {claim.verdict}" for claim in claims)
        wrong = find_wrong_line(solution)
        figures[f"gsm8k items: {'no claim' if not claims else 'right' if wrong is None else 'wrong'}"] += 1
        if wrong is not None:
            SHOWN.append(f"gsm8k {number}: {solution.splitlines()[wrong - 1]}")
    for row in lines(data / "bigbench_mistake" / "multistep_arithmetic.jsonl.gz"):
        steps = "\n".join(step.replace("\n", " ") for step in row["steps"])
        wrong, known = find_wrong_line(steps), row["mistake_index"]
        label = "labelled right" if known is None else "labelled wrong"
        if known is None and row["answer"] != row["target"]:
            label = "labelled right, and the answer is wrong"
        place = "not found wrong" if wrong is None else "found wrong"
        if known is not None and wrong is not None:
            place += " in that line" if wrong - 1 == known else " before it" if wrong - 1 < known else " after it"
        figures[f"bigbench_mistake, {label}: {place}"] += 1
    return figures


def ways(data: Path) -> Figures:
    """The way that items take, by the one that they should."""
    figures: Counter[str] = Counter()

    def note(name: str, wanted: str, question: str, offered: list[str], answer: str = "") -> None:
        points = count_points(make_item(question, *offered, answer=answer))
        taken = "computed" if points >= COMPUTED else "looked up"
        figures[f"{name}: {taken}, {'right' if taken == wanted else 'wrong'}"] += 1

    for name, path in (("gsm8k test", "test.jsonl"), ("gsm8k train, held out", "train_first3500.jsonl.gz")):
        for row in lines(data / "gsm8k" / path):
            note(name, "computed", row["question"], [], row["answer"].split("####")[-1].strip())
    with gzip.open(data / "theoremqa" / "theoremqa_test.json.gz", "rt", encoding="utf-8") as file:
        for row in json.load(file):
            if row["Answer_type"] in ("integer", "float"):
                note("theoremqa numbers", "computed", row["Question"], [], str(row["Answer"]))
    for name, path in (("openbookqa test", "test_complete.jsonl"), ("openbookqa dev, held out", "dev_complete.jsonl")):
        for row in lines(data / "openbookqa" / path):
            question = row["question"]
            note(name, "looked up", question["stem"], [each["text"] for each in question["choices"]])
    for name in ("ARC-Challenge-Test", "ARC-Easy-Test"):
        for row in lines(data / "arc" / f"{name}.jsonl.gz"):
            question = row["question"]
            note(f"{name}, held out", "looked up", question["stem"], [each["text"] for each in question["choices"]])
    for subject, row in mmlu(data, "test"):
        if subject in COMPUTED_SUBJECTS or subject in LOOKED_UP:
            note(f"mmlu {subject}", "computed" if subject in COMPUTED_SUBJECTS else "looked up", row[0], row[1:5])
    for row in lines(data / "mmlu_pro" / "questions.jsonl.gz"):
        category = row["category"]
        if category in ("history", "psychology"):
            note(f"mmlu_pro {category}, held out", "looked up", row["question"], row["options"])
    return figures


def stems(data: Path) -> Figures:
    """Questions that are found to give their answer away or to break off, and cut ones."""
    figures: Counter[str] = Counter()

    def note(name: str, task: str, question: str, offered: list[str], answer: str) -> None:
        figures[f"{name}: items"] += 1
        figures[f"{name}: give their answer away"] += gives_away(make_item(question, *offered, answer=answer), task)
        if task != "mcq":
            figures[f"{name}: break off"] += breaks_off(question)
            words = question.split()
            cut = max(3, int(len(words) * random.Random(question).uniform(0.4, 0.8)))
            figures[f"{name}: break off once they are cut"] += breaks_off(" ".join(words[:cut]))

    for name, path in (("gsm8k test", "test.jsonl"), ("gsm8k train, held out", "train_first3500.jsonl.gz")):
        for row in lines(data / "gsm8k" / path):
            note(name, "math", row["question"], [], row["answer"].split("####")[-1].strip())
    with gzip.open(data / "theoremqa" / "theoremqa_test.json.gz", "rt", encoding="utf-8") as file:
        for row in json.load(file):
            note("theoremqa", "qa", row["Question"], [], str(row["Answer"]))
    for _, row in mmlu(data, "test"):
        note("mmlu", "mcq", row[0], row[1:5], row[1 + ord(row[5]) - ord("A")])
    for row in lines(data / "mmlu_pro" / "questions.jsonl.gz"):
        note("mmlu_pro", "mcq", row["question"], row["options"], row["options"][ord(row["answer"]) - ord("A")])
    return figures


PARTS: dict[str, Callable[[Path], Figures]] = {
    "GSM8K beside Platinum": platinum,
    "GSM-Plus": gsm_plus,
    "TheoremQA": theoremqa,
    "choices of one item": choices,
    "derivations": derivations,
    "ways of auto": ways,
    "stems": stems,
}


def main() -> None:
    here = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description="comparison of answers on real data")
    parser.add_argument("--data", type=Path, default=here / "shared" / "data")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", action="store_true", help="print the pairs and lines that were found")
    options = parser.parse_args()
    found: dict[str, Figures] = {}
    for title, part in PARTS.items():
        try:
            found[title] = dict(part(options.data))
        except FileNotFoundError as error:
            print(f"{title}: left out, {error.filename} is missing", file=sys.stderr)
            continue
        print(f"\n{title}")
        for name in sorted(found[title]):
            print(f"  {found[title][name]:7}  {name}")
    if options.show:
        print("\n", *SHOWN, sep="\n")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
