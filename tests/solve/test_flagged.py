"""Items under suspicion: their share counts in the objective, and may be limited."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from scipy.spatial.distance import jensenshannon  # type: ignore[import-untyped]

from refinelab_dsl import load
from refinelab_dsl.diagnostics import RefineError
from refinelab_dsl.solve import Infeasible, Problem, solve
from refinelab_dsl.solve.problem import CLEAN, FLAGGED, Action, Assignment, Axis, Cell, Limits
from refinelab_dsl.solve.solver import installed

SOLVERS = installed()
BINS = tuple(product(range(2), (FLAGGED, CLEAN)))


def _problem(counts: tuple[int, int, int, int], weight: float, limits: Limits) -> Problem:
    """Two topics; what is flagged, then what is clean of each. Removing and repairing, which costs."""
    axes = (
        Axis("topic", ("a", "b"), (0.5, 0.5)),
        Axis("flagged", ("flagged", "clean"), None, weight, flag=True),
    )
    cells = tuple(Cell(bin, count, eligible=frozenset({0, 1})) for bin, count in zip(BINS, counts, strict=True))
    operators = (
        Action("drop", "remove", attempts_per_item=None),
        Action("repair", "fix", success=0.5, tokens=10.0, attempts_per_item=None,
               targets={bin: ((bin[0], CLEAN),) for bin in BINS if bin[1] == FLAGGED}),
    )  # fmt: skip
    return Problem(axes, cells, operators, limits, gap=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("tokens", [0.0, 45.0])
def test_it_is_the_best_of_all_allocations(weight: float, tokens: float, solver: str) -> None:
    counts = (3, 4, 1, 2)
    problem = _problem(counts, weight, Limits(None, max_removed=4, tokens=tokens, sizes=(6, 10)))
    best = float("inf")
    for gone in product(*(range(count + 1) for count in counts)):
        if sum(gone) > 4 or sum(counts) - sum(gone) < 6:
            continue
        for repaired in product(range(counts[0] - gone[0] + 1), range(counts[2] - gone[2] + 1)):
            if sum(repaired) * 10.0 / 0.5 > tokens:
                continue
            left = [count - out for count, out in zip(counts, gone, strict=True)]
            flagged = left[0] + left[2] - sum(repaired)
            size = sum(left)
            jsd = jensenshannon([left[0] + left[1], left[2] + left[3]], [0.5, 0.5], base=2) ** 2
            best = min(best, jsd + weight * flagged / size)
    answer = solve(problem, solver)
    assert isinstance(answer, Assignment)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(best, abs=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_limit_binds(solver: str) -> None:
    loose = solve(_problem((3, 4, 1, 2), 0.0, Limits(10, tokens=200.0)), solver)
    tight = solve(_problem((3, 4, 1, 2), 0.0, Limits(10, tokens=200.0, flagged=0.1)), solver)
    assert isinstance(loose, Assignment)
    assert isinstance(tight, Assignment)
    assert loose.planned["flagged"] == (4, 6)
    assert tight.planned["flagged"] == (1, 9)
    assert tight.tokens == pytest.approx(60.0)


def test_a_limit_that_cannot_be_kept_is_a_conflict() -> None:
    answer = solve(_problem((3, 4, 1, 2), 1.0, Limits(10, tokens=30.0, flagged=0.1)))
    assert isinstance(answer, Infeasible)
    assert set(answer.conflict) == {"max_flagged", "budget.tokens", "size"}
    ways = dict(answer.ways_out)
    assert float(ways["max_flagged"]) == pytest.approx(0.3, abs=2e-3)


SPEC = """edition = 1
seed = 1
dataset items {{
  task = qa
  source = "items.jsonl"
  fields = {{ topic = column("topic"), doubt = column("doubt") }}
}}
measure subject {{ kind = column, column = topic }}
measure disagreement {{ kind = column, column = doubt }}
dimension topic {{ from = subject, labels = [algebra, geometry], target = uniform() }}
model small {{ provider = simulated }}
operator drop {{ kind = remove }}
operator author {{ kind = generate, model = small, moves = {{ topic = any }} }}
constraints {{
  flagged = disagreement >= 0.5
  {further}
}}
budget {{ tokens = 200k }}
output refined {{ path = "out/refined.jsonl", layout = task, columns = [question, doubt] }}
"""


def _project(folder: Path, further: str = "") -> Path:
    with (folder / "items.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(40):
            doubt = 0.9 if number % 5 == 0 else 0.1
            topic = ("algebra", "geometry")[number % 2]
            row = {"question": f"What is {number}?", "answer": str(number), "topic": topic, "doubt": doubt}
            stream.write(json.dumps(row) + "\n")
    spec = folder / "spec.refine"
    spec.write_text(SPEC.format(further=further), encoding="utf-8")
    return spec


def test_a_spec_says_what_is_flagged(tmp_path: Path) -> None:
    plan = load(_project(tmp_path)).plan()
    header = plan.header
    assert header.flagged is not None
    assert (header.flagged.now, header.flagged.planned) == (8, 0)
    assert sum(removal.planned for removal in header.removals) == 8
    assert "flagged items 8 -> 0" in plan.to_text()
    assert plan.to_dict()["flagged"] == {"now": 8, "planned": 0}
    plan.apply()
    rows = [json.loads(line) for line in (tmp_path / "out" / "refined.jsonl").read_text("utf-8").splitlines()]
    originals = [row for row in rows if row["question"].startswith("What is ") and row["doubt"] is not None]
    assert sum(row["doubt"] >= 0.5 and row["_origin"] == "original" for row in originals) == 0


def test_without_a_weight_they_are_no_reason(tmp_path: Path) -> None:
    header = load(_project(tmp_path, "flagged_weight = 0")).plan().header
    assert header.removals == header.actions == ()


def test_a_limit_of_the_spec_that_nobody_can_keep(tmp_path: Path) -> None:
    with pytest.raises(RefineError) as caught:
        load(_project(tmp_path, "max_removed = 5%\n  max_flagged = 10%")).plan()
    (fault,) = caught.value.diagnostics.errors
    assert fault.code == "RF4001"
    assert any("max_flagged" in help_.message for help_ in fault.help)


def test_plans_of_specs_without_flags_do_not_speak_of_them(tmp_path: Path) -> None:
    spec = _project(tmp_path)
    spec.write_text(spec.read_text("utf-8").replace("  flagged = disagreement >= 0.5\n", ""), "utf-8")
    header = load(spec).plan().header
    assert "flagged" not in header.model_dump()
    assert "flagged" not in header.constraints.model_dump(mode="json")
