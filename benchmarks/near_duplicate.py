"""Nearly equal questions among 20 000 real ones: what is found, beside every pair and beside other tools, and how long.

    python benchmarks/near_duplicate.py [--items 20000] [--peers PYTHON] [--minilm] [--json FILE]

Questions of ARC, MMLU, MMLU-Pro, GSM8K, OpenTriviaQA, CommonsenseQA and OpenBookQA stand as they are, with choices and
answers; among them are planted

- copies: a tenth as many, each with one edit or two (`EDITS`), the same choices and the same answer;
- look-alikes: a twentieth as many, with another number, or a `not`, and another answer. They ask something else.

What is to be found are all pairs from a Dice coefficient of character trigrams of 0.92 on whose answers are the same:
they are computed for every pair (`compare_all`). A tool's clusters are taken as pairs. Told are recall and precision of
these pairs, and precision of those that are alike whatever their answers; of planted copies the share that stands with
its source; of look-alikes how many do; and seconds.

`--peers` names the Python of an environment that has datasketch, rensa and semhash. They get the same texts (question
and choices), and their documentation's way; answers they do not know. Figures of one run stand in `near_duplicate.md`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.likeness import DATA, make_item, read_arc, read_gsm8k, read_lines, read_mmlu
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding
from refinelab_dsl.embeddings import build_embedder
from refinelab_dsl.likeness import cluster_by_text, cluster_rows, comparison_text
from refinelab_dsl.likeness.text import answer_text, is_same_answer
from refinelab_dsl.measures.near_duplicate import TEXT_THRESHOLD

JACCARD = TEXT_THRESHOLD / (2 - TEXT_THRESHOLD)
_NUMBER = re.compile(r"\d+")

Pairs = set[tuple[int, int]]

PEERS = """
import json, sys, time
told = json.load(sys.stdin)
texts, jaccard, rows = told["texts"], told["jaccard"], told["rows"]
def shingles(text):
    return [text[at : at + 5] for at in range(max(1, len(text) - 4))]
def datasketch_():
    import datasketch
    index = datasketch.MinHashLSH(threshold=jaccard, num_perm=128)
    hashes = []
    for place, text in enumerate(texts):
        made = datasketch.MinHash(num_perm=128)
        made.update_batch([each.encode() for each in shingles(text)])
        index.insert(place, made)
        hashes.append(made)
    return [(min(place, other), max(place, other)) for place, made in enumerate(hashes) for other in index.query(made)
            if other != place]
def rensa_():
    from rensa import RMinHash, RMinHashLSH
    index = RMinHashLSH(threshold=jaccard, num_perm=128, num_bands=16)
    hashes, found = [], []
    for place, text in enumerate(texts):
        made = RMinHash(num_perm=128, seed=42)
        made.update(shingles(text))
        for other in index.query(made):
            if hashes[other].jaccard(made) >= jaccard:
                found.append((other, place))
        index.insert(place, made)
        hashes.append(made)
    return found
def semhash_(model, threshold):
    from semhash import SemHash
    records = [{"text": text, "at": str(at)} for at, text in enumerate(texts)]
    made = SemHash.from_records(records=records, columns=["text"], **({} if model is None else {"model": model}))
    told = made.self_deduplicate(threshold=threshold)
    found = []
    for each in told.filtered:
        for near, _ in each.duplicates:
            one, other = sorted((int(each.record["at"]), int(near["at"])))
            found.append((one, other))
    return found
class Given:
    # Our hashed letters, as they were computed outside: its default model has to be downloaded.
    def __init__(self):
        import numpy as np
        self.rows = np.load(rows)
        self.places = {text: at for at, text in enumerate(texts)}
    def encode(self, inputs, **options):
        import numpy as np
        return self.rows[self.places[inputs] if isinstance(inputs, str) else [self.places[each] for each in inputs]]
out = {}
ways = {"datasketch": datasketch_, "rensa": rensa_, "semhash, its own model": lambda: semhash_(None, 0.9),
        "semhash, given hashed letters": lambda: semhash_(Given(), told["cosine"])}
for name, way in ways.items():
    start = time.perf_counter()
    try:
        pairs = way()
        out[name] = {"seconds": time.perf_counter() - start, "pairs": sorted(set(map(tuple, pairs)))}
    except Exception as error:
        out[name] = {"failure": " ".join(f"{type(error).__name__}: {error}".split())[:120]}
