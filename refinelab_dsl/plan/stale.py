"""Whether a saved plan still fits its spec and its data."""

from __future__ import annotations

from dataclasses import replace

from refinelab_dsl.artifacts.evidence import NAME as EVIDENCE
from refinelab_dsl.artifacts.evidence import NO_EVIDENCE, Evidence
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.data.profile import FileDigest
from refinelab_dsl.declarations import Model
from refinelab_dsl.ir import Program, spec_hash
from refinelab_dsl.plan.build import settle_dimensions
from refinelab_dsl.plan.learnt import build_bare_context, digest_evidence
from refinelab_dsl.plan.templates import build_template_digests
from refinelab_dsl.prompts.steps import StepContext


def find_changes(
    header: Header,
    program: Program,
    files: tuple[FileDigest, ...] | None = None,
    dataset_sha256: str | None = None,
    signals: tuple[FileDigest, ...] = (),
    evidence: Evidence = NO_EVIDENCE,
) -> tuple[str, ...]:
    """What changed since the plan was made, in a user's words; empty where it is fresh.

    files, dataset_sha256, signals: the data as they are now; None where only the spec is compared. evidence: what is
    known of the program now.
    """
    changes: list[str] = []
    before = {(recorded.kind, recorded.name): recorded.sha256 for recorded in header.inputs}
    if spec_hash(program) != header.spec_sha256:
        changes.append(f"the spec `{header.spec_path}` changed")
    elif edited := _find_edits(header, program, evidence):
        names = ", ".join(f"`{name}`" for name in edited)
        changes.append(f"the plan says of {names} what the spec does not: somebody edited it")
    for model in _find_repriced(header, program):
        changes.append(f"the price of `{model}` in refine.lock changed")
    learnt = digest_evidence(
        _read_context(header, program, evidence), evidence,
        {name: known.compared for name, known in header.known.items() if known.compared},
    )
    if learnt != before.get(("evidence", EVIDENCE)):
        changes.append(f"what `{EVIDENCE}` says of its labels, ratings, clusters or rates changed")
    for name, digest in build_template_digests(program).items():
        if before.get(("prompt", name), digest) != digest:
            changes.append(f"the prompt of `{name}` changed")
    if files is not None and dataset_sha256 != header.dataset_sha256:
        now = {file.name: file.sha256 for file in files}
        recorded = {name: digest for (kind, name), digest in before.items() if kind == "file"}
        for name in sorted(now.keys() | recorded.keys()):
            if name not in now:
                changes.append(f"the data file `{name}` is gone")
            elif name not in recorded:
                changes.append(f"the data file `{name}` is new")
            elif now[name] != recorded[name]:
                changes.append(f"the data file `{name}` changed")
        if not any(change.startswith("the data file") for change in changes):
            changes.append("the order of the data files changed")
    if files is not None:
        read = {name: digest for (kind, name), digest in before.items() if kind == "signals"}
        now = {file.name: file.sha256 for file in signals}
        for name in sorted(now.keys() | read.keys()):
            if now.get(name) != read.get(name):
                changes.append(f"the further data in `{name}` changed")
    return tuple(changes)


def _find_repriced(header: Header, program: Program) -> list[str]:
    """The models whose price comes from `refine.lock`, and is another one now."""
    now = {model.name: model.price for model in program.models}
    return [
        model.name
        for model in header.models
        if model.name in now
        and model.price != now[model.name]
        and all(price is None or price.locked for price in (model.price, now[model.name]))
    ]


def _without_pin(model: Model) -> Model:
    return model.model_copy(update={"price": None}) if model.price is not None and model.price.locked else model


def _read_context(header: Header, program: Program, evidence: Evidence) -> StepContext:
    """The program as it is now, with what the data settled when the plan was made."""
    return replace(
        build_bare_context(program, evidence, header.seeds),
        dimensions=settle_dimensions(program),
        labels=header.labels,
        corpora={corpus.name: corpus.sha256 for corpus in header.corpora},
    )


def _find_edits(header: Header, program: Program, evidence: Evidence) -> list[str]:
    """Members of a header whose spec is the same that are not copies of the spec's: a plan that somebody edited and
    hashed again, so that what is applied is not what the spec in review says."""
    declared: dict[str, object] = {
        "spec": program.name,
        "seed": program.seed,
        "dataset": program.dataset.model_copy(update={"source": ()}),
        "measures": program.measures,
        "dimensions": settle_dimensions(program),
        "constraints": program.constraints,
        "models": tuple(map(_without_pin, program.models)),
        "operators": program.operators,
        "validators": program.validators,
        "judges": program.judges,
        "outputs": program.outputs,
        "expects": program.expects,
        "run": program.run,
        "solve": program.solve,
    }
    written = header.model_copy(update={"models": tuple(map(_without_pin, header.models))})
    edited = [name for name, value in declared.items() if getattr(written, name) != value]
    templates = build_bare_context(program, evidence, header.seeds).templates
    recorded = {entry.name: entry.sha256 for entry in header.inputs if entry.kind == "prompt"}
    if any(template != templates.get(template.name) for template in header.templates) and (
        recorded == build_template_digests(program)  # otherwise the prompt changed, and that is said
    ):
        edited.append("templates")
    budget = program.budget
    if header.budget.usd != (None if budget is None else budget.cost) or (
        budget is not None and budget.tokens is not None and header.budget.tokens != budget.tokens
    ):
        edited.append("budget")
    return edited
