"""What a user sees of an exception that nobody expected: a diagnostic and a report file, never a traceback."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from refinelab_dsl import __version__
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.exit_codes import ExitCode

# Environment variables whose values are no secrets and would only make a report unreadable when struck out.
PLAIN = frozenset({"HOME", "LANG", "LOGNAME", "OLDPWD", "PATH", "PWD", "SHELL", "TERM", "USER", "VIRTUAL_ENV", "_"})
_TOKEN = re.compile(r"\b(?:sk|pk|hf|ghp|gho|xox[a-z])[-_][A-Za-z0-9_\-]{8,}|(?i:bearer)\s+\S+|://[^/\s:@]+:[^/\s@]+@")


def report_refusal(action: str, name: str, reason: str) -> ExitCode:
    """The operating system said no (a full disk, a read-only folder): that is no bug of ours."""
    from refinelab_dsl.diagnostics.catalog import internal

    _show(internal.system_refused(action, name, reason))
    return ExitCode.UNAVAILABLE


def report_crash(error: BaseException, arguments: Sequence[str]) -> ExitCode:
    """Says what happened, and writes a report where it is a bug."""
    try:
        from refinelab_dsl.diagnostics.catalog import internal

        if isinstance(error, MemoryError):
            _show(internal.out_of_memory())
            return ExitCode.INTERNAL
        if isinstance(error, OSError):
            return report_refusal("read or write", name_of(error), error.strerror or type(error).__name__)
        if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("refinelab_dsl"):
            package = error.name.partition(".")[0]
            _show(internal.missing_package(package))
            return ExitCode.INTERNAL
        path = write_report(error, arguments, os.environ)
        _show(internal.internal_error(type(error).__name__, str(path) if path else None))
    except BaseException as second:  # the machinery that reports is broken itself
        names = f"{type(error).__name__}, then {type(second).__name__}"
        print(f"error[RF9001]: refinec has a bug: {names}", file=sys.stderr)
    return ExitCode.INTERNAL


def name_of(error: OSError) -> str:
    """What a refusal of the operating system is about, as far as it says."""
    if error.filename is not None:
        return str(error.filename)
    try:
        Path.cwd()
    except OSError:
        return "the folder that we are in"
    return "a file"


def write_report(error: BaseException, arguments: Sequence[str], environ: Mapping[str, str]) -> Path | None:
    """A file that describes a bug: versions, the command without its values, the traceback without secrets.

    None where no file can be written. Its mode is 0600.
    """
    text = render_report(error, arguments, environ)
    try:
        handle, name = tempfile.mkstemp(prefix="refinec-error-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return None
    return Path(name)


def render_report(error: BaseException, arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """The report's text. Values of options and variables stay out; what an environment variable holds is struck out."""
    options = [argument.partition("=")[0] for argument in arguments if argument.startswith("-")]
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    trace = "".join(traceback.format_exception(error))
    return strike_secrets(
        f"refinec {__version__}\n"
        f"python {platform.python_version()} on {platform.platform()}\n"
        f"command: refinec {' '.join([command, *options])}\n\n{trace}",
        environ,
    )


def strike_secrets(text: str, environ: Mapping[str, str]) -> str:
    """`text` without the values of environment variables and without anything that looks like a key."""
    for name, value in sorted(environ.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        if len(value) >= 6 and name not in PLAIN:
            text = text.replace(value, f"[{name}]")
    return _TOKEN.sub("[struck out]", text)


def _show(diagnostic: Diagnostic) -> None:
    from refinelab_dsl.cli import terminal
    from refinelab_dsl.cli.options import Settings

    terminal.report_one(Settings(), diagnostic)
