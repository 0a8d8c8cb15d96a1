"""What a command writes: data to standard output, messages to standard error. Nobody else in `cli` prints."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from refinelab_dsl.cli.options import Settings
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape

if TYPE_CHECKING:
    from collections.abc import Mapping


class OutputRefused(Exception):
    """Standard output or a file of ours cannot be written."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def write(text: str) -> None:
    """Data: `text` to standard output. A reader that went away (`| head`) is no error: the rest is dropped."""
    _write(sys.stdout, text, "standard output")


def say(settings: Settings, text: str) -> None:
    """A message: a line to standard error, unless `--quiet`."""
    if not settings.quiet:
        complain(text)


def complain(text: str) -> None:
    """A line to standard error, always."""
    with suppress(OutputRefused):  # there is nowhere left to say it
        _write(sys.stderr, text + "\n", "standard error")


def write_exact(text: str) -> None:
    """Data that a file may be made of: `text` to standard output as UTF-8, whatever the terminal's encoding is."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass"))
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
    except (OSError, ValueError) as error:
        discard(sys.stdout)
        raise OutputRefused("standard output", getattr(error, "strerror", None) or str(error)) from error


def write_json(document: Any) -> None:
    """A JSON document to standard output."""
    write(spell_json(document))


def spell_json(document: Any) -> str:
    """A JSON document as we write it."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def spell_line(document: Any) -> str:
    """A JSON document on one line, as a part of a longer one."""
    return json.dumps(document, ensure_ascii=False)


def write_to(path: Path | None, text: str) -> None:
    """Data to the file of `-o`, else to standard output."""
    if path is None:
        write(text)
    else:
        save_text(path, text)


def save_json(settings: Settings, document: Any) -> None:
    """The same document to `--json-file`, if there is one."""
    if settings.json_file is not None:
        save_text(settings.json_file, spell_json(document))


def open_appended(path: Path | None) -> IO[str] | None:
    """`--json-file`, if there is one, for the lines of a run that a program watches.

    Raises:
        OutputRefused: the operating system refused.
    """
    if path is None:
        return None
    try:
        return path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
    except (OSError, ValueError) as error:
        raise OutputRefused(str(path), getattr(error, "strerror", None) or str(error)) from error


def append_line(path: Path | None, line: str) -> None:
    """One line more in `--json-file`, if there is one.

    Raises:
        OutputRefused: the operating system refused.
    """
    file = open_appended(path)
    if file is None:
        return
    try:
        with file:
            file.write(line)
    except (OSError, ValueError) as error:
        raise OutputRefused(str(path), getattr(error, "strerror", None) or str(error)) from error


def save_text(path: Path, text: str) -> None:
    """Writes a text as `save_bytes` does."""
    save_bytes(path, text.encode("utf-8", "backslashreplace"))


