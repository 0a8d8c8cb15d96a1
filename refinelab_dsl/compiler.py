"""The pipeline: a spec's text becomes a saved plan. Read this file and you have read the compiler.

Each stage is one call that returns its result and what it has to complain of. A stage that needs what an earlier one
could not give is not called. What passes to the runtime is the plan file alone.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from refinelab_dsl import __version__, ir, repair, semantics, syntax
from refinelab_dsl.artifacts.evidence import NAME as EVIDENCE
from refinelab_dsl.artifacts.evidence import AnyRecord, Evidence, load_evidence
from refinelab_dsl.artifacts.lock_file import Lock, load_lock
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics
from refinelab_dsl.diagnostics.catalog import lock as lock_faults
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import LOCK, Project, find_project
from refinelab_dsl.scratch import Scratch
from refinelab_dsl.source import Source, Sources

if TYPE_CHECKING:  # the later stages are imported when they run: `check` needs neither numpy nor Pyomo
    from refinelab_dsl.artifacts.decisions import Decisions
    from refinelab_dsl.artifacts.evidence import AnyRecord
    from refinelab_dsl.artifacts.inventory import Earlier
    from refinelab_dsl.artifacts.plan import DecisionSet, SeedSet
    from refinelab_dsl.artifacts.plan_file import PlanFile
    from refinelab_dsl.data.profile import Profile
    from refinelab_dsl.data.round import Round
    from refinelab_dsl.estimate.estimates import Estimates
    from refinelab_dsl.plan.build import Draft, Situation
    from refinelab_dsl.plan.outlook import Facts
    from refinelab_dsl.plan.pilot import Phase
    from refinelab_dsl.plan.preview import Preview
    from refinelab_dsl.solve.problem import Assignment, Paid, Problem


class Stage(NamedTuple):
    name: str
    takes: str
    gives: str
    guarantee: str


STAGES = (
    Stage("syntax.parse", "source", "tree", "every node has a span; partial where there are errors"),
    Stage("semantics.resolve", "tree", "bindings", "imports are in; each reference has a declaration or a diagnostic"),
    Stage("semantics.check", "tree, bindings", "diagnostics", "no later stage reports an error of form"),
    Stage("ir.lower", "tree, bindings", "Program", "verified; no syntax left, spans only as origin"),
    Stage("data.build_profile", "program, files", "Profile", "every item typed, or a data error with its row"),
    Stage("estimate.estimate", "program, profile", "Estimates", "every operator has a rate and a cost, with source"),
    Stage("solve.solve", "Problem", "Assignment", "within every constraint; gap proven, or the conflict named"),
    Stage("plan.build", "assignment", "plan file", "self-contained, hashed, deterministic bytes"),
)


@dataclass(frozen=True)
class Options:
    """What a user sets outside of the spec.

    variables: `--var x=…` as typed. environ: where `REFINE_VAR_x` gives a variable its value. solver: overrides
    `solve.solver`. max_cost: dollars above which a plan is refused. library: a file that only declares names for others
    to import is right without a dataset; it has no program. lock: instead of the project's `refine.lock`. unsaved: what
    files that a spec imports or reads hold instead of what stands on disk, by their resolved paths: the text in an
    editor, or a repair to be tried. earlier: reads what earlier runs of a project bought, for plans to build on; None
    leaves it out of account. decisions: what a person decided about the edits of those; of a plan whose rest is
    planned, as that plan holds them. round: of a loop, whose items and signals take the place of those of the spec.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_outside: bool = False
    solver: Literal["auto", "glpk", "highs"] | None = None
    max_cost: Decimal | None = None
    library: bool = False
    lock: Lock | None = None
    unsaved: Mapping[Path, str] = field(default_factory=dict, repr=False)
    earlier: Callable[[Project], Earlier] | None = field(default=None, repr=False)
    decisions: Decisions | DecisionSet | None = field(default=None, repr=False)
    round: Round | None = None


@dataclass(frozen=True)
class Analysis:
    """Stages 1 to 4. `program` is there exactly when no diagnostic is an error and the file is no library."""

    source: Source
    project: Project
    tree: syntax.Tree | None
    bindings: semantics.Bindings | None
    program: ir.Program | None
    diagnostics: Diagnostics
    lock: Lock | None = None
    evidence: Evidence = field(default_factory=Evidence)
    seeds: Mapping[str, SeedSet] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """All stages. `plan` is there unless `exit_code` says why not; a plan whose checks failed is there too. `preview`
    is there where the allocation rests on what a pilot is still to learn."""

    analysis: Analysis
    plan: PlanFile | None
    diagnostics: Diagnostics
    exit_code: ExitCode
    assignment: Assignment | None = None
    problem: Problem | None = None
    preview: Preview | None = None


