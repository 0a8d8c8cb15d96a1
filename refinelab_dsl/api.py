"""The Python API: `load(path).plan().apply()`.

Errors come as one exception, `RefineError`, which carries the diagnostics and the exit code of the command line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from refinelab_dsl import compiler, ir
from refinelab_dsl.artifacts.decisions import load_decisions
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.data.corpora import list_corpora, list_sources
from refinelab_dsl.diagnostics import Diagnostics, RefineError
from refinelab_dsl.exit_codes import ExitCode


@dataclass(frozen=True, repr=False)
class Spec:
    """A spec without errors. `diagnostics` holds its warnings."""

    program: ir.Program
    diagnostics: Diagnostics
    _path: Path = field(repr=False)
    _options: compiler.Options = field(repr=False)

    def __repr__(self) -> str:
        return f"<Spec {self.program.name}: {self._path}>"

    def plan(
        self,
        path: str | Path | None = None,
        *,
        solver: Literal["auto", "glpk", "highs"] | None = None,
        max_cost: Decimal | None = None,
        inventory: bool = True,
        decisions: str | Path | None = None,
    ) -> Plan:
        """Decides what is to be done; spends nothing, calls nobody.

        path: where the plan is saved; None keeps it as long as the returned plan lives. inventory: what earlier runs
        bought and had accepted counts, at no cost. decisions: a file that says which of their edits are rejected or
        pinned.

        Raises:
            RefineError: data errors, or decisions that cannot be obeyed (1), infeasible (4), above `max_cost` (5), an
                `expect` that fails (11).
        """
        from refinelab_dsl.execute.earlier import load_earlier

        decided = None
        if decisions is not None:
            decided, problems = load_decisions(Path(decisions))
            if decided is None:
                raise RefineError(Diagnostics(problems), ExitCode.SPEC)
        options = compiler.Options(
            self._options.variables, self._options.environ, self._options.allow_outside, solver, max_cost,
            earlier=load_earlier if inventory else None, decisions=decided,
        )  # fmt: skip
        planned = compiler.plan(self._path, options, None if path is None else Path(path))
        if planned.plan is None or planned.exit_code != ExitCode.DONE:
            raise RefineError(planned.diagnostics, planned.exit_code)
        return Plan(planned.plan, planned.diagnostics, self.program, planned, path is not None, self._options)


@dataclass(frozen=True, repr=False)
class Plan:
    """A saved plan, exact: `apply` makes its calls and no others."""

    file: PlanFile
    diagnostics: Diagnostics
    _program: ir.Program = field(repr=False)
    _planned: compiler.Planned = field(repr=False)  # keeps a temporary plan file alive
    _saved: bool = field(repr=False)
    _options: compiler.Options = field(repr=False)

    def __repr__(self) -> str:
        header = self.header
        return f"<Plan {self.plan_id[:12]} of {header.spec}: {header.size_now} -> {header.size_planned} rows>"

    @property
    def header(self) -> Header:
        """What is intended: mix, actions, costs, checks."""
        return self.file.header

    @property
    def plan_id(self) -> str:
        return self.file.plan_id

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `refinec plan --format json`."""
        from refinelab_dsl.plan import render

        return render.render_json(self.file, render.Shown(diagnostics=self.diagnostics))

    def to_text(self) -> str:
        """What `refinec plan` prints."""
        from refinelab_dsl.plan import render

        return render.render_text(self.file, render.Shown(diagnostics=self.diagnostics))

    def apply(
        self, *, environ: Mapping[str, str] | None = None, concurrency: int | None = None, cache: bool = True,
        workers: int = 0,
    ) -> Run:
        """Executes the plan. Calling it is the approval: it spends up to the plan's ceiling.

        environ: where API keys are looked up; default: this process's environment. concurrency: calls in flight per
        model at most, below the model's own limit. cache: replies that earlier runs paid for count. workers: processes
        that make the calls to endpoints; 0: this one makes them.

        Raises:
            RefineError: the run did not complete (exit codes 5 to 8, 130): there is no output, or a partial one. Its
                diagnostics say what to do, and nothing that was paid for is lost.
        """
        from refinelab_dsl import execute
        from refinelab_dsl.replanning import build_replan

        spec = self._planned.analysis.source.path
        options = execute.RunOptions(
            source=self._program.dataset.source,
            corpora=list_sources(
                list_corpora(self._program.operators, self._program.validators, self._program.datasets)
            ),
            allow_outside=self._options.allow_outside,
            saved=self._saved,
            environ=os.environ if environ is None else environ,
            use_cache=cache,
            concurrency=concurrency,
            workers=workers,
            replan=None if spec is None else build_replan(spec, self._options),
        )
        outcome = execute.run(self.file.path, self._planned.analysis.project, options)
        run = Run(outcome.run, outcome.status, outcome.exit_code, outcome.diagnostics, outcome.head)
        if outcome.status != "complete":
            raise RefineError(outcome.diagnostics, outcome.exit_code)
        return run


@dataclass(frozen=True, repr=False)
class Run:
    """A run that ended. `exit_code` 9 or 11 means: the output stands, and misses a tolerance, a count or a check.

    head: the JSON of `refinec apply --format json`.
    """

    number: int | None
    status: str
    exit_code: ExitCode
    diagnostics: Diagnostics
    head: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"<Run {self.number}: {self.status}, exit code {int(self.exit_code)}>"

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files that were written, relative to the spec's folder."""
        return tuple(Path(output["file"]) for output in self.head.get("outputs", ()))


def load(
    path: str | Path, *, variables: Mapping[str, str] | None = None, allow_outside: bool = False
) -> Spec:
    """Reads and checks a spec: no data, no solver, no network.

    variables: values for the spec's variables, as typed after `--var x=`; `REFINE_VAR_x` of the environment counts too.
    allow_outside: paths may leave the project's folder.

    Raises:
        RefineError: the spec has errors (exit code 1).
    """
    options = compiler.Options(variables or {}, os.environ, allow_outside)
    analysis = compiler.analyze(Path(path), options)
    if analysis.program is None:
        raise RefineError(analysis.diagnostics, ExitCode.SPEC)
    return Spec(analysis.program, analysis.diagnostics, Path(path), options)
