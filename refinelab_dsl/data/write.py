"""Writes the refined set: a stream of items to JSON Lines, CSV and parquet, whole or not at all.

Two phases, so that the provenance log can be sealed in between: `prepare_outputs` writes every output under a temporary
name in its own folder and gives the digests; `Prepared.commit` puts all of them in place. Rows are never collected:
a million of them cost no more memory than one.

CSV and spreadsheets: a cell of a row that a model made and that starts like a formula (`= + - @`, tab, carriage
return) and is no number gets a `'` in front. Rows that came in are written as they came in, whatever they hold.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from refinelab_dsl.data.card import Card
from refinelab_dsl.data.invert import Unfit, invertible
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.layout import (
    ORIGIN,
    SIMULATED,
    HeldRow,
    Origin,
    OutputRow,
    Shaper,
    build_shaper,
    keep_origin,
    shape_held,
    shape_preferences,
)
from refinelab_dsl.data.sinks import Csv, Files, JsonLines, OutputDigest, Parquet, Part
from refinelab_dsl.declarations import Dataset, Output
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import records as faults
from refinelab_dsl.project import Project

__all__ = [
    "HeldRow",
    "OutputDigest",
    "OutputRow",
    "Prepared",
    "check_outputs",
    "copy_file",
    "invertible",
    "prepare_outputs",
    "row_hash",
    "write_outputs",
]

_OURS = (".refine", ".refplan")  # endings of what no output may replace
_STATE = (".refine", ".git")  # and folders
_HUB_DATA = "data/train-00000-of-00001.parquet"  # as the hub names the one file of a split
_HUB_CARD = "README.md"


def write_outputs(
    outputs: Sequence[Output],
    dataset: Dataset,
    files: Sequence[Path],
    project: Project,
    rows: Iterable[OutputRow],
    *,
    simulated: bool = False,
    allow_outside: bool = False,
) -> tuple[tuple[OutputDigest, ...], Diagnostics]:
    """Writes every output and puts it in place. On an error no output has changed, and the digests are empty."""
    prepared, diagnostics = prepare_outputs(
        outputs, dataset, files, project, rows, simulated=simulated, allow_outside=allow_outside
    )
    if prepared is None:
        return (), diagnostics
    diagnostics = diagnostics.with_(prepared.commit())
    return (() if diagnostics.has_errors else prepared.digests), diagnostics


def check_outputs(
    outputs: Sequence[Output], files: Sequence[Path], project: Project, *, allow_outside: bool = False
) -> Diagnostics:
    """What would keep these outputs from being written, as far as it can be known before any row is there: to be asked
    before a call is paid. Makes the folders that are missing."""
    sources = {path.resolve() for path in files}
    taken: set[Path] = set()
    logs: set[Path] = set()
    found: list[Diagnostic] = []
    for output in outputs:
        folder = project.base / output.path if _is_folder(output) else None
        problem = _check_place(output.path, folder, project, sources, taken | logs, allow_outside)
        if problem is None and folder is not None and _holds_source(output, folder.resolve(), sources):
            problem = faults.output_over_source(output.path)
        taken.add((project.base / output.path).resolve())
        found += [problem] if problem is not None else []
        if output.provenance is not None:
            # Outputs of one run share its log, so they may publish it in one place.
            problem = _check_place(output.provenance, None, project, sources, taken, allow_outside)
            logs.add((project.base / output.provenance).resolve())
            found += [problem] if problem is not None else []
        if output.quarantine is not None:
            problem = _check_place(output.quarantine, None, project, sources, taken | logs, allow_outside)
            taken.add((project.base / output.quarantine).resolve())
            found += [problem] if problem is not None else []
    return Diagnostics(tuple(found))


def _holds_source(output: Output, folder: Path, sources: set[Path]) -> bool:
    """Whether a file that the folder is filled with would take the place of one of the dataset."""
    if output.format == "hf":
        return folder / _HUB_DATA in sources
    ending = _ENDINGS[output.format]
    return any(source.is_relative_to(folder) and source.suffix.lower() == ending for source in sources)


def _check_place(
    path: str, folder: Path | None, project: Project, sources: set[Path], taken: set[Path], allow_outside: bool
) -> Diagnostic | None:
    """folder: the one that is to be filled; None for a path that is a file's."""
    target = project.base / path
    resolved = target.resolve()
    if not allow_outside and not project.contains(folder or target.parent):
        return faults.output_outside(path)
    root = project.root.resolve()
    below = resolved.relative_to(root) if resolved.is_relative_to(root) else resolved
    if target.suffix in _OURS or any(part in _STATE for part in below.parts):
        return faults.output_over_ours(path)
    if folder is None and target.is_dir():
        return faults.output_unwritable(path, "a folder of this name is there; a folder's path ends with `/`")
    if resolved in taken:
        return faults.output_twice(path)
    if resolved in sources:
        return faults.output_over_source(path)
    refused = _refusal(folder or target.parent)
    return None if refused is None else faults.output_unwritable(path, refused)