def save_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all. A link stays, its target is written; a file that stands keeps its mode; what
    is no regular file (a pipe, a device) is written to, never replaced.

    Raises:
        OutputRefused: the operating system refused.
    """
    temporary: Path | None = None
    try:
        target = path.resolve() if path.is_symlink() else path
        if target.exists() and not target.is_file():
            target.write_bytes(content)
            return
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OutputRefused(str(path), getattr(error, "strerror", None) or str(error)) from error


def report(settings: Settings, diagnostics: Diagnostics, *, stream: IO[str] | None = None) -> None:
    """Diagnostics as text, to standard error unless told; with `--quiet` only the errors."""
    from refinelab_dsl.diagnostics.render import render_text

    shown = diagnostics
    if settings.quiet:
        shown = Diagnostics(diagnostics.errors, diagnostics.sources)
    if not shown:
        return
    target = stream or sys.stderr
    text = render_text(shown, color=wants_color(settings, target), width=width_of(target))
    _write(target, text if text.endswith("\n") else text + "\n", "standard error")


def write_annotations(settings: Settings, diagnostics: Diagnostics, spec: Path | None = None) -> None:
    """Diagnostics as data, in the form that another program shows beside the files: `--format github` and `sarif`.

    spec: the one that data files are named from.
    """
    from refinelab_dsl.diagnostics.render.checkout import find_checkout

    if settings.format == "github":
        from refinelab_dsl.diagnostics.render.github import render_github

        write(render_github(diagnostics, find_checkout(spec)))
    else:
        from refinelab_dsl.diagnostics.render.sarif import render_sarif

        write_json(render_sarif(diagnostics, find_checkout(spec)))


def refuse(settings: Settings, diagnostics: Diagnostics) -> None:
    """What a command says instead of its data: on standard error, and as JSON where data were asked for as JSON."""
    report(settings, diagnostics)
    refusal = document(diagnostics)
    save_json(settings, refusal)
    if settings.is_json:
        write_json(refusal)


def report_one(settings: Settings, diagnostic: Diagnostic) -> None:
    """One diagnostic without a source text."""
    report(settings, Diagnostics((diagnostic,)))


def wants_color(settings: Settings, stream: IO[str] | None) -> bool:
    """`--color`, then NO_COLOR, then FORCE_COLOR, then whether the stream is a terminal that knows colours."""
    if settings.color != "auto":
        return settings.color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a person looks at this stream; false for a closed one."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def width_of(stream: IO[str] | None) -> int:
    """Columns to fill: those of the terminal, else 100."""
    if not is_terminal(stream):
        return 100
    try:
        return max(40, min(160, os.get_terminal_size(stream.fileno() if stream else 2).columns))
    except (OSError, ValueError):
        return 100


def moves_cursor() -> bool:
    """Whether the terminal can redraw what it shows."""
    return os.environ.get("TERM", "") not in ("", "dumb")


def near(path: Path) -> str:
    """A path as a person would type it from here."""
    try:
        return escape(str(path.resolve().relative_to(Path.cwd().resolve())))
    except ValueError:
        return escape(str(path))


def ask(settings: Settings, question: str) -> bool:
    """Whether a person typed `yes`, and nothing but `yes`. False without a terminal and under `--no-input`.

    Raises:
        click.Abort: interrupted at the prompt.
    """
    if not can_ask(settings):
        return False
    complain(question)
    try:
        _write(sys.stderr, "  Enter a value: ", "standard error")
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        raise click.Abort from None
    return answer.strip() == "yes"


def can_ask(settings: Settings) -> bool:
    """Whether there is a person to ask."""
    return not settings.no_input and is_terminal(sys.stdin) and is_terminal(sys.stderr)


def prepare_streams() -> None:
    """Text that a stream cannot encode is written escaped, never an exception (a terminal in `LC_ALL=C`, say)."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def discard(stream: IO[str]) -> None:
    """Lets all further output of a stream go nowhere, the flush at exit included."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass


class Canvas:
    """Standard error as a display draws on it: where the terminal is gone, what is drawn goes nowhere."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            discard(self._stream)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            discard(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _is_closed_terminal(stream: IO[str], error: BaseException) -> bool:
    """Whether writing failed since the terminal was closed: nobody reads there any more."""
    try:
        is_device = stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False
    return is_device and isinstance(error, OSError) and error.errno == errno.EIO


def _write(stream: IO[str] | None, text: str, name: str) -> None:
    if stream is None:  # closed before we started
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError) as error:
        is_unread = isinstance(error, BrokenPipeError) or _is_closed_terminal(stream, error)
        discard(stream)
        if is_unread:
            return
        raise OutputRefused(name, getattr(error, "strerror", None) or str(error)) from error


def describe(error: OSError) -> tuple[str, str]:
    """The file that an operating system's refusal is about, and its reason."""
    return str(error.filename) if error.filename is not None else "a file", error.strerror or type(error).__name__


def document(diagnostics: Diagnostics, **members: Any) -> Mapping[str, Any]:
    """A JSON document of ours: format version, `members`, diagnostics."""
    from refinelab_dsl.diagnostics.render import render_json

    rendered = render_json(diagnostics)
    return {"format_version": rendered["format_version"], **members, "diagnostics": rendered["diagnostics"]}
