"""`refinec version`."""

from __future__ import annotations

import platform

import click

from refinelab_dsl import __version__
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.exit_codes import ExitCode


@click.command("version")
@shared_options("text", "json")
def version_command(settings: Settings) -> int:
    """Versions of refinec and of what it reads and writes."""
    from refinelab_dsl.artifacts.plan import FORMAT_VERSION

    document = {
        "format_version": "1.0",
        "refinec": __version__,
        "edition": 1,
        "plan_format": FORMAT_VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    if settings.is_json:
        terminal.write_json(document)
    else:
        python = document["python"]
        terminal.write(f"refinec {__version__} (edition 1, plan format {FORMAT_VERSION}, Python {python})\n")
    terminal.save_json(settings, document)
    return ExitCode.DONE