@dataclass
class Prepared:
    """Outputs that stand whole on the disk under temporary names. End it with `commit` or `discard`."""

    digests: tuple[OutputDigest, ...]
    _files: Files
    _parts: tuple[Part, ...]

    def commit(self) -> Diagnostics:
        """Puts every output in place. If one refuses, those before it are put back and nothing has changed."""
        done: list[_Replaced] = []
        try:
            for part in self._parts:
                replaced = _set_aside(part.target)
                part.temporary.replace(part.target)
                done.append(replaced)
        except OSError as error:
            replaced.forget()
            for earlier in reversed(done):
                earlier.put_back()
            self.discard()
            return Diagnostics((faults.output_unwritable(str(part.target), error.strerror or str(error)),))
        for replaced in done:
            replaced.forget()
        for folder in sorted({part.target.parent for part in self._parts}):
            _sync_folder(folder)
        return Diagnostics()

    def discard(self) -> None:
        """Removes what was prepared."""
        self._files.remove()


def prepare_outputs(
    outputs: Sequence[Output],
    dataset: Dataset,
    files: Sequence[Path],
    project: Project,
    rows: Iterable[OutputRow],
    *,
    simulated: bool = False,
    allow_outside: bool = False,
    into: Path | None = None,
    held: Iterable[HeldRow] = (),
) -> tuple[Prepared | None, Diagnostics]:
    """Writes every output under a temporary name, and after it its quarantine.

    files: the dataset's, in reading order. rows: the refined set in output order, read once. held: what checks kept
    apart, read once after the rows. simulated: some row may
    be. into: a folder that takes the outputs instead of their own places. Returns None with an error where an output
    cannot be written; nothing is left behind then.
    """
    diagnostics = Diagnostics()
    if into is None:
        diagnostics = check_outputs(outputs, files, project, allow_outside=allow_outside)
        if diagnostics.has_errors:
            return None, diagnostics
    handles = Files()
    origin = Origin(dataset, files, project)
    writers = [
        _Writer(output, origin, project, handles, into and into / output.name, simulated=simulated)
        for output in outputs
    ]
    quarantines: list[Part] = []
    kept = False
    writer: _Writer | None = None
    row: OutputRow | None = None
    try:
        for writer in writers:
            writer.open()
            quarantines += writer.open_quarantine()
        for row in rows:
            for writer in writers:
                writer.put(row)
        for refused in held:
            for quarantine in quarantines:
                quarantine.put(shape_held(origin, refused))
        parts = (*(part for writer in writers for part in writer.parts), *quarantines)
        digests = tuple(part.finish() for part in parts)
        warnings = [warning for writer in writers for warning in writer.warnings()]
        kept = True
        return Prepared(digests, handles, parts), diagnostics.with_(warnings)
    except Unfit as error:
        assert row is not None
        assert writer is not None
        return None, diagnostics.with_([faults.output_row_unfit(writer.output.path, row.item.id, str(error))])
    except OSError as error:
        name = writer.output.path if writer is not None else ""
        return None, diagnostics.with_([faults.output_unwritable(name, error.strerror or str(error))])
    finally:
        if not kept:
            handles.remove()


def row_hash(item: Item) -> str:
    """The SHA-256 (hex) of what an item says, independent of any output: its id, fields and attributes."""
    content = {"id": item.id, "fields": item.fields, "attributes": item.attributes}
    return hashlib.sha256(_canonical(content)).hexdigest()


