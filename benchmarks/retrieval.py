"""How often retrieval finds the fact that a question was written from: OpenBookQA, whose questions name theirs.

    python benchmarks/retrieval.py [../shared/data/openbookqa]

Corpus: the 1 326 facts of `openbook.txt`, a passage each. Questions: the 500 of `dev` and the 500 of `test`. Nothing
was fitted to either: stop words, plurals and BM25's usual constants are as they were before the first figure.
Recall at k: share of questions whose fact is among the first k passages. Queries:

    question            its text as it stands
    question + answer   the text with that of the right choice, as it stands
    question + choices  the text with that of all choices
    keywords            `extract_keywords` of question and answer: what `rag` looks for, also the most that leaves the
                        machine where the corpus is a wiki; with fewer words, too

No model takes part. Measured in November 2026 with bm25s 0.3.16:

                            dev, recall at            test, recall at
                            1     4     8    16       1     4     8    16
    question             36.0  55.4  63.4  68.0    36.0  55.4  61.8  67.4
    question + choices   37.8  57.6  67.6  75.0    36.0  55.8  66.2  73.6
    question + answer    41.0  62.6  71.6  77.0    40.0  61.6  70.4  77.0
    keywords (24)        41.0  62.4  71.4  76.8    40.2  61.6  70.4  77.0
    keywords (12)        40.6  61.8  70.8  76.4    40.2  61.8  70.4  77.2
    keywords (6)         37.2  56.0  64.6  72.4    36.8  58.8  67.6  73.2

So the answer is what helps: six to seven points at 4 over the plain question. Keywords cost next to nothing against the
text that they are made of, down to twelve; they do not find more. Nearly four questions in ten do not have their fact
among the first four passages, mostly because it says the same in other words: a verdict of `rag` can only be unknown
there, or rest on other facts. Tried on `dev` and not taken up: the answer's words counted double (6 points worse at 4),
stemming of verbs (0.6 better), other constants of BM25 (0.8 better).
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from refinelab_dsl.effects import Passage
from refinelab_dsl.retrieval.index import Index
from refinelab_dsl.retrieval.keywords import extract_keywords, join_query

DEPTHS = (1, 4, 8, 16)
Query = Callable[[str, str, list[str]], str]


def keywords(most: int) -> Query:
    """Queries of at most that many words."""
    return lambda question, answer, choices: join_query(extract_keywords([question, answer], most=most))


QUERIES: Mapping[str, Query] = {
    "question": lambda question, answer, choices: question,
    "question + choices": lambda question, answer, choices: " ".join([question, *choices]),
    "question + answer": lambda question, answer, choices: f"{question} {answer}",
    **{f"keywords ({most})": keywords(most) for most in (24, 12, 6)},
}


def load_index(folder: Path) -> Index:
    """The facts, indexed as they stand."""
    with (folder / "openbook.txt").open(encoding="utf-8", newline="") as stream:
        facts = [row[0] for row in csv.reader(stream) if row]
    return Index([Passage(f"{number:05d}", "", fact) for number, fact in enumerate(facts)])


def load_questions(path: Path) -> list[tuple[str, str, list[str], str]]:
    """Question, right answer, choices and fact of each row."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    found = []
    for row in rows:
        choices = {choice["label"]: choice["text"] for choice in row["question"]["choices"]}
        found.append((row["question"]["stem"], choices[row["answerKey"]], list(choices.values()), row["fact1"]))
    return found


def measure_recall(index: Index, questions: list[tuple[str, str, list[str], str]], query: Query) -> dict[int, float]:
    """Depth -> share of questions whose fact is among so many passages."""
    hits = dict.fromkeys(DEPTHS, 0)
    for question, answer, choices, fact in questions:
        found = [passage.text for passage in index.search(query(question, answer, choices), max(DEPTHS))]
        for depth in DEPTHS:
            hits[depth] += fact in found[:depth]
    return {depth: count / len(questions) for depth, count in hits.items()}


def main() -> None:
    """Prints the table."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/openbookqa")
    index = load_index(folder)
    for split in ("dev", "test"):
        questions = load_questions(folder / f"{split}_complete.jsonl")
        print(f"{split}, {len(questions)} questions over {len(index)} facts; recall at {', '.join(map(str, DEPTHS))}")
        for name, query in QUERIES.items():
            recall = measure_recall(index, questions, query)
            print(f"  {name:20}" + "".join(f"{100 * recall[depth]:7.1f}" for depth in DEPTHS))


if __name__ == "__main__":
    main()
