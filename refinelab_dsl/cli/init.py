"""`refinec init`: a new project that plans and applies as it stands."""

from __future__ import annotations

from pathlib import Path

import click

from refinelab_dsl import resources
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.exit_codes import ExitCode

# template -> file in the new project -> resource
TEMPLATES = {
    "quickstart": {
        "quickstart.refine": "specs/quickstart.refine",
        "data/quickstart.jsonl": "specs/data/quickstart.jsonl",
        ".github/workflows/refine.yml": "templates/init/refine.yml",
    }
}
# What a project may already have: kept as it is, and the lines to add are shown.
SETTINGS = {".gitignore": "templates/init/gitignore", ".gitattributes": "templates/init/gitattributes"}


@click.command("init")
@click.argument("folder", default=".", metavar="[FOLDER]")
@shared_options("text", "json")
@click.option("--template", type=click.Choice(sorted(TEMPLATES)), default="quickstart", show_default=True,
              help="What to start from.")  # fmt: skip
def init_command(settings: Settings, folder: str, template: str) -> int:
    """Start a project in FOLDER (default: here): a spec, its sample data, settings for git, a workflow for CI.

    Nothing is overwritten: where a file of the same name stands, nothing is written at all.
    """
    root = Path(folder)
    files = {root / name: resource for name, resource in TEMPLATES[template].items()}
    standing = sorted(str(path) for path in files if path.exists())
    if standing:
        raise click.UsageError(f"already there, and left as it is: {', '.join(standing)}; nothing was written")
    own = {root / name: resource for name, resource in SETTINGS.items()}
    kept = [path for path in own if path.exists()]
    files |= {path: resource for path, resource in own.items() if path not in kept}
    write_files(files)
    document = {
        "format_version": "1.0",
        "created": sorted(path.relative_to(root).as_posix() for path in files),
        "kept": sorted(path.relative_to(root).as_posix() for path in kept),
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
    terminal.say(settings, f"\nNext:  {prefix}refinec plan      (spends nothing)")
    return ExitCode.DONE


def write_files(files: dict[Path, str]) -> None:
    """Copies resources to paths; all of them, or none.

    Raises:
        terminal.OutputRefused: the operating system refused.
    """
    written: list[Path] = []
    made: list[Path] = []
    try:
        for path, resource in files.items():
            missing = [parent for parent in (path.parent, *path.parent.parents) if not parent.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            made.extend(missing)
            written.append(path)
            path.write_bytes(resources.locate(resource).read_bytes())
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        for place in sorted(set(made), key=lambda place: -len(place.parts)):
            place.rmdir()
        raise terminal.OutputRefused(*terminal.describe(error)) from error
