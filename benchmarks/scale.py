"""The allocation at growing size: joint over cells, and beside it the same choice as one binary per item and operator.

    python benchmarks/scale.py [--limit 60] [--largest 10000000] [--without TOOL]

First part: N items in 20, 57 and 500 topics x 3 bands, then 20 000 items in 300 to 5 000 topics without bands (`--only
labels`: these alone). Items are columns of labels as a profile has them; what is timed is grouping them into cells,
building the problem, and solving it. Second part: Eq. 1 of RefineLab over N items and
K = 4 operators (remove, expand, generate, harden), one operation per item, a budget and a cap on removals, relative
gap 1e-4, in Pyomo with GLPK and with HiGHS, in scipy.optimize.milp, and in OR-Tools (SCIP; `pip install ortools`). Each
line is a process of its own; its time, of the processor, holds building the model. A tool that fails at one size is not
tried at larger ones.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ITEMS = (1_000, 100_000, 1_000_000, 10_000_000)
TOPICS = (20, 57, 500)
LABELS, LABELLED = (300, 1_000, 2_000, 5_000), 20_000  # topics without bands, and items in them
BANDS = ("easy", "medium", "hard")
BAND_SHARES = (0.65, 0.18, 0.17)
TOOLS = ("pyomo-glpk", "pyomo-highs", "scipy-milp", "ortools")
OPERATORS = ("remove", "expand", "generate", "harden")
GAP = 1e-4
MEMORY = 12 << 30  # bytes that one process may have
BUDGET_SHARE = 0.25  # of what every operator on every item would cost

SPEC = """\
edition = 1
seed = 3
dataset questions { task = qa, source = "rows.jsonl", fields = { topic = column("topic"), band = column("band") } }
measure subject { kind = column, column = topic }
measure level { kind = column, column = band }
dimension topic { from = subject, target = uniform() }
dimension difficulty { from = level, order = [easy, medium, hard], target = preset("stress-test") }
model small { provider = simulated }
operator thin { kind = remove }
operator paraphrase { kind = expand, model = small }
operator author { kind = generate, model = small, moves = { topic = any, difficulty = any } }
budget { tokens = 0.25 * full_cost }
solve { time_limit = LIMITs }
output refined { path = "out/rows.jsonl" }
"""


def spent() -> float:
    """Seconds of processor time so far, those of programs that were called included: a busy machine counts less."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def write_spec(limit: int, *, bands: bool) -> str:
    """The spec with a time limit in seconds; without bands it has one dimension."""
    text = SPEC.replace("LIMIT", str(limit))
    if bands:
        return text
    kept = (line for line in text.splitlines() if not line.startswith(("measure level", "dimension difficulty")))
    return "\n".join(kept).replace(', band = column("band")', "").replace(", difficulty = any", "") + "\n"


