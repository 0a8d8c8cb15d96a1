"""Finds a dataset's files, keeps them inside the project, names and hashes them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from refinelab_dsl.data.profile import FileDigest
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog import data as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.project import Project
from refinelab_dsl.source import Span

COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
"""Endings that stand behind the one that tells the format."""

_WILD = ("*", "?", "[")


def find_files(
    dataset: Dataset, project: Project, *, allow_outside: bool = False, origins: Mapping[str, Span] | None = None
) -> tuple[tuple[Path, ...], tuple[Diagnostic, ...]]:
    """The files of a dataset, in the order of its `source`, those of one pattern sorted by name, none twice.

    A name that exists is taken as it stands, also where it holds `*` or `[`. Returns what was found and an error for
    each part of `source` that gives nothing, is no file, or lies outside of the project's root (links resolved).
    """
    span = find_origin(origins, f"dataset.{dataset.name}.source", f"dataset.{dataset.name}", "dataset")
    found: dict[Path, Path] = {}
    diagnostics: list[Diagnostic] = []
    for source in dataset.source:
        paths, problem = _find(source, project, allow_outside, span)
        for path in paths:
            found.setdefault(path.resolve(), path)
        if problem is not None:
            diagnostics.append(problem)
    return tuple(found.values()), tuple(diagnostics)


def find_origin(origins: Mapping[str, Span] | None, *names: str) -> Span | None:
    """The span of the first of `names` that the program remembers."""
    return next((origins[name] for name in names if name in origins), None) if origins else None


def name_file(path: Path, project: Project) -> str:
    """How a data file is named in diagnostics and plans: relative to the spec's folder, with `/`, where it lies in the
    project; else as it was written."""
    base = project.base if project.base.is_absolute() else project.base.resolve()
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        if project.contains(path):
            return Path(os.path.relpath(path, base)).as_posix()
        return path.as_posix()


def stem_of(name: str) -> str:
    """`stem()`: a file's name without folder, ending, and ending of compression (`a/b.csv.gz` gives `b`)."""
    path = PurePosixPath(name)
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSED else path).stem


def digest_files(files: Sequence[Path], project: Project) -> tuple[tuple[FileDigest, ...], tuple[Diagnostic, ...]]:
    """Name, SHA-256 and size of each file, read in large pieces."""
    digests: list[FileDigest] = []
    diagnostics: list[Diagnostic] = []
    for path in files:
        name = name_file(path, project)
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256")
                # A plan holds no path of a machine: a file outside of the project goes by its last part.
                recorded = name if project.contains(path) else path.name
                digests.append(FileDigest(recorded, digest.hexdigest(), stream.tell()))
        except OSError as error:
            diagnostics.append(faults.unreadable(name, error.strerror or type(error).__name__))
    return tuple(digests), tuple(diagnostics)


def digest_dataset(files: Sequence[FileDigest]) -> str:
    """SHA-256 (hex) over the files' names and digests, in reading order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.sha256}  {file.name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _find(
    source: str, project: Project, allow_outside: bool, span: Span | None
) -> tuple[list[Path], Diagnostic | None]:
    if "://" in source:
        return [], faults.remote_source(source, span)
    if "\0" in source or not source:
        return [], faults.file_not_found(source, (), span)
    path = project.base / source
    try:
        if os.path.lexists(path):
            return _admit([path], source, project, allow_outside, span)
        if not any(sign in source for sign in _WILD):
            return [], faults.file_not_found(source, _nearest_files(path, project), span)
        # The folder before the first wildcard is checked first: a pattern must not walk over the whole disk.
        wild = next(at for at, part in enumerate(path.parts) if any(sign in part for sign in _WILD))
        folder, pattern = Path(*path.parts[:wild]), path.parts[wild:]
        if not allow_outside and not project.contains(folder):
            return [], faults.outside_project(source, str(project.root), span)
        if files := _match(folder, pattern):
            return _admit(files, source, project, allow_outside, span)
        return [], faults.nothing_matches(source, _files_in(folder, project)[:8], span)
    except (OSError, RuntimeError, ValueError) as error:
        return [], faults.unreadable(source, str(getattr(error, "strerror", None) or error), span)


def _match(folder: Path, pattern: tuple[str, ...]) -> list[Path]:
    """The files that match, sorted. `**` follows no links, which could lead in circles; names that start with a dot
    are matched only where the pattern's part does."""
    hidden = any(part.startswith(".") for part in pattern)
    glob = "/".join(pattern if pattern[-1] != "**" else (*pattern, "*"))
    found = (path for path in folder.glob(glob) if path.is_file())
    below = len(folder.parts)
    return sorted(path for path in found if hidden or not any(part[0] == "." for part in path.parts[below:]))


def _admit(
    paths: list[Path], source: str, project: Project, allow_outside: bool, span: Span | None
) -> tuple[list[Path], Diagnostic | None]:
    for path in paths:
        name = source if len(paths) == 1 else name_file(path, project)
        if not _is_text(path.name):
            return [], faults.unreadable(_shown(name), "its name is not UTF-8", span)
        if not allow_outside and not project.contains(path):
            return [], faults.outside_project(name, str(project.root), span)
        if not path.exists():
            return [], faults.file_not_found(name, _nearest_files(path, project), span)
        if not path.is_file():
            return [], faults.no_regular_file(name, path.is_dir(), span)
    return paths, None


def _nearest_files(path: Path, project: Project) -> tuple[str, ...]:
    there = {Path(name).name: name for name in _files_in(path.parent, project)}
    return tuple(there[name] for name in nearest(path.name, sorted(there)))


def _files_in(folder: Path, project: Project) -> list[str]:
    if not project.contains(folder) or not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if os.path.isfile(entry.path) and _is_text(entry.name))
    return [name_file(folder / name, project) for name in names[:2000]]


def _is_text(name: str) -> bool:
    """Whether a name is Unicode: on Linux it may be any bytes, and those would break every text that holds it."""
    return name.isascii() or name == _shown(name)


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
