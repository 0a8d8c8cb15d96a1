"""The strategies beside each other on real sets: how near to the target each comes with the same budget.

    python benchmarks/refinelab/race.py [mmlu gsm8k arc] [--seeds 20] [--plans 2] [--rates drawn] [--json FILE]

Plans are those of the compiler, from the specs in this folder and the public sets in ../shared/data, read in place.
Every strategy gets the same cells, success rates, costs and limits; a budget is a share of what `joint` spends without
one. Outcomes are simulated (`outcomes.py`): 20 seeds, mean and range. A strategy that draws plans once for each of the
first seeds (`--plans`), which the others share in turn. Exits with 1 where a planned objective is lower than that of
`joint`, by more than the gap that `joint` states.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from refinelab_dsl import builtins, compiler, data, estimate, ir, solve
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.declarations import Operator
from refinelab_dsl.estimate.estimate import PRIOR_STRENGTH
from refinelab_dsl.estimate.estimates import Rate
from refinelab_dsl.plan import build
from refinelab_dsl.solve.problem import Action, Assignment, Problem
from refinelab_dsl.solve.solve import STRATEGIES

sys.path.insert(0, str(Path(__file__).parent))
from outcomes import Outcome, list_attempts, plan_outcome, simulate

HERE = Path(__file__).resolve().parent
SHARED = (HERE / "../../../shared/data").resolve()
SHARES = (0.10, 0.25, 0.50, 1.00)
PER_ITEM = (1, 3)
SETS = ("mmlu", "gsm8k", "arc")


@dataclass(frozen=True)
class Contender:
    """A strategy with its options. drawn: its plan depends on the seed, so each seed has a plan of its own."""

    name: str
    options: Mapping[str, Any]
    drawn: bool = False


CONTENDERS = (
    Contender("joint", {"strategy": "joint"}),
    Contender("greedy, live", {"strategy": "greedy"}),
    Contender("greedy, static", {"strategy": "greedy", "static": True}),
    Contender("additive, exact", {"strategy": "additive"}, drawn=True),
    Contender("additive, relaxed", {"strategy": "additive", "relax": True}, drawn=True),
    Contender("uniform", {"strategy": "uniform"}, drawn=True),
)


PAPER = """
  Beside it table 2 of the RefineLab paper (10% of MMLU; budgets as shares of C, all operators on all items):
    coverage JSD at 0.25 / 0.5 / 1 C     RefineLab 0.183 / 0.063 / 0.019   greedy 0.252 / 0.190 / 0.063   uniform \
0.250 / 0.183 / 0.065
    difficulty JSD                       RefineLab 0.388 / 0.317 / 0.295   greedy 0.328 / 0.342 / 0.322   uniform \
0.418 / 0.397 / 0.412
  Which strategy is ahead, and whether difficulty follows the budget, can be compared. The figures cannot: there models
  answered and rated by Elo, on other items with another start; here difficulty is the share of ten models that are
  right, results are simulated, and a budget is a share of what joint spends.
"""


@dataclass(frozen=True)
class Settings:
    seeds: int
    plans: int
    solver: str
    rates: str


@dataclass(frozen=True)
class Spread:
    """Of a figure over the seeds."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.fmean(values), min(values), max(values))


@dataclass(frozen=True)
class Entry:
    """One strategy at one budget. planned: the objective of its plans; gap: how far below it the optimum may lie."""

    set: str
    per_item: int
    share: float
    budget: float
    strategy: str
    planned: Spread
    gap: float
    objective: Spread
    jsd: Mapping[str, Spread]
    tokens: Spread
    distinct: Spread
    size: Spread
    seconds: float  # of one plan, at the median; not in the JSON, which is the same each time


@dataclass(frozen=True)
class Case:
    """A set with a rule of how often an item may be tried: everything that the strategies share."""

    program: ir.Program
    rates: Mapping[str, Rate]
    problem: Problem

    @property
    def full_cost(self) -> float:
        """C in tokens: every operator once on every item that it may be applied to."""
        return sum(
            action.tokens * cell.count
            for number, action in enumerate(self.problem.operators)
            for cell in self.problem.cells
            if number in cell.eligible
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; default: all")
    parser.add_argument("--seeds", type=int, default=20, help="simulated runs of each strategy at each budget")
    parser.add_argument("--plans", type=int, default=2, help="plans of a strategy that draws")
    parser.add_argument(
        "--rates", choices=("stated", "drawn"), default="stated",
        help="operators succeed exactly at their stated rates, or at rates drawn from what 20 attempts would tell",
    )  # fmt: skip
    parser.add_argument("--solver", choices=("auto", "glpk", "highs"), default="highs")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.sets) - set(SETS))
    if unknown:
        parser.error(f"no set {', '.join(unknown)}")
    if not SHARED.is_dir():
        print(f"the public sets are missing: {SHARED}", file=sys.stderr)
        return 2
    settings = Settings(arguments.seeds, arguments.plans, arguments.solver, arguments.rates)
    entries: list[Entry] = []
    for name in arguments.sets or SETS:
        for per_item in PER_ITEM:
            entries += race(name, per_item, settings)
        if name == "mmlu":
            print(PAPER)
    if arguments.json is not None:
        content = [{key: value for key, value in asdict(entry).items() if key != "seconds"} for entry in entries]
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    beaten = list(find_beaten(entries))
    for line in beaten:
        print(line, file=sys.stderr)
    if not beaten:
        print("the planned objective of joint is at or below every other at each budget")
    return 1 if beaten else 0


