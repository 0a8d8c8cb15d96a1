"""`refinec init`: a new project that plans and applies as it stands."""

from __future__ import annotations

from pathlib import Path

import click

from refinelab_dsl import resources
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.exit_codes import ExitCode

WORKFLOW = {".github/workflows/refine.yml": "templates/init/refine.yml"}
# template -> file in the new project -> resource
TEMPLATES = {
    "quickstart": {
        "quickstart.refine": "specs/quickstart.refine",
        "data/quickstart.jsonl": "specs/data/quickstart.jsonl",
        **WORKFLOW,
    }
}
# What a project may already have: kept as it is, and the lines to add are shown.
SETTINGS = {".gitignore": "templates/init/gitignore", ".gitattributes": "templates/init/gitattributes"}


@click.command("init")
@click.argument("folder", default=".", metavar="[FOLDER]")
@shared_options("text", "json")
@click.option("--template", type=click.Choice(sorted(TEMPLATES)), default=None,
              help="What to start from.  [default: quickstart]")
@click.option("--from", "data", metavar="FILE", multiple=True,
              help="Propose a spec for this data: a file, a folder of files, or a quoted pattern.")
@click.option("--allow-outside", is_flag=True, help="Permit data that lie outside of the project's folder.")
def init_command(settings: Settings, folder: str, template: str | None, data: tuple[str, ...]) -> int:  # fmt: skip
    """Start a project in FOLDER (default: here): a spec, its sample data, settings for git, a workflow for CI.

    With --from the spec is for data of your own: task, columns and key are read off them, each with its evidence as a
    comment. The data stay where they are. Nothing is overwritten: where a file of the same name stands, nothing is
    written at all.
    """
    root = Path(folder)
    if root.exists() and not root.is_dir():
        raise click.UsageError(f"{folder} is a file, and FOLDER is where the project starts{_hint(data)}")
    if not data:
        content = {root / name: _read(resource) for name, resource in TEMPLATES[template or "quickstart"].items()}
        return _start(settings, root, content, {}, "refinec plan      (spends nothing)")
    if template is not None:
        raise click.UsageError("--template and --from: take one, what a project starts from is one thing")
    from refinelab_dsl.cli import proposal as proposals

    proposal = proposals.build_proposal(settings, root, data)
    if isinstance(proposal, Diagnostic):
        terminal.refuse(settings, Diagnostics((proposal,)))
        return proposals.exit_code_of(proposal)
    content = {root / proposal.file: proposal.text.encode()}
    if not proposal.outside:  # a workflow would not find them
        content |= {root / name: _read(resource) for name, resource in WORKFLOW.items()}
    for line in proposals.describe(proposal):
        terminal.say(settings, line)
    following = f"refinec plan {proposal.file}{' --allow-outside' if proposal.outside else ''}"
    return _start(settings, root, content, {"inference": proposals.build_document(proposal)}, following)


def _start(settings: Settings, root: Path, files: dict[Path, bytes], more: dict[str, object], following: str) -> int:
    """Writes the files and the settings that are not there yet, and says so."""
    standing = sorted(str(path) for path in files if path.exists())
    if standing:
        raise click.UsageError(f"already there, and left as it is: {', '.join(standing)}; nothing was written")
    own = {root / name: resource for name, resource in SETTINGS.items()}
    kept = [path for path in own if path.exists()]
    files |= {path: _read(resource) for path, resource in own.items() if path not in kept}
    write_files(files)
    document = {
        "format_version": "1.0",
        "created": sorted(path.relative_to(root).as_posix() for path in files),
        "kept": sorted(path.relative_to(root).as_posix() for path in kept),
        **more,
    }
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write("".join(f"created  {path}\n" for path in sorted(files)))
    terminal.save_json(settings, document)
    for path in kept:
        lines = [line for line in resources.read(own[path]).splitlines() if line and not line.startswith("#")]
        terminal.say(settings, f"kept     {path}; it should hold: {', '.join(lines)}")
    prefix = "" if root == Path() else f"cd {root} && "
    terminal.say(settings, f"\nNext:  {prefix}{following}")
    return ExitCode.DONE


def _read(resource: str) -> bytes:
    return resources.locate(resource).read_bytes()


def _hint(data: tuple[str, ...]) -> str:
    return "; a pattern is quoted: --from 'data/*.csv'" if data else ""


def write_files(files: dict[Path, bytes]) -> None:
    """Writes files and makes their folders; all of them, or none.

    Raises:
        terminal.OutputRefused: the operating system refused.
    """
    written: list[Path] = []
    made: list[Path] = []
    try:
        for path, content in files.items():
            missing = [parent for parent in (path.parent, *path.parent.parents) if not parent.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            made.extend(missing)
            written.append(path)
            path.write_bytes(content)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        for place in sorted(set(made), key=lambda place: -len(place.parts)):
            place.rmdir()
        raise terminal.OutputRefused(*terminal.describe(error)) from error
