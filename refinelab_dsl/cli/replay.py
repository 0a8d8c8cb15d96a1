"""`refinec replay`."""

from __future__ import annotations

from pathlib import Path

import click

from refinelab_dsl.cli import records, terminal
from refinelab_dsl.cli.counting import Advance, open_count
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.provenance.replay import Replayed, replay
from refinelab_dsl.store import StoreError


@click.command("replay")
@click.argument("run", type=click.IntRange(min=1))
@shared_options("text", "json")
@click.option("--into", metavar="FOLDER", help="Keep what was written there; default: compare and forget it.")
def replay_command(settings: Settings, run: int, into: str | None) -> int:
    """Write the outputs of RUN again, from its log, its plan, the stored replies and the dataset, and compare.

    No model is called and no output of the project is touched. Exit code 11 unless every byte is the same.
    """
    record = records.find_record(run)
    if not isinstance(record, records.Record):
        terminal.refuse(settings, Diagnostics(record))
        return records.judge_refusal(record)
    with open_count(settings, "results") as advance:
        replayed = replay_record(record, None if into is None else Path(into), advance)
    found = Diagnostics(replayed.diagnostics)
    document = terminal.document(
        found,
        run=run,
        same=not found.has_errors,
        results=replayed.results,
        outputs=[{"file": file, "rows": rows} for file, rows in replayed.outputs],
    )
    terminal.report(settings, found)
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    elif not found.has_errors:
        lines = [f"same   {escape(file)}  {rows:,} rows" for file, rows in replayed.outputs]
        lines.append(f"run {run} replayed: {replayed.results:,} results made again without a call, every byte the same")
        terminal.write("\n".join(lines) + "\n")
    return ExitCode.CHECK_FAILED if found.has_errors else ExitCode.DONE


def replay_record(record: records.Record, into: Path | None, advance: Advance) -> Replayed:
    """The replay of a run, or what stands in its way."""
    settled = record.record
    try:
        with records.open_replies(record.project) as store:
            return replay(
                record.folder.path, record.project, store,
                source=settled.source, allow_outside=settled.allow_outside, into=into,
                advance=advance,
            )  # fmt: skip
    except StoreError as error:
        return Replayed(diagnostics=(run_faults.store_damaged(str(record.project.store), str(error)),))
