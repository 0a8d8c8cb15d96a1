"""Whether a saved plan still fits its spec and its data, on this machine, now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.decisions import load_decisions
from refinelab_dsl.artifacts.evidence import NAME as EVIDENCE
from refinelab_dsl.artifacts.evidence import load_evidence
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import inputs
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.data import files
from refinelab_dsl.data.corpora import hash_corpora, list_corpora, list_sources
from refinelab_dsl.data.profile import FileDigest
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.execute.earlier import describe_vanished
from refinelab_dsl.measures.recorded import list_signals
from refinelab_dsl.plan import stale
from refinelab_dsl.project import Project, find_project
from refinelab_dsl.store import StoreError


@dataclass(frozen=True)
class Freshness:
    """`changes` is empty where the plan is fresh. `source` is the dataset's, as the spec writes it, `corpora` those of
    corpora that are files.

    diagnostics: what is wrong with the spec or its data files, where that is why the plan is stale.
    """

    project: Project
    changes: tuple[str, ...]
    source: tuple[str, ...] = ()
    corpora: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)


def examine_plan(plan: PlanFile, settings: Settings) -> Freshness:
    """Compares a plan with the spec that it was made from, and with the bytes of its data files."""
    header = plan.header
    spec = find_spec(plan)
    if spec is None:
        return Freshness(find_project(plan.path.parent), (f"the spec `{header.spec_path}` is gone",))
    project = find_project(spec.parent)
    options = inputs.build_options(settings)
    options = replace(options, variables={**header.variables, **options.variables})
    analysis = compiler.analyze(spec, options)
    if analysis.program is None:
        return Freshness(project, (f"the spec `{header.spec_path}` has errors",), diagnostics=analysis.diagnostics)
    program = analysis.program
    paths, problems = files.find_files(
        program.dataset, project, allow_outside=settings.allow_outside, origins=program.origins
    )
    digests, unreadable = files.digest_files(paths, project)
    problems = (*problems, *unreadable)
    signals: tuple[FileDigest, ...] = ()
    for dataset in list_signals(program.measures, program.datasets):
        read, missing = files.find_files(
            dataset, project, allow_outside=settings.allow_outside, origins=program.origins
        )
        found_digests, unreadable = files.digest_files(read, project)
        signals = (*signals, *found_digests)
        problems = (*problems, *missing, *unreadable)
    corpora = list_corpora(program.operators, program.validators, program.datasets)
    held = hash_corpora(
        corpora, project, allow_outside=settings.allow_outside, origins=program.origins, environ=options.environ
    )
    signals = (*signals, *(file for each in held.files.values() for file in each))
    problems = (*problems, *held.diagnostics)
    if problems:
        found = analysis.diagnostics.with_(problems)
        return Freshness(
            project, ("its data files cannot be read",), program.dataset.source, diagnostics=found
        )
    evidence, damage = load_evidence(spec.parent / EVIDENCE)
    if damage:
        found = analysis.diagnostics.with_(damage)
        return Freshness(project, (f"`{EVIDENCE}` cannot be read",), program.dataset.source, diagnostics=found)
    changes = stale.find_changes(header, program, digests, files.digest_dataset(digests), signals, evidence)
    decisions = header.decisions
    if decisions is not None and (project.root / decisions.file).is_file():
        told, _ = load_decisions(project.root / decisions.file)
        if told is None or told.sha256 != decisions.sha256:
            changes = (*changes, f"the decisions in `{decisions.file}` changed")
    try:
        changes = (*changes, *describe_vanished(plan, project))
    except StoreError as error:
        damaged = analysis.diagnostics.with_([faults.store_damaged(str(project.store), str(error))])
        return Freshness(
            project, (*changes, "the store of replies cannot be read"), program.dataset.source, diagnostics=damaged
        )
    return Freshness(project, changes, program.dataset.source, list_sources(corpora))


def find_spec(plan: PlanFile) -> Path | None:
    """The spec that a plan names: relative to the root of the project we stand in, else of the one the plan lies in."""
    for start in (Path.cwd(), plan.path.resolve().parent):
        path = find_project(start).root / plan.header.spec_path
        if path.is_file():
            return _as_typed(path)
    return None


def _as_typed(path: Path) -> Path:
    """Relative to here, where it lies below: diagnostics then read as if the user had named it."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
