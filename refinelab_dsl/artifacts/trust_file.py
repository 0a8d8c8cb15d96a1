"""`trust.toml`: which host may receive the value of which variable. The user's own file, outside of every project.

It stands in `$XDG_CONFIG_HOME/refinec` (`~/.config/refinec`). A spec, and the repository that it comes from, has no
part in it: what is trusted is what this user said on this machine. Mode 0600, sorted, written whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from refinelab_dsl.diagnostics.catalog import housekeeping as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic

FORMAT_VERSION: Final = "1.0"
MAX_BYTES: Final = 2**20
HEADING: Final = (
    "# Hosts that may receive text of datasets, and the value of a variable, beside those that refinec trusts by "
    "itself.\n# `refinec trust` writes this file.\n"
)
_NAME: Final = "trust.toml"
_OTHERS_WRITE: Final = 0o022


class Pair(NamedTuple):
    """host: in lower case, without port. variable: None for text alone, without a key."""

    host: str
    variable: str | None


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    host: str
    variable: str | None = None


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format_version: str
    trust: list[_Entry] = []


def place_trust(environ: Mapping[str, str]) -> Path:
    """Where the user's file is. Only absolute paths count, as the rules for `XDG_CONFIG_HOME` say: a relative one could
    lead into the repository."""
    for text, below in (
        (environ.get("XDG_CONFIG_HOME"), ""), (environ.get("HOME"), ".config"), (os.path.expanduser("~"), ".config")
    ):  # fmt: skip
        if text and os.path.isabs(text):
            return Path(text, below, "refinec", _NAME)
    return Path(os.devnull, _NAME)  # a user without a home trusts nobody, and cannot say so


def load_trust(path: Path) -> frozenset[Pair] | Diagnostic:
    """The user's pairs; none where there is no file. What is not surely the user's own word is refused whole."""
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            data = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError as error:
        return faults.trust_unreadable(str(path), error.strerror or type(error).__name__)
    if status.st_mode & _OTHERS_WRITE:
        return faults.trust_damaged(str(path), None, "other users of this machine can write it", f"chmod 600 {path}")
    if os.geteuid() not in (0, status.st_uid):
        return faults.trust_damaged(str(path), None, "it belongs to another user")
    if len(data) > MAX_BYTES:
        return faults.trust_damaged(str(path), None, f"it is larger than {MAX_BYTES:_} bytes")
    return _parse(str(path), data)


def save_trust(path: Path, pairs: Iterable[Pair]) -> None:
    """Writes the file whole or not at all, with mode 0600.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = path.resolve()  # a link stays: people keep their settings elsewhere
    descriptor, name = tempfile.mkstemp(prefix=f".{_NAME}.", dir=target.parent)  # mode 0600
    try:
        with open(descriptor, "wb") as stream:
            stream.write(dump_trust(pairs))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


def dump_trust(pairs: Iterable[Pair]) -> bytes:
    """The file's bytes: a pure function of the pairs."""
    lines = [HEADING, f"format_version = {json.dumps(FORMAT_VERSION)}\n"]
    for pair in sorted(pairs, key=lambda pair: (pair.host, pair.variable or "")):
        lines.append(f"\n[[trust]]\nhost = {json.dumps(pair.host)}\n")
        if pair.variable is not None:
            lines.append(f"variable = {json.dumps(pair.variable)}\n")
    return "".join(lines).encode()


def _parse(name: str, data: bytes) -> frozenset[Pair] | Diagnostic:
    import tomllib  # most users have no such file

    try:
        document = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        return faults.trust_damaged(name, None, "it is not UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        reason = re.sub(r" \(at .*\)$", "", str(error)).lower()
        return faults.trust_damaged(name, int(found[1]) if found else None, reason)
    except RecursionError:
        return faults.trust_damaged(name, None, "it is nested too deeply")
    version = document.get("format_version")
    if not isinstance(version, str) or version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        return faults.trust_damaged(name, None, f"its format version is {version}; this refinec reads {FORMAT_VERSION}")
    try:
        entries = _Document.model_validate(document).trust
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return faults.trust_damaged(name, None, f"at `{where}`: {first['msg'].lower()}")
    return frozenset(Pair(entry.host, entry.variable) for entry in entries)
