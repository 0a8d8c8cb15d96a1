"""Where compiler and runtime meet while a run goes on: what is left of it, or its next round, is planned, and the
runtime is handed the one function that does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from refinelab_dsl import compiler
from refinelab_dsl.data.round import Round
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.execute.earlier import load_earlier
from refinelab_dsl.execute.replan import Replan, Rest
from refinelab_dsl.execute.rounds import PlanRound, RoundPlan
from refinelab_dsl.exit_codes import ExitCode


def build_replan(spec: Path, options: compiler.Options) -> Replan:
    """What plans the rest of a run of `spec`. options: those that its plan was made with."""

    def plan_rest(rest: Rest, destination: Path) -> tuple[Diagnostic, ...]:
        given = replace(options, max_cost=None, earlier=load_earlier, decisions=rest.decisions)
        planned = _plan_rest(spec, rest, given, destination)
        if planned.plan is not None and planned.exit_code in (ExitCode.DONE, ExitCode.CHECK_FAILED):
            return ()
        errors = tuple(each for each in planned.diagnostics if each.is_error)
        return errors or tuple(planned.diagnostics)

    return plan_rest


def build_plan_round(spec: Path, options: compiler.Options) -> PlanRound:
    """What plans a round of the loop of `spec`. options: those that the loop was begun with."""

    def plan_round(round_: Round, rest: Rest | None, destination: Path) -> RoundPlan:
        given = replace(options, round=round_)
        if rest is None:
            planned = compiler.plan(spec, given, destination)
        else:
            planned = _plan_rest(spec, rest, replace(given, max_cost=None, earlier=load_earlier), destination)
        return RoundPlan(planned.exit_code if planned.plan is not None else planned.exit_code or ExitCode.SPEC,
                         planned.diagnostics)  # fmt: skip

    return plan_round


def _plan_rest(spec: Path, rest: Rest, options: compiler.Options, destination: Path) -> compiler.Planned:
    from refinelab_dsl.solve.problem import Paid

    given = replace(options, variables={**rest.variables, **options.variables})
    paid = Paid(rest.tokens, rest.usd, rest.limit, rest.embedded)
    return compiler.plan_rest(spec, paid, rest.learnt, given, destination)
