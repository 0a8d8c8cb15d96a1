"""Which items the attempts of a plan ask about, as a plan file lists them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.plan import Step
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.data import item_hash

SPEC = """\
edition = 1
dataset questions {{
  task = qa
  source = "rows.jsonl"
  fields = {{ question = column("question"), answer = column("answer"), topic = column("topic") }}
}}
measure topic {{ kind = column, column = "topic" }}
measure words {{ kind = length }}
dimension topic {{ from = topic, target = {topics} }}
dimension length {{
  from = words
  order = [short, long]
  bands = {{ short = below(8), long = above(8) }}
  target = {{ short = 50%, long = 50% }}
}}
constraints {{ max_removed = 60% }}
model small {{ provider = simulated, id = "simulated-small", price = {{ input = $0.1 / 1M, output = $0.1 / 1M }} }}
operator drop {{ kind = remove }}
operator author {{
  kind = generate
  model = small
  moves = {{ topic = any, length = any }}
  checks = [well_formed]
  prior = {{ success = 90% }}
  {extra}
}}
validator well_formed {{ kind = format }}
budget {{ tokens = 10M }}
output refined {{ path = "out.jsonl" }}
"""
UNIFORM = "uniform()"


def plan_of(
    folder: Path, rows: dict[tuple[str, str], int], extra: str, *, topics: str = UNIFORM, backwards: bool = False
) -> tuple[PlanFile, list[Step], dict[str, str]]:
    """The plan over `rows` (topic and length -> items), its steps, and the topic of each item's key."""
    lines = []
    for (topic, length), count in rows.items():
        for number in range(count):
            question = f"{topic} {number}" + " of many words that make it a long one" * (length == "long")
            lines.append({"question": question, "answer": f"{topic} {length} {number}", "topic": topic})
    if backwards:
        lines.reverse()
    folder.mkdir(exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (folder / "s.refine").write_text(SPEC.format(extra=extra, topics=topics), encoding="utf-8")
    planned = compiler.plan(folder / "s.refine", compiler.Options(), folder / "p.refplan")
    assert planned.plan is not None, [diagnostic.message for diagnostic in planned.diagnostics]
    topic_of = {_key(line): line["topic"] for line in lines}
    return planned.plan, list(planned.plan.steps()), topic_of


def _key(line: dict[str, str]) -> str:
    return item_hash("qa", {"question": line["question"], "answer": line["answer"]})[:16]


ROWS = {("a", "short"): 4, ("a", "long"): 3, ("b", "short"): 40, ("b", "long"): 13}


def test_an_anchor_is_asked_at_most_max_per_item_times(tmp_path: Path) -> None:
    plan, steps, topic_of = plan_of(tmp_path, ROWS, "max_per_item = 1")
    wanted = {action.id: action.count for action in plan.header.actions}
    listed = Counter(step.action for step in steps)
    assert len(wanted) > 1
    assert sum(wanted.values()) > 7
    assert all(listed[action] >= count for action, count in wanted.items())
    assert max(Counter(step.items[0] for step in steps).values()) == 1
    # Its own topic serves first, then the other one.
    assert {topic_of[step.items[0]] for step in steps} == {"a", "b"}
    assert sum(topic_of[step.items[0]] == "a" for step in steps) == 7
    assert plan.header.chance >= 0.9


def test_without_a_limit_anchors_are_of_the_target_s_topic_each_once_before_any_twice(tmp_path: Path) -> None:
    _, steps, topic_of = plan_of(tmp_path, ROWS, "")
    assert {topic_of[step.items[0]] for step in steps} == {"a"}
    for action in {step.action for step in steps}:
        uses = Counter(step.items[0] for step in steps if step.action == action)
        assert max(uses.values()) - min(uses.values()) <= 1


def test_what_leaves_anchors_nothing_while_others_of_its_topic_stay(tmp_path: Path) -> None:
    rows = {("a", "short"): 30, ("b", "short"): 30}  # short ones leave, long ones of the same topic are made
    plan, steps, _ = plan_of(tmp_path, rows, "")
    leaving = {candidate.item for candidate in plan.candidates()}
    assert len(leaving) == 30
    assert steps
    assert {step.items[0] for step in steps} & leaving == set()


@pytest.mark.parametrize("extra", ["", "max_per_item = 2"])
def test_the_order_of_the_rows_does_not_matter(tmp_path: Path, extra: str) -> None:
    _, forward, _ = plan_of(tmp_path / "forward", ROWS, extra)
    _, backward, _ = plan_of(tmp_path / "backward", ROWS, extra, backwards=True)
    assert [step.items for step in forward] == [step.items for step in backward]


def test_limited_anchors_leave_room_for_reserves(tmp_path: Path) -> None:
    """What is planned from a limited pool is what it gives almost surely, so the stated chance is what was asked."""
    topics = ["a"] * 60 + ["b"] * 20
    rows = [{"question": f"question {number} of {topic}", "answer": str(number), "topic": topic}
            for number, topic in enumerate(topics)]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.refine").write_text(
        """edition = 1
dataset d { task = qa, source = "rows.jsonl", fields = { topic = column("topic") } }
measure subject { kind = column, column = "topic" }
dimension topic { from = subject, target = uniform() }
constraints { max_removed = 60% }
model m { provider = simulated, id = "rule" }
operator drop { kind = remove }
operator author { kind = generate, model = m, max_per_item = 1, prior = { success = 50% } }
budget { tokens = 10M }
output o { path = "out.jsonl" }
"""
    )
    planned = compiler.plan(tmp_path / "a.refine")
    assert planned.plan is not None, planned.diagnostics
    header = planned.plan.header
    assert 0 < sum(action.count for action in header.actions) < 10  # half of what 20 anchors give on average
    assert header.chance >= 0.9
