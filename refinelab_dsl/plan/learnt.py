"""What evidence has for a program: values of its paid measures, labels that were found, rates of its operators."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from refinelab_dsl.artifacts.evidence import Clusters, Evidence
from refinelab_dsl.artifacts.plan import KnownMeasure, SeedSet
from refinelab_dsl.builtins import OPERATOR_KINDS
from refinelab_dsl.data.evidence import Learnt
from refinelab_dsl.data.heldout import PREFIX as HELDOUT
from refinelab_dsl.data.heldout import digest_heldout, list_heldout
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.data.seeds import Seeds, read_seeds
from refinelab_dsl.declarations import Measure
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import evidence as faults
from refinelab_dsl.expressions import Expression
from refinelab_dsl.expressions.walk import named_in
from refinelab_dsl.ir import Program
from refinelab_dsl.measures.near_duplicate import clustering_embedding
from refinelab_dsl.measures.table import is_paid
from refinelab_dsl.plan.templates import build_templates
from refinelab_dsl.project import Project
from refinelab_dsl.prompts.identity import clusters_key, labels_key, measure_key, operator_key
from refinelab_dsl.prompts.steps import StepContext


def build_bare_context(program: Program, evidence: Evidence, seeds: Mapping[str, SeedSet]) -> StepContext:
    """A program's declarations and templates, before its data are read: no labels are settled."""
    context = StepContext(
        task=program.dataset.item_task,
        seed=program.seed,
        dimensions=program.dimensions,
        measures=program.measures,
        labels={},
        models={model.name: model for model in program.models},
        operators={operator.name: operator for operator in program.operators},
        templates={},
        validators={validator.name: validator for validator in program.validators},
        judges={judge.name: judge for judge in program.judges},
        embeddings={embedding.name: embedding for embedding in program.embeddings},
        seeds=seeds,
    )
    found = _find_labels(program, context, evidence)
    templates = {template.name: template for template in build_templates(program, found)}
    return replace(context, templates=templates)


def _find_labels(program: Program, context: StepContext, evidence: Evidence) -> dict[str, tuple[str, ...]]:
    return {
        measure.name: tuple(labels)
        for measure in program.measures
        if wants_labels(measure) and (labels := evidence.labels(labels_key(context, measure)))
    }


def digest_evidence(context: StepContext, evidence: Evidence, compared: Mapping[str, str]) -> str | None:
    """SHA-256 (hex) of what evidence says of a program; None where it says nothing. What it says of others, or of other
    versions of the program, does not count. compared: `Profile.compared`."""
    keys = {measure_key(context, each) for each in context.measures if is_paid(each) and is_ready(context, each)}
    keys |= {labels_key(context, each) for each in context.measures if wants_labels(each)}
    keys |= {operator_key(context, name) for name, each in context.operators.items() if OPERATOR_KINDS[each.kind].calls}
    clusters = {
        (clusters_key(context, each), compared[each.name]) for each in context.measures if each.name in compared
    }
    used = [
        record.model_dump_json(exclude={"specs"})
        for record in evidence.records
        if ((record.key, record.items) in clusters if isinstance(record, Clusters) else record.key in keys)
    ]
    return hashlib.sha256("\n".join(used).encode()).hexdigest() if used else None


def wants_labels(measure: Measure) -> bool:
    """Whether a measure's labels are to be found in the items: `labels = discover(n)`."""
    return measure.kind == "classify" and isinstance(measure.options.get("labels"), Mapping)


def wants_ratings(measure: Measure) -> bool:
    """Whether a measure's exemplars are to be rated among themselves: `seeds = bootstrap(n)`, also where none are
    named."""
    return measure.kind == "elo" and not isinstance(measure.options.get("seeds"), str)


def find_values(
    program: Program, evidence: Evidence, seeds: Mapping[str, SeedSet], corpora: Mapping[str, str]
) -> Learnt:
    """What evidence has of each paid measure of a program. corpora: what they hold, by name: a verdict over passages
    rests on them."""
    paid = [measure for measure in program.measures if is_paid(measure)]
    if not paid:
        return {}
    context = replace(build_bare_context(program, evidence, seeds), corpora=corpora)
    return {
        measure.name: evidence.values(measure_key(context, measure)).values if is_ready(context, measure) else {}
        for measure in paid
    }