def race(name: str, per_item: int, settings: Settings) -> list[Entry]:
    """All strategies at all budgets on one set; prints as it goes."""
    case = build_case(name, per_item)
    problem = case.problem
    free = allocate(replace(problem, limits=replace(problem.limits, tokens=None)), settings.solver)
    reserve = float(case.program.budget.reserve) if case.program.budget is not None else 0.0
    now = plan_outcome(problem, replace(free, allotments=(), planned=count_now(problem), tokens=0.0))
    print(
        f"\n{name}: {now.size:,} items, {len(problem.cells)} cells, each item tried at most "
        f"{per_item} time{'s' if per_item > 1 else ''} by an operator"
    )
    print(
        f"  now {describe(now)}; joint without a budget spends {free.tokens:,.0f} tokens, "
        f"{free.tokens / case.full_cost:.0%} of C"
    )
    axes = [axis.name for axis in problem.axes if axis.target is not None]
    head = f"  {'budget':>6} {'strategy':<18} {'planned':>8}  {'reached, mean (range)':<25}"
    print(head + "".join(f" {f'JSD {axis}':>16}" for axis in axes) + f" {'tokens':>10} {'distinct':>9} {'s':>6}")
    entries = []
    for share in SHARES:
        for contender in CONTENDERS:
            if contender.options["strategy"] in STRATEGIES:
                entry = run_contender(name, per_item, case, contender, share, free.tokens, reserve, settings)
                entries.append(entry)
                print(render(entry, axes), flush=True)
    return entries


def run_contender(
    name: str, per_item: int, case: Case, contender: Contender, share: float, whole: float, reserve: float,
    settings: Settings,
) -> Entry:  # fmt: skip
    """Plans once, or once for each of the first seeds, and simulates every seed."""
    rates = case.rates
    plannable = share * whole
    limits = replace(case.problem.limits, tokens=plannable)
    known = {field.name for field in fields(Problem)}
    options = {key: value for key, value in contender.options.items() if key in known}
    planned, reached, seconds, gaps, plans = [], [], [], [], []
    for seed in range(min(settings.plans, settings.seeds) if contender.drawn else 1):
        problem = replace(case.problem, limits=limits, seed=seed, **options)
        started = time.perf_counter()
        assignment = allocate(problem, settings.solver)
        seconds.append(time.perf_counter() - started)
        planned.append(plan_outcome(problem, assignment).objective)
        gaps.append(assignment.gap)
        plans.append(list_attempts(problem, assignment, rates, float(case.program.solve.confidence)))
    budget = plannable / (1 - reserve)
    for seed in range(settings.seeds):
        listed = plans[seed % len(plans)]
        reached.append(simulate(case.problem, listed, rates, budget, seed, drawn=settings.rates == "drawn"))
    return Entry(
        name, per_item, share, budget, contender.name,
        planned=Spread.of(planned), gap=max(gaps),
        objective=Spread.of([each.objective for each in reached]),
        jsd={axis: Spread.of([each.jsd[axis] for each in reached]) for axis in reached[0].jsd},
        tokens=Spread.of([each.tokens for each in reached]),
        distinct=Spread.of([each.distinct for each in reached]),
        size=Spread.of([each.size for each in reached]),
        seconds=statistics.median(seconds),
    )  # fmt: skip


def build_case(name: str, per_item: int) -> Case:
    """The compiler's stages up to the problem. What a plan cannot execute yet counts here as its prior says."""
    with tempfile.TemporaryDirectory() as scratch:
        variables = {"per_item": str(per_item)}
        if name == "arc":
            variables["items"] = str(join_grades(Path(scratch)))
        options = compiler.Options(variables=variables, allow_outside=True)
        analysis = compiler.analyze(HERE / f"{name}.refine", options)
        if analysis.program is None:
            raise SystemExit("\n".join(str(entry) for entry in analysis.diagnostics))
        program = analysis.program
        profile, found = data.build_profile(
            program.dataset, program.measures, program.dimensions, program.operators, program.constraints,
            seed=program.seed, project=analysis.project, allow_outside=True, others=program.datasets,
        )  # fmt: skip
    if profile is None:
        raise SystemExit("\n".join(str(entry) for entry in found))
    return build_problem(program, profile)


