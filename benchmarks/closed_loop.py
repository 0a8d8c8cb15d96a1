"""Does a classifier learn more where its own signals say which labels are verified than where a draw does?

    python benchmarks/closed_loop.py [--seeds 10] [--items 600] [--noise 0.3] [--budget 180k] [--json FILE]

Questions of MMLU-Pro, read in place, are filed under their category; a share of the labels is made wrong by a seed.
`refinec apply --allow-exec` runs the loop of `specs/middo/topics.refine` on them: scikit-learn learns, measures each
question, what looks wrong is verified and corrected, and it learns again. The other arm is the same spec, budget and
program, but the signals are dealt out anew among the questions before they are written, so that chance decides which
are verified. Held-out questions are learnt by neither. **The model that verifies is simulated**: it reads nothing, and
tells the truth in the stated share of calls.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared/data/mmlu_pro/questions.jsonl.gz"
EXAMPLE = ROOT / "specs/middo"
SPEC, TRAIN, ITEMS, EXAM, BOOK = (
    "topics.refine", "train_topics.py", "questions.jsonl", "exam.jsonl", "guideline.md",
)  # fmt: skip
RESULT, ITEMS_OF_ROUND = "out/topics.jsonl", "data/items.jsonl"
ARMS = ("signals", "random")
APPLY = (
    "apply", SPEC, "--allow-exec", "--auto-approve", "--format", "json", "--var", f"data={ITEMS}", "--var",
    f"guideline={BOOK}",
)  # fmt: skip
GUIDELINE = {
    "biology": "living things: cells, genes, proteins, plants and animals, organs, evolution, ecology.",
    "business": "companies and money: accounting, finance, marketing, management, taxes, trade, business ethics.",
    "chemistry": "substances: atoms, molecules, bonds, reactions, acids, solutions, gases, equilibrium, spectra.",
    "computer science": "computers: programs, algorithms, data, memory, networks, learning machines, security, logic.",
    "history": "the past as sources tell it: states, rulers, wars, laws, religion, early people and their finds.",
    "psychology": "mind and behaviour: learning, memory, emotion, development, disorders, therapy, tests, groups.",
}
"""What is filed where: the evidence that the loop's validator is shown, of our own writing."""


@dataclass(frozen=True)
class Arm:
    """What an arm came to. accuracy: held out, of what each round learnt, and of the result. wrong: how many labels of
    the same are wrong. tokens: spent before each. tried, right: labels that were verified, that were changed."""

    seed: int
    name: str
    accuracy: tuple[float, ...]
    wrong: tuple[int, ...]
    tokens: tuple[int, ...]
    tried: int
    right: int
    reason: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--exam", type=int, default=2000)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--right", type=float, default=0.9, help="share of verdicts that are true")
    parser.add_argument("--budget", default="180k")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--deal", nargs=3, metavar=("ITEMS", "SIGNALS", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.deal:
        deal_signals(*options.deal)
        return
    rows = load_questions()
    arms: list[Arm] = []
    clean: list[float] = []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            train, exam = draw_noise(rows, seed, options.items, options.exam, options.noise)
            clean.append(measure_clean(train, exam))
            for name in ARMS:
                place = Path(folder) / name
                write_project(place, train, exam, name, seed, options.right, options.budget, options.rounds)
                arms.append(measure_arm(place, apply_spec(place)["loop"], train, exam, name, seed))
                print(json.dumps(asdict(arms[-1])), file=sys.stderr, flush=True)
    print(render(arms, clean))
    if options.json is not None:
        found = {"clean": clean, "arms": [asdict(each) for each in arms]}
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


# ---- the data ----------------------------------------------------------------------------------------------------


def load_questions() -> list[dict[str, str]]:
    """Questions with their category; those of "other" belong nowhere, and copies count once."""
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    rows = {row["question"].strip(): row["category"] for row in found if row["category"] in GUIDELINE}
    return [{"question": question, "truth": category} for question, category in rows.items() if question]


def draw_noise(
    rows: Sequence[dict[str, str]], seed: int, items: int, exam: int, noise: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(questions to learn, of which a share has a wrong label, each other label as likely; held-out questions)."""
    draw = random.Random(seed)
    drawn = draw.sample(list(rows), items + exam)
    labels = sorted(GUIDELINE)
    wrong = set(draw.sample(range(items), round(noise * items)))
    train = []
    for place, row in enumerate(drawn[:items]):
        truth = row["truth"]
        answer = draw.choice([each for each in labels if each != truth]) if place in wrong else truth
        train.append({
            "id": f"q{place}", "question": row["question"], "choices": labels, "answer": answer, "truth": truth,
        })  # fmt: skip
    return train, [{"question": row["question"], "answer": row["truth"]} for row in drawn[items:]]


def write_project(
    folder: Path, train: Sequence[dict[str, Any]], exam: Sequence[dict[str, Any]], name: str, seed: int,
    right: float, budget: str, rounds: int,
) -> None:
    """The example's spec and program with other data; where chance decides, with another command around the program."""
    (folder / ".git").mkdir(parents=True)
    (folder / TRAIN).write_text((EXAMPLE / TRAIN).read_text("utf-8"), "utf-8")
    dump_rows(folder / ITEMS, train)
    dump_rows(folder / EXAM, exam)
    book = "".join(f"# {label}\n\nWhich questions are {label}: {what}\n\n" for label, what in GUIDELINE.items())
    (folder / BOOK).write_text(book, "utf-8")
    command = [sys.executable, TRAIN, "{data}", "{signals}"]
    if name == "random":
        command = [sys.executable, str(Path(__file__).resolve()), "--deal", "{data}", "{signals}", str(seed)]
    text = (EXAMPLE / SPEC).read_text("utf-8")
    for old, new in (
        ("seed = 3\n", f"seed = {seed}\n"),
        ('command = ["python3", "train_topics.py", "{data}", "{signals}", "../data/topics_heldout.jsonl"]',
         f"command = {json.dumps(command)}"),
        ("rounds = 4\n", f"rounds = {rounds}\n"),
        ("tokens = 100k", f"tokens = {budget}"),
        ("success = 0.9", f"success = {right}"),
        ('path = "../out/', 'path = "out/'),
        ('provenance = "../out/', 'provenance = "out/'),
    ):  # fmt: skip
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / SPEC).write_text(text, "utf-8")


