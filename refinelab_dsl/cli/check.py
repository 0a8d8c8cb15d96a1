"""`refinec check`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click

from refinelab_dsl import compiler, syntax
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.diagnostics.fix import is_fixable
from refinelab_dsl.diagnostics.render import render_jsonl
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import LOCK
from refinelab_dsl.source import Sources

UNREADABLE = "RF2075"  # a file that a spec is made of


@click.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@shared_options("text", "json", "jsonl", "github", "sarif", spec=True)
@click.option("--watch", is_flag=True, help="Check again whenever a file changes, until interrupted.")
def check_command(settings: Settings, paths: tuple[str, ...], watch: bool) -> int:
    """Parse specs and check names, types, units, weights and templates.

    PATH is a spec, a folder of specs, or `-` for standard input; default: the specs in this folder and below. Needs
    no network, no data and no solver. Exit code 1 if there are errors.

    --format github writes workflow commands, which GitHub shows beside the lines; sarif a log for code scanners.
    """
    if not watch:
        return check_once(settings, paths).code
    if "-" in paths:
        raise click.UsageError("--watch watches files; standard input is none")
    from refinelab_dsl.cli.watch import watch_files

    inputs.find_specs(paths)  # a path that does not exist now is a mistake
    return watch_files(settings, lambda: check_once(settings, paths).files, lambda: inputs.find_specs(paths))


class Checked(NamedTuple):
    """code: the exit code. files: everything that was read, or would have been."""

    code: ExitCode
    files: frozenset[Path]


def _beyond(found: Diagnostics, more: Diagnostics) -> Diagnostics:
    """What `more` says that has not been said yet: a file that another imports is read with it, too."""
    said = {(entry.code, entry.span) for entry in found if entry.span is not None}
    return Diagnostics(tuple(entry for entry in more if (entry.code, entry.span) not in said), more.sources)


def check_once(settings: Settings, paths: Sequence[str]) -> Checked:
    """Checks what the arguments name and says what is wrong.

    Raises:
        click.UsageError: a path does not exist, or there is no spec at all.
    """
    options = replace(inputs.build_options(settings), library=True)
    found = Diagnostics()
    files: set[Path] = set(settings.variable_files)
    count = 0
    if "-" in paths:
        source, undecodable = syntax.decode("-", inputs.read_stdin(), None)
        found = found.with_(undecodable, Sources([source]))
        if not found.has_errors:
            found = found.with_(compiler.analyze(source, options).diagnostics)
        count = 1
    named = [path for path in paths if path != "-"]
    for path in inputs.find_specs(named) if named or not count else ():
        analysis = compiler.analyze(path, options)
        found = found.with_(_beyond(found, analysis.diagnostics))
        files |= {path, analysis.project.root / LOCK, *find_files(analysis)}
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
    return Checked(ExitCode.SPEC if found.has_errors else ExitCode.DONE, frozenset(files))


def find_files(analysis: compiler.Analysis) -> Iterator[Path]:
    """The files that a spec is made of, itself among them, and those that it names but that cannot be read."""
    sources = analysis.diagnostics.sources
    read = analysis.bindings.files.values() if analysis.bindings is not None else ()
    yield from (source.path for source in (*sources.values(), *read) if source.path is not None)
    for entry in analysis.diagnostics:
        if entry.code != UNREADABLE or entry.span is None:
            continue
        source = sources[entry.span.file]
        written = source.text[entry.span.start : entry.span.end]
        if source.path is not None and len(written) > 2 and written[0] == written[-1] == '"':
            yield source.path.parent / written[1:-1]


def summarise(found: Diagnostics, count: int) -> str:
    """`checked 3 specs: 2 errors, 1 warning; 1 fixable with `refinec fix``."""
    specs = "1 spec" if count == 1 else f"{count} specs"
    tally = Counter(entry.severity for entry in found)
    parts = [
        f"{tally[severity]} {severity}{'' if tally[severity] == 1 else 's'}"
        for severity in ("error", "warning", "note")
        if tally[severity]
    ]
    fixable = sum(is_fixable(entry) for entry in found)
    hint = f"; {fixable} fixable with `refinec fix`" if fixable else ""
    return f"checked {specs}: {', '.join(parts) or 'no errors'}{hint}"