def copy_file(source: Path, target: Path) -> Diagnostic | None:
    """Copies a file, whole or not at all, making its folder: how a run's log is published."""
    temporary = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        with source.open("rb") as reading, os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb"
        ) as writing:
            shutil.copyfileobj(reading, writing, 2**20)
            writing.flush()
            os.fsync(writing.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        return faults.output_unwritable(str(target), error.strerror or str(error))
    return None


_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


class _Writer:
    """One output: its files and which row goes to which."""

    def __init__(
        self, output: Output, origin: Origin, project: Project, handles: Files, into: Path | None, *, simulated: bool
    ) -> None:
        self.output = output
        self._origin = origin
        self._project = project
        self._handles = handles
        self._into = into
        self._parts: dict[str, Part] = {}  # by the name of the source file; "" for a single file
        self._card: Card | None = None
        self._absent = set(output.columns or ()) - {ORIGIN, SIMULATED}
        self._shape: Shaper = build_shaper(output, origin, simulated=simulated, single_file=not _is_split(output))

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(self._parts.values()) if self._card is None else (*self._parts.values(), self._card)

    def open(self) -> None:
        """Makes the files, also those that will get no row: what an earlier run left there must not stay."""
        if self.output.format == "hf":
            folder = PurePosixPath(self.output.path)
            table = self._open_table(folder / _HUB_DATA)
            self._parts[""] = table
            self._card = Card(
                self._handles, self.output.name, (folder / _HUB_CARD).as_posix(), self._place(folder / _HUB_CARD),
                dataset=self._origin.dataset, table=table,
            )
            return
        if not _is_split(self.output):
            self._parts[""] = self._open_part(PurePosixPath(self.output.path), next(iter(self._origin.files), None))
            return
        for name, part in self._origin.names_of_parts(_ENDINGS[self.output.format]).items():
            self._parts[name] = self._open_part(PurePosixPath(self.output.path) / part, name)

    def open_quarantine(self) -> list[Part]:
        """The file of what checks keep apart, where the output has one."""
        if self.output.quarantine is None:
            return []
        path = PurePosixPath(self.output.quarantine)
        place = self._project.base / path if self._into is None else self._into / "quarantine" / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        return [JsonLines(self._handles, self.output.name, path.as_posix(), place)]

    def put(self, row: OutputRow) -> None:
        if self._origin.dataset.round is not None:
            row = keep_origin(row)
        is_paired = self.output.format == "preference"
        for shaped in shape_preferences(self.output, self._origin, row) if is_paired else (self._shape(row),):
            if self._absent:
                self._absent.difference_update(name for name, value in shaped.values.items() if value is not None)
            self._parts[self._origin.file_of(row) if _is_split(self.output) else ""].put(shaped)
        if self._card is not None:
            self._card.count(row)

    def warnings(self) -> Iterator[Diagnostic]:
        for name in self.output.columns or ():
            if name in self._absent:
                yield faults.output_column_absent(self.output.path, name)

    def _open_part(self, path: PurePosixPath, file: str | None) -> Part:
        """The file at `path`; a CSV in the manner of the source's `file`."""
        if self.output.format == "parquet":
            return self._open_table(path)
        file_path = self._place(path)
        if self.output.format != "csv":
            return JsonLines(self._handles, self.output.name, path.as_posix(), file_path)
        as_source = self.output.layout == "source"
        columns, delimiter = self._origin.headers.get(file or "", ((), ",")) if as_source else ((), ",")
        return Csv(
            self._handles,
            self.output.name,
            path.as_posix(),
            file_path,
            columns=self.output.columns or columns,
            header=not as_source or self._origin.dataset.columns is None,
            delimiter=delimiter,
        )

    def _open_table(self, path: PurePosixPath) -> Parquet:
        columns = self.output.columns or ()
        return Parquet(self._handles, self.output.name, path.as_posix(), self._place(path), columns=columns)

    def _place(self, path: PurePosixPath) -> Path:
        """Where the file of this name is written; its folder is there then."""
        place = self._project.base / path
        if self._into is not None:
            place = self._into / path.relative_to(self.output.path if _is_folder(self.output) else path.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


_ENDINGS = {"jsonl": ".jsonl", "sft": ".jsonl", "preference": ".jsonl", "csv": ".csv", "parquet": ".parquet"}


def _is_folder(output: Output) -> bool:
    return output.path.endswith("/")


def _is_split(output: Output) -> bool:
    """Whether there is one file for each file of the source; a folder of the hub has one for all."""
    return _is_folder(output) and output.format != "hf"


def _refusal(folder: Path) -> str | None:
    """Makes a folder and sees whether a file can be made in it; gives the reason where not."""
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return None


@dataclass(frozen=True, slots=True)
class _Replaced:
    """What stood at `target`: nothing, or a file that has the second name `aside` now (None on a file system without
    links, where a failure midway cannot be undone)."""

    target: Path
    existed: bool
    aside: Path | None

    def put_back(self) -> None:
        with contextlib.suppress(OSError):
            if self.aside is not None:
                self.aside.replace(self.target)
            elif not self.existed:
                self.target.unlink()

    def forget(self) -> None:
        if self.aside is not None:
            with contextlib.suppress(OSError):
                self.aside.unlink()


def _set_aside(target: Path) -> _Replaced:
    if not os.path.lexists(target):
        return _Replaced(target, False, None)
    aside = target.with_name(f".{target.name}.before")
    try:
        aside.unlink(missing_ok=True)
        os.link(target, aside, follow_symlinks=False)
    except OSError:
        return _Replaced(target, True, None)
    return _Replaced(target, True, aside)


def _sync_folder(folder: Path) -> None:
    """The names in a folder are on the disk."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