@dataclass(frozen=True)
class Posed:
    """Stages 1 to 6. `problem` and `estimates` are there unless a diagnostic says why not."""

    analysis: Analysis
    diagnostics: Diagnostics
    problem: Problem | None = None
    estimates: Estimates | None = None


Spec: TypeAlias = Path | Source


def analyze(spec: Spec, options: Options = Options()) -> Analysis:
    """Stages 1 to 4: no data, no solver, no network."""
    source, project, diagnostics = _read(spec)
    if diagnostics.has_errors:
        return Analysis(source, project, None, None, None, diagnostics)
    tree, found = syntax.parse(source)
    diagnostics = diagnostics.with_(found)
    if found.has_errors and not tree.statements:
        # Nothing of the text could be read (an unknown edition, say): no later complaint would be about the spec.
        return Analysis(source, project, tree, None, None, diagnostics)
    lock, damage = _read_lock(source, project, options)
    diagnostics = diagnostics.with_(damage)
    prices = {} if lock is None else lock.list_prices()
    front = semantics.Options(
        options.variables, options.environ, options.allow_outside, project, options.library, prices, options.unsaved
    )
    bindings, found = semantics.resolve(tree, diagnostics.sources, front)
    diagnostics = diagnostics.with_(found)
    diagnostics = diagnostics.with_(semantics.check(tree, bindings))
    diagnostics = repair.propose(source, tree, diagnostics, partial(_judge, front))
    if diagnostics.has_errors or bindings.draft.dataset is None:
        return Analysis(source, project, tree, bindings, None, diagnostics, lock)
    program = ir.lower(tree, bindings, Path(source.name).stem)
    ir.verify(program)
    return Analysis(source, project, tree, bindings, program, diagnostics, lock)


def _judge(options: semantics.Options, source: Source, tree: syntax.Tree) -> Diagnostics:
    """What the second and third stage have to say of a tree."""
    bindings, found = semantics.resolve(tree, Sources([source]), options)
    return found.with_(semantics.check(tree, bindings))


def plan(spec: Spec | Analysis, options: Options = Options(), destination: Path | None = None) -> Planned:
    """All stages: from text to a saved plan. Spends nothing, calls nobody, writes `destination` alone.

    spec: or what `analyze` made of it, with the same variables, lock and unsaved files.
    destination: where the plan is saved; None keeps it in a temporary folder as long as the result lives.
    """
    from refinelab_dsl.plan.learnt import find_unknown

    analysis, profile, diagnostics = _look(spec, options)
    if analysis.program is None or profile is None:
        return Planned(analysis, None, diagnostics, ExitCode.SPEC)
    unknown = find_unknown(analysis.program, profile)
    if unknown:
        return _preview(analysis, analysis.program, profile, diagnostics, unknown, options)
    return _allocate(analysis, analysis.program, profile, diagnostics, options, destination)


def plan_rest(spec: Spec, paid: Paid, learnt: Sequence[AnyRecord], options: Options, destination: Path) -> Planned:
    """The plan of what is left of a run, whose logs say what it learnt: all that it had accepted is inventory."""
    from refinelab_dsl.plan.originals import set_bought

    analysis, profile, diagnostics = _look(spec, options, learnt)
    if analysis.program is None or profile is None:
        return Planned(analysis, None, diagnostics, ExitCode.SPEC)
    profile = set_bought(profile, paid.embedded)
    return _allocate(analysis, analysis.program, profile, diagnostics, options, destination, paid)


