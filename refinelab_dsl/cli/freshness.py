"""Whether a saved plan still fits its spec and its data, on this machine, now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import inputs
from refinelab_dsl.cli.options import Settings
from refinelab_dsl.data import files
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
    """`changes` is empty where the plan is fresh. `source` is the dataset's, as the spec writes it.

    diagnostics: what is wrong with the spec or its data files, where that is why the plan is stale.
    """

    project: Project
    changes: tuple[str, ...]
    source: tuple[str, ...] = ()
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
    if problems:
        found = analysis.diagnostics.with_(problems)
        return Freshness(project, ("its data files cannot be read",), program.dataset.source, found)
    changes = stale.find_changes(header, program, digests, files.digest_dataset(digests), signals)
    try:
        changes = (*changes, *describe_vanished(plan, project))
    except StoreError as error:
        damaged = analysis.diagnostics.with_([faults.store_damaged(str(project.store), str(error))])
        return Freshness(project, (*changes, "the store of replies cannot be read"), program.dataset.source, damaged)
    return Freshness(project, changes, program.dataset.source)


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
