"""Paths of a spec, and the files that it is made of (imports, prompts, tables of shares)."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.project import Project
from refinelab_dsl.source import Source, Span

MAX_BYTES = 1_000_000

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


@dataclass(frozen=True)
class Files:
    """Checks paths and reads files for one compilation.

    A path is *written* relative to the file in which it stands; *located*, it is relative to the folder of the spec,
    which is how values hold it and how files are read.

    folder: the folder of the spec as it was named, for the names of files in messages. prefix: the folder of the file
    whose paths these are, located; "" for the spec itself. texts: what was read, by located path.
    unsaved: what files hold instead of what stands on disk, by their resolved paths.
    """

    project: Project | None
    allow_outside: bool
    folder: str
    prefix: str = ""
    texts: dict[str, Source] = field(default_factory=dict)
    unsaved: Mapping[Path, str] = field(default_factory=dict)

    def locate(self, path: str) -> str:
        """A written path, located."""
        return posixpath.normpath(posixpath.join(self.prefix, path)) if self.prefix else path

    def name(self, path: str) -> str:
        """How a located path is called in messages."""
        return posixpath.normpath(posixpath.join(self.folder, path)) if self.folder else path

    def check(self, path: str, span: Span) -> Diagnostic | None:
        """What is wrong with the text of a written path: empty, unprintable, absolute, or out of the project by `..`.

        Links are followed only when a file is opened (here or by whoever reads or writes it).
        """
        if not path.strip():
            return faults.bad_path(span, path, "it is empty")
        if any(not character.isprintable() for character in path):
            return faults.bad_path(span, ascii(path)[1:-1], "it holds a character that cannot be seen")
        if self.allow_outside:
            return None
        root = None if self.project is None else str(self.project.root)
        if PurePosixPath(path).is_absolute() or path.startswith("~") or _DRIVE.match(path):
            return faults.path_outside(span, path, root)
        base = Path("/root") if self.project is None else self.project.base.resolve()
        inside = base if self.project is None else self.project.root.resolve()
        if not Path(os.path.normpath(base / self.prefix / path)).is_relative_to(inside):
            return faults.path_outside(span, path, root)
        return None

    def read(self, path: str, span: Span, found: list[Diagnostic]) -> Source | None:
        """The text of a file in the project, by its located path; None where it cannot be read (reported)."""
        if path in self.texts:
            return self.texts[path]
        data = self.read_bytes(path, span, MAX_BYTES, found)
        if data is None:
            return None
        assert self.project is not None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            found.append(faults.file_unreadable(span, path, "it is not UTF-8 text"))
            return None
        self.texts[path] = Source(self.name(path), text.replace("\r\n", "\n"), self.project.base / path)
        return self.texts[path]

    def read_bytes(self, path: str, span: Span, most: int, found: list[Diagnostic]) -> bytes | None:
        """The bytes of a file in the project, `most` at most; None where it cannot be read (reported)."""
        if self.project is None:
            found.append(faults.file_unreadable(span, path, "the spec stands in no folder"))
            return None
        place = self.project.base / path
        try:
            if not self.allow_outside and not self.project.contains(place):
                found.append(faults.path_outside(span, path, str(self.project.root)))
                return None
            if self.unsaved and (text := self.unsaved.get(place.resolve())) is not None:
                return text.encode("utf-8")
            if not place.is_file():
                reason = "it is no regular file" if place.exists() else "it does not exist"
                found.append(faults.file_unreadable(span, path, "it is a folder" if place.is_dir() else reason))
                return None
            with place.open("rb") as stream:
                data = stream.read(most + 1)
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or "its path cannot be resolved"
            found.append(faults.file_unreadable(span, path, str(reason).lower()))
            return None
        if len(data) > most:
            found.append(faults.file_unreadable(span, path, f"it is larger than {most:_} bytes"))
            return None
        return data


def relocate_path(path: str, origin: str, prefix: str) -> str:
    """A path written in a file of folder `origin`, as a file of folder `prefix` would write it (both located)."""
    if origin == prefix or "://" in path or PurePosixPath(path).is_absolute():
        return path
    return posixpath.relpath(posixpath.join(origin, path), prefix or ".")