def build_problem(program: ir.Program, profile: Profile) -> Case:
    """Operators that change an item in place have no prompt yet: they cost what their priors say."""
    executable = program.model_copy(
        update={"operators": tuple(each for each in program.operators if not is_move(each))}
    )
    estimates = estimate.estimate(executable, profile, build.build_context(executable, profile), {})
    problem, found = solve.build_problem(executable, profile, estimates)
    if problem is None:
        raise SystemExit("\n".join(str(entry) for entry in found))
    rates = {name: each.rate for name, each in estimates.operators.items()}
    for operator in filter(is_move, program.operators):
        success = float(operator.prior.success)
        rates[operator.name] = Rate(success * PRIOR_STRENGTH, (1 - success) * PRIOR_STRENGTH, "spec")
        problem = add_move(problem, operator)
    return Case(program, rates, problem)


def is_move(operator: Operator) -> bool:
    return builtins.OPERATOR_KINDS[operator.kind].effect == "move"


def add_move(problem: Problem, operator: Operator) -> Problem:
    """The problem with one operator more, which may be applied to every item: it goes as many bands as `moves` says."""
    [(dimension, move)] = operator.moves.items()
    place = next(at for at, axis in enumerate(problem.axes) if axis.name == dimension)
    targets = {}
    for bin in {cell.bin for cell in problem.cells if cell.count}:
        moved = bin[place] + (move.by or 0)
        if bin[place] >= 0 and 0 <= moved < len(problem.axes[place].labels):
            targets[bin] = ((*bin[:place], moved, *bin[place + 1 :]),)
    action = Action(
        operator=operator.name, kind="move", success=float(operator.prior.success),
        tokens=float(operator.prior.input_tokens + operator.prior.output_tokens),
        attempts_per_item=operator.max_per_item, targets=dict(sorted(targets.items())),
    )  # fmt: skip
    number = len(problem.operators)
    cells = tuple(replace(cell, eligible=cell.eligible | {number}) for cell in problem.cells)
    return replace(problem, cells=cells, operators=(*problem.operators, action))


def join_grades(folder: Path) -> Path:
    """ARC's items with the grades of another file, joined for the time of one reading: a measure reads grades of the
    items themselves. Half of the items have one."""
    path = folder / "arc.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for part in ("Challenge", "Easy"):
            labels = SHARED / f"arc_difficulty/ARC-{part}-Test_annotations.csv"
            with labels.open(encoding="utf-8", newline="") as given:
                grades = {row["id"]: row["grade"] for row in csv.DictReader(given)}
            with gzip.open(SHARED / f"arc/ARC-{part}-Test.jsonl.gz", "rt", encoding="utf-8", newline="\n") as lines:
                for line in lines:
                    item = json.loads(line)
                    if item["id"] in grades:
                        out.write(json.dumps({**item, "grade": grades[item["id"]], "part": part}) + "\n")
    return path


def allocate(problem: Problem, solver: str) -> Assignment:
    answer = solve.solve(problem, solver)
    if not isinstance(answer, Assignment):
        raise SystemExit(f"{problem.strategy}: no allocation: {answer}")
    return answer


def count_now(problem: Problem) -> dict[str, tuple[int, ...]]:
    counts = {axis.name: [0] * len(axis.labels) for axis in problem.axes}
    for cell in problem.cells:
        for axis, label in zip(problem.axes, cell.bin, strict=True):
            if label >= 0:
                counts[axis.name][label] += cell.count
    return {name: tuple(each) for name, each in counts.items()}


def find_beaten(entries: Sequence[Entry]) -> Iterator[str]:
    """Plans that come nearer to the target than those of `joint`, by more than its gap."""
    for entry in entries:
        joint = next(
            each for each in entries
            if each.strategy == "joint" and (each.set, each.per_item, each.share)
            == (entry.set, entry.per_item, entry.share)
        )
        if entry.planned.low < joint.planned.mean - joint.gap - 1e-9:
            yield (
                f"{entry.set}, {entry.share:.0%}: {entry.strategy} plans {entry.planned.low:.6f}, "
                f"joint {joint.planned.mean:.6f}"
            )


def describe(outcome: Outcome) -> str:
    parts = [f"{axis} {value:.3f}" for axis, value in outcome.jsd.items()]
    return f"JSD {' + '.join(parts)} = {outcome.objective:.3f}"


def render(entry: Entry, axes: Sequence[str]) -> str:
    reached = entry.objective
    span = f"{reached.mean:.4f} ({reached.low:.4f}-{reached.high:.4f})"
    jsd = "".join(f" {entry.jsd[axis].mean:>16.4f}" for axis in axes)
    return (
        f"  {entry.share:>6.0%} {entry.strategy:<18} {entry.planned.mean:>8.4f}  {span:<25}{jsd}"
        f" {entry.tokens.mean:>10,.0f} {entry.distinct.mean:>9,.0f} {entry.seconds:>6.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
