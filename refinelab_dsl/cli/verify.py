"""`refinec verify`."""

from __future__ import annotations

from pathlib import Path

import click

from refinelab_dsl.artifacts.lock_file import Lock, load_lock, name_log
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project, find_project
from refinelab_dsl.provenance.verify import Verified, verify


@click.command("verify")
@click.argument("path")
@shared_options("text", "json")
@click.option("--log", metavar="FILE", help="The log that an output belongs to, where it does not lie beside it.")
@click.option("--root", metavar="SHA256", help="What the log's root must be.")
def verify_command(settings: Settings, path: str, log: str | None, root: str | None) -> int:
    """Check PATH byte by byte: a provenance log with the outputs it names, an output, or a saved plan.

    A chain is consistent only with itself: to know that a log is the one that was published, give the root that was
    published with it; without one the root that refine.lock holds counts. Exit code 11 if anything differs.
    """
    target = inputs.require_file(Path(path))
    if target.is_dir():
        raise click.UsageError(f"{target} is a folder; name a log (*.prov.jsonl), an output, or a plan")
    named_log = None if log is None else inputs.require_file(Path(log))
    project = find_project(target.resolve().parent)
    lock, problems = load_lock(project.lock)
    verified = verify(target, project, log=named_log, root=root)
    pinned = find_root(verified, project, lock)
    if root is None and pinned is not None:
        verified = verify(target, project, log=named_log, root=pinned)
    # A lock that cannot be read compares nothing: that must not look like a log that was compared.
    found = Diagnostics((*problems, *verified.diagnostics))
    document = terminal.document(
        found,
        kind=verified.kind,
        name=verified.name,
        log=None if verified.log is None else str(verified.log),
        root=verified.root,
        events=verified.events,
        status=verified.status,
        simulated=verified.simulated,
        outputs=[{"file": file, "rows": rows} for file, rows in verified.outputs],
        verified=not found.has_errors,
    )
    terminal.report(settings, found)
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    elif not found.has_errors:
        terminal.write(render_verified(verified))
    return ExitCode.CHECK_FAILED if found.has_errors else ExitCode.DONE


def find_root(verified: Verified, project: Project, lock: Lock | None) -> str | None:
    """The root that `refine.lock` holds of the log that was verified."""
    if lock is None or verified.log is None or (name := name_log(verified.log, project)) is None:
        return None
    pin = lock.runs.get(name)
    return None if pin is None else pin.root


def render_verified(verified: Verified) -> str:
    """What was checked, a line each."""
    if verified.kind == "plan":
        return f"whole  {escape(verified.name)}  plan {verified.root}\n"
    marks = "".join(f", {word}" for word in (verified.status, "simulated" if verified.simulated else None) if word)
    lines = [f"whole  {escape(str(verified.log))}  {verified.events:,} events{marks}, root {verified.root}"]
    lines += [f"same   {escape(file)}  {rows:,} rows" for file, rows in verified.outputs]
    return "\n".join(lines) + "\n"
