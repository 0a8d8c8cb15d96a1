"""Texts of public datasets, for tests and benchmarks of likeness."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def read_gsm_plus(kind: str) -> list[dict[str, Any]]:
    """The rows of one kind of perturbation: `question` and the `seed_question` that it was made of."""
    return [row for row in _read("gsm_plus/testmini_seeds_first_half.jsonl.gz") if row["perturbation_type"] == kind]


def read_questions() -> list[str]:
    """The problems that GSM-Plus varies, and its variations."""
    return [row["question"] for row in _read("gsm_plus/testmini_seeds_first_half.jsonl.gz")]


def _read(name: str) -> list[dict[str, Any]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is missing: it is a public dataset that stands beside the checkout")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as stream:
        return [json.loads(line) for line in stream.read().split("\n") if line]
