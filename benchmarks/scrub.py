"""Detectors of private and toxic text on a labelled set of our own, beside the patterns of presidio and scrubadub; on
values that Faker makes; and on public questions, in which hardly anything is to be found.

    python benchmarks/scrub.py
    python benchmarks/scrub.py --presidio PYTHON --scrubadub PYTHON --faker PYTHON --data ../shared/data

PYTHON is the interpreter of an environment that has the package; peers get the same texts, and a detection that
overlaps what is marked counts. Per category: recall over what is marked in the category's lines; precision, the share
of what is found there, of that category, that is marked. Intervals are Wilson's, 95%.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from refinelab_dsl.detectors import PRIVATE, TOXICITY, Watch, detect
from refinelab_dsl.metrics import wilson_interval

HERE = Path(__file__).resolve().parent
SETS = ("first", "second")
CATEGORIES = (*PRIVATE, TOXICITY)
_MARKED = re.compile(r"\[\[(.+?)\]\](?!\])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """category: whose line it is. spans: what is to be found in it, nothing where it is a hard negative."""

    category: str
    text: str
    spans: tuple[tuple[int, int], ...]


class Found(NamedTuple):
    start: int
    end: int
    category: str
    confidence: float


def read_lines(path: Path) -> list[Line]:
    """The lines of a labelled file (`benchmarks/data/scrub/README.md`)."""
    lines, category = [], ""
    for raw in path.read_text(encoding="utf-8").splitlines():
        content = raw.replace("¦", "").replace("⏎", "\n")
        if content.startswith("# "):
            category = content[2:]
        elif content[:2] in ("+ ", "- "):
            text, spans, place = "", [], 0
            body = content[2:]
            for match in _MARKED.finditer(body) if content[0] == "+" else ():
                text += body[place : match.start()]
                spans.append((len(text), len(text) + len(match[1])))
                text += match[1]
                place = match.end()
            lines.append(Line(category, text + body[place:], tuple(spans)))
    return lines


@dataclass
class Score:
    """hits, misses: of what is marked. false: found and not marked."""

    hits: int = 0
    misses: int = 0
    false: int = 0

    def add(self, spans: Sequence[tuple[int, int]], found: Sequence[Found]) -> None:
        for start, end in spans:
            hit = any(each.start < end and start < each.end for each in found)
            self.hits += hit
            self.misses += not hit
        self.false += sum(
            not any(each.start < end and start < each.end for start, end in spans) for each in found
        )

    def show(self) -> str:
        return f"{_show(self.hits, self.hits + self.misses)}  {_show(self.hits, self.hits + self.false)}"


def _show(count: int, total: int) -> str:
    if not total:
        return "      -         "
    low, high = wilson_interval(count, total)
    return f"{count:>3}/{total:<3} {low:4.0%}-{high:4.0%}"


def find(texts: Sequence[str]) -> list[list[Found]]:
    """What ours finds. Each category is asked by itself, as a measure of it alone would."""
    watches = [Watch((category,)) for category in CATEGORIES]
    return [
        [
            Found(each.start, each.end, each.category, each.confidence)
            for watch in watches
            for each in detect(text, watch)
        ]
        for text in texts
    ]


def ask_peer(python: str, script: str, texts: Sequence[str]) -> list[list[Found]]:
    """What a peer finds, in an environment of its own."""
    fed = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run(
        [python, str(HERE / "peers" / script)], input=fed, capture_output=True, text=True, check=True, timeout=900
    )
    return [[Found(*each) for each in json.loads(line)] for line in done.stdout.splitlines()]


Finder = Callable[[Sequence[str]], list[list[Found]]]


def score_labelled(name: str, finders: dict[str, Finder]) -> dict[str, dict[str, Score]]:
    """Finder -> category -> score on one of the labelled files."""
    lines = read_lines(HERE / "data" / "scrub" / f"{name}.txt")
    scores: dict[str, dict[str, Score]] = {}
    for who, finder in finders.items():
        own = scores[who] = {category: Score() for category in CATEGORIES}
        for line, found in zip(lines, finder([line.text for line in lines]), strict=True):
            own[line.category].add(line.spans, [each for each in found if each.category == line.category])
    return scores


def show_scores(title: str, scores: dict[str, dict[str, Score]]) -> None:
    print(f"\n{title}\n{'':12}" + "".join(f"  {who:^34}" for who in scores))
    print(f"{'category':12}" + "  recall           precision        " * len(scores))
    for category in CATEGORIES:
        print(f"{category:12}" + "".join(f"  {scores[who][category].show()}" for who in scores))


def score_values(python: str, finders: dict[str, Finder]) -> None:
    """Recall on values of Faker, in a sentence that says what they are and in one that does not; and what is found
    where there is nothing."""
    done = subprocess.run(
        [python, str(HERE / "peers" / "scrub_values.py")], capture_output=True, text=True, check=True, timeout=300
    )
    rows: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    texts = [row["text"] for row in rows]
    for who, finder in finders.items():
        told: dict[tuple[str, bool], Score] = {}
        false: Counter[str] = Counter()
        for row, found in zip(rows, finder(texts), strict=True):
            if row["span"] is None:
                false.update({each.category for each in found})
                continue
            own = [each for each in found if each.category == row["category"]]
            told.setdefault((row["category"], row["told"]), Score()).add([tuple(row["span"])], own)
        print(f"\nFaker, {who}: recall where it is said what stands there, and where it is not")
        for category in dict.fromkeys(name for name, _ in told):
            parts = [told[category, said] for said in (True, False)]
            print(f"{category:12}" + "".join(f"  {_show(each.hits, each.hits + each.misses)}" for each in parts))
        nothing = sum(row["span"] is None for row in rows)
        print(f"of {nothing} sentences with values of other kinds: {dict(sorted(false.items())) or 'nothing found'}")


def read_public(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Public sets, as texts."""
    questions = [
        "\n".join(row[:5]) for path in sorted((data / "mmlu/test").glob("*.csv"))
        for row in csv.reader(path.open(encoding="utf-8"))
    ]  # fmt: skip
    yield "MMLU", questions
    gsm8k = [json.loads(line) for line in (data / "gsm8k/test.jsonl").read_text("utf-8").splitlines()]
    yield "GSM8K", [f"{row['question']}\n{row['answer']}" for row in gsm8k]
    with (data / "truthfulqa/TruthfulQA.csv").open(encoding="utf-8") as stream:
        yield "TruthfulQA", ["\n".join(map(str, row.values())) for row in csv.DictReader(stream)]
    with gzip.open(data / "openassistant/en_trees_first50.jsonl.gz", "rt", encoding="utf-8") as stream:
        trees = [json.loads(line) for line in stream]
    yield "OpenAssistant", [text for tree in trees for text in _walk(tree["prompt"])]


