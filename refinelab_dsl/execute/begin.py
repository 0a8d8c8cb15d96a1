"""What is asked before a run begins: nothing is paid before all of it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refinelab_dsl import providers
from refinelab_dsl.artifacts.plan import Header, Input
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.data import digest_dataset, digest_files, find_files
from refinelab_dsl.data.corpora import hash_corpora, list_sources, place_sources
from refinelab_dsl.data.heldout import PREFIX as HELDOUT
from refinelab_dsl.data.heldout import check_heldout
from refinelab_dsl.data.profile import FileDigest
from refinelab_dsl.data.write import check_outputs
from refinelab_dsl.declarations import Embedding, Model
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import plan as plan_faults
from refinelab_dsl.diagnostics.catalog import retrieval as corpus_faults
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.execute import runs
from refinelab_dsl.execute.earlier import describe_vanished
from refinelab_dsl.execute.embeddings import list_asked
from refinelab_dsl.execute.observe import RunOptions
from refinelab_dsl.execute.replan import find_next
from refinelab_dsl.execute.runs import RunDamaged, RunFolder, RunRecord
from refinelab_dsl.execute.seeds import read_planned_seeds
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from refinelab_dsl.store import StoreError


class Refusal(Exception):
    """The run cannot begin."""

    def __init__(self, code: ExitCode, *diagnostics: Diagnostic) -> None:
        super().__init__(diagnostics[0].message)
        self.code = code
        self.diagnostics = diagnostics


@dataclass(frozen=True)
class Start:
    """A run that may begin. header: the plan's, with the dataset's source put back."""

    plan: PlanFile
    header: Header
    folder: RunFolder
    record: RunRecord
    files: tuple[Path, ...]
    allow_outside: bool
    is_over: bool = False  # a leg that has ended: what is left of it is to be planned

    @property
    def go_on(self) -> str:
        """The command that goes on with the run, once it is stopped. A pilot is started again."""
        if self.record.purpose == "pilot":
            return "refinec pilot"
        return f"refinec apply --resume={self.folder.number}{'' if self.record.loop is None else ' --allow-exec'}"


def begin_run(
    plan_path: Path | None, project: Project, options: RunOptions, legs: tuple[int, ...] = (), *, goes_on: bool = False
) -> Start:
    """Everything that can be checked before a call is paid, in the order of exit codes.

    legs: the runs of which this one is the rest. goes_on: a leg that has ended goes on by its own plan.
    """
    found: tuple[RunFolder, RunRecord] | None = None
    if options.resume is not None:
        found = _find_resumed(project, options.resume)
        plan_path = found[0].plan
    assert plan_path is not None
    plan, problems = PlanFile.open(plan_path)
    if plan is None:
        raise Refusal(ExitCode.SPEC, *problems)
    if found is None and options.saved:
        found = _follow(project, runs.find_applied(project, plan.plan_id))
        if found is not None:
            if found[1].status not in (*runs.UNFINISHED, "replanned"):
                raise Refusal(ExitCode.STALE, faults.plan_used(str(plan_path), found[0].number))
            plan, problems = PlanFile.open(found[0].plan)
            if plan is None:
                raise Refusal(ExitCode.SPEC, *problems)
    source, allow_outside = options.source or plan.header.files, options.allow_outside
    if found is not None:
        source, allow_outside = found[1].source or source, found[1].allow_outside or allow_outside
    sources = options.corpora if found is None else found[1].corpora or options.corpora
    dataset = plan.header.dataset.model_copy(update={"source": source})
    corpora = place_sources(plan.header.corpora, sources)
    header = plan.header.model_copy(update={"dataset": dataset, "corpora": corpora})
    files = _check_dataset(plan, header, project, allow_outside)
    _check_corpora(plan, header, project, options, allow_outside)
    _check_seeds(plan, header, project, allow_outside)
    _check_inventory(plan, project, options)
    refused = check_outputs(header.outputs, files, project, allow_outside=allow_outside)
    if refused.has_errors:
        raise Refusal(ExitCode.SPEC, *refused)
    for endpoint in list_endpoints(header):
        distrust = providers.check_trust(endpoint, options.environ)
        if distrust is not None:
            raise Refusal(ExitCode.UNAVAILABLE, distrust)
    if found is None:
        found = runs.create_run(
            project, plan_path, plan_id=plan.plan_id, spec=header.spec, saved=options.saved, source=source,
            allow_outside=allow_outside, corpora=list_sources(header.corpora), purpose=header.purpose,
            spec_path=header.spec_path, legs=legs, loop=options.loop,
        )
        # From here on the run's own copy counts: the file that was given may change or vanish.
        plan, problems = PlanFile.open(found[0].plan)
        if plan is None:
            raise Refusal(ExitCode.UNAVAILABLE, *problems)
    elif found[1].status == "replanned" and not goes_on:
        return Start(plan, header, *found, files, allow_outside, is_over=True)
    else:
        found[0].dump_record(found[1].model_copy(update={"status": "running", "finished_at": None}))
    return Start(plan, header, *found, files, allow_outside)


def list_endpoints(header: Header) -> tuple[Model | Embedding, ...]:
    """Whom a run of this plan calls."""
    if not header.actions:
        return ()
    used = {template.model for template in header.templates}
    return (*(model for model in header.models if model.name in used), *list_asked(header))


def _follow(
    project: Project, found: tuple[RunFolder, RunRecord] | None
) -> tuple[RunFolder, RunRecord] | None:
    """The last leg of a run."""
    while found is not None and found[1].status == "replanned":
        following = find_next(project, found[0].number)
        if following is None:
            break
        found = following
    return found


def _find_resumed(project: Project, number: int) -> tuple[RunFolder, RunRecord]:
    folder = runs.find_run(project, number)
    if folder is None:
        known = tuple(each.number for each in runs.find_runs(project))
        raise Refusal(ExitCode.USAGE, faults.run_unknown(number, known))
    try:
        record = folder.load_record()
    except RunDamaged as damage:
        raise Refusal(ExitCode.UNAVAILABLE, faults.run_damaged(number, str(damage.path), damage.reason)) from None
    last = _follow(project, (folder, record))
    assert last is not None
    if last[1].status not in (*runs.UNFINISHED, "replanned"):
        raise Refusal(ExitCode.STALE, faults.run_finished(number, last[1].status))
    return last


def _check_dataset(plan: PlanFile, header: Header, project: Project, allow_outside: bool) -> tuple[Path, ...]:
    """The dataset's files, if they are those of the plan, byte for byte."""
    files, problems = find_files(header.dataset, project, allow_outside=allow_outside)
    if problems:
        raise Refusal(ExitCode.STALE, *problems)
    digests, problems = digest_files(files, project)
    if problems:
        raise Refusal(ExitCode.UNAVAILABLE, *problems)
    if digest_dataset(digests) != header.dataset_sha256:
        raise Refusal(ExitCode.STALE, plan_faults.stale_plan(str(plan.path), _name_changes(header.inputs, digests)))
    return files


