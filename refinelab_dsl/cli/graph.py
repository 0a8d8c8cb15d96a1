"""`refinec graph`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from refinelab_dsl import compiler
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.exit_codes import ExitCode


@click.command("graph")
@click.argument("spec", required=False)
@shared_options("text", "mermaid", "dot", "json", spec=True)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of to standard output.")
def graph_command(settings: Settings, spec: str | None, output: str | None) -> int:
    """Draw what of SPEC refers to what: measures, dimensions, operators, checks, models, prompts, outputs.

    text is a tree for a terminal; mermaid is drawn by GitHub inside of markdown; dot is for Graphviz. What no plan of
    this version can execute yet is marked. Needs no network, no data and no solver. A spec with errors has no graph.
    """
    from refinelab_dsl.views import drawings
    from refinelab_dsl.views.graph import build_graph

    path = inputs.require_spec(spec)
    analysis = compiler.analyze(path, replace(inputs.build_options(settings), library=True))
    if analysis.bindings is None or analysis.diagnostics.has_errors:
        terminal.refuse(settings, analysis.diagnostics)
        return ExitCode.SPEC
    graph = build_graph(analysis.bindings, path.stem)
    document = drawings.render_json(graph)
    terminal.save_json(settings, document)
    drawn = {"mermaid": drawings.render_mermaid, "dot": drawings.render_dot, "text": drawings.render_tree}
    text = terminal.spell_json(document) if settings.is_json else drawn[settings.format](graph)
    terminal.write_to(None if output is None else Path(output), text)
    return ExitCode.DONE
