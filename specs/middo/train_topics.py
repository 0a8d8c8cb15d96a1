"""Trains a classifier of a question's topic with scikit-learn and measures each question by it: a loop's command.

    python3 train_topics.py ITEMS SIGNALS [HELDOUT]

What is learnt is `answer`, as each item has it; `truth`, which only the simulated model knows, is not read. All signals
are out of fold: of each item they come from models that did not learn it. loss_before: of naive Bayes, which counts
words; loss_after: of a logistic regression. nearness: mean cosine to the two nearest questions. grade: 0 to 10, the
probability that the regression gives to the topic which the question is filed under. With HELDOUT it says how many of
those questions the regression puts where they belong.
"""

import json
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the problems are small: more threads only wait for each other

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline

FOLDS = 5


def main(items, signals, heldout=None):
    rows = load_rows(items)
    with open(signals, "w", encoding="utf-8") as file:
        for row in measure_rows(rows):
            file.write(json.dumps(row) + "\n")
    print(f"{len(rows)} questions of {len({row['answer'] for row in rows})} topics")
    if heldout is not None:
        exam = load_rows(heldout)
        print(f"held-out accuracy {measure_accuracy(rows, exam):.4f} of {len(exam)} questions")


def load_rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def measure_accuracy(rows, exam):
    """The share of `exam` that a regression which learnt `rows` puts where it belongs."""
    model = make_pipeline(build_vectorizer(), build_regression())
    model.fit([row["question"] for row in rows], [row["answer"] for row in rows])
    told = model.predict([row["question"] for row in exam])
    return float(np.mean([answer == row["answer"] for answer, row in zip(told, exam, strict=True)]))


def measure_rows(rows):
    """The signals of each item, in order."""
    labels = np.array([row["answer"] for row in rows])
    vectors = build_vectorizer().fit_transform([row["question"] for row in rows])
    before, after = (find_probabilities(build, vectors, labels) for build in (MultinomialNB, build_regression))
    near, _ = NearestNeighbors(n_neighbors=3, metric="cosine").fit(vectors).kneighbors()
    return [
        {
            "id": row["id"], "loss_before": float(-np.log(before[place])), "loss_after": float(-np.log(after[place])),
            "nearness": float(np.clip(1 - near[place, :2].mean(), 0, 1)), "grade": float(10 * after[place]),
        }
        for place, row in enumerate(rows)
    ]


def find_probabilities(build, vectors, labels):
    """Of each item, what a model that learnt the other folds gives to its label; at least a millionth."""
    found = np.full(len(labels), 1e-6)
    for learnt, asked in KFold(FOLDS, shuffle=True, random_state=0).split(vectors):
        model = build().fit(vectors[learnt], labels[learnt])
        places = {label: place for place, label in enumerate(model.classes_)}
        for item, chances in zip(asked, model.predict_proba(vectors[asked]), strict=True):
            if labels[item] in places:
                found[item] = max(found[item], chances[places[labels[item]]])
    return found


def build_vectorizer():
    return TfidfVectorizer(sublinear_tf=True, stop_words="english")


def build_regression():
    return LogisticRegression(C=10, max_iter=200, tol=1e-3)


if __name__ == "__main__":
    main(*sys.argv[1:])
