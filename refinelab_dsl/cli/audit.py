"""`refinec audit`: items drawn for reviewers, and what their verdicts come to."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from refinelab_dsl.artifacts.audit import load_key
from refinelab_dsl.audit.draw import Candidate, Drawn, draw_sample
from refinelab_dsl.audit.merge import merge_sheets
from refinelab_dsl.audit.render import dump_merged, dump_verdicts, render_merged
from refinelab_dsl.audit.sheets import SheetFormat, build_files, build_key, show_fields
from refinelab_dsl.cli import inputs, records, terminal
from refinelab_dsl.cli.options import Settings, global_options, shared_options
from refinelab_dsl.data.column_types import cell_text
from refinelab_dsl.data.layout import ORIGIN, SIMULATED
from refinelab_dsl.data.read import BadRow, FileStart, read_rows
from refinelab_dsl.data.tasks import canonical_text
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog import audit as faults
from refinelab_dsl.diagnostics.catalog import data as data_faults
from refinelab_dsl.diagnostics.catalog import records as record_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.rebuild import RebuildFault
from refinelab_dsl.provenance.refined import open_refined
from refinelab_dsl.provenance.rows import SourceFault
from refinelab_dsl.store import StoreError

_KNOWN = ("origin", "operator")  # what a run says of its items beside their labels
_HIDDEN = ("id", ORIGIN, SIMULATED)  # columns of a file that tell a reviewer who made an item


@click.group("audit")
@global_options
@click.pass_context
def audit_command(context: click.Context, /, **options: Any) -> None:
    """How many items are wrong: a blind sample for reviewers, and their verdicts put together."""
    given = {name: value for name, value in options.items() if value not in (None, False, 0)}
    context.obj = {**(context.obj or {}), **given}


@audit_command.command("sample")
@click.argument("source", metavar="RUN|FILE")
@shared_options("text", "json")
@click.option("-n", "size", type=click.IntRange(min=1), default=400, show_default=True, help="How many items.")
@click.option("--annotators", type=click.IntRange(1, 50), default=3, show_default=True, help="How many sheets.")
@click.option("-o", "target", metavar="DIR", required=True, help="Where the sheets go; a new or an empty folder.")
@click.option("--by", metavar="NAME", multiple=True,
              help="Stratify by this: a dimension, `origin` or `operator` of a run; a column of a file.  "
              "[default: all dimensions of a run]")  # fmt: skip
@click.option("--hide", metavar="COLUMN", multiple=True, help="A column of a file that reviewers must not see.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed draws another sample.")
@click.option("--sheets", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True, help="Their format.")
def sample_command(
    settings: Settings, source: str, size: int, annotators: int, target: str, by: tuple[str, ...],
    hide: tuple[str, ...], seed: int, sheets: SheetFormat,
) -> int:  # fmt: skip
    """Draw items of a run's result, or rows of a file, and write a sheet for each annotator.

    The sample has at least one item of each stratum, and else as many as its share of the set. Sheets are blind: no
    column says which items were added or changed, and by what. GUIDE.md explains the words of a verdict; key.json
    unblinds the sheets, and stays with you.
    """
    folder = Path(target)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        terminal.refuse(settings, Diagnostics((faults.folder_taken(str(folder)),)))
        return ExitCode.USAGE
    if source.isdigit():
        drawn = sample_run(int(source), by, size, seed)
    else:
        drawn = sample_file(inputs.require_file(Path(source)), by, hide, size, seed)
    if isinstance(drawn, Diagnostic):
        terminal.refuse(settings, Diagnostics((drawn,)))
        return ExitCode.USAGE if drawn.code in ("RF6003", "RF6400", "RF6402") else ExitCode.SPEC
    key = build_key(drawn, f"run {source}" if source.isdigit() else Path(source).name, seed, annotators, sheets)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise terminal.OutputRefused(str(folder), error.strerror or str(error)) from None
    files = build_files(drawn, key, sheets)
    for name, content in files.items():
        terminal.save_bytes(folder / name, content)
    document = {
        "format_version": key.format_version, "folder": str(folder), "source": key.source, "seed": seed,
        "items": sum(stratum.items for stratum in key.strata), "drawn": len(key.items), "files": list(files),
        "strata": [stratum.model_dump(mode="json") for stratum in key.strata],
    }  # fmt: skip
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    else:
        strata = f" from {len(key.strata):,} strata" if len(key.strata) > 1 else ""
        lines = [f"  drawn    {len(key.items):,} of {document['items']:,} items{strata}"]
        lines += [f"  wrote    {terminal.near(folder / name)}" for name in files]
        lines.append(f"  next     give each annotator a sheet and GUIDE.md; then  refinec audit merge {escape(target)}")
        terminal.write("\n".join(lines) + "\n")
    return ExitCode.DONE


@audit_command.command("merge")
@click.argument("folder", metavar="DIR")
@shared_options("text", "json")
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True,
              help="Of the intervals.")  # fmt: skip
@click.option("-o", "target", metavar="FILE", help="Write the verdict of each item there, as JSON Lines.")
def merge_command(settings: Settings, folder: str, confidence: float, target: str | None) -> int:
    """Put the returned sheets in DIR together: majority, agreement, and the error rate with its interval.

    An item has a flaw where more than half of the verdicts on it say so. Exit code 1 where a sheet is not whole.
    """
    place = inputs.require_file(Path(folder))
    key = load_key(place)
    if isinstance(key, Diagnostic):
        terminal.refuse(settings, Diagnostics((key,)))
        return ExitCode.SPEC
    merged, found = merge_sheets(key, place, confidence)
    if merged is None:
        terminal.refuse(settings, Diagnostics(found))
        return ExitCode.SPEC
    terminal.report(settings, Diagnostics(found))
    if target is not None:
        terminal.save_bytes(Path(target), dump_verdicts(merged))
    document = terminal.document(Diagnostics(found), **dump_merged(merged))
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write(render_merged(merged))
    return ExitCode.DONE


def sample_run(number: int, by: Sequence[str], size: int, seed: int) -> tuple[Drawn, ...] | Diagnostic:
    """A sample of what a run made, or why there is none."""
    record = records.find_record(number)
    if not isinstance(record, records.Record):
        return record[0]
    settled = record.record
    try:
        with records.open_replies(record.project) as store:
            refined = open_refined(
                record.folder.path, record.project, store,
                source=settled.source, allow_outside=settled.allow_outside,
            )  # fmt: skip
            if isinstance(refined, Diagnostic):
                return refined
            names = tuple(dict.fromkeys(by or refined.dimensions))
            known = (*refined.dimensions, *_KNOWN)
            for name in names:
                if name not in known:
                    return faults.stratum_unknown(name, known, nearest(name, known))
            task = refined.header.dataset.item_task
            candidates = (
                Candidate(
                    key=row.item.key, id=row.item.id, row=row.row, origin=row.origin, operator=row.operator,
                    labels={**row.labels, "origin": row.origin, "operator": row.operator},
                    shown=show_fields(task, row.item.fields),
                )
                for row in refined.rows()
            )  # fmt: skip
            return draw_sample(candidates, names, size, seed)
    except (RebuildFault, SourceFault) as fault:
        return fault.diagnostic
    except StoreError as error:
        return record_faults.reply_store_unusable(str(record.project.store), str(error))


def sample_file(
    path: Path, by: Sequence[str], hide: Sequence[str], size: int, seed: int
) -> tuple[Drawn, ...] | Diagnostic:
    """A sample of the rows of a file, or why there is none."""
    try:
        candidates = list_rows(path, by, hide)
        drawn = draw_sample(candidates, tuple(dict.fromkeys(by)), size, seed)
    except _Unreadable as fault:
        return fault.diagnostic
    if not isinstance(drawn, Diagnostic) and not drawn:
        return data_faults.no_items(path.name, f"`{data_faults.shorten(path.name)}` holds no row", None)
    return drawn


class _Unreadable(Exception):
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def list_rows(path: Path, by: Sequence[str], hide: Sequence[str]) -> Iterator[Candidate]:
    """The rows of a file as what may be drawn; what is told apart in them is what they say."""
    base = path.absolute().parent
    dataset = Dataset(name="rows", task="qa", source=(path.name,))
    hidden = {*_HIDDEN, *hide}
    seen: Counter[bytes] = Counter()
    number = 0
    for entry in read_rows(dataset, (base / path.name,), Project(base, base), ()):
        if isinstance(entry, FileStart):
            continue
        row = entry.diagnostic if isinstance(entry, BadRow) else entry[2]
        if isinstance(row, Diagnostic):
            raise _Unreadable(row)
        for name in by:
            if name not in row:
                raise _Unreadable(faults.stratum_unknown(name, tuple(row), nearest(name, row)))
        number += 1
        yield _build_candidate(row, number, by, hidden, seen)


def _build_candidate(
    row: Mapping[str, Any], number: int, by: Sequence[str], hidden: set[str], seen: Counter[bytes]
) -> Candidate:
    shown = {name: cell_text(value) for name, value in row.items() if name not in hidden}
    digest = hashlib.sha256(msgspec.json.encode(shown, order="deterministic")).digest()
    seen[digest] += 1
    origin = row.get(ORIGIN)
    return Candidate(
        key=f"{digest.hex()}-{seen[digest]}",
        id=canonical_text(row.get("id")) or str(number),
        row=number,
        labels={name: canonical_text(row.get(name)) for name in by},
        shown=shown,
        origin=origin if origin in ("original", "changed", "added") else None,
    )
