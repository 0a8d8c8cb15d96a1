"""Plans as people and programs read them: golden texts, and what no plan may make a page do."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from refinelab_dsl.artifacts.plan import Action, Amount, BudgetSummary, Check, Header, Share
from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.diagnostics.display import width as width_of
from refinelab_dsl.plan.binding import Binding
from refinelab_dsl.plan.render import MARKDOWN_LIMIT, Shown, render_json, render_markdown, render_text
from tests.plan.chemistry import AUTHOR, make_chemistry, make_model, save

UNKNOWN = Amount(expected=None, low=None, high=None, ceiling=None, full=None)
SHOWN = Shown(
    solver="highs",
    seconds=0.21,
    cached={"author": 12},
    binding=(
        Binding("budget.tokens", "chem.refine", 44, "10k more tokens lower the divergence by about 0.004", 10_000.0,
                -0.004, 0, Decimal(0)),
        Binding("difficulty.hard", "chem.refine", 21, "2 items short of its target; 1 item more costs about $0.02 / "
                "1,200 tokens", 1.0, 0.0, 1200, Decimal("0.02")),
        Binding("max_removed", None, None, "one point more (1 item) lowers the divergence by about 0.0021", 1.0,
                -0.0021, 0, Decimal(0)),
    ),
    saved_as="chem.refplan",
)  # fmt: skip


class TextFile(SingleFileSnapshotExtension):
    file_extension = "txt"
    _write_mode = WriteMode.TEXT


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(TextFile)


def text_of(tmp_path: Path, header: Header, shown: Shown | None = None, width: int = 100) -> str:
    return render_text(save(tmp_path / "p.refplan", header), shown, width=width)


def test_text(tmp_path: Path, golden: SnapshotAssertion) -> None:
    assert text_of(tmp_path, make_chemistry(), SHOWN) == golden


def test_text_in_a_narrow_terminal(tmp_path: Path, golden: SnapshotAssertion) -> None:
    text = text_of(tmp_path, make_chemistry(), width=72)
    assert text == golden
    assert [line for line in text.splitlines()[:-1] if len(line) > 72] == []


def test_markdown(tmp_path: Path, golden: SnapshotAssertion) -> None:
    assert render_markdown(save(tmp_path / "p.refplan", make_chemistry()), SHOWN) == golden


def test_json(tmp_path: Path, golden: SnapshotAssertion) -> None:
    plan = save(tmp_path / "p.refplan", make_chemistry())
    assert json.dumps(render_json(plan, SHOWN), indent=2) + "\n" == golden


def test_json_has_the_promised_keys_and_types(tmp_path: Path) -> None:
    """The shape that `cli.md` and decision 24 promise; more keys may come, these stay."""
    warning = faults.price_unknown("strong", None)
    shown = Shown(solver="glpk", seconds=1.5, diagnostics=Diagnostics((warning,)))
    value = render_json(save(tmp_path / "p.refplan", make_chemistry()), shown)
    assert list(value)[:12] == [
        "format_version", "plan_id", "spec", "size", "mix", "divergence", "actions", "cost", "budget", "solver",
        "checks", "diagnostics",
    ]  # fmt: skip
    assert value["format_version"] == "1.0"
    assert value["size"] == {"now": 100, "planned": 100}
    assert {name: value["mix"]["difficulty"]["hard"][name] for name in ("now", "target", "planned")} == {
        "now": 0.12, "target": 0.6, "planned": 0.6,
    }  # fmt: skip
    assert value["divergence"]["topic"] == {"now": 0.046, "planned": 0.0}
    assert value["actions"][0] == {
        "operator": "author", "kind": "generate", "from": {}, "to": {"topic": "biochemistry", "difficulty": "hard"},
        "accepted": 6, "attempts": 12, "success": {"mean": 0.55, "low": 0.43, "high": 0.67, "source": "spec"},
        "earlier": 0,
    }  # fmt: skip
    assert value["actions"][-1] == {
        "operator": "drop", "kind": "remove", "from": {"topic": "inorganic", "difficulty": "easy"}, "to": {},
        "accepted": 18, "attempts": 0, "success": None, "earlier": 0,
    }  # fmt: skip
    assert value["cost"]["tokens"] == {
        "expected": 83122, "low": 70100, "high": 101200, "ceiling": 140012, "full": 412000,
    }  # fmt: skip
    assert value["cost"]["usd"] == {
        "expected": "0.4912", "low": "0.4101", "high": "0.5999", "ceiling": "0.8205", "full": "2.4",
    }  # fmt: skip
    assert value["budget"] == {
        "tokens": 200000, "usd": "3", "spent": "0.41", "spent_tokens": 0, "reserve": {"tokens": 20000, "usd": "0.3"},
        "luck": {"tokens": 14000, "usd": "0.11"},
    }  # fmt: skip
    assert value["solver"] == {
        "name": "glpk", "strategy": "joint", "status": "optimal", "objective": 0.0, "bound": 0.0, "gap": 0.0,
        "seconds": 1.5,
    }  # fmt: skip
    assert value["checks"][0] == {
        "title": "coverage follows the curriculum", "status": "passed", "value": "jsd(topic) <= 0.01: jsd(topic) = 0",
    }  # fmt: skip
    assert [entry["code"] for entry in value["diagnostics"]] == [warning.code]
    assert json.loads(json.dumps(value, allow_nan=False)) == value


def test_a_plan_that_does_nothing(tmp_path: Path, golden: SnapshotAssertion) -> None:
    nothing = Amount(expected=Decimal(0), low=Decimal(0), high=Decimal(0), ceiling=Decimal(0), full=Decimal(0))
    header = make_chemistry(
        actions=(), removals=(), hosts=(), tokens=nothing, usd=nothing, checks=(), notes=(), chance=1.0, distinct=1.0,
        budget=BudgetSummary(tokens=None, usd=None, spent=Decimal(0), reserve_tokens=None, reserve_usd=None),
    )  # fmt: skip
    assert text_of(tmp_path, header) == golden


def test_stale_and_used(tmp_path: Path) -> None:
    shown = Shown(stale=("the spec `chem.refine` changed", "the data file `x.csv` is gone"), applied_as=4)
    text = text_of(tmp_path, make_chemistry(), shown)
    assert "  applied  run 4 used this plan; a saved plan is applied once\n" in text
    assert "  stale    the spec `chem.refine` changed\n           the data file `x.csv` is gone\n" in text
    page = render_markdown(save(tmp_path / "q.refplan", make_chemistry()), shown)
    assert "**Stale:** ``the spec `chem.refine` changed``" in page


def test_a_plan_never_costs_more_than_its_budget(tmp_path: Path) -> None:
    budget = BudgetSummary(
        tokens=100_000, usd=Decimal("0.6"), spent=Decimal(0), reserve_tokens=0, reserve_usd=Decimal(0)
    )
    text = text_of(tmp_path, make_chemistry(budget=budget))
    assert "Expected cost $0.49, at most $0.60." in text
    assert "ceiling $0.83, stopped at $0.60" in text
    assert "ceiling 141k, stopped at 100k" in text
    assert "budget   $0.60; this plan uses 82% of it" in text


class TestUnknownPrices:
    def test_nothing_known_is_unknown(self, tmp_path: Path) -> None:
        header = make_chemistry(models=(make_model("strong", price=None), make_model("bulk", price=None)), usd=UNKNOWN)
        text = text_of(tmp_path, header)
        assert "Expected cost unknown." in text
        assert "$0.00" not in text
        assert re.search(r"author .* strong +unknown\n", text)
        assert re.search(r"expected +unknown +ceiling unknown", text)

    def test_some_known_is_at_least(self, tmp_path: Path) -> None:
        header = make_chemistry(models=(make_model("strong", price=None), make_model("bulk")), usd=UNKNOWN)
        text = text_of(tmp_path, header)
        assert "Expected cost at least $0.03." in text
        assert re.search(r"expected +at least \$0\.03 +ceiling unknown", text)

    def test_a_simulated_model_is_said_to_be_one(self, tmp_path: Path) -> None:
        models = tuple(make_model(name, provider="simulated", price=None) for name in ("strong", "bulk"))
        text = text_of(tmp_path, make_chemistry(models=models, hosts=()))
        assert "strong, simulated" in text
        assert "  sends    nothing: no call leaves this machine\n" in text


def test_many_cells_of_one_operator_stand_on_one_line(tmp_path: Path) -> None:
    actions = tuple(
        Action(
            id=number, operator="author", kind="generate", from_={}, to={"topic": f"t{number}"}, count=number,
            attempts=2 * number, success=AUTHOR, chance=0.9,
        )
        for number in range(1, 31)
    )  # fmt: skip
    text = text_of(tmp_path, make_chemistry(actions=actions))
    (line,) = [line for line in text.splitlines() if "+ author" in line]
    assert re.search(r"30 cells: -> t30, -> t29, -> t28, .*…  +465 +930 +55% \(43-67\)$", line)
    assert len(line) <= 100


def test_a_move_shows_what_moves(tmp_path: Path) -> None:
    header = make_chemistry()
    harden = header.operators[2].model_copy(update={"name": "harden", "kind": "rewrite_distractors"})
    template = header.templates[1].model_copy(update={"name": "harden"})
    moves = tuple(
        Action(
            id=number, operator="harden", kind="rewrite_distractors", from_={"topic": topic, "difficulty": "medium"},
            to={"topic": topic, "difficulty": "hard"}, count=5, attempts=9, success=AUTHOR, chance=0.9,
        )
        for number, topic in enumerate(("organic", "physical"), start=1)
    )  # fmt: skip
    header = make_chemistry(
        actions=moves, operators=(*header.operators, harden), templates=(*header.templates, template), removals=()
    )
    text = text_of(tmp_path, header)
    assert re.search(r"~ harden +medium -> hard +10 +18 ", text)
    assert "Plan: keep 90, change 10, add 0, drop 0." in text


def test_labels_cannot_steer_a_terminal_or_break_the_table(tmp_path: Path) -> None:
    evil = "\x1b[2J\u202eevil\nlabel\u2028x" + "y" * 200
    wide = "化学" * 30
    share = Share(now=0.5, target=0.5, planned=0.5, count_now=1, count_planned=1)
    header = make_chemistry(
        mix={"topic": {evil: share, wide: share}}, checks=(Check(title=evil, status="failed", value=evil),),
        notes=(evil,), actions=(), removals=(),
    )  # fmt: skip
    text = text_of(tmp_path, header)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", text)
    table = [line for line in text.splitlines() if "50.0%" in line]
    assert len(table) == 2
    assert [width_of(line) for line in table] == [100, 100]


HOSTILE = [
    "@everyone", "<script>alert(1)</script>", "](https://evil.example) [x", "a|b", "`code`", "``two``", "<!-- -->",
    "-->", "</details>", "![x](y)", "#1", "line\nbreak", "\u202etxet", " ", "`", "~~~",
]  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_stay_text_in_markdown(label: str, tmp_path: Path) -> None:
    share = Share(now=1.0, target=1.0, planned=1.0, count_now=1, count_planned=1)
    header = make_chemistry(
        mix={"topic": {label: share}}, checks=(Check(title=label, status="failed", value=label),), notes=(label,),
        actions=(), removals=(), hosts=(label,), spec_path=label,
    )  # fmt: skip
    page = render_markdown(save(tmp_path / "p.refplan", header))
    tag, rest = page.split("\n", 1)
    assert re.fullmatch(r"<!-- refinec plan (?:(?!--|[<>]).)* -->", tag)
    outside = _without_code(rest)
    for sign in ("@", "script", "](", "evil", "<!--", "![", "#1", "~~~"):
        assert sign not in outside
    assert outside.count("<details>") == outside.count("</details>")
    (row,) = [line for line in rest.splitlines() if line.endswith("| 100.0% | 100.0% | 100.0% | 1 |")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 7


def _without_code(text: str) -> str:
    """The page without its code spans, as CommonMark finds them: a run of backticks up to the next run as long."""
    outside = ""
    while match := re.search(r"`+", text):
        fence = match[0]
        close = re.search(rf"(?<!`){fence}(?!`)", text[match.end() :])
        assert close is not None, "a code span never ends"
        outside += text[: match.start()]
        text = text[match.end() + close.end() :]
    return outside + text


@pytest.mark.parametrize("count", [500, 5_000])
def test_markdown_fits_into_a_comment(count: int, tmp_path: Path) -> None:
    share = Share(now=0.0, target=0.0, planned=0.0, count_now=0, count_planned=0)
    dimensions = {f"d{number}": {f"label {index} " + "x" * 40: share for index in range(60)} for number in range(9)}
    notes = tuple(f"note {number} " + "y" * 60 for number in range(count))
    page = render_markdown(save(tmp_path / "p.refplan", make_chemistry(mix=dimensions, notes=notes)))
    assert len(page) <= MARKDOWN_LIMIT
    assert page.splitlines()[1].startswith("### Plan: keep 52")
    assert "Left out, since a comment has room for 60 000 characters: " in page
    assert page.count("<details>") == page.count("</details>")


def test_many_labels_are_cut_and_counted(tmp_path: Path) -> None:
    share = Share(now=0.01, target=0.01, planned=0.01, count_now=1, count_planned=1)
    header = make_chemistry(mix={"topic": {f"l{index}": share for index in range(100)}})
    text = text_of(tmp_path, header)
    assert "… 40 more" in text
    assert "l59" in text
    assert "l60" not in text


def test_the_same_plan_gives_the_same_pages(tmp_path: Path) -> None:
    plan = save(tmp_path / "p.refplan", make_chemistry())
    for render in (render_text, render_markdown, render_json):
        first: Any = render(plan, SHOWN)  # type: ignore[operator]
        assert render(plan, SHOWN) == first  # type: ignore[operator]


def test_a_reserve_that_is_smaller_than_bad_luck_says_so(tmp_path: Path) -> None:
    budget = BudgetSummary(
        tokens=200_000, usd=None, spent=Decimal(0), reserve_tokens=20_000, reserve_usd=None, luck_tokens=50_000
    )
    text = text_of(tmp_path, make_chemistry(budget=budget))
    assert "20k reserve (bad luck asks for 50k)" in text
    assert "of which 50k" not in text
