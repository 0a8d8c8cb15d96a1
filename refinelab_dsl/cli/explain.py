"""`refinec explain`."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import click

from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.explanations import Example, Explanation, load_explanation
from refinelab_dsl.diagnostics.meanings import load_families, load_meanings, load_severities
from refinelab_dsl.exit_codes import ExitCode

_FORMAT_VERSION = "1.0"
_INDENT = "    "


@click.command("explain")
@click.argument("code", required=False)
@shared_options("text", "json")
def explain_command(settings: Settings, code: str | None) -> int:
    """What the error CODE means, with a wrong and a right example; without CODE: all codes.

    CODE is written as in a message (RF2104), in either case, with or without its RF.
    """
    document, text = _list_all(settings) if code is None else _explain(settings, code)
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write(text)
    terminal.save_json(settings, document)
    return ExitCode.DONE


def _explain(settings: Settings, code: str) -> tuple[dict[str, Any], str]:
    """One code, as JSON and as text."""
    meanings = load_meanings()
    wanted = code.strip().upper()
    wanted = f"RF{wanted}" if re.fullmatch(r"\d+", wanted) else wanted
    if wanted not in meanings:
        from refinelab_dsl.diagnostics.suggest import nearest

        near = nearest(wanted, meanings)
        hint = f"nearest: {', '.join(near)}" if near else "`refinec explain` lists them"
        raise click.UsageError(f"no error is called {code!r} ({hint})")
    severity, meaning, explanation = load_severities()[wanted], meanings[wanted], load_explanation(wanted)
    document: dict[str, Any] = {
        "format_version": _FORMAT_VERSION,
        "code": wanted,
        "severity": severity,
        "meaning": " ".join(meaning.split()),
        "prose": "\n\n".join(explanation.prose) if explanation else "",
        "wrong": [_describe(each) for each in explanation.wrong] if explanation else [],
        "right": [_describe(each) for each in explanation.right] if explanation else [],
    }
    return document, _render(settings, wanted, meaning, explanation)


def _describe(example: Example) -> dict[str, str]:
    return {"language": example.language, "name": example.name, "text": example.text}


def _render(settings: Settings, code: str, meaning: str, explanation: Explanation | None) -> str:
    width = min(100, terminal.width_of(sys.stdout))
    style = _Style(terminal.wants_color(settings, sys.stdout))
    head = textwrap.fill(f"{code}: {' '.join(meaning.split())}", width)
    blocks = [style.paint(code, bold=True) + head.removeprefix(code)]
    if explanation is not None:
        blocks += [textwrap.fill(paragraph, width) for paragraph in explanation.prose]
        for title, color, examples in (("Wrong:", "red", explanation.wrong), ("Right:", "green", explanation.right)):
            blocks.append(style.paint(title, fg=color, bold=True))
            blocks += [_render_example(style, example) for example in examples]
    return "\n\n".join(blocks) + "\n"


def _render_example(style: _Style, example: Example) -> str:
    lines = [f"{_INDENT}{escape(line.expandtabs(4))}".rstrip() for line in example.text.rstrip("\n").split("\n")]
    if example.name:
        lines.insert(0, _INDENT + style.paint(f"# {example.name}", dim=True))
    return "\n".join(lines)


def _list_all(settings: Settings) -> tuple[dict[str, Any], str]:
    """Every code with its meaning, by family, as JSON and as text."""
    meanings, severities = load_meanings(), load_severities()
    document = {
        "format_version": _FORMAT_VERSION,
        "codes": [
            {"code": code, "severity": severities[code], "meaning": " ".join(meaning.split())}
            for code, meaning in meanings.items()
        ],
    }
    return document, "\n".join(_render_list(settings, meanings))


def _render_list(settings: Settings, meanings: dict[str, str]) -> Iterator[str]:
    style = _Style(terminal.wants_color(settings, sys.stdout))
    width = terminal.width_of(sys.stdout)
    families = load_families()
    family = ""
    for code, meaning in meanings.items():
        ours = max((each for each in families if code.startswith(each)), key=len)
        if ours != family:
            yield from ([""] if family else [])
            yield style.paint(f"{ours}: {families[ours]}", bold=True)
            family = ours
        yield f"  {code}  {textwrap.shorten(' '.join(meaning.split()), width - 10, placeholder=' …')}"
    yield ""


class _Style:
    """Colours, where they are wanted."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted

    def paint(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._wanted else text
