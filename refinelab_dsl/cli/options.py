"""Options that mean the same on every command, and the values they come to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

Color = Literal["auto", "always", "never"]
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Settings:
    """What the shared options say, with `--chdir` already done.

    json_file, variable_files: absolute, settled before `--chdir`.
    variables: those of `--var`, as text; they win over those of `variable_files`.
    """

    color: Color = "auto"
    quiet: bool = False
    verbose: int = 0
    format: str = "text"
    json_file: Path | None = None
    no_input: bool = False
    allow_outside: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    variable_files: tuple[Path, ...] = ()

    @property
    def is_json(self) -> bool:
        return self.format == "json"

    @property
    def is_annotated(self) -> bool:
        """Whether diagnostics are the data that another program shows beside the files."""
        return self.format in ("github", "sarif")


def parse_variables(pairs: tuple[str, ...]) -> dict[str, str]:
    """`x=400k` of `--var`; the last one of a name counts.

    Raises:
        click.UsageError: a pair without `=` or without a name.
    """
    variables: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not all(part.isidentifier() for part in name.split(".")):
            raise click.UsageError(f"--var takes NAME=VALUE, not {pair!r}")
        variables[name] = value
    return variables


_GLOBAL = (
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default=None,
                 help="Colours; auto: on a terminal, unless NO_COLOR is set."),
    click.option("-q", "--quiet", is_flag=True, default=None, help="Only data and errors."),
    click.option("-v", "--verbose", count=True, default=None, help="More messages."),
    click.option("--chdir", metavar="DIR", default=None, help="Work in this folder."),
    click.option("--no-input", is_flag=True, default=None, help="Never ask; stop where a question would be."),
)  # fmt: skip

_SPEC = (
    click.option("--var", "var", metavar="NAME=VALUE", multiple=True, help="Set a variable of the spec."),
    click.option("--var-file", metavar="FILE", multiple=True, help="Set variables: a file of `NAME = VALUE` lines."),
    click.option("--allow-outside", is_flag=True, help="Permit paths that leave the project's folder."),
)


WORKERS = click.option("--workers", type=click.IntRange(0, 64), default=0, metavar="N",
                       help="Let N processes make the calls to endpoints, for hundreds at a time.")  # fmt: skip


DECISIONS = click.option(
    "--decisions", metavar="FILE", help="Obey what FILE says of the edits of earlier runs; `refinec review` writes it."
)


def global_options(command: Command) -> Command:
    """The options that stand before or after the subcommand."""
    for option in reversed(_GLOBAL):
        command = option(command)
    return command


def shared_options(*formats: str, spec: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command the shared options and calls it with `settings` first; stands right under `click.command`.

    formats: what `--format` takes, the default first; without any the command has no `--format`.
    spec: whether the command reads a spec (`--var`, `--allow-outside`).
    """
    options: list[Callable[..., Any]] = list(_SPEC) if spec else []
    if formats:
        options.append(
            click.option("--format", type=click.Choice(formats), default=formats[0], show_default=True,
                         help="Form of the data on standard output.")
        )  # fmt: skip
        options.append(click.option("--json-file", metavar="FILE", default=None, help="Write JSON there as well."))
    options.extend(_GLOBAL)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.pass_context
        @wraps(function)
        def command(context: click.Context, /, **values: Any) -> Any:
            return function(_settle(context.obj or {}, values, reads_spec=spec), **values)

        own = list(getattr(function, "__click_params__", ()))
        command.__click_params__ = []  # type: ignore[attr-defined]
        for option in reversed(options):
            option(command)
        command.__click_params__.extend(own)  # type: ignore[attr-defined]
        return command

    return decorate


def _settle(outer: Mapping[str, Any], values: dict[str, Any], *, reads_spec: bool) -> Settings:
    """Takes the shared options out of `values`; what stands after the subcommand wins over what stands before it."""

    def pick(name: str) -> Any:
        value = values.pop(name, None)
        return outer.get(name) if value in (None, False, 0) else value

    json_file = values.pop("json_file", None)
    target = None if json_file is None else Path(json_file).absolute()
    if target is not None:
        check_json_file(target)
    variable_files = tuple(Path(name).absolute() for name in values.pop("var_file", ()))
    enter_folder(pick("chdir"))
    return Settings(
        color=pick("color") or "auto",
        quiet=bool(pick("quiet")),
        verbose=int(pick("verbose") or 0),
        format=values.pop("format", "text"),
        json_file=target,
        no_input=bool(pick("no_input")),
        allow_outside=bool(values.pop("allow_outside", False)),
        variables=parse_variables(values.pop("var", ())) if reads_spec else {},
        variable_files=variable_files,
    )


def check_json_file(path: Path) -> None:
    """`--json-file` may replace what refinec wrote there earlier, and nothing else: not a spec, not somebody's data.

    Raises:
        click.UsageError: another file stands there.
    """
    head = b""
    with suppress(OSError, ValueError):  # writing will say what is wrong
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(9)
    if head and not head.startswith((b"{\n", b"[", b'{"event":')):
        raise click.UsageError(f"--json-file {path}: another file stands there; it was left as it is")


def enter_folder(folder: str | None) -> None:
    """Goes to the folder of `--chdir`.

    Raises:
        click.UsageError: it is no folder that can be entered.
    """
    if folder is None:
        return
    try:
        os.chdir(folder)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise click.UsageError(f"cannot work in {folder}: {reason}") from None
