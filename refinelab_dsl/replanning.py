"""Where compiler and runtime meet while a run goes on: what is left of it is planned again, and the runtime is handed
the one function that does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from refinelab_dsl import compiler
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.execute.earlier import load_earlier
from refinelab_dsl.execute.replan import Replan, Rest
from refinelab_dsl.exit_codes import ExitCode


def build_replan(spec: Path, options: compiler.Options) -> Replan:
    """What plans the rest of a run of `spec`. options: those that its plan was made with."""

    def plan_rest(rest: Rest, destination: Path) -> tuple[Diagnostic, ...]:
        from refinelab_dsl.solve.problem import Paid

        given = replace(
            options, variables={**rest.variables, **options.variables}, max_cost=None, earlier=load_earlier,
            decisions=rest.decisions,
        )
        paid = Paid(rest.tokens, rest.usd, rest.limit, rest.embedded)
        planned = compiler.plan_rest(spec, paid, rest.learnt, given, destination)
        if planned.plan is not None and planned.exit_code in (ExitCode.DONE, ExitCode.CHECK_FAILED):
            return ()
        errors = tuple(each for each in planned.diagnostics if each.is_error)
        return errors or tuple(planned.diagnostics)

    return plan_rest
