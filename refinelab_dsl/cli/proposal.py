"""`refinec init --from`: from what a user names to a spec that plans."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import click

from refinelab_dsl import compiler, propose
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.data.files import COMPRESSED, find_files, stem_of
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project, find_project
from refinelab_dsl.propose.text import name_word, render_expression, show
from refinelab_dsl.propose.words import SPLITS
from refinelab_dsl.source import Source

_ENDINGS = (".jsonl", ".ndjson", ".csv", ".tsv", ".json", ".parquet")
_NO_NAMES = SPLITS | {"data", "dataset", "questions", "items", "all", "main", "input"}
_LARGE = 100_000_000  # bytes that take a while
_TRIED = 50_000  # rows up to which the proposal is planned before it is written


@dataclass(frozen=True, slots=True)
class Proposal:
    """A spec that is not written yet. outside: its data lie outside of the project. tried: whether it was planned;
    refused: what a plan of it complained of, so that there is none."""

    file: str
    text: str
    inference: propose.Inference
    outside: bool
    tried: bool
    refused: Diagnostic | None = None


def build_proposal(settings: Settings, root: Path, given: Sequence[str]) -> Proposal | Diagnostic:
    """Reads the files that `--from` names and proposes a spec for a project in `root`.

    Raises:
        click.UsageError: nothing of that name is there, or it lies outside of the project and that was not permitted.
    """
    project = find_project(root)
    sources = [_locate(name, project) for name in given]
    seen = Dataset(name="data", task="qa", source=tuple(sources))
    files, problems = find_files(seen, project, allow_outside=True)
    if problems:
        return problems[0]
    outside = not all(project.contains(path) for path in files)
    if outside and not settings.allow_outside:
        raise click.UsageError(_explain_outside(root, given, project))
    name = name_dataset(given[0], project)
    size = sum(path.stat().st_size for path in files if path.exists())
    if size > _LARGE:
        terminal.say(settings, f"reading {size / 1e6:,.0f} MB, three times over")
    found = propose.infer(name, sources, files, project)
    if isinstance(found, Diagnostic):
        return found
    file = f"{name}.refine"
    text = propose.write_spec(found, file, outside=outside)
    if found.rows > _TRIED:
        return Proposal(file, text, found, outside, False)
    reach = _try_plan(found, root / file, text, outside)
    if isinstance(reach, Diagnostic):
        return Proposal(file, text, found, outside, True, reach)
    return Proposal(file, propose.write_spec(found, file, outside=outside, reach=reach), found, outside, True)


def exit_code_of(problem: Diagnostic) -> ExitCode:
    """What `init` ends with where the data give no proposal."""
    return ExitCode.UNAVAILABLE if problem.code == "RF3005" else ExitCode.SPEC


def name_dataset(given: str, project: Project) -> str:
    """A name for the dataset: the file's, or its folder's where the file is called `test` or `data`."""
    path = PurePath(given)
    plain = [part for part in path.parts if not _is_pattern(part)]
    names = [stem_of(part) for part in reversed(plain)] if plain else []
    if not path.is_absolute():
        names += [Path(part).name for part in (project.base, project.base.parent)]
    chosen = next((name for name in names if name_word(name) not in _NO_NAMES and name.strip("./\\")), "dataset")
    return name_word(chosen)


def describe(proposal: Proposal) -> list[str]:
    """What was inferred, for a terminal: a line for each field, then what is not sure."""
    found = proposal.inference
    files = "1 file" if found.files == 1 else f"{found.files} files"
    lines = [f"read     {found.rows + found.bad:,} rows in {files}: {found.rows:,} items"]
    lines.append(f"task     {found.reading.task}: {escape(found.reading.evidence)}")
    for finding in found.reading.findings:
        written = show(render_expression(finding.expression))
        lines.append(f"field    {finding.name} = {written}: {escape(finding.evidence)}")
    if found.topic is not None:
        lines.append(f"balance  {found.topic.name}: {escape(found.topic.evidence)}")
    elif found.bands is not None:
        lines.append("balance  the length of the question, in bands: no column of few values stands out")
    lines += [f"look     {doubt}" for doubt in propose.list_doubts(found)]
    if proposal.refused is not None:
        refused = proposal.refused
        lines.append(f"look     it cannot be planned as it stands: {refused.message} ({refused.code})")
    return lines


def build_document(proposal: Proposal) -> dict[str, Any]:
    """The inference as JSON."""
    found = proposal.inference
    dataset, reading = found.dataset, found.reading
    return {
        "task": reading.task,
        "executable": True,
        "source": list(dataset.source),
        "outside": proposal.outside,
        "explode": list(dataset.explode),
        "columns": None if dataset.columns is None else list(dataset.columns),
        "key": reading.key,
        "answer_as": dataset.answer_as,
        "fields": {
            finding.name: {
                "expression": render_expression(finding.expression),
                "evidence": finding.evidence,
                "sure": finding.sure,
                "alternatives": list(finding.alternatives),
            }
            for finding in reading.findings
        },
        "rows": found.rows,
        "bad_rows": found.bad,
        "topic": None if found.topic is None else {"name": found.topic.name, "labels": dict(found.topic.counts)},
        "bands": None if found.bands is None else dict(zip(found.bands.labels, found.bands.counts, strict=True)),
        "look_at": propose.list_doubts(found),
        "planned": proposal.tried and proposal.refused is None,
    }


def _locate(given: str, project: Project) -> str:
    """How the spec will write what a user named: relative to the spec's folder, an absolute path outside as typed.

    Raises:
        click.UsageError: there is no such file.
    """
    if "://" in given:
        return given
    if not given or "\0" in given:
        raise click.UsageError(f"--from {given!r}: that names no file")
    path = Path(given)
    if path.is_dir():
        path = _pattern_of(path)
    elif not _is_pattern(given):
        inputs.require_file(path)
    parts = path.parts
    wild = next((at for at, part in enumerate(parts) if _is_pattern(part)), len(parts) - 1)
    folder = Path(*parts[:wild]) if not os.path.lexists(path) else path.parent
    rest = parts[wild:] if not os.path.lexists(path) else (path.name,)
    place = folder.resolve().joinpath(*rest)
    if path.is_absolute() and not project.contains(folder):
        return path.as_posix()
    return Path(os.path.relpath(place, project.base.resolve())).as_posix()


def _pattern_of(folder: Path) -> Path:
    """The pattern that names the data files of a folder, or of those below it.

    Raises:
        click.UsageError: there are none, or files of several kinds.
    """
    for pattern in ("*", "*/*"):
        endings = sorted({ending for path in folder.glob(pattern) if (ending := _ending_of(path)) and path.is_file()})
        if len(endings) == 1:
            return folder / f"{pattern}{endings[0]}"
        if endings:
            shown = " or ".join(str(folder / f"*{ending}") for ending in endings)
            raise click.UsageError(f"--from {folder}: files of several kinds are in it; name one: --from '{shown}'")
    raise click.UsageError(f"--from {folder}: no data file is in it ({', '.join(_ENDINGS)}, also with .gz)")


def _ending_of(path: Path) -> str | None:
    base = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    if base.suffix.lower() not in _ENDINGS or path.name.startswith("."):
        return None
    return path.name[len(base.stem) :]


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _explain_outside(root: Path, given: Sequence[str], project: Project) -> str:
    first = Path(given[0])
    folder = first if first.is_dir() else first.parent
    return (
        f"{given[0]} lies outside of the project ({project.root}), and a spec reads what is in its project. Either "
        f"start the project where the data are (`refinec init {folder} --from {given[0]}`), or copy the data into it, "
        "or permit it with --allow-outside, here and on every command after"
    )


def _try_plan(
    found: propose.Inference, path: Path, text: str, outside: bool
) -> propose.Reach | Diagnostic | None:
    """What a plan of the proposal reaches, None where there is nothing to balance; or why there is no plan."""
    name = found.topic.name if found.topic is not None else "length"
    source = Source(str(path), text, path.absolute())
    planned = compiler.plan(source, compiler.Options(allow_outside=outside))
    if planned.plan is None:
        return planned.diagnostics.errors[0]
    divergence = planned.plan.header.divergence.get(name)
    return None if divergence is None else propose.Reach(divergence["now"], divergence["planned"])
