"""`refinec render`."""

from __future__ import annotations

import json

import click

from refinelab_dsl import compiler, data, ir, prompts
from refinelab_dsl.cli import inputs, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Operator
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.plan.build import build_context
from refinelab_dsl.prompts.steps import StepContext, StepFault, compose_step, likely_target


@click.command("render")
@click.argument("name", metavar="OPERATOR|PROMPT")
@click.argument("spec", required=False)
@shared_options("text", "json", spec=True)
@click.option("--item", metavar="ID", help="For which item; a unique start of its id. Default: one of the set.")
@click.option("--target", metavar="DIMENSION=LABEL", multiple=True, help="What the result is made for.")
def render_command(settings: Settings, name: str, spec: str | None, item: str | None, target: tuple[str, ...]) -> int:
    """The exact text that a model would get of an operator or a prompt of SPEC, and its tokens.

    Reads the data, calls nobody. Text of the dataset is shown as it would be sent, with control characters escaped.
    """
    given = inputs.find_given(spec)
    if given.kind == "plan":
        raise click.UsageError(f"{given.path} is a saved plan; name the spec that it was made from")
    options = inputs.build_options(settings)
    analysis = compiler.analyze(given.path, options)
    program = analysis.program
    if program is None:
        return _refuse(settings, analysis.diagnostics)
    operator = find_operator(program, name)
    unknown = compiler.refuse_unexecutable(program)
    if unknown:
        return _refuse(settings, analysis.diagnostics.with_(unknown))
    profile, found = data.build_profile(
        program.dataset, program.measures, program.dimensions, program.operators, program.constraints,
        seed=program.seed, project=analysis.project, allow_outside=options.allow_outside, origins=program.origins,
        others=program.datasets,
    )  # fmt: skip
    diagnostics = analysis.diagnostics.with_(found)
    if profile is None or diagnostics.has_errors:
        return _refuse(settings, diagnostics)
    terminal.report(settings, diagnostics)
    context = build_context(program, profile)
    chosen = find_item(program, analysis, options, item) if item is not None else next(iter(profile.samples), None)
    if chosen is None:
        raise click.UsageError("the dataset has no items")
    wanted = likely_target(context, operator.name, chosen) | parse_target(target, context)
    try:
        request = compose_step(context, operator.name, (chosen,), wanted, 0)
    except StepFault as fault:
        problem = faults.template_failed(
            fault.template, fault.line, fault.message, program.origins.get(f"operator.{fault.template}")
        )
        return _refuse(settings, diagnostics.with_([problem]))
    write_request(settings, operator, chosen, wanted, request)
    return ExitCode.DONE


def find_operator(program: ir.Program, name: str) -> Operator:
    """The operator of this name, or the first that uses the prompt of this name.

    Raises:
        click.UsageError: there is none, or it asks no model.
    """
    for operator in program.operators:
        if name == operator.name and operator.model is None:
            raise click.UsageError(f"operator {name!r} asks no model")
        if name in (operator.name, operator.prompt):
            return operator
    if any(prompt.name == name for prompt in program.prompts):
        raise click.UsageError(f"no operator uses the prompt {name!r}")
    known = [operator.name for operator in program.operators if operator.model is not None]
    raise click.UsageError(f"no operator or prompt is called {name!r}; there are: {', '.join(known) or 'none'}")


def find_item(
    program: ir.Program, analysis: compiler.Analysis, options: compiler.Options, name: str
) -> Item:
    """The one item whose id or key starts so.

    Raises:
        click.UsageError: there is none, or there are several.
    """
    from refinelab_dsl.data.files import find_files
    from refinelab_dsl.data.read import read_items

    paths, _ = find_files(program.dataset, analysis.project, allow_outside=options.allow_outside)
    matches: list[Item] = []
    for entry in read_items(program.dataset, paths, analysis.project):
        if isinstance(entry, Item):
            if name in (entry.id, entry.key):
                return entry
            if entry.id.startswith(name) or entry.key.startswith(name):
                matches.append(entry)
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise click.UsageError(f"no item's id starts with {name!r}")
    raise click.UsageError(f"{name!r} fits {len(matches)} items: {', '.join(match.id for match in matches[:5])}")


def parse_target(pairs: tuple[str, ...], context: StepContext) -> dict[str, str]:
    """`length=long` for each dimension that is named.

    Raises:
        click.UsageError: no such dimension or label.
    """
    target = {}
    for pair in pairs:
        dimension, _, label = pair.partition("=")
        if dimension not in context.labels:
            raise click.UsageError(f"no dimension is called {dimension!r}; there are: {', '.join(context.labels)}")
        if label not in context.labels[dimension]:
            known = ", ".join(context.labels[dimension])
            raise click.UsageError(f"{dimension!r} has no label {label!r}; there are: {known}")
        target[dimension] = label
    return target


def write_request(
    settings: Settings, operator: Operator, item: Item, target: dict[str, str], request: prompts.Request
) -> None:
    """The messages, the reply's schema and the tokens."""
    expected, ceiling = prompts.request_tokens(request), prompts.call_ceiling(request)
    document = {
        "format_version": "1.0",
        "operator": operator.name,
        "item": item.id,
        "target": target,
        "model": request.model.id,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "schema": request.schema,
        "tokens": {"input": expected, "input_ceiling": ceiling[0], "output_ceiling": ceiling[1]},
    }
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
        return
    labels = ", ".join(f"{name}={label}" for name, label in sorted(target.items()))
    terminal.say(settings, f"{operator.name} of item {escape(item.id)} for {escape(labels) or 'no target'}\n")
    for message in request.messages:
        body = "\n".join(escape(line) for line in message.content.split("\n"))
        terminal.write(f"--- {message.role}\n{body}\n")
    if request.schema is not None:
        terminal.write(f"--- reply\n{escape(json.dumps(request.schema, ensure_ascii=False))}\n")
    terminal.say(settings, f"\n{expected:,} tokens in (at most {ceiling[0]:,}), at most {ceiling[1]:,} out")


def _refuse(settings: Settings, found: Diagnostics) -> int:
    terminal.report(settings, found)
    document = terminal.document(found)
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    return ExitCode.SPEC
