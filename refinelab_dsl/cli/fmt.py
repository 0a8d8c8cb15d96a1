"""`refinec fmt`."""

from __future__ import annotations

from typing import Any

import click

from refinelab_dsl import syntax
from refinelab_dsl.cli import rewrite, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.exit_codes import ExitCode


@click.command("fmt")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@shared_options("text", "json")
@click.option("--check", is_flag=True, help="Write nothing; list what would change, with exit code 3 if anything.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
def fmt_command(settings: Settings, paths: tuple[str, ...], check: bool, diff: bool) -> int:
    """Lay specs out: two spaces, one blank line between statements; line breaks stay the author's.

    PATH is a spec, a folder of specs, or `-` for standard input, whose text goes to standard output; default: the
    specs in this folder and below. A file with syntax errors is left as it is (exit code 1); the others are done.
    """
    found = Diagnostics()
    files: list[dict[str, Any]] = []
    for original in rewrite.read_originals(paths):
        text, problems = (None, original.found) if original.found else syntax.format_source(original.source)
        is_stdin = original.source.path is None
        changed = text is not None and original.is_changed_by(text)
        if text is not None and changed and not (check or diff or is_stdin):
            refused = rewrite.save(original, text)
            problems = problems.with_([refused] if refused else [])
        found = found.with_(problems)
        failed = problems.has_errors
        name = original.source.name
        file: dict[str, Any] = {"path": name, "changed": changed and not failed, "failed": failed}
        changes = rewrite.render_diff(name, original.text, text) if text is not None and diff else ""
        if settings.is_json:
            file |= ({"diff": changes} if diff else {}) | ({"text": text} if is_stdin else {})
        elif diff:
            rewrite.write_diff(settings, changes)
        elif is_stdin and not check:
            terminal.write_exact(text or "")
        elif file["changed"]:
            terminal.write(f"{escape(name)}\n")
        files.append(file)
    document = terminal.document(found, files=files)
    if settings.is_json:
        terminal.write_json(document)
    terminal.save_json(settings, document)
    terminal.report(settings, found)
    if paths != ("-",):
        terminal.say(settings, summarise(files, wrote=not (check or diff)))
    if found.has_errors:
        return ExitCode.SPEC
    return ExitCode.UNFORMATTED if check and any(file["changed"] for file in files) else ExitCode.DONE


def summarise(files: list[dict[str, Any]], *, wrote: bool) -> str:
    """`4 specs: 2 formatted, 1 unchanged, 1 with errors`."""
    changed = sum(file["changed"] for file in files)
    failed = sum(file["failed"] for file in files)
    counts = {
        "formatted" if wrote else "to be formatted": changed,
        "unchanged" if wrote else "formatted": len(files) - changed - failed,
        "with errors": failed,
    }
    listed = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return f"{'1 spec' if len(files) == 1 else f'{len(files)} specs'}: {listed}"