def pose(spec: Spec, options: Options = Options()) -> Posed:
    """Stages 1 to 6, and the problem that the seventh would be given, without what earlier runs bought."""
    from refinelab_dsl import estimate, solve
    from refinelab_dsl.plan import build
    from refinelab_dsl.plan.budgets import warn_of_budget
    from refinelab_dsl.plan.decide import blame_template, read_least
    from refinelab_dsl.prompts.steps import StepFault

    analysis, profile, diagnostics = _look(spec, options)
    if analysis.program is None or profile is None:
        return Posed(analysis, diagnostics)
    try:
        context = build.build_context(analysis.program, profile, analysis.evidence, analysis.seeds)
        estimates = estimate.estimate(analysis.program, profile, context, evidence=analysis.evidence)
    except StepFault as fault:
        return Posed(analysis, diagnostics.with_([blame_template(analysis.program, fault)]))
    problem, found = solve.build_problem(analysis.program, profile, estimates)
    if problem is not None:
        given = (analysis.program, profile, context, analysis.project)
        least = partial(read_least, *given, allow_outside=options.allow_outside)
        found = (*found, *warn_of_budget(analysis.program, problem, least))
    return Posed(analysis, diagnostics.with_(found), problem, estimates)


@dataclass(frozen=True)
class Piloted:
    """What a pilot is to learn. phases: what is left, in order; plan: of the first of them, saved at `path`."""

    analysis: Analysis
    diagnostics: Diagnostics
    exit_code: ExitCode
    phases: tuple[Phase, ...] = ()
    plan: PlanFile | None = None


def pilot(
    spec: Spec,
    options: Options = Options(),
    destination: Path | None = None,
    spent: tuple[int, Decimal] = (0, Decimal(0)),
    news: Sequence[AnyRecord] = (),
) -> Piloted:
    """What a pilot of a spec would ask, and the plan of its next phase. Spends nothing and calls nobody.

    destination: where that plan is saved; None prices alone. spent: tokens and dollars of its phases so far, also
    of earlier starts. news: what was learnt and does not stand in the evidence file yet.
    """
    from refinelab_dsl.artifacts.plan_file import PlanFile, write_plan
    from refinelab_dsl.plan import pilot
    from refinelab_dsl.plan.decide import blame_template
    from refinelab_dsl.plan.review import review_pilot
    from refinelab_dsl.prompts.steps import StepFault

    analysis, profile, diagnostics = _look(spec, options, news)
    program = analysis.program
    if program is None or profile is None:
        return Piloted(analysis, diagnostics, ExitCode.SPEC)
    case = pilot.PilotCase(
        program, profile, analysis.evidence, __version__, name_spec(analysis), analysis.seeds, *spent
    )
    try:
        phases = pilot.list_phases(case)
        if not phases:
            return Piloted(analysis, diagnostics, ExitCode.DONE)
        shown = pilot.discount(case, phases, analysis.project, allow_outside=options.allow_outside)
        found, exit_code = review_pilot(program, shown, spent)
        diagnostics = diagnostics.with_(found)
        if destination is None or exit_code != ExitCode.DONE:
            return Piloted(analysis, diagnostics, exit_code, shown)
        write_plan(destination, *pilot.draft_pilot(case, phases[0]))
    except StepFault as fault:
        return Piloted(analysis, diagnostics.with_([blame_template(program, fault)]), ExitCode.SPEC)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        problem = faults.plan_unreadable(str(destination), reason, writing=True)
        return Piloted(analysis, diagnostics.with_([problem]), ExitCode.SPEC)
    saved, problems = PlanFile.open(destination)
    return Piloted(analysis, diagnostics.with_(problems), ExitCode.DONE if saved else ExitCode.SPEC, phases, saved)


def describe_evidence(spec: Spec, options: Options = Options()) -> Facts | None:
    """What is known of a spec's paid measures and its operators; None for a spec that cannot be read."""
    from refinelab_dsl import estimate
    from refinelab_dsl.plan import build, outlook
    from refinelab_dsl.prompts.steps import StepFault

    analysis, profile, _ = _look(spec, options)
    if analysis.program is None or profile is None:
        return None
    context = build.build_context(analysis.program, profile, analysis.evidence, analysis.seeds)
    try:
        estimates = estimate.estimate(analysis.program, profile, context, evidence=analysis.evidence)
    except StepFault:
        return None
    return outlook.gather_facts(analysis.program, profile, context, estimates, analysis.evidence)


