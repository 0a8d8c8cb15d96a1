"""Paths of a spec, and the files that it is made of (prompts, tables of shares)."""

from __future__ import annotations

import os
import re
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

    folder: the folder of the spec as it was named, for the names of files in messages. texts: what was read, by path
    as written.
    """

    project: Project | None
    allow_outside: bool
    folder: str
    texts: dict[str, Source] = field(default_factory=dict)

    def check(self, path: str, span: Span) -> Diagnostic | None:
        """What is wrong with the text of a path: empty, unprintable, absolute, or out of the project by `..`.

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
        if not Path(os.path.normpath(base / path)).is_relative_to(inside):
            return faults.path_outside(span, path, root)
        return None

    def read(self, path: str, span: Span, found: list[Diagnostic]) -> Source | None:
        """The text of a file in the project; None where it cannot be read (reported)."""
        if path in self.texts:
            return self.texts[path]
        if self.project is None:
            found.append(faults.file_unreadable(span, path, "the spec stands in no folder"))
            return None
        place = self.project.base / path
        try:
            if not self.allow_outside and not self.project.contains(place):
                found.append(faults.path_outside(span, path, str(self.project.root)))
                return None
            if not place.is_file():
                reason = "it is no regular file" if place.exists() else "it does not exist"
                found.append(faults.file_unreadable(span, path, reason))
                return None
            with place.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                found.append(faults.file_unreadable(span, path, f"it is larger than {MAX_BYTES:_} bytes"))
                return None
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            found.append(faults.file_unreadable(span, path, "it is not UTF-8 text"))
            return None
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or "its path cannot be resolved"
            found.append(faults.file_unreadable(span, path, str(reason).lower()))
            return None
        self.texts[path] = Source(f"{self.folder}/{path}" if self.folder else path, text.replace("\r\n", "\n"), place)
        return self.texts[path]
