"""`refinec compile`: the value after a stage, for people, tools and golden tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from refinelab_dsl import builtins, compiler, ir
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.syntax.dump import dump


@click.command("compile")
@click.argument("spec", required=False)
@shared_options(spec=True)
@click.option("--emit", type=click.Choice(["ast", "symbols", "ir", "lp", "plan", "schema"]), default="ir",
              show_default=True, help="After which stage.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="Write there instead of to standard output.")
def compile_command(settings: Settings, spec: str | None, emit: str, output: str | None) -> int:
    """Print what SPEC is after a stage of the compiler.

    ast: the syntax tree, as far as it goes. symbols: what is declared, and where. ir: the program, with every default
    filled in. lp: the allocation problem in CPLEX LP format. plan: the saved plan. schema: the JSON Schema of what
    `ir` prints; it needs no SPEC.
    """
    destination = None if output is None else Path(output)
    if emit == "schema":
        terminal.write_to(destination, emit_schema())
        return ExitCode.DONE
    path = inputs.require_spec(spec)
    options = inputs.build_options(settings)
    emitters: dict[str, Callable[[Path, compiler.Options], tuple[str | None, Diagnostics, int]]] = {
        "ast": emit_tree,
        "symbols": emit_symbols,
        "ir": emit_program,
        "lp": emit_problem,
        "plan": emit_plan,
    }
    text, found, code = emitters[emit](path, options)
    terminal.report(settings, found)
    if text is not None:
        terminal.write_to(destination, text)
    return code


def emit_schema() -> str:
    """The JSON Schema of the IR; it is that of the edition, whatever the spec."""
    from refinelab_dsl.ir.schema import build_schema

    return _json(build_schema())


def emit_tree(spec: Path, options: compiler.Options) -> tuple[str | None, Diagnostics, int]:
    """The tree; there is one for a spec with errors, too."""
    analysis = compiler.analyze(spec, options)
    text = None if analysis.tree is None else _json(dump(analysis.tree, analysis.source))
    return text, analysis.diagnostics, _code(analysis.diagnostics)


def emit_symbols(spec: Path, options: compiler.Options) -> tuple[str | None, Diagnostics, int]:
    """Kind -> name -> place of its declaration, those of imports by their dotted names."""
    analysis = compiler.analyze(spec, options)
    if analysis.bindings is None:
        return None, analysis.diagnostics, ExitCode.SPEC
    symbols: dict[str, dict[str, str]] = {}
    for kind, name, block in sorted(analysis.bindings.everything(), key=lambda each: each[0]):
        position = analysis.bindings.sources[block.span.file].position(block.header_span.start)
        if not builtins.BLOCKS[kind].whole or block.span.file == analysis.source.name:
            symbols.setdefault(kind, {})[name or kind] = f"{block.span.file}:{position.line}:{position.column}"
    return _json(symbols), analysis.diagnostics, _code(analysis.diagnostics)


def emit_program(spec: Path, options: compiler.Options) -> tuple[str | None, Diagnostics, int]:
    """The IR."""
    analysis = compiler.analyze(spec, options)
    text = None if analysis.program is None else _json(ir.dump(analysis.program))
    return text, analysis.diagnostics, _code(analysis.diagnostics)


def emit_problem(spec: Path, options: compiler.Options) -> tuple[str | None, Diagnostics, int]:
    """The allocation problem of the first round, also where it turns out infeasible."""
    from refinelab_dsl.solve.lp import render_lp

    planned = compiler.plan(spec, options)
    if planned.problem is None:
        return None, planned.diagnostics, planned.exit_code
    return render_lp(planned.problem), planned.diagnostics, planned.exit_code


def emit_plan(spec: Path, options: compiler.Options) -> tuple[str | None, Diagnostics, int]:
    """The bytes of the saved plan."""
    planned = compiler.plan(spec, options)
    text = None if planned.plan is None else planned.plan.path.read_text(encoding="utf-8")
    return text, planned.diagnostics, planned.exit_code


def _code(found: Diagnostics) -> int:
    return ExitCode.SPEC if found.has_errors else ExitCode.DONE


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