import importlib.metadata
out["versions"] = {name: importlib.metadata.version(name) for name in ("datasketch", "rensa", "semhash")}
json.dump(out, sys.stdout)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--peers", metavar="PYTHON", help="the Python of an environment that has them")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    items, copies, alikes = plant(options.items)
    texts, answers = [comparison_text(item) for item in items], [answer_text(item) for item in items]
    start = time.perf_counter()
    near = compare_all(texts, TEXT_THRESHOLD)
    wanted = close({pair for pair in near if is_same_answer(answers[pair[0]], answers[pair[1]])}, len(items))
    alike = close(near, len(items))
    print(
        f"{options.items} questions, {len(copies)} copies, {len(alikes)} look-alikes; every pair in "
        f"{time.perf_counter() - start:.0f} s: {len(wanted)} pairs to be found\n"
    )
    print("| way | seconds | recall | precision | whatever the answers | copies found | look-alikes taken |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    rows: list[dict[str, Any]] = []

    def tell(name: str, seconds: float, found: Pairs) -> None:
        joined = close(found, len(items))
        row = {
            "way": name, "seconds": seconds, "recall": len(joined & wanted) / len(wanted),
            "precision": len(joined & wanted) / max(1, len(joined)),
            "alike": len(joined & alike) / max(1, len(joined)),
            "copies": len(joined & copies) / len(copies), "alikes": len(joined & alikes) / len(alikes),
        }  # fmt: skip
        rows.append(row)
        print(
            f"| {name} | {seconds:.1f} | {row['recall']:.1%} | {row['precision']:.1%} | {row['alike']:.1%} | "
            f"{row['copies']:.1%} | {row['alikes']:.1%} |", flush=True,
        )  # fmt: skip

    def clock(run: Callable[[], Sequence[int | None]]) -> tuple[float, Pairs]:
        start = time.perf_counter()
        firsts = run()
        seconds = time.perf_counter() - start
        return seconds, {(first, place) for place, first in enumerate(firsts) if first is not None and first != place}

    tell("`method = minhash`", *clock(lambda: cluster_by_text(items, TEXT_THRESHOLD)))

    def embedded() -> list[int | None]:
        made = build_embedder(Embedding(name=""), texts, Path()).embed(texts)
        return cluster_rows(made, [b""] * len(texts), answers, 0.985)

    tell("`method = embedding` (hashed, 0.985)", *clock(embedded))
    if options.peers:
        versions = {}
        made = build_embedder(Embedding(name=""), texts, Path()).embed(texts)
        with_rows = Path("/tmp") / f"near_duplicate_{options.items}.npy"
        np.save(with_rows, made)
        told = {"texts": texts, "jaccard": JACCARD, "rows": str(with_rows), "cosine": 0.985}
        ran = subprocess.run([options.peers, "-c", PEERS], input=json.dumps(told), capture_output=True, text=True)
        with_rows.unlink()
        if ran.returncode:
            sys.exit(ran.stderr)
        for name, answer in json.loads(ran.stdout).items():
            if name == "versions":
                versions = answer
            elif "failure" in answer:
                print(f"| {name} | fails: {answer['failure']} | | | | | |")
            else:
                tell(name, answer["seconds"], {(one, other) for one, other in answer["pairs"]})
        print(f"\n{versions}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def plant(count: int) -> tuple[list[Item], Pairs, Pairs]:
    """The items, and the planted pairs: copies with their sources, look-alikes with theirs."""
    draw = random.Random(20)
    real = list({comparison_text(item): item for item in read_all()}.values())
    items = draw.sample(real, count)
    copies: Pairs = set()
    alikes: Pairs = set()
    for source in draw.sample(range(count), count // 10):
        copies.add((source, len(items)))
        items.append(_with_question(items[source], edit(items[source].question, draw), items[source].fields["answer"]))
    numbered = [place for place in range(count) if _NUMBER.search(items[place].question)]
    for place, source in enumerate(draw.sample(numbered, min(count // 20, len(numbered)))):
        alikes.add((source, len(items)))
        items.append(_with_question(items[source], turn(items[source].question, draw), f"other {place}"))
    return items, copies, alikes


def edit(text: str, draw: random.Random) -> str:
    """One edit or two, as copies have them: a letter lost or doubled or put for its neighbour, a word lost or repeated,
    two words in another order, a mark, a capital, white space."""
    words = text.split(" ")
    for _ in range(draw.randint(1, 2)):
        place = draw.randrange(len(words))
        word = words[place]
        at = draw.randrange(max(1, len(word)))
        kinds = [
            word[:at] + word[at + 1 :], word[:at] + word[at : at + 1] + word[at:],
            word[:at] + word[at : at + 2][::-1] + word[at + 2 :], f"{word} {word}", f"{word},", word.capitalize(), "",
            f"{word} ",
        ]  # fmt: skip
        words[place] = draw.choice([each for each in kinds if _NUMBER.findall(each) == _NUMBER.findall(word)])
    if draw.random() < 0.15 and len(words) > 3:
        place = draw.randrange(len(words) - 1)
        words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def turn(text: str, draw: random.Random) -> str:
    """The same question with another number."""
    found = draw.choice(list(_NUMBER.finditer(text)))
    other = str(int(found[0]) + draw.randint(1, 9))
    return text[: found.start()] + other + text[found.end() :]


def _with_question(item: Item, question: str, answer: str) -> Item:
    return make_item(question, item.fields.get("choices", ()), answer)


def compare_all(texts: Sequence[str], threshold: float) -> Pairs:
    """Every pair from a Dice coefficient of trigrams on, by products of sparse rows. A trigram that occurs n times
    counts as n different ones, so that shared ones are those of multisets."""
    from scipy.sparse import csr_matrix

    names: dict[tuple[str, int], int] = {}
    columns: list[int] = []
    ends = [0]
    for text in texts:
        padded, seen = text.ljust(3), {}
        for at in range(len(padded) - 2):
            gram = padded[at : at + 3]
            seen[gram] = seen.get(gram, 0) + 1
            columns.append(names.setdefault((gram, seen[gram]), len(names)))
        ends.append(len(columns))
    rows = csr_matrix((np.ones(len(columns), np.float32), columns, ends), (len(texts), len(names)))
    sizes = np.diff(ends)
    turned = rows.T.tocsr()
    pairs: Pairs = set()
    for start in range(0, len(texts), 500):
        shared = (rows[start : start + 500] @ turned).tocoo()
        ones, others = shared.row + start, shared.col
        near = (2 * shared.data >= threshold * (sizes[ones] + sizes[others]) - 1e-9) & (ones < others)
        pairs.update(zip(ones[near].tolist(), others[near].tolist(), strict=True))
    return pairs


def close(pairs: Pairs, count: int) -> Pairs:
    """All pairs of the clusters that pairs make, as chains do."""
    parents = list(range(count))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = place = parents[parents[place]]
        return place

    for one, other in pairs:
        one, other = root(one), root(other)
        parents[max(one, other)] = min(one, other)
    clusters: dict[int, list[int]] = {}
    for place in range(count):
        clusters.setdefault(root(place), []).append(place)
    return {pair for cluster in clusters.values() for pair in combinations(cluster, 2)}


def read_all() -> Iterator[Item]:
    """Real questions, with choices where they have some, and answers."""
    yield from read_mmlu()
    yield from read_arc()
    yield from read_gsm8k()
    for row in read_lines("mmlu_pro/questions.jsonl.gz"):
        yield make_item(row["question"], row["options"], row["options"]["ABCDEFGHIJ".index(row["answer"])])
    for name in ("commonsenseqa/dev.jsonl", "openbookqa/dev_complete.jsonl", "openbookqa/test_complete.jsonl"):
        for row in read_lines(name):
            choices = {each["label"]: each["text"] for each in row["question"]["choices"]}
            yield make_item(row["question"]["stem"], list(choices.values()), choices[row["answerKey"]])
    for path in sorted((DATA / "opentriviaqa").glob("*.txt.gz")):
        for block in gzip.decompress(path.read_bytes()).decode("utf-8", "replace").split("\n\n"):
            lines = [line for line in block.strip().split("\n") if line.strip()]
            key = next((line[1:].strip() for line in lines if line.startswith("^")), None)
            if key is not None and lines[0].startswith("#Q"):
                choices = [line[2:].strip() for line in lines if re.match(r"[A-D] ", line)]
                yield make_item(lines[0][2:].strip(), choices, key)


if __name__ == "__main__":
    main()
