"""`refinec review`: every edit of a run for people to look at, and a file for what they decide."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import click

from refinelab_dsl.artifacts.decisions import (
    Decision,
    Decisions,
    Word,
    dump_decisions,
    load_decisions,
    merge_decisions,
    refused_row,
)
from refinelab_dsl.cli import records, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.catalog import run as run_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.figures import render_usd
from refinelab_dsl.provenance.edits import KINDS, REFUSED, TAKEN, Edit, Edits, open_edits
from refinelab_dsl.provenance.rebuild import RebuildFault
from refinelab_dsl.provenance.review import dump_edit, render_edit
from refinelab_dsl.provenance.rows import SourceFault
from refinelab_dsl.store import StoreError


@click.command("review")
@click.argument("run", type=click.IntRange(min=1))
@shared_options("text", "json")
@click.option("-o", "--output", metavar="FILE", help="Write a line for each edit there, to decide about.")
@click.option("--kind", type=click.Choice(KINDS), multiple=True, help="Show only these.  [default: all]")
@click.option("--operator", "operators", metavar="NAME", multiple=True, help="Show only what these made.")
def review_command(
    settings: Settings, run: int, output: str | None, kind: tuple[str, ...], operators: tuple[str, ...]
) -> int:
    """Show every edit of RUN: what stood there and what came of it, verdicts and price.

    With -o, FILE gets a line for each change, addition and removal, all accepted, and for each result that was kept
    apart, rejected. Edit its decisions: `reject` keeps an edit out and has its place filled again, `accept` takes what
    a check refused, `pin` keeps an edit whatever a new plan wants. Then `refinec apply SPEC --decisions FILE`. What was
    decided in FILE before stays.
    """
    target = None if output is None else Path(output)
    before = Decisions()
    if target is not None and target.exists():
        loaded, problems = load_decisions(target)
        if loaded is None:
            terminal.refuse(settings, Diagnostics(problems))
            return ExitCode.SPEC
        before = loaded
    record = records.find_record(run)
    if not isinstance(record, records.Record):
        return _refuse(settings, record)
    settled = record.record
    try:
        with records.open_replies(record.project) as store:
            edits = open_edits(
                record.folder.path, record.project, store, source=settled.source, allow_outside=settled.allow_outside
            )
            if isinstance(edits, Diagnostic):
                return _refuse(settings, (edits,))
            check_operators(edits, operators)
            review = Review(settings, run, before, frozenset(kind or KINDS), frozenset(operators))
            review.show(edits)
    except (RebuildFault, SourceFault) as fault:
        return _refuse(settings, (fault.diagnostic,))
    except StoreError as error:
        return _refuse(settings, (run_faults.store_damaged(str(record.project.store), str(error)),))
    if target is not None:
        rows = merge_decisions(review.rows, before)
        terminal.save_bytes(target, dump_decisions(rows))
        terminal.say(settings, f"{len(rows):,} decisions written to {terminal.near(target)}")
    return ExitCode.DONE


def check_operators(edits: Edits, names: tuple[str, ...]) -> None:
    """Raises click.UsageError where `--operator` names what the run does not have."""
    known = [operator.name for operator in edits.header.operators]
    for name in names:
        if name not in known:
            near = nearest(name, known) or tuple(known)
            raise click.UsageError(f"run has no operator {name!r}; it has: {', '.join(near)}")


class Review:
    """Shows edits as they come, one in memory at a time, and keeps the row of each that can be decided about."""

    def __init__(
        self, settings: Settings, run: int, before: Decisions, kinds: frozenset[str], operators: frozenset[str]
    ) -> None:
        self.rows: list[Decision] = []
        self._settings = settings
        self._run = run
        self._before = before
        self._kinds = kinds
        self._operators = operators
        self._counts = Counter[str]()
        self._tokens = 0
        self._usd: Decimal | None = Decimal(0)

    def show(self, edits: Edits) -> None:
        """Writes them in the form asked for.

        Raises:
            RebuildFault: the log is damaged.
        """
        if self._settings.is_json:
            self._write_json(edits)
            return
        columns = terminal.width_of(sys.stdout)
        for edit in self._walk(edits):
            terminal.write(render_edit(edit, columns=columns, decision=self._decided(edit)))
        terminal.write(self._sum_up())

    def _walk(self, edits: Edits) -> Iterator[Edit]:
        for edit in edits:
            self._counts[edit.kind] += 1
            self._tokens += edit.tokens
            self._usd = None if self._usd is None or edit.usd is None else self._usd + edit.usd
            if edit.kind in TAKEN:
                self.rows.append(Decision(edit.id, edit.parent.id, edit.operator))
            elif edit.kind == "quarantined" or (edit.kind in REFUSED and edit.id in self._before.rows):
                self.rows.append(refused_row(edit.id, edit.parent.id, edit.operator, edit.check or ""))
            if edit.kind in self._kinds and (not self._operators or edit.operator in self._operators):
                yield edit

    def _decided(self, edit: Edit) -> Word:
        row = self._before.rows.get(edit.id)
        return row.decision if row is not None else "reject" if edit.kind in REFUSED else "accept"

    def _write_json(self, edits: Edits) -> None:
        """One document; an edit is written when it is known, on a line of its own."""
        terminal.write(f'{{"format_version": "1.0", "run": {self._run}, "edits": [')
        comma = "\n"
        for edit in self._walk(edits):
            terminal.write(comma + terminal.spell_line(dump_edit(edit, self._decided(edit))))
            comma = ",\n"
        counts = {kind: self._counts[kind] for kind in KINDS}
        usd = None if self._usd is None else format(self._usd.normalize(), "f")
        ending = {"counts": counts, "cost": {"tokens": self._tokens, "usd": usd}}
        terminal.write("\n], " + terminal.spell_line(ending)[1:] + "\n")

    def _sum_up(self) -> str:
        counts = ", ".join(f"{self._counts[kind]:,} {kind}" for kind in KINDS if self._counts[kind])
        return f"run {self._run}: {counts or 'no edits'}; {render_usd(self._usd)}, {self._tokens:,} tokens\n"


def _refuse(settings: Settings, found: tuple[Diagnostic, ...]) -> int:
    terminal.refuse(settings, Diagnostics(found))
    return records.judge_refusal(found)
