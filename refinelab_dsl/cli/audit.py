"""`refinec audit`: items drawn for reviewers, and what their verdicts come to."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from refinelab_dsl.artifacts.audit import AuditKey, load_key
from refinelab_dsl.artifacts.evidence import NAME as EVIDENCE
from refinelab_dsl.artifacts.evidence import Audit, digest_rows, dump_evidence, load_evidence
from refinelab_dsl.artifacts.plan import Check
from refinelab_dsl.audit.draw import Candidate, Drawn, draw_sample
from refinelab_dsl.audit.merge import Merged, merge_sheets
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
from refinelab_dsl.diagnostics.catalog import evidence as evidence_faults
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.expectations import AUDITED, asks_for_audit, check_expectations, render_assertion
from refinelab_dsl.expressions import Call
from refinelab_dsl.expressions.walk import walk
from refinelab_dsl.project import Project, find_project

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
    drawn: _Sample | Diagnostic
    if source.isdigit():
        drawn = sample_run(int(source), by, size, seed)
    else:
        rows = sample_file(inputs.require_file(Path(source)), by, hide, size, seed)
        drawn = rows if isinstance(rows, Diagnostic) else _Sample(rows)
    if isinstance(drawn, Diagnostic):
        terminal.refuse(settings, Diagnostics((drawn,)))
        return records.judge_refusal((drawn,))
    key = build_key(drawn.items, f"run {source}" if source.isdigit() else Path(source).name, seed, annotators, sheets)
    key = key.model_copy(update={"result": drawn.result, "spec": drawn.spec, "spec_path": drawn.spec_path})
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise terminal.OutputRefused(str(folder), error.strerror or str(error)) from None
    files = build_files(drawn.items, key, sheets)
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

    An item has a flaw where more than half of the verdicts on it say so. Of a run, the error rate is written to
    refine.evidence.jsonl beside the spec, where `expect`s over error_rate() read it. Exit code 1 where a sheet is not
    whole, 11 where the run's spec expects another rate.
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
    said = len(found)
    if target is not None:
        terminal.save_bytes(Path(target), dump_verdicts(merged))
    kept = keep_audit(merged)
    checks = check_rate(key, kept) if isinstance(kept, Audit) else ()
    found = (
        *found, *((kept,) if isinstance(kept, Diagnostic) else ()),
        *(run_faults.expect_failed(check.title, check.value) for check in checks if check.status == "failed"),
    )  # fmt: skip
    document = terminal.document(
        Diagnostics(found), **dump_merged(merged), checks=[check.model_dump(mode="json") for check in checks]
    )
    terminal.save_json(settings, document)
    terminal.report(settings, Diagnostics(found[said:]))
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write(render_merged(merged) + render_checks(checks))
    if isinstance(kept, Diagnostic):
        return ExitCode.UNAVAILABLE
    return ExitCode.CHECK_FAILED if any(check.status == "failed" for check in checks) else ExitCode.DONE


def keep_audit(merged: Merged) -> Audit | Diagnostic | None:
    """Writes what an audit of a run found beside the spec of that run, seen from where we stand; None where it is of no
    run, nothing was decided, or the spec is not there; or what kept it from that."""
    key, rate = merged.key, merged.rate
    if key.result is None or key.spec_path is None or rate.share is None:
        return None
    folder = find_project(Path.cwd()).seen_from(key.spec_path).base
    if not folder.is_dir():
        return None
    audit = Audit(
        key=key.result, items=len(merged.items), annotators=len(key.sheets), decided=rate.decided, flawed=rate.flawed,
        share=rate.share if merged.weighted is None else merged.weighted, low=rate.low, high=rate.high,
        confidence=merged.confidence,
    )  # fmt: skip
    evidence, problems = load_evidence(folder / EVIDENCE)
    if problems:
        return problems[0]
    try:
        dump_evidence(folder / EVIDENCE, evidence.including((audit,), key.spec or ""))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return evidence_faults.evidence_unreadable(str(folder / EVIDENCE), reason, writing=True)
    return audit


def check_rate(key: AuditKey, audit: Audit) -> tuple[Check, ...]:
    """The `expect`s of the run that are about its error rate; what else they ask of it is told by applying again."""
    word, _, number = key.source.partition(" ")
    record = records.find_record(int(number)) if word == "run" and number.isdigit() else ()
    if not isinstance(record, records.Record):
        return ()

    header = record.plan.header
    expects = [expect for expect in header.expects if expect.when != "plan" and asks_for_audit(expect.assertion)]
    return tuple(
        check
        for expect in expects
        for check in (
            (Check(title=expect.title, status="after_audit", value=render_assertion(expect.assertion)),)
            if any(isinstance(part, Call) and part.function != AUDITED for part in walk(expect.assertion))
            else check_expectations((expect,), {AUDITED: lambda: audit.share}, "result")
        )
    )


def render_checks(checks: Sequence[Check]) -> str:
    """`expect     passed  few are wrong   error_rate() <= 0.02: error_rate() = 0.01`."""
    words = {"after_audit": "open, `refinec apply` tells"}
    return "".join(
        f"  expect     {words.get(check.status, check.status)}  {escape(check.title)}   {escape(check.value)}\n"
        for check in checks
    )


@dataclass(frozen=True)
class _Sample:
    """What was drawn, and of a run the content key of its rows and whose run it is."""

    items: tuple[Drawn, ...]
    result: str | None = None
    spec: str | None = None
    spec_path: str | None = None


def sample_run(number: int, by: Sequence[str], size: int, seed: int) -> _Sample | Diagnostic:
    """A sample of what a run made, or why there is none."""
    record = records.find_record(number)
    if not isinstance(record, records.Record):
        return record[0]
    try:
        with records.open_result(record) as refined:
            names = tuple(dict.fromkeys(by or refined.dimensions))
            known = (*refined.dimensions, *_KNOWN)
            for name in names:
                if name not in known:
                    return faults.stratum_unknown(name, known, nearest(name, known))
            task = refined.header.dataset.item_task
            hashes: list[str] = []
            candidates = (
                Candidate(
                    key=row.item.key, id=row.item.id, row=row.row, origin=row.origin, operator=row.operator,
                    labels={**row.labels, "origin": row.origin, "operator": row.operator},
                    shown=show_fields(task, row.item.fields),
                )
                for row in _noting(refined.rows(), hashes)
            )  # fmt: skip
            items = draw_sample(candidates, names, size, seed)
            if isinstance(items, Diagnostic):
                return items
            return _Sample(items, digest_rows(hashes), refined.header.spec, refined.header.spec_path)
    except records.ResultUnreadable as fault:
        return fault.diagnostic


def _noting(rows: Iterable[Any], hashes: list[str]) -> Iterator[Any]:
    """The rows as they are; their items' hashes are noted as they pass."""
    for row in rows:
        hashes.append(row.item.hash)
        yield row


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