def _look(
    spec: Spec | Analysis, options: Options, news: Sequence[AnyRecord] = ()
) -> tuple[Analysis, Profile | None, Diagnostics]:
    """Stages 1 to 5; the profile is there exactly when all went well."""
    from refinelab_dsl.plan import learnt, rounds

    analysis = spec if isinstance(spec, Analysis) else analyze(spec, options)
    program, diagnostics = analysis.program, analysis.diagnostics
    if program is None:
        return analysis, None, diagnostics
    if options.round is not None:
        program = rounds.place_round(program, options.round)
        analysis = replace(analysis, program=program)
    diagnostics = diagnostics.with_(refuse_unexecutable(program))
    path = analysis.source.path  # a text that stands in no folder has no evidence beside it
    evidence, damage = (Evidence(), ()) if path is None else load_evidence(path.parent / EVIDENCE)
    evidence = evidence.including(news, program.name) if news else evidence
    diagnostics = diagnostics.with_(damage)
    if diagnostics.has_errors:
        return analysis, None, diagnostics
    seeds, problems = learnt.find_seeds(program, analysis.project, allow_outside=options.allow_outside)
    diagnostics = diagnostics.with_(problems)
    if diagnostics.has_errors:
        return analysis, None, diagnostics
    analysis = replace(analysis, evidence=evidence, seeds=seeds)
    profile, found = _profile(program, analysis, options)
    if options.round is not None:
        found = rounds.insist_on_signals(found)
    diagnostics = diagnostics.with_(found)
    if profile is None or diagnostics.has_errors:
        if program.loop is not None and options.round is None:
            diagnostics = diagnostics.with_(rounds.explain_missing(program, found))
        return analysis, None, diagnostics
    if options.round is not None:  # items of a round are pinned nowhere
        return analysis, profile, diagnostics
    return analysis, profile, diagnostics.with_(_compare_lock(analysis, program, profile))


def _read(spec: Spec) -> tuple[Source, Project, Diagnostics]:
    if isinstance(spec, Source):
        base = spec.path.parent if spec.path is not None else Path.cwd()
        return spec, find_project(base), Diagnostics((), Sources([spec]))
    _, source, found = syntax.load(spec)
    return source, find_project(spec.parent), found


def _read_lock(source: Source, project: Project, options: Options) -> tuple[Lock | None, tuple[Diagnostic, ...]]:
    """The project's `refine.lock`; a text that stands in no folder has none."""
    if options.lock is not None or source.path is None:
        return options.lock, ()
    return load_lock(project.lock)


def _preview(
    analysis: Analysis,
    program: ir.Program,
    profile: Profile,
    diagnostics: Diagnostics,
    unknown: Sequence[Diagnostic],
    options: Options,
) -> Planned:
    """No plan, and what can be said without it."""
    from refinelab_dsl.plan import learnt, pilot, preview
    from refinelab_dsl.plan.decide import blame_template
    from refinelab_dsl.prompts.steps import StepFault

    seeds, problems = learnt.find_seeds(program, analysis.project, allow_outside=options.allow_outside)
    if problems:
        return Planned(analysis, None, diagnostics.with_(problems), ExitCode.SPEC)
    case = pilot.PilotCase(program, profile, analysis.evidence, __version__, name_spec(analysis), seeds)
    try:
        phases = pilot.list_phases(case)
    except StepFault as fault:
        return Planned(analysis, None, diagnostics.with_([blame_template(program, fault)]), ExitCode.SPEC)
    phases = pilot.discount(case, phases, analysis.project, allow_outside=options.allow_outside)
    shown = preview.build_preview(program, profile, phases)
    return Planned(analysis, None, diagnostics.with_(unknown), ExitCode.SPEC, preview=shown)


def _compare_lock(analysis: Analysis, program: ir.Program, profile: Profile) -> list[Diagnostic]:
    """What the plan is made of and is not as `refine.lock` pins it."""
    from refinelab_dsl.plan.pins import find_plan_drift

    pinned = None if analysis.lock is None else analysis.lock.specs.get(name_spec(analysis))
    if pinned is None or analysis.bindings is None:
        return []
    drifts = find_plan_drift(pinned, program, profile, analysis.source, analysis.bindings, analysis.project)
    return [lock_faults.differs_from_lock(LOCK, drift.what, drift.was, drift.now) for drift in drifts]


def refuse_unexecutable(program: ir.Program) -> list[Diagnostic]:
    """What of a program no stage after `lower` knows yet."""
    return [faults.not_executable_yet(use.what, use.span) for use in program.unexecutable]


