"""`refinec docs`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from refinelab_dsl import compiler
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.exit_codes import ExitCode


@click.command("docs")
@click.argument("spec", required=False)
@shared_options(spec=True)
@click.option("--language", is_flag=True, help="The reference of the language, from its table; needs no SPEC.")
@click.option("--html", is_flag=True, help="One page of HTML that loads nothing, instead of markdown.")
@click.option("-o", "--output", metavar="FILE", help="Write there instead of to standard output.")
def docs_command(settings: Settings, spec: str | None, language: bool, html: bool, output: str | None) -> int:
    """Document SPEC from its `##` comments: what is declared, where, with which values, and what uses it.

    A `##` comment stands directly above what it documents. It holds plain text: paragraphs, `- ` items, indented code,
    and code in backticks. Needs no network, no data and no solver. A spec with errors has no documentation.
    """
    from refinelab_dsl.views.docs import render_html, render_markdown
    from refinelab_dsl.views.page import build_page

    destination = None if output is None else Path(output)
    render = render_html if html else render_markdown
    if language:
        from refinelab_dsl.views.language import build_reference

        if spec is not None:
            raise click.UsageError("--language is about no spec; leave SPEC out")
        terminal.write_to(destination, render(build_reference()))
        return ExitCode.DONE
    path = inputs.require_spec(spec)
    analysis = compiler.analyze(path, replace(inputs.build_options(settings), library=True))
    if analysis.tree is None or analysis.bindings is None or analysis.diagnostics.has_errors:
        terminal.refuse(settings, analysis.diagnostics)
        return ExitCode.SPEC
    page = build_page(analysis.tree, analysis.bindings, analysis.program, analysis.source, path.stem)
    terminal.write_to(destination, render(page))
    return ExitCode.DONE
