"""`refinec evaluate --baselines` and `--consistency`: a refine beside other ways of answering, and its judge again."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.command import refinec

QUESTIONS = [
    ("Can you see the Great Wall from the Moon?", "Yes, it is the only building that can be seen.", "No building can."),
    ("How long does a goldfish remember?", "For three seconds, and then it forgets all.", "For months."),
    ("Does lightning strike twice?", "It never does so in the same place.", "Yes, tall buildings often."),
    ("What do bulls see in a red cloth?", "The colour red, which makes them angry.", "That it moves."),
    ("Where do camels keep water?", "In their humps, for weeks on end.", "In the blood; humps are fat."),
    ("Do we use ten percent of the brain?", "Yes, the rest of it is asleep.", "No, all of it."),
]
SPEC = """\
edition = 1
dataset items { task = qa, source = "items.jsonl", fields = { truth = column("truth") } }
model small {
  provider = simulated
  price = { input = $0.15 / 1M, output = $0.60 / 1M }
  params = { success = 1, judge_accuracy = ACCURACY }
}
judge careful { model = small, swap = true }
judge other { model = small, mode = pairwise, swap = false }
operator improve { kind = refine, model = small, judge = careful, max_rounds = 3 }
budget { tokens = 6M }
output best { path = "out/best.jsonl" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = (json.dumps({"question": q, "answer": a, "truth": t}) + "\n" for q, a, t in QUESTIONS)
    (tmp_path / "items.jsonl").write_text("".join(rows))
    write_spec(tmp_path, "1")
    return tmp_path


def write_spec(folder: Path, accuracy: str) -> None:
    (folder / "items.refine").write_text(SPEC.replace("ACCURACY", accuracy))


BASELINES = ("evaluate", "items.refine", "--baselines", "--auto-approve", "--format", "json")


def test_all_ways_answer_the_same_items_and_are_charged_alike(folder: Path) -> None:
    answer = refinec(*BASELINES, "--budget", "2M", cwd=folder)
    assert answer.code == 0, answer.err
    found = answer.json
    assert (found["operator"], found["judge"], found["items"]) == ("improve", "careful", {"wanted": 6, "compared": 6})
    against, costs = found["refine_against"], found["costs"]
    assert list(against) == ["original", "zero_shot", "best_of_ten", "unjudged"]
    for duel in against.values():
        assert duel["won"] + duel["tied"] + duel["lost"] == 6
        assert duel["low"] <= duel["win_rate"] <= duel["high"]
    # Every refinement finds the truth and a judge that never errs keeps it: nothing beats it, and a wrong answer loses.
    assert against["original"] == {"won": 6, "tied": 0, "lost": 0, "win_rate": 1.0, **bounds(against["original"])}
    assert {duel["lost"] for duel in against.values()} == {0}
    # What the ways ask by their nature, each item: one answer; ten of them and a judge; rounds, with and without one.
    assert costs["original"] == {"calls": 0, "tokens": 0, "usd": "0"}
    assert costs["zero_shot"]["calls"] == 6
    assert costs["best_of_ten"]["calls"] == 60  # all ten are the truth: a judge has nothing to choose
    assert costs["unjudged"]["calls"] == 6 * found["rounds"]
    assert costs["refine"]["calls"] > costs["unjudged"]["calls"]
    for cost in (*costs.values(), found["judged"]):
        assert (Decimal(cost["usd"]) > 0) == (cost["calls"] > 0)
    # Calls that two ways share are made once, and the budget counts those.
    asked = found["asked"]
    assert asked["simulated"] is True
    assert asked["tokens"] < sum(cost["tokens"] for cost in costs.values()) + found["judged"]["tokens"]
    again = refinec(*BASELINES, "--budget", "2M", cwd=folder).json
    assert again["asked"]["calls"] == 0
    assert [again[name] for name in ("refine_against", "costs", "judged")] == [against, costs, found["judged"]]


def bounds(duel: dict[str, float]) -> dict[str, float]:
    return {"low": duel["low"], "high": duel["high"]}


def test_another_judge_compares_where_it_is_named(folder: Path) -> None:
    spec = folder / "items.refine"
    spec.write_text(spec.read_text().replace("success = 1, ", ""))
    answer = refinec(*BASELINES, "--judge", "other", "-n", "2", "--budget", "2M", cwd=folder)
    assert answer.code == 0, answer.err
    assert (answer.json["judge"], answer.json["items"]["wanted"]) == ("other", 2)
    assert answer.json["judged"]["calls"] <= 8  # one order, once for each way
    assert answer.json["costs"]["best_of_ten"]["calls"] > 20  # ten answers differ, and the operator's judge chooses
    table = refinec(*BASELINES[:-1], "text", "--judge", "other", "-n", "2", "--budget", "2M", cwd=folder).out
    for words in ("Refine against", "as it came in", "at once", "best of ten", "no judge", "simulated: replies"):
        assert words in table


def test_the_budget_holds(folder: Path) -> None:
    answer = refinec(*BASELINES, "--budget", "12k", cwd=folder)
    assert answer.code == 5
    assert answer.json["diagnostics"][0]["code"] == "RF6503"
    assert answer.json["asked"]["tokens"] <= 12_000


def test_a_judge_is_asked_again_about_every_pair_of_a_run(folder: Path) -> None:
    run = refinec("apply", "--auto-approve", "--format", "json", cwd=folder)
    assert run.code == 0, run.err
    asking = ("evaluate", "1", "--consistency", "--auto-approve", "--format", "json", "--budget", "4M")
    answer = refinec(*asking, cwd=folder)
    assert answer.code == 0, answer.err
    (places,) = answer.json["judges"].values()
    assert next(place["place"] for place in places) == "answers 0 and 1"
    # A judge that never errs says the same whatever the order.
    for place in places:
        assert (place["agreement"], place["unanimous"]) == (1.0, place["pairs"])
        assert place["verdicts"] == 10 * place["pairs"]
    assert places[0]["pairs"] == 6
    assert 0 < places[0]["first_named"]["first"] < places[0]["first_named"]["of"]  # orders are mixed
    assert answer.json["asked"]["calls"] == sum(place["verdicts"] for place in places)
    assert refinec(*asking, cwd=folder).json["asked"]["calls"] == 0
    few = refinec(*asking, "--repeats", "4", "-n", "2", cwd=folder).json
    assert few["judges"]["careful"][0]["verdicts"] == 8


def test_a_judge_that_guesses_agrees_with_itself_half_the_time(folder: Path) -> None:
    write_spec(folder, "0.5")
    spec = (folder / "items.refine").read_text().replace("swap = true", "swap = false")
    (folder / "items.refine").write_text(spec)
    assert refinec("apply", "--auto-approve", cwd=folder).code == 0
    answer = refinec("evaluate", "1", "--consistency", "--auto-approve", "--format", "json", "--repeats", "40",
                     "--budget", "6M", cwd=folder)  # fmt: skip
    places = answer.json["judges"]["careful"]
    shares = [place["agreement"] * place["pairs"] for place in places]
    assert 0.35 < sum(shares) / sum(place["pairs"] for place in places) < 0.65
    assert all(place["low"] <= place["agreement"] <= place["high"] for place in places)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("items.refine", "--baselines"), 2, "say how much at most"),
        (("items.refine", "--baselines", "--budget", "10%"), 2, "is no budget"),
        (("items.refine", "--baselines", "--consistency", "--budget", "10k"), 2, "take one"),
        (("items.refine", "--judge", "other"), 2, "are for --baselines"),
        (("items.refine", "--consistency", "--budget", "10k"), 2, "name one"),
        (("items.refine", "--baselines", "--operator", "improv", "--budget", "10k"), 2, "nearest|--operator improve"),
        (("items.refine", "--baselines", "--judge", "carful", "--budget", "10k"), 2, "nearest: `careful`"),
        (("items.refine", "--baselines", "--budget", "900k", "--no-input"), 2, "no terminal to ask on"),
    ],
)
def test_what_cannot_be_asked_is_said(folder: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    answer = refinec("evaluate", *arguments, cwd=folder)
    assert answer.code == code, answer.err
    assert any(part in answer.err for part in words.split("|")), answer.err