def _check_corpora(
    plan: PlanFile, header: Header, project: Project, options: RunOptions, allow_outside: bool
) -> None:
    """The corpora hold what they held when the plan was made, and keywords go where it says."""
    held = hash_corpora(header.corpora, project, allow_outside=allow_outside, environ=options.environ)
    if held.diagnostics:
        raise Refusal(ExitCode.STALE, *held.diagnostics)
    changes = []
    for before, now in zip(plan.header.corpora, held.corpora, strict=True):
        if before.host != now.host:
            listed = tuple(corpus.host for corpus in plan.header.corpora if corpus.host is not None)
            raise Refusal(ExitCode.STALE, corpus_faults.wiki_host_unlisted(now.name, now.host or "nowhere", listed))
        if before.sha256 != now.sha256:
            changes.append(f"the corpus `{now.name}` changed")
    if changes:
        raise Refusal(ExitCode.STALE, plan_faults.stale_plan(str(plan.path), tuple(changes)))


def _check_seeds(plan: PlanFile, header: Header, project: Project, allow_outside: bool) -> None:
    """Ratings are compared with the exemplars that the plan was made with, results with the items held out then."""
    for name, seeds in header.seeds.items():
        if name.startswith(HELDOUT):
            same = check_heldout(seeds.dataset, seeds.sha256, project, allow_outside=allow_outside)
            if isinstance(same, Diagnostic):
                raise Refusal(ExitCode.STALE, same)
            if not same:
                changes = (f"the held-out items of `{seeds.dataset.name}` changed",)
                raise Refusal(ExitCode.STALE, plan_faults.stale_plan(str(plan.path), changes))
            continue
        found = read_planned_seeds(seeds, project, allow_outside=allow_outside)
        if isinstance(found, Diagnostic):
            raise Refusal(ExitCode.STALE, found)


def _check_inventory(plan: PlanFile, project: Project, options: RunOptions) -> None:
    """The replies that the plan counts on for nothing are there: otherwise it would pay what it does not say."""
    if plan.header.inventory is None or not plan.header.inventory.used:
        return
    if not options.use_cache:
        raise Refusal(ExitCode.USAGE, faults.inventory_needs_cache(str(plan.path), plan.header.inventory.used))
    try:
        changes = describe_vanished(plan, project)
    except StoreError as error:
        raise Refusal(ExitCode.UNAVAILABLE, faults.store_damaged(str(project.store), str(error))) from None
    if changes:
        raise Refusal(ExitCode.STALE, plan_faults.stale_plan(str(plan.path), changes))


def _name_changes(inputs: tuple[Input, ...], digests: tuple[FileDigest, ...]) -> tuple[str, ...]:
    """What changed of the data since the plan was made, in a user's words."""
    before = {entry.name: entry.sha256 for entry in inputs if entry.kind == "file"}
    now = {digest.name: digest.sha256 for digest in digests}
    changes = [f"the data file `{name}` is gone" for name in before if name not in now]
    changes += [f"the data file `{name}` is new" for name in now if name not in before]
    changes += [f"the data file `{name}` changed" for name in now if name in before and before[name] != now[name]]
    return tuple(changes) or ("the dataset changed",)