def dump_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


# ---- an arm ------------------------------------------------------------------------------------------------------


def measure_clean(train: Sequence[dict[str, Any]], exam: Sequence[dict[str, Any]]) -> float:
    """Held-out accuracy where every label is right: no loop comes further."""
    found: float = load_classifier().measure_accuracy([{**row, "answer": row["truth"]} for row in train], exam)
    return found


def apply_spec(folder: Path) -> dict[str, Any]:
    """Runs the loop as a user would: what `refinec apply` says of it."""
    done = subprocess.run(
        [sys.executable, "-m", "refinelab_dsl.cli.main", *APPLY],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    head: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    if (head.get("loop") or {}).get("status") != "complete":
        raise SystemExit(f"{folder}: {done.stderr}{done.stdout}")
    return head


def measure_arm(
    folder: Path, loop: dict[str, Any], train: Sequence[dict[str, Any]], exam: Sequence[dict[str, Any]], name: str,
    seed: int,
) -> Arm:
    """What a loop came to: the classifier learns what each round began with, and the result."""
    classifier = load_classifier()
    truth = {row["question"]: row["truth"] for row in train}
    rounds = [folder / f".refine/loops/{loop['loop']:04d}/round-{each['round']:02d}" for each in loop["rounds"]]
    learnt = [classifier.load_rows(path) for path in (*(each / ITEMS_OF_ROUND for each in rounds), folder / RESULT)]
    operators = [
        operator
        for each in loop["rounds"] if each["run"] is not None
        for operator in json.loads((folder / f".refine/runs/{each['run']:04d}/summary.json").read_text("utf-8"))[
            "operators"
        ].values()
    ]  # fmt: skip
    return Arm(
        seed, name,
        tuple(classifier.measure_accuracy(rows, exam) for rows in learnt),
        tuple(sum(row["answer"] != truth[row["question"]] for row in rows) for rows in learnt),
        (0, *(each["tokens"] for each in loop["rounds"])),
        sum(each["attempts"] for each in operators), sum(each["accepted"] for each in operators), loop["reason"],
    )  # fmt: skip


def deal_signals(items: str, signals: str, seed: str) -> None:
    """The command of the random arm: what the example's program measures, dealt out anew among the questions."""
    classifier = load_classifier()
    rows = classifier.measure_rows(classifier.load_rows(items))
    dealt = list(rows)
    random.Random(f"{seed}/{items}").shuffle(dealt)
    dump_rows(Path(signals), [{**other, "id": row["id"]} for row, other in zip(rows, dealt, strict=True)])


def load_classifier() -> Any:
    """The example's program, as a module."""
    sys.path.insert(0, str(EXAMPLE))
    import train_topics

    return train_topics


# ---- what is shown -----------------------------------------------------------------------------------------------


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean of seeds, and half the width of its 95% interval by Student's t."""
    if len(values) < 2:
        return mean(values), float("nan")
    from scipy.stats import t

    return mean(values), float(t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5


def render(arms: Sequence[Arm], clean: Sequence[float]) -> str:
    """Accuracy by round for each arm, then the difference of the arms, each as a mean of seeds with its interval."""
    by_name = {name: [arm for arm in arms if arm.name == name] for name in ARMS}
    rounds = max(len(arm.accuracy) for arm in arms)
    lines = ["| learnt | signals | wrong | tokens | random | wrong | tokens | difference |", "|---" * 8 + "|"]
    for place in range(rounds):
        cells = []
        for name in ARMS:
            own = by_name[name]
            cells += [
                _share([_at(arm.accuracy, place) for arm in own]),
                f"{mean(_at(arm.wrong, place) for arm in own):.0f}",
                f"{mean(_at(arm.tokens, place) for arm in own) / 1000:.0f}k",
            ]
        pairs = zip(*(by_name[name] for name in ARMS), strict=True)
        gain = _share([_at(one.accuracy, place) - _at(other.accuracy, place) for one, other in pairs], sign="+")
        label = "what came in" if place == 0 else f"after round {place}"
        lines.append(f"| {label} | {' | '.join(cells)} | {gain} |")
    lines += ["", f"every label right: {_share(clean)}"]
    for name in ARMS:
        own = by_name[name]
        tried, right = sum(arm.tried for arm in own), sum(arm.right for arm in own)
        ends = ", ".join(f"{reason}: {number}" for reason, number in sorted(Counter(arm.reason for arm in own).items()))
        lines.append(f"{name}: {tried} labels verified, {right} changed ({right / tried:.0%}); loops ended by {ends}")
    return "\n".join(lines)


def _at(values: Sequence[Any], place: int) -> Any:
    """What stands at a round, or at the last one where the loop ended before."""
    return values[min(place, len(values) - 1)]


def _share(values: Sequence[float], sign: str = "") -> str:
    middle, half = interval(values)
    return f"{100 * middle:{sign}.1f} ± {100 * half:.1f}"


if __name__ == "__main__":
    main()
