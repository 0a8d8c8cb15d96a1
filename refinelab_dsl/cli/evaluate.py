"""`refinec evaluate`: models on the original and on the refined set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from refinelab_dsl import compiler, ir
from refinelab_dsl.cli import inputs, records, terminal
from refinelab_dsl.cli.bench import dump_held, list_notes
from refinelab_dsl.cli.events import write_result
from refinelab_dsl.cli.examination import StyleNames, Wanted, ask_models, settle_wanted
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.data.files import find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.records import Graded, read_graded
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog import evaluation as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.evaluation.report import Evaluation, dump_evaluation, render_evaluation
from refinelab_dsl.evaluation.score import SetScore, score_set
from refinelab_dsl.evaluation.styles import STYLES, Style
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from refinelab_dsl.provenance.refined import RefinedRow
from refinelab_dsl.source import Sources


class Refusal(Exception):
    """Why there is no evaluation."""

    def __init__(self, code: ExitCode, diagnostics: Diagnostics) -> None:
        super().__init__(diagnostics[0].message)
        self.code = code
        self.diagnostics = diagnostics


@dataclass(frozen=True)
class Studied:
    """What is evaluated: a spec, and the run of it, if one was named. files: of the main dataset."""

    name: str
    program: ir.Program
    project: Project
    files: tuple[Path, ...]
    sources: Sources
    record: records.Record | None
    allow_outside: bool

    def items(self) -> list[Item]:
        """The set that came in."""
        entries = read_items(self.program.dataset, self.files, self.project)
        return [entry for entry in entries if isinstance(entry, Item)]


@click.command("evaluate")
@click.argument("target", metavar="RUN|SPEC")
@shared_options("text", "json", "jsonl", spec=True)
@click.option("--answers", metavar="NAME", multiple=True,
              help="A signals dataset of the spec with recorded answers; several are styles of asking.  "
              "[default: the only one]")  # fmt: skip
@click.option("--models", metavar="NAME,…", help="Ask these models of the spec instead of reading answers.")
@click.option("--styles", type=StyleNames(), metavar="NAME,…", default="plain", show_default=True,
              help=f"How they are asked: {', '.join(STYLES)}.")  # fmt: skip
@click.option("--budget", metavar="LIMIT", help="What asking may take at most: tokens such as 400k, or $2.")
@click.option("-n", "size", type=click.IntRange(min=1), help="Ask about so many items of each set.  [default: all]")
@click.option("--auto-approve", is_flag=True, help="Do not ask before models are called.")
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True,
              help="Of the intervals.")  # fmt: skip
def evaluate_command(
    settings: Settings, target: str, answers: tuple[str, ...], models: str | None, styles: tuple[Style, ...],
    budget: str | None, size: int | None, auto_approve: bool, confidence: float,
) -> int:  # fmt: skip
    """How models do on the set that came in and on the refined one: accuracy, spread, discrimination, order.

    Answers are those that were recorded of the items. Items that were changed or added have none, and are counted, not
    guessed. With --models the models are asked instead, about all items, within a budget; what the store of replies
    holds is not bought again. Of a SPEC only the set that came in is evaluated; of a RUN both are.
    """
    if models is None and (budget is not None or size is not None):
        raise click.UsageError("--budget and -n are for asking: name whom, with --models")
    if models is not None and answers:
        raise click.UsageError("--answers reads what was recorded, and --models asks; take one of them")
    asked: dict[str, Any] | None = None
    code = ExitCode.DONE
    try:
        studied = load_studied(settings, target)
        if models is None:
            evaluation, found = evaluate_recorded(studied, answers, confidence)
        else:
            wanted = settle_wanted(studied.program, models, styles, budget)
            if isinstance(wanted, Diagnostic):
                raise Refusal(ExitCode.USAGE, Diagnostics((wanted,)))
            outcome = evaluate_asked(settings, studied, wanted, size, confidence, auto_approve)
            if outcome is None:
                terminal.complain("evaluation cancelled: nothing was called")
                return ExitCode.INTERRUPTED
            evaluation, found, code, asked = outcome
    except Refusal as refusal:
        terminal.report(settings, refusal.diagnostics)
        write_result(settings, terminal.document(refusal.diagnostics))
        return refusal.code
    terminal.report(settings, found)
    if settings.format == "text":
        terminal.write(render_evaluation(evaluation))
    write_result(settings, terminal.document(found, **dump_evaluation(evaluation), asked=asked))
    return code


def load_studied(settings: Settings, target: str) -> Studied:
    """The run or the spec.

    Raises:
        Refusal: the spec, its data or the run is at fault.
    """
    record = None
    if target.isdigit():
        found_record = records.find_record(int(target))
        if not isinstance(found_record, records.Record):
            raise Refusal(records.judge_refusal(found_record), Diagnostics(found_record))
        record = found_record
        path = inputs.require_file(record.project.root / record.plan.header.spec_path)
    else:
        path = inputs.require_spec(target)
    analysis = compiler.analyze(path, inputs.build_options(settings))
    program, sources = analysis.program, analysis.diagnostics.sources
    if program is None:
        raise Refusal(ExitCode.SPEC, Diagnostics(analysis.diagnostics.errors, sources))
    allow_outside = settings.allow_outside or (record is not None and record.record.allow_outside)
    files, problems = find_files(program.dataset, analysis.project, allow_outside=allow_outside)
    if problems:
        raise Refusal(ExitCode.SPEC, Diagnostics(tuple(problems), sources))
    name = f"run {target}" if record is not None else path.name
    return Studied(name, program, analysis.project, files, sources, record, allow_outside)


def evaluate_recorded(
    studied: Studied, answers: Sequence[str], confidence: float
) -> tuple[Evaluation, Diagnostics]:
    """The evaluation of recorded answers.

    Raises:
        Refusal: they cannot be read.
    """
    program, record = studied.program, studied.record
    graded: dict[str, Graded] = {}
    notes: list[str] = []
    warnings: list[Diagnostic] = []
    for dataset in _find_answers(program, answers):
        read, said, found = read_graded(
            dataset, program.dataset, studied.files, studied.project, allow_outside=studied.allow_outside,
            origins=program.origins,
        )  # fmt: skip
        if read is None:
            raise Refusal(ExitCode.SPEC, Diagnostics(tuple(found), studied.sources))
        graded[dataset.name] = read
        notes += said
        warnings += found
    items = studied.items()
    sets = {"original": _score(graded, (item.row for item in items), len(items), confidence)}
    unanswered: dict[str, int] = {}
    if record is not None:
        rows = _load_refined(record)
        kept = [row for row in rows if row.origin == "original"]
        sets["refined"] = _score(graded, (row.item.row for row in kept), len(rows), confidence)
        made = {origin: sum(row.origin == origin for row in rows) for origin in ("changed", "added")}
        unanswered = {origin: count for origin, count in made.items() if count}
    evaluation = Evaluation(studied.name, confidence, sets, unanswered, tuple(notes))
    return evaluation, Diagnostics(tuple(warnings), studied.sources)


def evaluate_asked(
    settings: Settings, studied: Studied, wanted: Wanted, size: int | None, confidence: float, approved: bool
) -> tuple[Evaluation, Diagnostics, ExitCode, dict[str, Any]] | None:
    """The evaluation of models that are asked now; None where nobody approved of it.

    Raises:
        Refusal: nobody could be asked.
    """
    seed = studied.program.seed
    chosen = {"original": choose_items(studied.items(), size, seed)}
    if studied.record is not None:
        chosen["refined"] = choose_items([row.item for row in _load_refined(studied.record)], size, seed)
    # What was changed has a key of its own, so an item stands for one text.
    items = {item.key: item for of_set in chosen.values() for item in of_set}
    places = {key: at for at, key in enumerate(items)}
    asked = ask_models(settings, wanted, studied.program, studied.project, tuple(items.values()), approved)
    if asked is None:
        return None
    if isinstance(asked, tuple):
        raise Refusal(asked[0], Diagnostics((asked[1],)))
    models = [model.name for model in wanted.models]
    sets = {
        name: {
            style: score_set(models, table[:, [places[item.key] for item in of_set]], len(of_set), confidence)
            for style, table in asked.tables.items()
        }
        for name, of_set in chosen.items()
    }
    code, found = asked.held.fault or (ExitCode.DONE, ())
    evaluation = Evaluation(studied.name, confidence, sets, {}, list_notes(asked.held))
    return evaluation, Diagnostics(tuple(found)), code, dump_held(asked.held)


def choose_items(items: Sequence[Item], size: int | None, seed: int) -> list[Item]:
    """At most `size` items by a hash of the seed: what two sets share is chosen of both alike."""
    if size is None:
        return list(items)
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}/{item.key}".encode()).digest())[:size]


def _find_answers(program: ir.Program, names: Sequence[str]) -> list[Dataset]:
    known = {dataset.name: dataset for dataset in program.datasets if dataset.role == "signals"}
    for name in names:
        if name not in known:
            problem = faults.answers_unknown(name, tuple(known), nearest(name, known))
            raise Refusal(ExitCode.USAGE, Diagnostics((problem,)))
    if not names and len(known) != 1:
        raise Refusal(ExitCode.USAGE, Diagnostics((faults.answers_unknown(None, tuple(known), ()),)))
    return [known[name] for name in dict.fromkeys(names or known)]


def _load_refined(record: records.Record) -> list[RefinedRow]:
    try:
        with records.open_result(record) as refined:
            return list(refined.rows())
    except records.ResultUnreadable as fault:
        found = (fault.diagnostic,)
        raise Refusal(records.judge_refusal(found), Diagnostics(found)) from None


def _score(
    graded: dict[str, Graded], rows: Iterable[int], items: int, confidence: float
) -> dict[str, SetScore]:
    """Style -> the score of the items with these rows."""
    wanted = tuple(rows)
    return {
        style: score_set(each.models, _table(each, wanted), items, confidence) for style, each in graded.items()
    }


def _table(graded: Graded, rows: Sequence[int]) -> NDArray[np.int8]:
    """Models x items, of the items that have a row of answers."""
    known = [packed for row in rows if row < len(graded.rows) and (packed := graded.rows[row]) is not None]
    return np.frombuffer(b"".join(known), dtype=np.int8).reshape(len(known), len(graded.models)).T