def draw_items(count: int, topics: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Topic and band of each item; topics are unequally frequent, the same for every `count`."""
    weights = np.random.default_rng(1).random(topics) + 0.2
    generator = np.random.default_rng(2)
    topic = generator.choice(topics, size=count, p=weights / weights.sum()).astype(np.int32)
    band = generator.choice(len(BANDS), size=count, p=BAND_SHARES).astype(np.int32)
    return topic, band


# Joint over cells


def run_cells(count: int, topics: int, limit: int, *, bands: bool = True) -> dict[str, Any]:
    """Groups, builds and solves once."""
    from refinelab_dsl import compiler, estimate, solve
    from refinelab_dsl.data.profile import Profile
    from refinelab_dsl.plan import build
    from refinelab_dsl.solve.cells import group_items

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scale.refine"
        path.write_text(write_spec(limit, bands=bands), encoding="utf-8")
        program = compiler.analyze(path).program
    assert program is not None
    topic, band = draw_items(count, topics)
    names = {"topic": tuple(f"topic_{number:04d}" for number in range(topics)), "difficulty": BANDS}
    axes = ("topic", "difficulty") if bands else ("topic",)
    profile = Profile(
        size=count, keys=range(count),  # type: ignore[arg-type]
        labels={name: {"topic": topic, "difficulty": band}[name] for name in axes},
        label_names={name: names[name] for name in axes},
        eligible={operator.name: np.ones(count, dtype=np.bool_) for operator in program.operators},
        preference={}, protected=np.zeros(count, dtype=np.bool_), samples=(), files=(), sha256="",
    )  # fmt: skip
    started = spent()
    group_items(program, profile)
    grouped = spent()
    estimates = estimate.estimate(program, profile, build.build_context(program, profile))
    problem, _ = solve.build_problem(program, profile, estimates)
    assert problem is not None
    built = spent()
    answer = solve.solve(problem)
    solved = spent()
    found: dict[str, Any] = {
        "cells": len(problem.cells), "group": grouped - started, "build": built - grouped, "solve": solved - built,
    }  # fmt: skip
    if isinstance(answer, solve.Assignment):
        found |= {
            "solver": answer.solver, "columns": answer.variables, "rounds": answer.rounds, "status": answer.status,
            "objective": answer.objective, "gap": answer.objective - answer.bound,
        }  # fmt: skip
    else:
        found |= {"failed": str(answer)}
    return found


# One binary per item and operator


def build_items(count: int, topics: int) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Gains and costs (N x K), the budget and the cap on removals. The gain of an operator is what one accepted result
    takes off the divergence at the present counts, times its success."""
    topic, band = draw_items(count, topics)
    targets = (np.full(topics, 1 / topics), np.array([0.0, 0.4, 0.6]))
    slopes = []
    for labels, target in zip((topic, band), targets, strict=True):
        share = np.bincount(labels, minlength=len(target)) / count
        with np.errstate(divide="ignore"):
            slopes.append(0.5 * np.log2(np.maximum(2 * share, 1e-12) / np.maximum(share + target, 1e-12)))
    here = slopes[0][topic] + slopes[1][band]
    generator = np.random.default_rng(3)
    room = [np.maximum(target - np.bincount(labels, minlength=len(target)) / count, 0) for labels, target in
            zip((topic, band), targets, strict=True)]  # fmt: skip
    wanted = [generator.choice(len(gap), size=count, p=gap / gap.sum()) for gap in room]
    harder = np.minimum(band + 1, 2)
    gains = np.column_stack([
        here,
        0.85 * -here,
        0.55 * -(slopes[0][wanted[0]] + slopes[1][wanted[1]]),
        0.60 * (slopes[1][band] - slopes[1][harder]),
    ])  # fmt: skip
    tokens = generator.lognormal(0, 0.2, size=(count, 3)) * np.array([450.0, 900.0, 1000.0])
    costs = np.column_stack([np.zeros(count), tokens])
    return gains, costs, BUDGET_SHARE * float(costs.sum()), 0.3 * count


def run_items(tool: str, count: int, limit: int) -> dict[str, Any]:
    """Eq. 1 with one tool."""
    problem = build_items(count, 57)
    started = spent()
    found = {"scipy-milp": _scipy, "ortools": _ortools}.get(tool, _pyomo)(tool, *problem, limit)
    return {**found, "seconds": spent() - started}


def _scipy(
    tool: str, gains: NDArray[np.float64], costs: NDArray[np.float64], budget: float, cap: float, limit: int
) -> dict[str, Any]:
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, vstack

    count, kinds = gains.shape
    size = count * kinds
    once = csr_array((np.ones(size), np.arange(size), np.arange(0, size + 1, kinds)), shape=(count, size))
    removed = np.zeros(size)
    removed[::kinds] = 1
    rows = vstack([once, csr_array(costs.reshape(1, -1)), csr_array(removed.reshape(1, -1))])
    upper = np.concatenate([np.ones(count), [budget, cap]])
    answer = milp(
        -gains.ravel(), integrality=np.ones(size), bounds=Bounds(0, 1),
        constraints=LinearConstraint(rows, -np.inf, upper), options={"time_limit": limit, "mip_rel_gap": GAP},
    )  # fmt: skip
    if answer.x is None:
        return {"failed": answer.message.strip()[:80]}
    return {"value": -float(answer.fun), "gap": float(answer.mip_gap)}


def _ortools(
    tool: str, gains: NDArray[np.float64], costs: NDArray[np.float64], budget: float, cap: float, limit: int
) -> dict[str, Any]:
    from ortools.linear_solver import pywraplp

    count, kinds = gains.shape
    solver = pywraplp.Solver.CreateSolver("SCIP")
    solver.SetTimeLimit(limit * 1000)
    flat = [solver.BoolVar("") for _ in range(count * kinds)]
    for item in range(count):
        once = solver.Constraint(0, 1)
        for chosen in flat[item * kinds : (item + 1) * kinds]:
            once.SetCoefficient(chosen, 1)
    used, removed, goal = solver.Constraint(0, budget), solver.Constraint(0, cap), solver.Objective()
    for chosen, cost, gain in zip(flat, costs.ravel().tolist(), gains.ravel().tolist(), strict=True):
        used.SetCoefficient(chosen, cost)
        goal.SetCoefficient(chosen, gain)
    for chosen in flat[::kinds]:
        removed.SetCoefficient(chosen, 1)
    goal.SetMaximization()
    parameters = pywraplp.MPSolverParameters()
    parameters.SetDoubleParam(pywraplp.MPSolverParameters.RELATIVE_MIP_GAP, GAP)
    status = solver.Solve(parameters)
    if status not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
        return {"failed": "no point before the limit" if status == pywraplp.Solver.NOT_SOLVED else f"status {status}"}
    value, bound = goal.Value(), goal.BestBound()
    if value <= 0:
        return {"failed": "nothing better than to do nothing before the limit"}
    return {"value": value, "gap": abs(bound - value) / value}


def _pyomo(
    tool: str, gains: NDArray[np.float64], costs: NDArray[np.float64], budget: float, cap: float, limit: int
) -> dict[str, Any]:
    import pyomo.environ as pyo
    from pyomo.contrib.appsi.solvers import Highs

    count, kinds = gains.shape
    model = pyo.ConcreteModel()
    model.x = pyo.Var(range(count), range(kinds), domain=pyo.Binary)
    model.once = pyo.Constraint(range(count), rule=lambda m, i: sum(m.x[i, k] for k in range(kinds)) <= 1)
    model.budget = pyo.Constraint(
        expr=pyo.quicksum(costs[i, k] * model.x[i, k] for i in range(count) for k in range(1, kinds)) <= budget
    )
    model.cap = pyo.Constraint(expr=pyo.quicksum(model.x[i, 0] for i in range(count)) <= cap)
    model.goal = pyo.Objective(
        expr=pyo.quicksum(gains[i, k] * model.x[i, k] for i in range(count) for k in range(kinds)),
        sense=pyo.maximize,
    )
    if tool == "pyomo-highs":
        solver = Highs()
        solver.config.time_limit = limit
        solver.config.load_solution = False
        solver.highs_options = {"mip_rel_gap": GAP}
        results = solver.solve(model)
        value, bound = results.best_feasible_objective, results.best_objective_bound
        if value is None:
            return {"failed": f"{results.termination_condition.name}, no point"}
        return {"value": value, "gap": abs(bound - value) / max(1e-9, abs(value))}
    began = time.monotonic()
    results = pyo.SolverFactory("glpk").solve(model, options={"tmlim": limit, "mipgap": GAP}, load_solutions=False)
    if not len(results.solution):
        return {"failed": f"{results.solver.termination_condition}, no point"}
    model.solutions.load_from(results)
    # GLPK says nothing of the gap where the time ended the search.
    return {"value": pyo.value(model.goal), "gap": GAP if time.monotonic() - began < limit else None}


# The table


def run_in_process(arguments: list[str], limit: int) -> dict[str, Any]:
    """One measurement in a process of its own: what it found and its peak memory, or why there is nothing."""
    command = [sys.executable, __file__, *arguments, "--limit", str(limit)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit * 3 + 60, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"stopped after {limit * 3 + 60} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"failed": "out of memory" if "MemoryError" in done.stderr or not lines else lines[-1][:80]}
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=60, help="seconds that a solver may take")
    parser.add_argument("--largest", type=int, default=max(ITEMS), help="number of items of the largest measurement")
    parser.add_argument("--without", action="append", choices=TOOLS, default=[], help="a tool to be left out")
    parser.add_argument("--only", choices=("labels",), help="only the part with many topics and no bands")
    parser.add_argument("--cells", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--labels", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--items", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cells or arguments.labels or arguments.items:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        if arguments.cells:
            found = run_cells(*arguments.cells, arguments.limit)
        elif arguments.labels:
            count, labels = arguments.labels
            found = run_cells(count, labels, arguments.limit, bands=False)
        else:
            found = run_items(arguments.items[0], int(arguments.items[1]), arguments.limit)
        print(json.dumps({**found, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    print("joint over cells")
    head = f"{'items':>11} {'topics':>6} {'cells':>6} {'columns':>8} {'rounds':>6} {'group s':>8} {'build s':>8}"
    print(f"{head} {'solve s':>8} {'MB':>6} {'gap':>9}  status")
    for count in (each for each in ITEMS if each <= arguments.largest and not arguments.only):
        for topics in TOPICS:
            found = run_in_process(["--cells", str(count), str(topics)], arguments.limit)
            print(render_cells(count, topics, found), flush=True)
    for labels in LABELS:
        found = run_in_process(["--labels", str(LABELLED), str(labels)], arguments.limit)
        print(render_cells(LABELLED, labels, found), flush=True)
    if arguments.only:
        return
    print(f"\none binary per item and operator, K = {len(OPERATORS)}, at most {arguments.limit} s of solving")
    print(f"{'items':>11} {'tool':<12} {'seconds':>8} {'MB':>6} {'gap':>9}  value")
    failed: set[str] = set()
    for count in (each for each in (1_000, 10_000, *ITEMS[1:]) if each <= arguments.largest):
        for tool in (each for each in TOOLS if each not in arguments.without):
            found = {"failed": "not tried: failed at a smaller size"}
            if tool not in failed:
                found = run_in_process(["--items", tool, str(count)], arguments.limit)
            if "failed" in found:
                failed.add(tool)
            print(render_items(count, tool, found), flush=True)


def render_cells(count: int, topics: int, found: dict[str, Any]) -> str:
    if "status" not in found:
        return f"{count:>11,} {topics:>6} failed: {found['failed']}"
    return (
        f"{count:>11,} {topics:>6} {found['cells']:>6,} {found['columns']:>8,} {found['rounds']:>6} "
        f"{found['group']:>8.2f} {found['build']:>8.2f} {found['solve']:>8.2f} {found['memory']:>6.0f} "
        f"{found['gap']:>9.1e}  {found['status']}, {found['solver']}"
    )


def render_items(count: int, tool: str, found: dict[str, Any]) -> str:
    if "failed" in found:
        text = f"{found['seconds']:>8.1f} {found['memory']:>6.0f}" if "seconds" in found else f"{'':>8} {'':>6}"
        return f"{count:>11,} {tool:<12} {text} {'':>9}  failed: {found['failed']}"
    return (
        f"{count:>11,} {tool:<12} {found['seconds']:>8.1f} {found['memory']:>6.0f} "
        f"{'unknown' if found['gap'] is None else format(found['gap'], '.1e'):>9}  {found['value']:.2f}"
    )


if __name__ == "__main__":
    main()