def find_clusters(
    program: Program, evidence: Evidence, seeds: Mapping[str, SeedSet]
) -> dict[str, dict[str, dict[str, str]]]:
    """What evidence has of each measure that compares all items by an embedding of an endpoint."""
    context = build_bare_context(program, evidence, seeds)
    return {
        measure.name: evidence.clusters(clusters_key(context, measure))
        for measure in program.measures
        if clustering_embedding(measure, context.embeddings) is not None
    }


def is_ready(context: StepContext, measure: Measure) -> bool:
    """Whether items can be asked about: not where the labels to choose from are still to be found."""
    return not wants_labels(measure) or f"measure.{measure.name}" in context.templates


def find_known(
    program: Program, evidence: Evidence, seeds: Mapping[str, SeedSet], compared: Mapping[str, str]
) -> dict[str, KnownMeasure]:
    """What measures that a pilot learns rest on: labels with their meanings, the ratings of seeds, the items that were
    compared (`Profile.compared`)."""
    context = build_bare_context(program, evidence, seeds)
    known = {name: KnownMeasure(compared=digest) for name, digest in compared.items()}
    for measure in program.measures:
        meanings = evidence.labels(labels_key(context, measure)) if wants_labels(measure) else {}
        ratings = evidence.ratings(measure_key(context, measure)) if wants_ratings(measure) else {}
        if meanings or ratings:
            known[measure.name] = KnownMeasure(meanings=meanings, exemplars=ratings)
    return known


def find_seeds(
    program: Program, project: Project, *, allow_outside: bool = False
) -> tuple[dict[str, SeedSet], tuple[Diagnostic, ...]]:
    """The seed datasets that measures name, and, as `heldout.NAME`, the held-out ones that validators do, with the
    digests of their files; or what is wrong with them."""
    datasets = {dataset.name: dataset for dataset in program.datasets}
    found: dict[str, SeedSet] = {}
    for measure in program.measures:
        named = measure.options.get("seeds")
        if measure.kind != "elo" or not isinstance(named, str):
            continue
        seeds = read_seeds(datasets[named], project, allow_outside=allow_outside, origins=program.origins)
        if not isinstance(seeds, Seeds):
            return {}, (seeds,)
        found[measure.name] = SeedSet(dataset=datasets[named], sha256=seeds.sha256)
    for named in list_heldout(program.validators):
        digest = digest_heldout(datasets[named], project, allow_outside=allow_outside, origins=program.origins)
        if isinstance(digest, Diagnostic):
            return {}, (digest,)
        found[f"{HELDOUT}{named}"] = SeedSet(dataset=datasets[named], sha256=digest)
    return found, ()


def needed_measures(program: Program) -> tuple[Measure, ...]:
    """The measures that a pilot learns and without whose values nothing can be allocated: behind a dimension that
    splits cells, asked of in a condition over items, or by which copies leave."""
    names = {dimension.measure for dimension in program.dimensions if _splits(program, dimension.name)}
    conditions: list[Expression | None] = [program.constraints.protect, program.constraints.flagged]
    for operator in program.operators:
        conditions += [operator.where, operator.prefer]
        names.add(str(operator.options.get("measure", "")))
    measure_of = {dimension.name: dimension.measure for dimension in program.dimensions}
    for condition in conditions:
        names.update(named_in(condition, "measure"))
        names.update(measure_of[name] for name in named_in(condition, "dimension") if name in measure_of)
    embeddings = {embedding.name: embedding for embedding in program.embeddings}
    return tuple(
        measure
        for measure in program.measures
        if measure.name in names and (is_paid(measure) or clustering_embedding(measure, embeddings) is not None)
    )


def find_unknown(program: Program, profile: Profile) -> list[Diagnostic]:
    """The measures that the allocation rests on and whose values a pilot has not learnt."""
    found = []
    for measure in needed_measures(program):
        missing = profile.pending.get(measure.name, 0)
        sampled = program.pilot is not None and program.pilot.label == "sample"
        if missing and not (sampled and missing < profile.size):
            span = program.origins.get(f"measure.{measure.name}")
            found.append(faults.known_after_pilot(measure.name, missing, profile.size, span))
    return found


def _splits(program: Program, dimension: str) -> bool:
    moved = {name for operator in program.operators for name in operator.moves}
    wanted = {each.name for each in program.dimensions if each.target is not None}
    return dimension in moved | wanted | set(program.constraints.floor)
