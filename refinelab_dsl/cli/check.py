"""`refinec check`."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace

import click

from refinelab_dsl import compiler, syntax
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.diagnostics.render import render_jsonl
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.source import Sources


@click.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@shared_options("text", "json", "jsonl", "github", "sarif", spec=True)
def check_command(settings: Settings, paths: tuple[str, ...]) -> int:
    """Parse specs and check names, types, units, weights and templates.

    PATH is a spec, a folder of specs, or `-` for standard input; default: the specs in this folder and below. Needs
    no network, no data and no solver. Exit code 1 if there are errors.

    --format github writes workflow commands, which GitHub shows beside the lines; sarif a log for code scanners.
    """
    options = replace(inputs.build_options(settings), library=True)
    found = Diagnostics()
    count = 0
    if "-" in paths:
        source, undecodable = syntax.decode("-", inputs.read_stdin(), None)
        found = found.with_(undecodable, Sources([source]))
        if not found.has_errors:
            found = found.with_(compiler.analyze(source, options).diagnostics)
        count = 1
    named = [path for path in paths if path != "-"]
    for path in inputs.find_specs(named) if named or not count else ():
        found = found.with_(compiler.analyze(path, options).diagnostics)
        count += 1
    document = terminal.document(found)
    if settings.is_json:
        terminal.write_json(document)
    elif settings.format == "jsonl":
        terminal.write(render_jsonl(found))
    elif settings.is_annotated:
        terminal.write_annotations(settings, found)
    else:
        terminal.report(settings, found, stream=sys.stdout)
    terminal.save_json(settings, document)
    terminal.say(settings, summarise(found, count))
    return ExitCode.SPEC if found.has_errors else ExitCode.DONE


def summarise(found: Diagnostics, count: int) -> str:
    """`checked 3 specs: 2 errors, 1 warning`."""
    specs = "1 spec" if count == 1 else f"{count} specs"
    tally = Counter(entry.severity for entry in found)
    parts = [
        f"{tally[severity]} {severity}{'' if tally[severity] == 1 else 's'}"
        for severity in ("error", "warning", "note")
        if tally[severity]
    ]
    return f"checked {specs}: {', '.join(parts) or 'no errors'}"
