"""Content keys of what is learnt: of whom what is asked, and how. Where it stands in a spec does not count."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from refinelab_dsl.builtins import COSINES, JUDGING
from refinelab_dsl.data.corpora import list_corpora
from refinelab_dsl.declarations import Embedding, Judge, Measure, Operator, Validator
from refinelab_dsl.measures.near_duplicate import clustering_embedding
from refinelab_dsl.prompts.asking import measure_questions, result_questions, validator_questions
from refinelab_dsl.prompts.steps import StepContext, judge_template, second_template
from refinelab_dsl.prompts.vectors import embedding_of

_LENGTH: Final = 16  # hex digits
_NAMES: Final = ("model", "prompt", "validator", "judge", "seeds", "labels")
"""Options that name what is described otherwise."""


def measure_key(context: StepContext, measure: Measure) -> str:
    """The content key of a paid measure: kind, options, prompt, model, and the labels that its prompt offers."""
    content: dict[str, Any] = {
        "kind": measure.kind,
        "task": context.task,
        "options": {name: value for name, value in measure.options.items() if name not in _NAMES},
        "asked": [_describe(context, question.template.name) for question in measure_questions(context, measure)],
        "seeds": measure.options.get("seeds"),
    }
    if measure.name in context.seeds:  # what they hold counts, and not how they are called
        seeds = context.seeds[measure.name]
        fields = seeds.dataset.model_dump(mode="json", exclude={"name", "source"})
        content["seeds"] = {"dataset": fields, "sha256": seeds.sha256}
    if measure.kind == "verdict":
        content["validator"] = _describe_validator(context, context.validators[str(measure.options["validator"])])
    return _digest(content)


def clusters_key(context: StepContext, measure: Measure) -> str:
    """The content key of a measure that compares all items by an embedding: how they are compared, and by which one."""
    embedding = clustering_embedding(measure, context.embeddings)
    assert embedding is not None, measure.name
    return _digest({
        "kind": measure.kind,
        "embedding": _describe_embedding(embedding),
        "method": measure.options["method"],
        "threshold": repr(float(measure.options.get("threshold") or COSINES[embedding.provider].same)),
    })  # fmt: skip


def labels_key(context: StepContext, measure: Measure) -> str:
    """The content key of the labels that are to be found for a measure: how many, by which model."""
    model = context.models[str(measure.options["model"])]
    return _digest({
        "task": context.task,
        "labels": measure.options.get("labels"),
        "model": model.model_dump(mode="json", include={"provider", "id", "base_url", "params"}),
    })  # fmt: skip


def operator_content(context: StepContext, operator: str) -> dict[str, Any]:
    """What the content keys of all attempts of an operator have in common."""
    content: dict[str, Any] = {
        "operator": context.operators[operator].model_dump(
            mode="json", exclude={"name", "prior", "max_cost", "max_per_item", "where", "prefer"}
        ),
        "seed": context.seed,
    }
    held = _corpora_of(context, operator)
    if held:
        content["corpora"] = held
    if operator in context.templates:
        content["template"] = context.templates[operator].model_dump(mode="json", exclude={"name"})
    if context.operators[operator].kind == "refine":
        content["refining"] = _describe_refining(context, context.operators[operator])
    return content


def _describe_refining(context: StepContext, operator: Operator) -> dict[str, Any]:
    """The judge of a `refine`, and whom they ask beside its own model."""
    judge = context.judges[str(operator.options["judge"])]
    templates = [judge_template(judge.name, model) for model in judge.models]
    second = second_template(operator.name)
    return {
        "judge": describe_judge(judge),
        "asked": [_describe(context, name) for name in (*templates, second) if name in context.templates],
    }


def describe_judge(judge: Judge) -> dict[str, Any]:
    """How a judge comes to a verdict, whomever it asks."""
    return judge.model_dump(mode="json", exclude={"name", "models", "prompt"})


def _corpora_of(context: StepContext, operator: str) -> dict[str, str]:
    """What the corpora hold from which an operator and its validators retrieve: another edition gives other results."""
    declared = context.operators[operator]
    asked = (*declared.checks, str(declared.options.get("validator", "")))
    used = list_corpora((declared,), (context.validators[name] for name in asked if name in context.validators))
    return {corpus.name: context.corpora.get(corpus.name, "") for corpus in used}


def operator_key(context: StepContext, operator: str) -> str:
    """The content key under which an operator's rate is learnt: what is asked, of whom, and by what it is judged. The
    seed does not count: a rate is no matter of luck."""
    declared = context.operators[operator]
    content = operator_content(context, operator)
    del content["seed"]
    checks = [context.validators[name] for name in declared.checks if name in context.validators]
    content["operator"].pop("checks", None)
    return _digest({
        **content,
        "task": context.task,
        "model": _describe_model(context, operator) if operator in context.templates else None,
        "checks": [_describe_validator(context, validator) for validator in checks],
        "asked": [
            _describe(context, question.template.name) for question in result_questions(context, declared)
        ],
    })  # fmt: skip


def _describe_validator(context: StepContext, validator: Validator) -> dict[str, Any]:
    content = validator.model_dump(mode="json", exclude={"name", "options", "dimension"})
    embedding = context.embeddings.get(embedding_of(validator))
    if embedding is not None:
        content["embedding"] = _describe_embedding(embedding)
    if validator.kind == JUDGING.name:
        content["judge"] = describe_judge(context.judges[str(validator.options["judge"])])
    return {
        **content,
        "options": {name: value for name, value in validator.options.items() if name not in (*_NAMES, "embedding")},
        "asked": [_describe(context, question.template.name) for question in validator_questions(context, validator)],
        "corpora": {each.name: context.corpora.get(each.name, "") for each in list_corpora((), (validator,))},
    }


def _describe(context: StepContext, template: str) -> dict[str, Any]:
    found = context.templates[template]
    return {
        "template": found.model_dump(mode="json", exclude={"name", "model"}),
        "model": _describe_model(context, template),
    }


def _describe_model(context: StepContext, template: str) -> dict[str, Any]:
    model = context.models[context.templates[template].model]
    return model.model_dump(mode="json", include={"provider", "id", "base_url", "params"})


def _describe_embedding(embedding: Embedding) -> dict[str, Any]:
    return embedding.model_dump(mode="json", include={"provider", "id", "base_url"})


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:_LENGTH]