def _profile(program: ir.Program, analysis: Analysis, options: Options) -> tuple[Profile | None, Diagnostics]:
    from refinelab_dsl import data
    from refinelab_dsl.data.corpora import hash_corpora, list_corpora
    from refinelab_dsl.plan import learnt, originals

    project = analysis.project
    corpora = list_corpora(program.operators, program.validators, program.datasets)
    held: dict[str, str] = {}
    if any(measure.kind == "verdict" for measure in program.measures):
        found = hash_corpora(corpora, project, allow_outside=options.allow_outside, environ=options.environ)
        held = {corpus.name: corpus.sha256 for corpus in found.corpora}
    profile, diagnostics = data.build_profile(
        program.dataset,
        program.measures,
        program.dimensions,
        program.operators,
        program.constraints,
        seed=program.seed,
        project=project,
        allow_outside=options.allow_outside,
        origins=program.origins,
        others=program.datasets,
        learnt=learnt.find_values(program, analysis.evidence, analysis.seeds, held),
        clusters=learnt.find_clusters(program, analysis.evidence, analysis.seeds),
        embeddings=program.embeddings,
        corpora=corpora,
        environ=options.environ,
    )
    if profile is not None:
        files, _ = data.find_files(program.dataset, project, allow_outside=options.allow_outside)
        profile = replace(profile, originals=originals.survey_originals(program, files, project))
    return profile, diagnostics


def _allocate(
    analysis: Analysis,
    program: ir.Program,
    profile: Profile,
    diagnostics: Diagnostics,
    options: Options,
    destination: Path | None,
    paid: Paid | None = None,
) -> Planned:
    """Stages 6 to 8. paid: what earlier legs of a run have, whose rest is planned."""
    from refinelab_dsl.artifacts.inventory import Earlier
    from refinelab_dsl.plan.decide import Case, Failed, decide
    from refinelab_dsl.plan.decisions import settle_decisions

    earlier = Earlier() if options.earlier is None else options.earlier(analysis.project)
    diagnostics = diagnostics.with_(earlier.diagnostics)
    decided, problems = settle_decisions(options.decisions, name_spec(analysis), analysis.project, earlier.runs)
    if problems:
        return Planned(analysis, None, diagnostics.with_(problems), ExitCode.SPEC)
    case = Case(
        program, profile, analysis.project, __version__, name_spec(analysis), _given_variables(analysis, options),
        analysis.evidence, analysis.seeds, options.solver, options.allow_outside, paid, decided,
        () if options.round is None else options.round.earlier,
    )
    answer = decide(case, earlier.runs)
    diagnostics = diagnostics.with_(answer.diagnostics)
    if isinstance(answer, Failed):
        return Planned(analysis, None, diagnostics, answer.exit_code, problem=answer.problem)
    return _save(analysis, answer.situation, answer.draft, diagnostics, options, destination)


def _save(
    analysis: Analysis,
    situation: Situation,
    draft: Draft,
    diagnostics: Diagnostics,
    options: Options,
    destination: Path | None,
) -> Planned:
    from refinelab_dsl.artifacts.plan_file import SUFFIX, PlanFile, write_plan
    from refinelab_dsl.plan.review import review_draft

    judged, exit_code = review_draft(situation, draft, options.max_cost, options.environ)
    diagnostics = diagnostics.with_(judged)
    scratch = None
    if destination is None:
        scratch = Scratch()
        destination = Path(scratch.name, f"plan{SUFFIX}")
    try:
        write_plan(destination, draft.header, draft.body())
        saved, found = PlanFile.open(destination)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        saved, found = None, (faults.plan_unreadable(str(destination), reason, writing=True),)
    if saved is None:
        exit_code = ExitCode.SPEC
    planned = Planned(
        analysis, saved, diagnostics.with_(found), exit_code, situation.assignment, situation.problem
    )
    if scratch is not None:
        weakref.finalize(planned, scratch.cleanup)
    return planned


def name_spec(analysis: Analysis) -> str:
    """The spec's path as plans have it: from the project's root."""
    path = analysis.source.path
    if path is None:
        return analysis.source.name
    resolved, root = path.resolve(), analysis.project.root.resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else resolved.name


def _given_variables(analysis: Analysis, options: Options) -> dict[str, str]:
    """What was set from outside, for `apply` to set again. Paths stay out: a plan holds none of a machine."""
    declared = analysis.bindings.variables if analysis.bindings is not None else {}
    outside = semantics.Options(options.variables, options.environ)
    given = {name: semantics.given_value(name, outside) for name in declared}
    return {name: text for name, text in given.items() if text is not None and declared[name].type != "path"}
