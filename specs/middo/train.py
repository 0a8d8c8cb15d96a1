"""Trains a naive Bayes classifier of a quiz's subjects and measures each question by it: what a loop's command does.

    python3 train.py ITEMS SIGNALS

Standard library alone. loss_before: of a model that knows how frequent subjects are; loss_after: of the trained one,
the question itself left out. nearness: mean cosine to the two nearest questions. grade: 0 to 10, how sure the model is
of the subject that the question is filed under.
"""

import json
import math
import re
import sys
from collections import Counter


def main(items, signals):
    with open(items, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    words = [Counter(re.findall(r"[a-z]+", row["question"].lower())) for row in rows]
    labels = [row["subject"] or "unknown" for row in rows]
    subjects, seen = Counter(labels), {label: Counter() for label in labels}
    for label, counts in zip(labels, words, strict=True):
        seen[label].update(counts)
    documents = Counter(word for counts in words for word in counts)
    vectors = [weigh(counts, documents, len(rows)) for counts in words]
    with open(signals, "w", encoding="utf-8") as file:
        for place, row in enumerate(rows):
            label = labels[place]
            scores = score(words[place], label, subjects, seen, len(documents))
            total = math.log(sum(math.exp(value - max(scores.values())) for value in scores.values()))
            loss = max(scores.values()) + total - scores[label]
            cosines = [cosine(vectors[place], other) for at, other in enumerate(vectors) if at != place]
            near = sorted(cosines, reverse=True)
            signal = {"id": row["id"], "loss_before": -math.log(subjects[label] / len(rows)), "loss_after": loss,
                      "nearness": sum(near[:2]) / 2, "grade": 10 * math.exp(-loss)}
            file.write(json.dumps(signal) + "\n")
    print(f"{len(rows)} questions of {len(subjects)} subjects")


def score(counts, own, subjects, seen, size):
    """Log probability of each subject, up to a constant, the question left out of its own."""
    found = {}
    for label, number in subjects.items():
        left = counts if label == own else Counter()
        total = seen[label].total() - left.total() + size
        found[label] = math.log(number - (label == own) + 0.5) + sum(
            times * math.log((seen[label][word] - left[word] + 1) / total) for word, times in counts.items()
        )
    return found


def weigh(counts, documents, size):
    weights = {word: times * math.log(size / documents[word]) for word, times in counts.items()}
    length = math.sqrt(sum(value * value for value in weights.values())) or 1.0
    return {word: value / length for word, value in weights.items()}


def cosine(one, other):
    return min(1.0, sum(value * other.get(word, 0.0) for word, value in one.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
