"""The templates of a program: what its operators, validators and paid measures ask, and of whom."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from refinelab_dsl import builtins, prompts
from refinelab_dsl.artifacts.plan import Template
from refinelab_dsl.builtins import JUDGING, JudgeRole
from refinelab_dsl.declarations import Judge, Measure, Operator, Validator
from refinelab_dsl.ir import Program
from refinelab_dsl.prompts.asking import DISCOVERY_TOKENS, ROUTES, STEPS, STEPS_ASK
from refinelab_dsl.prompts.steps import (
    DISCOVERY_PARTS,
    judge_template,
    measure_template,
    second_template,
    validator_template,
)


def build_templates(
    program: Program, labels: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> tuple[Template, ...]:
    """What asks a model, each with the spec's prompt, else its kind's built-in one: operators under their names, then
    the validators that are used and the paid measures.

    labels: measure -> the labels that were found for it, where the spec leaves them to be found.
    """
    templates = [
        _build_template(
            program, operator.name, operator.kind, str(operator.model), operator.prompt,
            builtins.OPERATOR_KINDS[operator.kind].max_output_tokens * operator.per_call, per_call=operator.per_call,
        )
        for operator in program.operators
        if operator.model is not None
    ]  # fmt: skip
    for operator in program.operators:
        templates += _build_refining(program, operator)
    templates += _build_checking_judges(program)
    checks = {name for operator in program.operators for name in operator.checks}
    named = {each.options.get("validator") for each in program.measures}
    named |= {each.options.get("validator") for each in program.operators}
    for validator in program.validators:
        if validator.name not in checks | named or "model" not in validator.options:
            continue
        options = validator.options
        routes = ROUTES if validator.kind == "auto" else (validator.kind,)
        for route in routes:
            if program.dataset.item_task not in builtins.VALIDATOR_KINDS[route].tasks:
                continue  # code is run, and nobody is asked
            if route == "rag" and not options.get("corpus"):
                continue
            name = validator_template(validator.name, route if validator.kind == "auto" else "")
            row = builtins.VALIDATOR_KINDS[route]
            if row.asks is not None:
                templates.append(_build_template(
                    program, name, route, str(options["model"]), options.get("prompt"), row.asks.max_output_tokens
                ))
        if validator.kind == "pot" and options.get("steps"):
            name = validator_template(validator.name, STEPS)
            limit = STEPS_ASK.max_output_tokens
            templates.append(_build_template(program, name, "pot_steps", str(options["model"]), None, limit))
    for measure in program.measures:
        asks = builtins.MEASURE_KINDS[measure.kind].asks if measure.kind in builtins.MEASURE_KINDS else None
        known = labels.get(measure.name, measure.options.get("labels"))
        if asks is None or not measure.options.get("model"):
            continue
        if measure.kind == "classify" and not isinstance(known, list | tuple):
            templates += [  # labels that are to be found are asked for before items are
                _build_template(
                    program, measure_template(measure.name, part), part, str(measure.options["model"]), None,
                    DISCOVERY_TOKENS,
                )
                for part in DISCOVERY_PARTS
            ]
            continue
        templates.append(_build_template(
            program, measure_template(measure.name), measure.kind, str(measure.options["model"]),
            measure.options.get("prompt"), asks.max_output_tokens, known if isinstance(known, list | tuple) else (),
        ))
    return tuple(templates)


def choose_measuring(
    templates: Mapping[str, Template], measures: Sequence[Measure], validators: Sequence[Validator]
) -> tuple[Template, ...]:
    """Those that these measures and validators ask by; what operators and judges ask is left out."""
    owners = [measure_template(each.name) for each in measures]
    owners += [validator_template(each.name) for each in validators]
    return tuple(
        each
        for name, each in templates.items()
        if any(name == owner or name.startswith(f"{owner}.") for owner in owners)
    )


def _build_refining(program: Program, operator: Operator) -> Iterator[Template]:
    """What a `refine` asks beside its own model: the second one, and the judge's."""
    row = builtins.OPERATOR_KINDS[operator.kind]
    second = operator.options.get("second_model")
    if second is not None:
        yield _build_template(
            program, second_template(operator.name), operator.kind, str(second), operator.prompt, row.max_output_tokens
        )
    judge = next((each for each in program.judges if each.name == operator.options.get("judge")), None)
    if judge is None or any(operator is not each and each.options.get("judge") == judge.name
                            for each in program.operators[: program.operators.index(operator)]):
        return  # none, or one that an operator before asks by the same templates
    yield from build_judge_templates(program, judge)


def _build_checking_judges(program: Program) -> Iterator[Template]:
    """What judges ask as checks, each once for all operators whose results it sees alike."""
    judges = {judge.name: judge for judge in program.judges}
    checks = {each.name: judges[str(each.options["judge"])] for each in program.validators if each.kind == JUDGING.name}
    asked: dict[tuple[str, JudgeRole], None] = {
        (name, builtins.OPERATOR_KINDS[operator.kind].judged): None
        for operator in program.operators
        for name in operator.checks
        if name in checks
    }
    for name, role in asked:
        yield from build_judge_templates(program, checks[name], role)


def build_judge_templates(program: Program, judge: Judge, role: JudgeRole = "answers") -> Iterator[Template]:
    """What a judge's models are asked by."""
    asking = builtins.name_asking(judge.mode, role)
    for model in judge.models:
        yield _build_template(
            program, judge_template(judge.name, model, role), f"judge_{asking}", model, judge.prompt,
            builtins.JUDGE_ASKS[asking].max_output_tokens, judge.criteria,
        )  # fmt: skip


def _build_template(
    program: Program, name: str, kind: str, model: str, prompt: str | None, limit: int, labels: Sequence[str] = (),
    per_call: int = 1,
) -> Template:
    declared = next((each for each in program.prompts if each.name == prompt), None)
    task = program.dataset.item_task
    system, user = prompts.builtin_template(kind, task) if declared is None else (declared.system, declared.user)
    returns = declared.returns if declared is not None else {}
    asked = next(each for each in program.models if each.name == model)
    return Template(
        name=name,
        model=model,
        system=system,
        user=user,
        reply_schema=prompts.returns_schema(returns)
        if returns
        else prompts.reply_schema(kind, task, labels, per_call),
        max_output_tokens=prompts.max_output_tokens(asked, limit),
    )


def build_template_digests(program: Program) -> dict[str, str]:
    """SHA-256 of each prompt's texts, the built-in ones included: they change with the compiler. Labels that are to be
    found are no part of them: where some are, both what finds them and what asks for them count."""
    found: dict[str, Sequence[str]] = {measure.name: () for measure in program.measures}
    return {
        template.name: _digest(template)
        for template in (*build_templates(program), *build_templates(program, found))
    }


def _digest(template: Template) -> str:
    content = msgspec.json.encode([template.system, template.user], order="deterministic")
    return hashlib.sha256(content).hexdigest()
