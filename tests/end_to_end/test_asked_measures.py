"""Labels and ratings that a model is asked for: learned by a pilot, planned on, and met by what a run makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import refinec

SPEC = """\
edition = 1
seed = 3

dataset quiz {{ task = mcq, source = "data/quiz.jsonl", fields = {{ area = column("area"), level = column("level") }} }}
{more}
model small {{ provider = simulated }}
{measures}
operator author {{ kind = generate, model = small, moves = {moves}, checks = [in_place], prior = {{ success = 90% }} }}
operator thin {{ kind = remove }}
pilot {{ items = 4, budget = 4M }}
budget {{ tokens = 4M }}
output refined {{ path = "out/quiz.jsonl", provenance = "out/quiz.prov.jsonl" }}
"""

TOPICS = """\
measure subject { kind = classify, model = small, labels = [algebra, geometry] }
dimension topic { from = subject, target = uniform() }
validator in_place { kind = in_bin, dimension = topic }
"""

FOUND = """\
measure subject { kind = classify, model = small, labels = discover(3) }
dimension topic { from = subject, target = uniform() }
validator in_place { kind = in_bin, dimension = topic }
"""

RATINGS = """\
measure rating { kind = elo, model = small, seeds = SEEDS, neighbours = 12 }

dimension difficulty {
  from = rating
  order = [easy, hard]
  bands = { easy = below(1500), hard = above(1500) }
  target = { easy = 50%, hard = 50% }
  unknown = drop
}

validator in_place { kind = in_bin, dimension = difficulty }
"""

RATED = (
    'dataset rated { role = seeds, task = mcq, source = "data/rated.jsonl", fields = { rating = column("rating") } }'
)


def make_project(folder: Path, measures: str, *, more: str = "") -> Path:
    """24 items, two thirds of them algebra and easy, and a seed set with ratings."""
    (folder / "data").mkdir()
    (folder / ".refine").mkdir()
    moves = "{ topic = any }" if "topic" in measures else "{ difficulty = any }"
    (folder / "quiz.refine").write_text(SPEC.format(more=more, measures=measures, moves=moves))
    rows = [
        {
            "question": f"What is the sum of {number} and {number * number}, in words?",
            "choices": ["one", "two", "three"],
            "answer": "A",
            "area": "algebra" if number % 3 else "geometry",
            "level": "easy" if number % 3 else "hard",
        }
        for number in range(24)
    ]
    write_rows(folder / "data/quiz.jsonl", rows)
    rated = [
        {"question": f"Name the prime number after {number}, if any.", "choices": ["yes", "no"], "answer": "A",
         "rating": rating}
        for number, rating in enumerate(range(1200, 1840, 40))
    ]  # fmt: skip
    write_rows(folder / "data/rated.jsonl", rated)
    return folder


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def run_through(project: Path) -> dict[str, Any]:
    """Pilot, plan, apply, replay; what `apply` says."""
    learned = refinec("pilot", "--auto-approve", cwd=project)
    assert learned.code == 0, learned.err
    assert refinec("plan", "-o", "a.refplan", cwd=project).code == 0
    applied = refinec("apply", "a.refplan", "--format", "json", cwd=project)
    assert applied.code in (0, ExitCode.INCOMPLETE), applied.err
    found: dict[str, Any] = applied.json
    again = refinec("replay", str(found["run"]), cwd=project)
    assert again.code == 0, again.err
    return found


def test_topics_by_a_model_are_balanced(tmp_path: Path) -> None:
    found = run_through(make_project(tmp_path, TOPICS))
    mix = found["mix"]["topic"]
    assert abs(mix["algebra"]["measured"] - mix["geometry"]["measured"]) <= 4
    evidence = (tmp_path / "refine.evidence.jsonl").read_text()
    assert evidence.count('"measure":"subject"') >= 24


def test_topics_are_found_in_the_items(tmp_path: Path) -> None:
    found = run_through(make_project(tmp_path, FOUND))
    assert len(found["mix"]["topic"]) == 3


@pytest.mark.parametrize("seeds", ["rated", "bootstrap(8)"])
def test_difficulty_by_comparisons(tmp_path: Path, seeds: str) -> None:
    more = RATED if seeds == "rated" else ""
    project = make_project(tmp_path, RATINGS.replace("SEEDS", seeds), more=more)
    found = run_through(project)
    assert set(found["mix"]["difficulty"]) == {"easy", "hard"}
    learned = [json.loads(line) for line in (project / "refine.evidence.jsonl").read_text().splitlines()]
    errors = [each["error"] for each in learned if each.get("measure") == "rating" and each.get("error")]
    assert len(errors) >= 16
    assert all(40 < error < 1_000 for error in errors)


def test_before_a_pilot_a_plan_says_what_it_does_not_know(tmp_path: Path) -> None:
    planned = refinec("plan", cwd=make_project(tmp_path, TOPICS))
    assert planned.code != 0 or "known after pilot" in planned.out + planned.err


def test_seeds_without_a_rating(tmp_path: Path) -> None:
    project = make_project(tmp_path, RATINGS.replace("SEEDS", "rated"), more=RATED)
    write_rows(
        project / "data/rated.jsonl", [{"question": "Q?", "choices": ["yes", "no"], "answer": "A", "rating": "x"}]
    )
    learned = refinec("pilot", "--auto-approve", cwd=project)
    assert learned.code != 0
    assert "error[RF" in learned.err
    assert "rated" in learned.err
