"""Names that columns of question-answering data have, and how much each says of what the column holds.

From the schemas of public sets: ARC, MMLU, GSM8K, CommonsenseQA, OpenBookQA, RACE, SciQ, PIQA, MedMCQA, TruthfulQA,
NAEP, HumanEval, MBPP, and instruction data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

Weights = Mapping[str, int]

QUESTION: Weights = MappingProxyType({
    "question": 10, "question_text": 9, "question_stem": 9, "stem": 9, "problem": 8, "query": 7, "prompt": 6,
    "input": 5, "instruction": 5, "statement": 4, "goal": 4, "text": 3, "sentence": 3,
})  # fmt: skip
ANSWER: Weights = MappingProxyType({
    "answer": 10, "answer_key": 10, "final_answer": 10, "correct_answer": 9, "best_answer": 9, "answer_index": 8,
    "answer_idx": 8, "correct_option_index": 8, "correct_index": 8, "correct_option": 8, "correct_choice": 8,
    "gold": 8, "gold_answer": 8, "gold_label": 8, "target": 8, "ground_truth": 8, "answer_text": 8,
    "expected_answer": 8,
    "correct": 7, "label": 7, "key": 6, "output": 5, "response": 5, "reference": 5, "cop": 5, "completion": 4,
    "solution": 4, "answers": 3,
})  # fmt: skip
CHOICES: Weights = MappingProxyType({
    "choices": 10, "options": 10, "answer_choices": 9, "candidates": 7, "endings": 7, "alternatives": 7, "answers": 4,
})  # fmt: skip
CONTEXT: Weights = MappingProxyType({
    "context": 10, "passage": 9, "article": 9, "paragraph": 8, "background": 7, "document": 6, "story": 6, "support": 6,
})  # fmt: skip
SOLUTION: Weights = MappingProxyType({
    "solution": 10, "rationale": 9, "explanation": 8, "reasoning": 8, "cot": 7, "chain_of_thought": 7,
})  # fmt: skip
ID: Weights = MappingProxyType({
    "id": 10, "_id": 9, "qid": 9, "uid": 9, "uuid": 9, "guid": 9, "question_id": 9, "item_id": 9, "example_id": 9,
    "problem_id": 9, "task_id": 8,
})  # fmt: skip
TOPIC: Weights = MappingProxyType({
    "subject": 10, "category": 10, "topic": 10, "field": 9, "domain": 9, "difficulty": 9, "subfield": 8, "area": 8,
    "level": 8, "grade": 8, "subject_name": 8, "topic_name": 8, "skill": 8, "section": 7, "chapter": 6, "genre": 6,
    "question_type": 6, "perturbation_type": 6, "type": 5, "kind": 5, "class": 5, "tag": 4,
})  # fmt: skip
TESTS: Weights = MappingProxyType({"test": 10, "tests": 10, "test_code": 9, "unit_tests": 9, "test_list": 8})
ENTRY: Weights = MappingProxyType({"entry_point": 10, "function_name": 8})
CODE: Weights = MappingProxyType({"canonical_solution": 10, "code": 8, "reference_solution": 8})
MESSAGES: Weights = MappingProxyType({
    "messages": 10, "conversations": 9, "conversation": 9, "dialogue": 7, "dialog": 7, "data": 4,
})  # fmt: skip

ASKED: Weights = MappingProxyType({"turns": 8, "user_turns": 10, "prompts": 6})

SPLITS = frozenset({"train", "training", "test", "testing", "dev", "val", "valid", "validation", "eval"})
"""Words in a file's name that tell parts of one set apart, not topics."""

CHOICE_WORDS = frozenset({"", "option", "choice", "answer", "opt", "op", "ending", "sol", "alternative", "candidate",
                          "ans", "a", "output"})  # fmt: skip
WRONG_WORDS = frozenset({"distractor", "incorrect", "incorrect_answer", "wrong", "wrong_answer"})

_EARLIER = frozenset({"old", "seed", "original", "copy", "raw", "previous", "before"})
_NO_TOPIC = frozenset({
    "error", "raw", "split", "source", "src", "url", "link", "status", "flag", "model", "language", "lang", "license",
    "licence", "annotator", "version", "note", "comment", "date", "correct", "is", "has", "path", "file",
})  # fmt: skip


def plain_name(name: str) -> str:
    """`answerKey` and `Answer Key` are `answer_key`; of a dotted name the last part counts."""
    last = name.rpartition(".")[2] or name
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_") or last.lower()


def weigh_name(name: str, words: Weights) -> int:
    """How much a column's name says that it holds what `words` name: 0 to 10. A longer name that ends in such a word
    (`platinum_answer`) says half as much; one that speaks of an earlier state (`seed_answer`) less."""
    plain = plain_name(name)
    weight = words.get(plain, 0)
    if not weight:
        strong = (value for word, value in words.items() if value >= 8 and plain.endswith("_" + word))
        weight = max(strong, default=0) // 2
    if weight and _EARLIER & set(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())):
        weight = max(weight - 4, 1)
    return weight


def is_known_name(name: str) -> bool:
    """Whether a CSV cell is the name of a column rather than a value of one."""
    plain = plain_name(name)
    return len(plain) > 1 and any(plain in words for words in (QUESTION, ANSWER, CHOICES, CONTEXT, ID, TOPIC))


def is_topic_name(name: str) -> bool:
    """Whether a column of few values may be something to balance by its name."""
    return not _NO_TOPIC & set(plain_name(name).split("_"))
