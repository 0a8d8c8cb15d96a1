"""`refinec explain`."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import click

from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.exit_codes import ExitCode


@click.command("explain")
@click.argument("code")
@shared_options("text", "json")
def explain_command(settings: Settings, code: str) -> int:
    """What the error CODE (such as RF2104) means."""
    meanings = load_meanings()
    wanted = code.strip().upper()
    if wanted not in meanings:
        from refinelab_dsl.diagnostics.suggest import nearest

        near = nearest(wanted, sorted(meanings))
        hint = f" (nearest: {', '.join(near)})" if near else ""
        raise click.UsageError(f"no error is called {code!r}{hint}")
    document = {"format_version": "1.0", "code": wanted, "meaning": meanings[wanted]}
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write(f"{wanted}: {meanings[wanted]}\n")
    terminal.save_json(settings, document)
    return ExitCode.DONE


def load_meanings() -> dict[str, str]:
    """Code -> what it means: the first paragraph of what the catalogue says; the rest is for who words complaints."""
    from refinelab_dsl.diagnostics import catalog

    meanings: dict[str, str] = {}
    families = [getattr(catalog, name) for name in catalog.__all__]
    for family in families:
        if not isinstance(family, ModuleType):
            continue
        for _, function in sorted(inspect.getmembers(family, inspect.isfunction)):
            match = re.match(r"(RF\d{4}): (.+)", inspect.getdoc(function) or "", re.S)
            if match and function.__module__.startswith(family.__name__):
                meanings.setdefault(match[1], match[2].partition("\n\n")[0].strip())
    return meanings
