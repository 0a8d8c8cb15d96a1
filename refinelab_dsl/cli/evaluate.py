"""`refinec evaluate`: models on the original and on the refined set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
import numpy as np
from numpy.typing import NDArray

from refinelab_dsl import compiler, ir
from refinelab_dsl.cli import inputs, records, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.data.files import find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.records import Graded, read_graded
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.catalog import evaluation as faults
from refinelab_dsl.diagnostics.catalog import records as record_faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.evaluation.report import Evaluation, dump_evaluation, render_evaluation
from refinelab_dsl.evaluation.score import SetScore, score_set
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.provenance.rebuild import RebuildFault
from refinelab_dsl.provenance.refined import RefinedRow, open_refined
from refinelab_dsl.provenance.rows import SourceFault
from refinelab_dsl.store import StoreError


class Refusal(Exception):
    """Why there is no evaluation."""

    def __init__(self, code: ExitCode, diagnostics: Diagnostics) -> None:
        super().__init__(diagnostics[0].message)
        self.code = code
        self.diagnostics = diagnostics


@click.command("evaluate")
@click.argument("target", metavar="RUN|SPEC")
@shared_options("text", "json", spec=True)
@click.option("--answers", metavar="NAME", multiple=True,
              help="A signals dataset of the spec with recorded answers; several are styles of asking.  "
              "[default: the only one]")  # fmt: skip
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True,
              help="Of the intervals.")  # fmt: skip
def evaluate_command(settings: Settings, target: str, answers: tuple[str, ...], confidence: float) -> int:
    """How models do on the set that came in and on the refined one: accuracy, spread, discrimination, order.

    Answers are those that were recorded of the items. Items that were changed or added have none, and are counted, not
    guessed. Of a SPEC only the set that came in is evaluated; of a RUN both are.
    """
    try:
        evaluation, found = evaluate(settings, target, answers, confidence)
    except Refusal as refusal:
        terminal.refuse(settings, refusal.diagnostics)
        return refusal.code
    terminal.report(settings, found)
    document = terminal.document(found, **dump_evaluation(evaluation))
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    else:
        terminal.write(render_evaluation(evaluation))
    return ExitCode.DONE


def evaluate(
    settings: Settings, target: str, answers: Sequence[str], confidence: float
) -> tuple[Evaluation, Diagnostics]:
    """The evaluation of a run or of a spec.

    Raises:
        Refusal: the spec, its data or the run is at fault.
    """
    record = None
    if target.isdigit():
        found_record = records.find_record(int(target))
        if not isinstance(found_record, records.Record):
            code = ExitCode.USAGE if found_record[0].code == "RF6003" else ExitCode.SPEC
            raise Refusal(code, Diagnostics(found_record))
        record = found_record
        path = inputs.require_file(record.project.root / record.plan.header.spec_path)
    else:
        path = inputs.require_spec(target)
    analysis = compiler.analyze(path, inputs.build_options(settings))
    program = analysis.program
    if program is None:
        raise Refusal(ExitCode.SPEC, Diagnostics(analysis.diagnostics.errors, analysis.diagnostics.sources))
    allow_outside = settings.allow_outside or (record is not None and record.record.allow_outside)
    files, problems = find_files(program.dataset, analysis.project, allow_outside=allow_outside)
    if problems:
        raise Refusal(ExitCode.SPEC, Diagnostics(tuple(problems), analysis.diagnostics.sources))
    graded: dict[str, Graded] = {}
    notes: list[str] = []
    warnings: list[Diagnostic] = []
    for dataset in _find_answers(program, answers):
        read, said, found = read_graded(
            dataset, program.dataset, files, analysis.project, allow_outside=allow_outside, origins=program.origins
        )
        if read is None:
            raise Refusal(ExitCode.SPEC, Diagnostics(tuple(found), analysis.diagnostics.sources))
        graded[dataset.name] = read
        notes += said
        warnings += found
    items = [entry for entry in read_items(program.dataset, files, analysis.project) if isinstance(entry, Item)]
    sets = {"original": _score(graded, (item.row for item in items), len(items), confidence)}
    unanswered: dict[str, int] = {}
    if record is not None:
        rows = _load_refined(record)
        kept = [row for row in rows if row.origin == "original"]
        sets["refined"] = _score(graded, (row.item.row for row in kept), len(rows), confidence)
        made = {origin: sum(row.origin == origin for row in rows) for origin in ("changed", "added")}
        unanswered = {origin: count for origin, count in made.items() if count}
    name = f"run {target}" if record is not None else path.name
    diagnostics = Diagnostics(tuple(warnings), analysis.diagnostics.sources)
    return Evaluation(name, confidence, sets, unanswered, tuple(notes)), diagnostics


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
    settled = record.record
    try:
        with records.open_replies(record.project) as store:
            refined = open_refined(
                record.folder.path, record.project, store,
                source=settled.source, allow_outside=settled.allow_outside,
            )  # fmt: skip
            if isinstance(refined, Diagnostic):
                raise Refusal(ExitCode.SPEC, Diagnostics((refined,)))
            return list(refined.rows())
    except (RebuildFault, SourceFault) as fault:
        raise Refusal(ExitCode.SPEC, Diagnostics((fault.diagnostic,))) from None
    except StoreError as error:
        problem = record_faults.reply_store_unusable(str(record.project.store), str(error))
        raise Refusal(ExitCode.SPEC, Diagnostics((problem,))) from None


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
