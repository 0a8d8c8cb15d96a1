"""What both orders, votes and panels buy of a judge of stated accuracy and position bias, on the pairs of LLMBar.

    python benchmarks/judges.py [--repeats 10] [--json FILE]

**A simulation.** No model is asked. The pairs and the better answer of each are LLMBar's (Zeng et al. 2024, 280 of its
419 pairs, from ../shared/data/llmbar); the verdicts are those of refinec's simulated model, which names the better
answer with the stated accuracy, and in a stated share of calls what is shown first, whatever it is. The programs are
refinec's own (`validators.judging`). Beside what comes of them stands what independent calls give by the binomial rule:
two orders that must agree, then the difference of ballots for and against.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.evidence import NO_EVIDENCE
from refinelab_dsl.data.chains import Preferred
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Judge
from refinelab_dsl.plan.learnt import build_bare_context
from refinelab_dsl.prompts.request import Request
from refinelab_dsl.providers.simulated import Rehearsal, answer
from refinelab_dsl.questions import Questions
from refinelab_dsl.source import Place
from refinelab_dsl.validators.judging import compare_answers

DATA = Path(__file__).resolve().parents[2] / "shared/data/llmbar"
JUDGES = ((0.9, 0.0), (0.8, 0.0), (0.8, 0.3), (0.6, 0.0), (0.8, 0.9))  # accuracy, position bias
WAYS = ((1, 1, False), (1, 1, True), (3, 1, False), (3, 1, True), (1, 3, True), (5, 1, True))  # votes, models, swap


@dataclass(frozen=True)
class Shares:
    right: float
    tie: float
    wrong: float

    @property
    def of_decided(self) -> float:
        decided = self.right + self.wrong
        return self.right / decided if decided else 0.0


def load_pairs() -> list[tuple[Item, str, str, bool]]:
    """(item, first answer, second answer, whether the second is the better one)."""
    pairs = []
    for path in sorted(DATA.glob("*.json")):
        for number, row in enumerate(json.loads(path.read_text("utf-8"))):
            answers = (row["output_1"], row["output_2"])
            better = answers[int(row["label"]) - 1]
            identity = f"{path.stem}-{number}"
            item = Item(
                identity, identity, identity, MappingProxyType({"question": row["input"], "answer": answers[0]}),
                MappingProxyType({"truth": better}), MappingProxyType({}), Place(path.name, number),
            )  # fmt: skip
            if answers[0].split() != answers[1].split():
                pairs.append((item, *answers, better == answers[1]))
    return pairs


def build_questions(votes: int, models: int, swap: bool) -> tuple[Questions, Judge]:
    names = [f"judge_{number}" for number in range(models)]
    text = "\n".join((
        "edition = 1", 'dataset pairs { task = qa, source = "pairs.jsonl" }',
        *(f'model {name} {{ provider = simulated, id = "{name}" }}' for name in names),
        f"judge fair {{ models = [{', '.join(names)}], votes = {votes}, swap = {str(swap).lower()} }}",
        f"operator improve {{ kind = refine, model = {names[0]}, judge = fair }}",
        'budget { tokens = 1M }', 'output out { path = "out.jsonl" }', "",
    ))  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "judges.refine"
        spec.write_text(text, "utf-8")
        program = compiler.analyze(spec).program
    assert program is not None
    return Questions(build_bare_context(program, NO_EVIDENCE, {})), program.judges[0]


def measure(accuracy: float, bias: float, way: tuple[int, int, bool], repeats: int) -> Shares:
    questions, judge = build_questions(*way)
    rehearsal = Rehearsal(judge_accuracy=accuracy, position_bias=bias)
    counts: Counter[str] = Counter()
    for item, first, second, is_second in load_pairs():
        for repeat in range(repeats):
            asked = compare_answers(judge, item, first, second, questions, turn=repeat, sample=repeat)
            found = _drive(asked, rehearsal)
            better: Preferred = "refined" if is_second else "previous"
            counts["right" if found == better else "tie" if found == "tie" else "wrong"] += 1
    total = counts.total()
    return Shares(counts["right"] / total, counts["tie"] / total, counts["wrong"] / total)


def _drive(program: Any, rehearsal: Rehearsal) -> Preferred | None:
    try:
        effect = next(program)
        while True:
            assert isinstance(effect, Request)
            effect = program.send(answer(effect, rehearsal))
    except StopIteration as end:
        preferred: Preferred | None = end.value.preferred
        return preferred


def predict(accuracy: float, bias: float, way: tuple[int, int, bool]) -> Shares:
    """By independent calls: the better answer stands first in half of those that are asked in one order."""
    votes, models, swap = way
    ahead, behind = bias + (1 - bias) * accuracy, (1 - bias) * accuracy  # right where the better one is first, second
    right, wrong = (ahead * behind, (1 - ahead) * (1 - behind)) if swap else ((ahead + behind) / 2, None)
    wrong = 1 - right if wrong is None else wrong
    lead = {0: 1.0}
    for _ in range(votes * models):
        after: Counter[int] = Counter()
        for value, share in lead.items():
            after[value + 1] += share * right
            after[value - 1] += share * wrong
            after[value] += share * (1 - right - wrong)
        lead = dict(after)
    return Shares(
        sum(share for value, share in lead.items() if value > 0), lead.get(0, 0.0),
        sum(share for value, share in lead.items() if value < 0),
    )  # fmt: skip


def run(repeats: int) -> Iterator[dict[str, Any]]:
    for accuracy, bias in JUDGES:
        for way in WAYS:
            votes, models, swap = way
            found, expected = measure(accuracy, bias, way, repeats), predict(accuracy, bias, way)
            yield {
                "accuracy": accuracy, "bias": bias, "votes": votes, "models": models, "orders": 1 + swap,
                "calls": votes * models * (1 + swap), "found": vars(found), "expected": vars(expected),
                "of_decided": found.of_decided,
            }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print("| accuracy | bias | votes | models | orders | calls | right | tie | wrong | expected | right of decided |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---:|")
    for row in run(options.repeats):
        rows.append(row)
        found, expected = row["found"], row["expected"]
        print(
            f"| {row['accuracy']:.0%} | {row['bias']:.0%} | {row['votes']} | {row['models']} | {row['orders']} | "
            f"{row['calls']} | {found['right']:.1%} | {found['tie']:.1%} | {found['wrong']:.1%} | "
            f"{expected['right']:.1%} / {expected['tie']:.1%} / {expected['wrong']:.1%} | {row['of_decided']:.1%} |",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
