"""What likeness finds on public data: paraphrases beside other problems, copies with slips beside all pairs, and how
long that takes. `datasketch` is measured beside it where it is installed.

    python benchmarks/likeness.py                     # all of it; reads ../shared/data
    python benchmarks/likeness.py --items 20000       # the copies among so many questions
    python benchmarks/likeness.py --model FOLDER      # a model of sentence-transformers beside `hashed`
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from refinelab_dsl.builtins import COSINES
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding
from refinelab_dsl.embeddings import Embedder, Rows, build_embedder
from refinelab_dsl.likeness import cluster_by_text, cluster_rows, comparison_text, likeness, normalise
from refinelab_dsl.likeness.text import answer_text, is_same_answer
from refinelab_dsl.measures.near_duplicate import TEXT_THRESHOLD
from refinelab_dsl.source import Place

DATA = Path(__file__).resolve().parents[1] / "../shared/data"
MEANT_ALIKE = "problem understanding"  # of GSM-Plus: the same problem in other words
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=4_000, help="questions that copies are planted among")
    parser.add_argument("--model", help="folder of a model of sentence-transformers")
    arguments = parser.parse_args()
    embeddings = [Embedding(name="hashed")]
    if arguments.model:
        embeddings.append(Embedding(name="model", provider="sentence_transformers", id=arguments.model))
    for embedding in embeddings:
        compare_problems(embedding)
    for name, items in (("ARC", read_arc()), ("MMLU", read_mmlu()), ("GSM8K", read_gsm8k())):
        list_pairs(name, items)
    plant_copies(arguments.items)


def compare_problems(embedding: Embedding) -> None:
    """Cosines of problems and their perturbations, by kind, and of any two problems."""
    rows = list(read_lines("gsm_plus/testmini_seeds_first_half.jsonl.gz"))
    seeds = list(dict.fromkeys(_meaning(row, "seed_") for row in rows))
    draw = random.Random(1)
    pairs: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        pairs.setdefault(row["perturbation_type"], []).append((_meaning(row, "seed_"), _meaning(row, "")))
    pairs["any two problems"] = [tuple(draw.sample(seeds, 2)) for _ in range(2_000)]  # type: ignore[misc]
    embedder = build_embedder(embedding, seeds, Path())
    known: dict[str, Any] = {}
    kept = float(COSINES[embedding.provider].kept)
    print(f"\n{embedding.provider}: cosine of question and answer with the seed's, GSM-Plus; drift accepts from {kept}")
    print(f"{'':42}" + "".join(f"{quantile:>7.0%}" for quantile in QUANTILES) + "   passes   trigrams, median")
    for kind, found in pairs.items():
        cosines = np.array([_cosine(embedder, known, one, other) for one, other in found])
        letters = np.median([likeness(normalise(one), normalise(other)) for one, other in found])
        shown = "".join(f"{value:7.3f}" for value in np.quantile(cosines, QUANTILES))
        print(f"{kind:42}{shown}   {(cosines >= kept).mean():6.1%}   {letters:.3f}")


def list_pairs(name: str, items: Sequence[Item]) -> None:
    """How many pairs of a real set come near each other, by both measures."""
    texts, answers = [comparison_text(item) for item in items], [answer_text(item) for item in items]
    rows = Rows.of(build_embedder(Embedding(name=""), texts, Path()).embed(texts))
    print(f"\n{name}: {len(items)} items; pairs with a likeness of at least (same answer)")
    for title, limits in (("trigrams", (0.9, TEXT_THRESHOLD, 0.95, 0.98)), ("hashed", (0.95, 0.97, 0.985, 0.99))):
        counts: Counter[tuple[float, bool]] = Counter()
        for value, one, other in near_pairs(title, texts, rows, min(limits)):
            same = is_same_answer(answers[one], answers[other])
            counts.update((limit, same) for limit in limits if value >= limit)
        shown = (f"{limit}: {counts[limit, True] + counts[limit, False]} ({counts[limit, True]})" for limit in limits)
        print(f"  {title:9}" + "   ".join(shown))


def near_pairs(title: str, texts: Sequence[str], rows: Rows, least: float) -> Iterator[tuple[float, int, int]]:
    """The likeness and the places of every pair that is at least so alike."""
    for start in range(0, len(texts), 512):
        cosines = rows.slice(start, start + 512).cosines(rows)
        ones, others = np.nonzero(cosines >= (least if title == "hashed" else 0.6))
        for one, other in zip(ones.tolist(), others.tolist(), strict=True):
            if start + one < other:
                value = float(cosines[one, other]) if title == "hashed" else likeness(texts[start + one], texts[other])
                if value >= least:
                    yield value, start + one, other


def plant_copies(count: int) -> None:
    """Copies with one or two slips among real questions: what each way finds of the pairs that all pairs show."""
    draw = random.Random(7)
    questions = list(dict.fromkeys(str(item.fields["question"]) for item in (*read_gsm8k(), *read_mmlu(), *read_arc())))
    while len(questions) < count:  # more than there are: longer ones, two of them in a row
        questions += [" ".join(draw.sample(questions, 2)) for _ in range(count - len(questions))]
    texts = draw.sample(questions, count)
    planted = set()
    for _ in range(count // 10):
        source = draw.randrange(count)
        planted.add((source, len(texts)))
        texts.append(slip(texts[source], draw))
    items = [make_item(text, (), "x") for text in texts]
    print(f"\n{count} real questions and {len(planted)} copies with a slip or two, threshold 0.9 of trigrams")
    print(f"{'':34}{'seconds':>9}{'copies found':>14}{'other pairs joined':>20}")
    report("minhash, verified (refinec)", texts, planted, lambda: cluster_by_text(items, 0.9))

    def embedded() -> list[int | None]:
        rows = build_embedder(Embedding(name=""), texts, Path()).embed(texts)
        return cluster_rows(rows, [b""] * len(texts), ["x"] * len(texts), 0.9)

    report("hashed embedding, all pairs", texts, planted, embedded)
    try:
        import datasketch
    except ImportError:
        print("datasketch is not installed")
    else:
        report("datasketch MinHashLSH, 128 hashes", texts, planted, lambda: sketch(datasketch, texts))
    if len(texts) <= 5_000:
        report("every pair by trigrams", texts, planted, lambda: compare_all(items, 0.9))


def report(title: str, texts: Sequence[str], planted: set[tuple[int, int]], run: Callable[[], Sequence[Any]]) -> None:
    """One line: how long it took, the share of planted copies that stand with their source, and pairs of others that do
    and are less alike than 0.8."""
    start = time.perf_counter()
    firsts = run()
    seconds = time.perf_counter() - start
    together = sum(firsts[one] is not None and firsts[one] == firsts[other] for one, other in planted)
    wrong = sum(
        first is not None and first != place and likeness(normalise(texts[first]), normalise(texts[place])) < 0.8
        for place, first in enumerate(firsts)
    )
    print(f"{title:34}{seconds:9.1f}{together / len(planted):14.1%}{wrong:20}")


def sketch(datasketch: Any, texts: Sequence[str]) -> list[int | None]:
    """Clusters as its documentation makes them: an index of MinHashes over words of five letters, at the Jaccard index
    that a Dice coefficient of 0.9 is."""
    index = datasketch.MinHashLSH(threshold=0.9 / (2 - 0.9), num_perm=128)
    hashes = []
    for place, text in enumerate(texts):
        plain = normalise(text)
        minhash = datasketch.MinHash(num_perm=128)
        minhash.update_batch([plain[at : at + 5].encode() for at in range(max(1, len(plain) - 4))])
        index.insert(place, minhash)
        hashes.append(minhash)
    firsts: list[int | None] = []
    for minhash in hashes:
        near = sorted(index.query(minhash))
        firsts.append(min(near) if len(near) > 1 else None)
    return [first if first is None or firsts[first] is None else firsts[first] for first in firsts]


def compare_all(items: Sequence[Item], threshold: float) -> list[int | None]:
    """Every pair, by the same likeness."""
    from refinelab_dsl.likeness.text import count_grams, dice

    grams = [count_grams(comparison_text(item)) for item in items]
    firsts: list[int | None] = [None] * len(items)
    for one, other in combinations(range(len(items)), 2):
        longest = max(grams[one].total, grams[other].total)
        if 2 * min(grams[one].total, grams[other].total) < threshold * longest:
            continue
        if dice(grams[one], grams[other]) >= threshold:
            firsts[one] = one if firsts[one] is None else firsts[one]
            firsts[other] = firsts[one]
    return firsts


def slip(text: str, draw: random.Random) -> str:
    """As copies have them: a word lost or repeated, a letter lost, a mark more."""
    words = text.split(" ")
    for _ in range(draw.randint(1, 2)):
        place = draw.randrange(len(words))
        word = words[place]
        words[place] = draw.choice(["", f"{word} {word}", word[1:], f"{word},", word.capitalize()])
    return " ".join(words)


def make_item(question: str, choices: Sequence[str], answer: str) -> Item:
    fields: dict[str, Any] = {"question": question, "answer": answer}
    if choices:
        fields["choices"] = list(choices)
    return Item("", "", "", fields, {}, {}, Place("", 1))


def read_mmlu() -> list[Item]:
    rows: list[Item] = []
    for path in sorted((DATA / "mmlu/test").glob("*_test.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            rows += [make_item(row[0], row[1:5], row[1 + "ABCD".index(row[5])]) for row in csv.reader(stream)]
    return rows


def read_gsm8k() -> list[Item]:
    files = sorted((DATA / "gsm8k").glob("*.jsonl*"))
    rows = [row for path in files for row in read_lines(path)]
    return [make_item(row["question"], (), row["answer"].rpartition("####")[2]) for row in rows]


def read_arc() -> list[Item]:
    files = sorted((DATA / "arc").rglob("*.jsonl*"))
    found = []
    for row in (row for path in files for row in read_lines(path)):
        question = row["question"]
        choices = {choice["label"]: choice["text"] for choice in question["choices"]}
        found.append(make_item(question["stem"], list(choices.values()), choices[row["answerKey"]]))
    return found


def read_lines(name: str | Path) -> Iterable[dict[str, Any]]:
    path = DATA / name
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return [json.loads(line) for line in text.split("\n") if line]


def _meaning(row: dict[str, Any], prefix: str) -> str:
    return f"{row[f'{prefix}question']}\n{row[f'{prefix}answer']}"


def _cosine(embedder: Embedder, known: dict[str, Any], one: str, other: str) -> float:
    for text in (one, other):
        if text not in known:
            known[text] = Rows.of(embedder.embed([text]))
    return float(known[one].cosines(known[other])[0, 0])


if __name__ == "__main__":
    main()