def _walk(message: dict[str, Any]) -> Iterator[str]:
    yield message["text"]
    for reply in message.get("replies", ()):
        yield from _walk(reply)


def count_public(data: Path) -> None:
    watch = Watch(CATEGORIES)
    print("\npublic sets: texts, those in which something is found, and how much of which category")
    for name, texts in read_public(data):
        started = time.process_time()
        found = [detect(text, watch) for text in texts]
        each = (time.process_time() - started) / len(texts)
        counts = Counter(one.category for detections in found for one in detections)
        print(
            f"{name:14} {len(texts):>6}  {sum(map(bool, found)):>4}  {dict(sorted(counts.items()))}  "
            f"{1000 * each:.2f} ms of processor per text of {sum(map(len, texts)) // len(texts)} characters"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for peer in ("presidio", "scrubadub", "faker"):
        parser.add_argument(f"--{peer}", metavar="PYTHON")
    parser.add_argument("--data", type=Path, help="the folder of the public sets")
    options = parser.parse_args()
    finders: dict[str, Finder] = {"refinec": find}
    if options.presidio:
        finders["presidio"] = lambda texts: ask_peer(options.presidio, "scrub_presidio.py", texts)
    if options.scrubadub:
        finders["scrubadub"] = lambda texts: ask_peer(options.scrubadub, "scrub_scrubadub.py", texts)
    for name in SETS:
        show_scores(f"labelled, {name} half", score_labelled(name, finders))
    if options.faker:
        score_values(options.faker, finders)
    if options.data:
        count_public(options.data)


if __name__ == "__main__":
    main()
