"""What a user gave: a spec, a saved plan, or nothing. The content decides, not the file's ending."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from refinelab_dsl import compiler, syntax
from refinelab_dsl.artifacts import plan_file
from refinelab_dsl.artifacts.decisions import Decisions, load_decisions
from refinelab_dsl.artifacts.plan_file import SUFFIX
from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project

if TYPE_CHECKING:
    from refinelab_dsl.artifacts.inventory import Earlier


@dataclass(frozen=True, slots=True)
class Given:
    """A file and what it holds."""

    kind: Literal["spec", "plan"]
    path: Path


def build_options(
    settings: Settings, max_cost: Decimal | None = None, *, inventory: bool = False,
    decisions: Decisions | None = None,
) -> compiler.Options:
    """What the compiler is told of the command line and the environment. inventory: plans build on what earlier runs
    bought. decisions: what a person decided about their edits."""
    return compiler.Options(
        variables={**read_variables(settings.variable_files), **settings.variables},
        environ=os.environ,
        allow_outside=settings.allow_outside,
        max_cost=max_cost,
        earlier=load_inventory if inventory else None,
        decisions=decisions,
    )


def read_decisions(settings: Settings, name: str | None, *, inventory: bool) -> Decisions | ExitCode | None:
    """The file of `--decisions`; where something is wrong with it, that is said, and the code to exit with is returned.

    Raises:
        click.UsageError: earlier runs are left out of account, and so are their edits.
    """
    if name is None:
        return None
    if not inventory:
        raise click.UsageError("--decisions are about edits of earlier runs, which these options leave out of account")
    found, problems = load_decisions(Path(name))
    if found is None:
        terminal.refuse(settings, Diagnostics(problems))
        return ExitCode.SPEC
    return found


def load_inventory(project: Project) -> Earlier:
    """What earlier runs of a project bought; the runtime is imported when it is asked."""
    from refinelab_dsl.execute.earlier import load_earlier

    return load_earlier(project)


def read_variables(files: Sequence[Path]) -> dict[str, str]:
    """The variables of `--var-file`: `limit = 400k` lines, in the language's own literals, as text; later files win.
    Variables of an import stand in a block of its name: `lib { limit = 400k }`.

    Raises:
        click.UsageError: a file cannot be read, or holds something else.
    """
    variables: dict[str, str] = {}
    for path in files:
        try:
            content = require_file(path).read_bytes()
        except OSError as error:
            raise click.UsageError(f"--var-file {path}: {error.strerror}") from None
        # The parser wants an edition first; such a file states none.
        source, tree, found = syntax.parse_bytes(str(path), b"edition = 1\n" + content)
        for problem in found.errors:
            line = source.position(problem.span.start).line - 1 if problem.span is not None else 1
            raise click.UsageError(f"--var-file {path}:{line}: {problem.message}")
        for prefix, statement in _flatten(tree.statements[1:], ""):
            if not isinstance(statement, syntax.Attribute):
                line = source.position(statement.span.start).line - 1
                raise click.UsageError(f"--var-file {path}:{line}: only `NAME = VALUE` lines can stand here")
            span = statement.value.span
            variables[prefix + statement.name] = variable_text(statement.value, source.text[span.start : span.end])
    return variables


def _flatten(statements: Iterable[syntax.Statement], prefix: str) -> Iterator[tuple[str, syntax.Statement]]:
    """The statements of a file of variables, those of an import's block with its name and a dot."""
    for statement in statements:
        if isinstance(statement, syntax.Block) and statement.label is None:
            yield from _flatten(statement.body, f"{prefix}{statement.kind}.")
        else:
            yield prefix, statement


def variable_text(value: syntax.Expression, written: str) -> str:
    """A value as `--var` takes it: texts without their quotes."""
    if isinstance(value, syntax.Literal) and value.kind in ("text", "block"):
        return str(value.value)
    return written


def find_given(argument: str | None) -> Given:
    """What `plan` and `apply` work on: the named file, else the one spec of the folder.

    Raises:
        click.UsageError: there is no such file, or not exactly one spec.
    """
    path = Path(argument) if argument is not None else Path()
    if argument is None or path.is_dir():
        return Given("spec", find_only_spec(path))
    return Given("plan" if is_plan(path) else "spec", require_file(path))


def require_spec(argument: str | None) -> Path:
    """What a command works on that has no use for a saved plan.

    Raises:
        click.UsageError: it is one; there is no such file, or not exactly one spec.
    """
    given = find_given(argument)
    if given.kind == "plan":
        raise click.UsageError(f"{given.path} is a saved plan; `refinec show {given.path}` shows it")
    return given.path


def find_specs(arguments: Sequence[str]) -> tuple[Path, ...]:
    """What `check` reads: the named files, and the specs of the named folders and those below; none: of this folder.

    Raises:
        click.UsageError: a path does not exist, or there is no spec at all.
    """
    found: list[Path] = []
    for argument in arguments or (".",):
        path = Path(argument)
        if path.is_dir():
            found.extend(require_file(spec) for spec in sorted(_specs_below(path)))
        else:
            found.append(require_file(path))
    if not found:
        places = ", ".join(arguments) or "this folder"
        raise click.UsageError(f"no *.refine file in {places}; `refinec init` starts one")
    return tuple(dict.fromkeys(found))


def find_only_spec(folder: Path) -> Path:
    """The one `*.refine` of a folder.

    Raises:
        click.UsageError: there is none, or more than one.
    """
    specs = sorted(path for path in folder.glob("*.refine") if path.is_file() and path.suffix)  # not the state
    if len(specs) == 1:
        return require_file(specs[0])
    place = "this folder" if folder == Path() else str(folder)
    if not specs:
        raise click.UsageError(f"no *.refine file in {place}; name one, or start one with `refinec init`")
    raise click.UsageError(f"{len(specs)} *.refine files in {place}; name one of: {', '.join(map(str, specs))}")


def is_plan(path: Path) -> bool:
    """Whether a file starts as a saved plan does; one that ends in `.refplan` is meant to be one."""
    return path.suffix == SUFFIX or plan_file.is_plan(path)


def require_file(path: Path) -> Path:
    """The path itself, if something stands there.

    Raises:
        click.UsageError: nothing does, or the name cannot be one.
    """
    try:
        str(path).encode()  # plans and logs are UTF-8 and name their spec
        if path.exists():
            return path
    except UnicodeEncodeError:
        raise click.UsageError(f"the file name {str(path)!r} is not UTF-8; give the file another") from None
    except (OSError, ValueError) as error:
        raise click.UsageError(f"no file can be called {str(path)!r}: {error}") from None
    raise click.UsageError(f"no such file: {path}")


def read_stdin() -> bytes:
    """The bytes of standard input."""
    return sys.stdin.buffer.read() if sys.stdin is not None else b""


def _specs_below(folder: Path) -> list[Path]:
    """Hidden folders (`.git`, `.venv`, `.refine`) are not entered."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.extend(Path(place, name) for name in files if Path(name).suffix == ".refine")
    return found
