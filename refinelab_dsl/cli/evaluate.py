"""`refinec evaluate`: models on the original and on the refined set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from refinelab_dsl import compiler, ir
from refinelab_dsl.cli import inputs, judging, records, terminal
from refinelab_dsl.cli.bench import Held, Job, dump_held, hold, list_notes, parse_limit
from refinelab_dsl.cli.events import write_result
from refinelab_dsl.cli.examination import StyleNames, Wanted, ask_models, settle_wanted
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.data.files import find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.data.records import Graded, read_graded
from refinelab_dsl.declarations import Dataset, Run
from refinelab_dsl.diagnostics.catalog import evaluation as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.evaluation.contests import dump_consistency, dump_standing, render_consistency, render_standing
from refinelab_dsl.evaluation.report import Evaluation, dump_evaluation, render_evaluation
from refinelab_dsl.evaluation.score import SetScore, score_set
from refinelab_dsl.evaluation.styles import STYLES, Style
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.operators.consistency import Pair, list_pairs
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
@click.option("--baselines", is_flag=True,
              help="A refine beside other ways of answering, compared by a judge: as the answer came in, "
              "given at once, the best of ten, the refiner alone.")  # fmt: skip
@click.option("--consistency", is_flag=True,
              help="Of a RUN: ask its judges again about each pair of successive answers.")  # fmt: skip
@click.option("--operator", metavar="NAME", help="Of --baselines: which refine.  [default: the only one]")
@click.option("--judge", metavar="NAME", help="Of --baselines: who compares.  [default: the operator's judge]")
@click.option("--repeats", type=click.IntRange(2, 100), default=10, show_default=True,
              help="Of --consistency: verdicts on each pair.")  # fmt: skip
@click.option("--auto-approve", is_flag=True, help="Do not ask before models are called.")
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True,
              help="Of the intervals.")  # fmt: skip
def evaluate_command(
    settings: Settings, target: str, answers: tuple[str, ...], models: str | None, styles: tuple[Style, ...],
    budget: str | None, size: int | None, baselines: bool, consistency: bool, operator: str | None,
    judge: str | None, repeats: int, auto_approve: bool, confidence: float,
) -> int:  # fmt: skip
    """How models do on the set that came in and on the refined one: accuracy, spread, discrimination, order.

    Answers are those that were recorded of the items. Items that were changed or added have none, and are counted, not
    guessed. With --models the models are asked instead, about all items, within a budget; what the store of replies
    holds is not bought again. Of a SPEC only the set that came in is evaluated; of a RUN both are.

    With --baselines the answers of a `refine` are compared with those of other ways, at what each costs; with
    --consistency the judges of a run are asked again. Both ask models, within a budget.
    """
    if sum((models is not None, bool(answers), baselines, consistency)) > 1:
        raise click.UsageError("--answers, --models, --baselines, --consistency: these are four evaluations; take one")
    if not baselines and (operator is not None or judge is not None):
        raise click.UsageError("--operator and --judge are for --baselines")
    if baselines or consistency:
        request = judging.Wanted(operator, judge, repeats, size, budget, confidence, auto_approve)
        return evaluate_judging(settings, target, request, baselines=baselines)
    if models is None and (budget is not None or size is not None):
        raise click.UsageError("--budget and -n are for asking: name whom, with --models")
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


def evaluate_judging(settings: Settings, target: str, wanted: judging.Wanted, *, baselines: bool) -> int:
    """`--baselines` and `--consistency`."""
    try:
        studied = load_studied(settings, target)
        found = compare_ways(settings, studied, wanted) if baselines else ask_again(settings, studied, wanted)
    except Refusal as refusal:
        terminal.report(settings, refusal.diagnostics)
        write_result(settings, terminal.document(refusal.diagnostics))
        return refusal.code
    if found is None:
        terminal.complain("evaluation cancelled: nothing was called")
        return ExitCode.INTERRUPTED
    text, document, held = found
    code, problems = held.fault or (ExitCode.DONE, ())
    diagnostics = Diagnostics(tuple(problems))
    terminal.report(settings, diagnostics)
    if settings.format == "text":
        terminal.write(text)
    write_result(settings, terminal.document(diagnostics, **document, asked=dump_held(held)))
    return code


def compare_ways(
    settings: Settings, studied: Studied, wanted: judging.Wanted
) -> tuple[str, dict[str, Any], Held] | None:
    """A `refine` beside other ways of answering the items of the set that came in; None where nobody approved of it.

    Raises:
        Refusal: there is no such operator or judge, or nobody could be asked.
    """
    program = studied.program
    refining = judging.find_refining(program, wanted.operator, wanted.judge)
    if isinstance(refining, Diagnostic):
        raise Refusal(ExitCode.USAGE, Diagnostics((refining,)))
    limit = parse_limit(wanted.budget, refining.models)
    items = choose_items(studied.items(), wanted.size, program.seed)
    job = judging.build_contests(refining, items, limit, program.run or Run())
    held = _hold(settings, job, studied, wanted)
    if held is None:
        return None
    standing = judging.settle_contests(refining, held, len(items), studied.name, wanted.confidence)
    return render_standing(standing), dump_standing(standing), held


def ask_again(settings: Settings, studied: Studied, wanted: judging.Wanted) -> tuple[str, dict[str, Any], Held] | None:
    """The judges of a run, asked again; None where nobody approved of it.

    Raises:
        Refusal: it is no run, there is no chain in it, or nobody could be asked.
    """
    record = studied.record
    if record is None:
        raise click.UsageError("--consistency asks about the chains of a run: name one, as `refinec evaluate 1`")
    header = record.plan.header
    pairs: dict[str, list[Pair]] = {}
    try:
        with records.open_result(record) as refined:
            chains = list(refined.chains())
    except records.ResultUnreadable as fault:
        found = (fault.diagnostic,)
        raise Refusal(records.judge_refusal(found), Diagnostics(found)) from None
    chosen = {item.key for item in choose_items([item for _, item, _ in chains], wanted.size, header.seed)}
    for name, item, chain in chains:
        if item.key in chosen:
            pairs.setdefault(name, []).extend(list_pairs(item, chain, header.dataset.item_task))
    voices = judging.list_voices(header, pairs)
    if not any(voice.pairs for voice in voices):
        raise Refusal(ExitCode.USAGE, Diagnostics((faults.no_chains(studied.name),)))
    models = {model.name: model for model in header.models}
    limit = parse_limit(wanted.budget, [models[voice.model] for voice in voices])
    job = judging.build_repeats(header, voices, wanted.repeats, limit, studied.program.run or Run())
    held = _hold(settings, job, studied, wanted)
    if held is None:
        return None
    notes = list_notes(held, "such verdicts are in no figure")
    told = judging.settle_repeats(voices, held.examined, studied.name, wanted.repeats, wanted.confidence, notes)
    return render_consistency(told), dump_consistency(told), held


def _hold(settings: Settings, job: Job, studied: Studied, wanted: judging.Wanted) -> Held | None:
    held = hold(settings, job, studied.project, approved=wanted.approved)
    if isinstance(held, tuple):
        raise Refusal(held[0], Diagnostics((held[1],)))
    return held


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
    allow_outside = settings.allow_outside or (record is not None and record.record.allow_outside)
    analysis = compiler.analyze(path, inputs.build_options(replace(settings, allow_outside=allow_outside)))
    program, sources = analysis.program, analysis.diagnostics.sources
    if program is None:
        raise Refusal(ExitCode.SPEC, Diagnostics(analysis.diagnostics.errors, sources))
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
