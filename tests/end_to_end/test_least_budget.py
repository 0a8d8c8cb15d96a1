"""The budget that a diagnostic names as the smallest useful one is: put into the spec, it gives a result."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.providers.endpoint import Simulation
from tests.cli.command import Answer, refinec
from tests.harness.openai_server import Behaviour, ThreadServer

SPEC = """edition = 1
seed = 3
dataset items {{ task = mcq, source = "items.jsonl" }}
measure subject {{ kind = column, column = "subject" }}
dimension topic {{ from = subject, target = uniform() }}
measure level {{ kind = column, column = "level" }}
dimension difficulty {{ from = level, order = [easy, hard], target = {{ easy = 30%, hard = 70% }}, on_new = assume }}
model small {{
  provider = openai, id = "small", base_url = "{base_url}"
  price = {{ input = $1 / 1M, output = $4 / 1M, as_of = "2026-11-01" }}
}}
judge good {{ model = small, accept = score > 0, on_reject = drop }}
validator sound {{ kind = format }}
operator author {{ kind = generate, model = small, moves = {{ topic = any }}, checks = {checks} }}
operator harden {{ kind = rewrite, model = small, moves = {{ difficulty = +1 }}, checks = [sound] }}
operator drop {{ kind = remove }}
budget {{ {budget} }}
output refined {{ path = "out.jsonl" }}
"""
TOO_SMALL = {"RF4011", "RF5036", "RF6022"}


@pytest.fixture(scope="module", params=[0.0, 0.6], ids=["rules", "a judge, and replies to repair"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[ThreadServer, str]]:
    """A server that sends so many malformed replies, and the checks of an operator."""
    with ThreadServer(Behaviour(simulation=Simulation(success=0.9, malformed=request.param))) as server:
        yield server, "[sound, good]" if request.param else "[sound]"


def apply(folder: Path, server: ThreadServer, checks: str, budget: str) -> tuple[Answer, set[str]]:
    folder.mkdir(exist_ok=True)
    (folder / "spec.refine").write_text(SPEC.format(base_url=server.base_url, checks=checks, budget=budget))
    rows = [
        {"question": f"Item {at}: how much is {at} times {at + 3}?" + " Think of it twice." * (at % 7) ** 2,
         "choices": [f"{letter}{at}" for letter in "abcd"], "answer": f"b{at}",
         "subject": "organic" if at < 24 else "physical chemistry of surfaces", "level": ("easy", "hard")[at % 3 == 0]}
        for at in range(40)
    ]  # fmt: skip
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = refinec("apply", "--auto-approve", "--format", "json", cwd=folder)
    return answer, set(re.findall(r"RF\d{4}", answer.err))


def read_ways(answer: Answer) -> list[str]:
    """What diagnostics tell to write into `budget`, each way once."""
    return list(dict.fromkeys(re.findall(r"(?:such as|smallest useful budget is) `([^`]*)`", answer.err)))


@pytest.mark.parametrize(
    ("nothing", "little"), [("tokens = 10", "tokens = 6000"), ("cost = $0.00001", "cost = $0.012")],
    ids=["tokens", "dollars"],
)
def test_the_budget_that_is_named_gives_a_result(
    nothing: str, little: str, tmp_path: Path, served: tuple[ThreadServer, str]
) -> None:
    server, checks = served
    empty, codes = apply(tmp_path / "empty", server, checks, nothing)
    assert codes & TOO_SMALL == {"RF4011"}
    (enough,) = read_ways(empty)
    small, codes = apply(tmp_path / "small", server, checks, little)
    assert codes & TOO_SMALL == {"RF5036", "RF6022"}, small.err
    assert small.code == ExitCode.BUDGET
    (least,) = read_ways(small)  # both say the same
    for number, budget in enumerate((enough, least)):
        assert budget.split(" = ")[0] == nothing.split(" = ")[0]
        answer, codes = apply(tmp_path / f"try{number}", server, checks, budget)
        assert not codes & TOO_SMALL, (budget, answer.err)
        made = answer.json["operators"].values()
        assert sum(each["accepted"] for each in made) > 0, (budget, answer.err)
