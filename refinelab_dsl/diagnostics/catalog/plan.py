"""RF5xxx: plans and templates."""

from __future__ import annotations

import shlex

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help, Label
from refinelab_dsl.diagnostics.wording import nearest_names
from refinelab_dsl.source import Place, Span


def not_a_plan(name: str) -> Diagnostic:
    """RF5001: the file does not start with a plan's header."""
    return Diagnostic(
        "RF5001", "error", "this file is no saved plan", place=Place(name, 1),
        help=(Help("make one with `refinec plan SPEC -o FILE.refplan`"),),
    )


def plan_version(name: str, found: str, ours: str) -> Diagnostic:
    """RF5002: the plan's format has another major version."""
    return Diagnostic(
        "RF5002", "error", f"the plan has format version {found or 'none'}; this refinec reads {ours}",
        place=Place(name, 1),
        help=(Help("plan again with this version, or apply it with the version that wrote it"),),
    )


def plan_truncated(name: str) -> Diagnostic:
    """RF5003: the trailer is missing: the file was cut off."""
    return Diagnostic(
        "RF5003", "error", "the plan is cut off: its end is missing", place=Place(name),
        help=(Help("copy it again, or plan again: the same inputs give the same plan"),),
    )


def plan_damaged(name: str) -> Diagnostic:
    """RF5004: the bytes do not have the hash that the trailer states."""
    return Diagnostic(
        "RF5004", "error", "the plan was changed after it was saved: its hash differs from its trailer",
        place=Place(name),
        help=(Help("plans are not edited; change the spec and plan again"),),
    )


def plan_foreign(name: str, field: str, reason: str) -> Diagnostic:
    """RF5005: the hash is right, but the plan holds something this version does not know, or contradicts itself."""
    return Diagnostic(
        "RF5005", "error", f"the plan does not fit this version of refinec, or itself, at `{field}`",
        place=Place(name, 1), notes=(reason,),
        help=(Help("plan again with this version"),),
    )


def plan_unreadable(name: str, reason: str, *, writing: bool = False) -> Diagnostic:
    """RF5006: the operating system refused to read or write the plan."""
    return Diagnostic(
        "RF5006", "error", f"the plan file cannot be {'written' if writing else 'read'}", place=Place(name),
        notes=(reason,),
        help=(Help("check the path, its permissions and the free space"),),
    )


def not_executable_yet(what: str, span: Span | None) -> Diagnostic:
    """RF5010: the language has it, this version cannot execute it."""
    return Diagnostic(
        "RF5010", "error", f"{what} is part of the language, but this version of refinec cannot plan it yet",
        span=span, label="needed by the plan",
        help=(Help("remove it from the spec, or keep the spec and use `refinec check` until a version executes it"),),
    )


def stale_plan(name: str, changed: tuple[str, ...]) -> Diagnostic:
    """RF5020: an input of the plan is not what it was when the plan was made."""
    return Diagnostic(
        "RF5020", "error", "the plan is stale: " + "; ".join(changed), place=Place(name),
        notes=("a plan is applied exactly or not at all; layout and comments of the spec do not count",),
        help=(Help("plan again with `refinec plan`; what the cache holds is not paid twice"),),
    )


def other_compiler(name: str, made_by: str, ours: str) -> Diagnostic:
    """RF5021: another version of the compiler made the plan; it is applied as it stands."""
    return Diagnostic(
        "RF5021", "warning", f"the plan was made by refinec {made_by}; this is {ours}", place=Place(name),
    )


def attempt_above_budget(operator: str, needed: str, limit: str, least: str, span: Span | None) -> Diagnostic:
    """RF5036: the worst case of one attempt is more than the whole budget: a run ends before it.

    least: a budget that has room for every attempt, as a spec has it.
    """
    return Diagnostic(
        "RF5036", "warning", f"an attempt of `{operator}` may take {needed}, and the whole budget is {limit}",
        span=span,
        notes=("a run reserves the worst case of an attempt before it asks, so it stops there",),
        help=(Help(f"the smallest useful budget is `{least}`; shorter replies need less: "
                   "`params = { max_output_tokens = … }`"),),
    )


def check_failed(title: str, value: str, span: Span | None) -> Diagnostic:
    """RF5031: an `expect` does not hold of the plan."""
    return Diagnostic(
        "RF5031", "error", f"the plan does not meet \"{title}\"", span=span, notes=(value,),
        help=(Help("relax the assertion, or give the plan more room: budget, `max_removed`, another operator"),),
    )


def price_above_limit(expected: str, limit: str) -> Diagnostic:
    """RF5032: the plan costs more than `--max-cost`."""
    return Diagnostic(
        "RF5032", "error", f"the plan is expected to cost {expected}, above the limit of {limit}",
        help=(Help("raise `--max-cost`, or lower `budget`"),),
    )


def price_unknown(title: str, span: Span | None) -> Diagnostic:
    """RF5033: no price is declared; dollars are `unknown`, limits hold in tokens only."""
    model = (
        Help('declare it: price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }'),
        Help("or pin its list price in refine.lock: refinec lock --update-prices"),
    )
    embedding = (Help("declare it: price = { input = $0.02 / 1M }"),)
    return Diagnostic(
        "RF5033", "warning", f"the price of {title} is unknown: costs are shown in tokens, dollars as `unknown`",
        span=span, help=embedding if title.startswith("embedding") else model,
    )


def chance_below_confidence(chance: str, confidence: str, why: str, span: Span | None) -> Diagnostic:
    """RF5034: the attempts that can be listed reach the counts less often than `confidence` asks."""
    return Diagnostic(
        "RF5034", "warning", f"the plan reaches every count with a chance of {chance}, below the {confidence} "
        "asked for",
        span=span, notes=(why,),
        help=(Help("a shortfall leaves no hole: fewer items are removed then"),),
    )


def estimate_above_budget(expected: str, limit: str, span: Span | None) -> Diagnostic:
    """RF5035: the real prompts cost more than their cells' means, also after solving again."""
    return Diagnostic(
        "RF5035", "warning", f"the rendered prompts are expected to use {expected}, above the {limit} that the "
        "plan may use",
        span=span, notes=("the ledger stops the run at the budget in any case",),
        help=(Help("raise the budget, or state `prior = { input_tokens = … }`"),),
    )


def spec_unreadable(name: str, reason: str) -> Diagnostic:
    """RF5041: the spec cannot be read."""
    return Diagnostic(
        "RF5041", "error", "the spec cannot be read", place=Place(name), notes=(reason,),
        help=(Help("check the path and its permissions; `refinec init` makes a new project"),),
    )


def spec_unwritable(name: str, reason: str) -> Diagnostic:
    """RF5042: the operating system refuses to write a spec that is to be formatted or repaired; it is left as it is."""
    return Diagnostic(
        "RF5042", "error", "the spec cannot be written and was left as it is", place=Place(name), notes=(reason,),
        help=(Help("check the permissions of the file and its folder, and the free space"),),
    )


def template_failed(operator: str, line: int, reason: str, span: Span | None) -> Diagnostic:
    """RF5130: a prompt's template cannot be rendered for an item of the dataset."""
    return Diagnostic(
        "RF5130", "error", f"the prompt of `{operator}` cannot be rendered for an item: {reason}",
        span=span, label=f"line {line} of its template",
        help=(
            Help(f"try it on one item: refinec render {operator}"),
            Help('what an item may lack needs `{{ … | default("none") }}` or `{% if … is defined %}`'),
        ),
    )


def bad_template(prompt: str, part: str, reason: str, span: Span) -> Diagnostic:
    """RF5131: a prompt is no template, or uses what prompts do not have.

    Wrong: `{% for c in item.choices %}` without `{% endfor %}`.
    """
    return Diagnostic("RF5131", "error", f"`{part}` of prompt `{prompt}` is no template: {reason}", span=span,
                      label="here")


def template_unknown_name(
    prompt: str, name: str, near: tuple[str, ...], known: tuple[str, ...], span: Span, exact: bool
) -> Diagnostic:
    """RF5132: a template uses a variable that no call gives it.

    Wrong: `{{ question }}`. Right: `{{ item.question }}`.
    """
    helps = nearest_names(near, span if exact else None)
    return Diagnostic("RF5132", "error", f"prompt `{prompt}` uses `{name}`, which its context does not provide",
                      span=span,
                      label="undefined", notes=(f"it sees {', '.join(f'`{each}`' for each in known)}",), help=helps)


def template_name_not_provided(
    prompt: str, name: str, lacking: tuple[tuple[str, Span], ...], uses: int, known: tuple[str, ...], span: Span
) -> Diagnostic:
    """RF5135: a template uses a variable that calls of another kind provide, and those of this use do not.

    lacking: what uses the prompt without providing the name, and where; uses: of how many.
    Wrong: `{{ anchor.question }}` in a prompt that an `expand` operator uses.
    """
    (first, _), *further = lacking
    which = f"{first} and {len(further)} more do not provide" if further else f"{first} does not provide"
    shared = (Help("give it a prompt of its own" if not further else "give them a prompt of their own"),)
    return Diagnostic(
        "RF5135", "error", f"prompt `{prompt}` uses `{name}`, which {which}", span=span, label="not provided",
        labels=tuple(Label(where, "used here, without it") for _, where in lacking),
        notes=(f"{'every use provides' if uses > 1 else 'it provides'} {', '.join(f'`{each}`' for each in known)}",),
        help=shared if uses > len(lacking) else (),
    )


def template_unknown_member(prompt: str, owner: str, name: str, near: tuple[str, ...], known: tuple[str, ...],
                            span: Span, exact: bool) -> Diagnostic:
    """RF5133: a template uses a field that items of this dataset do not have, or a dimension that is not declared.

    Wrong: `{{ item.qestion }}`. Right: `{{ item.question }}`.
    """
    helps = nearest_names(near, span if exact else None)
    return Diagnostic("RF5133", "error", f"prompt `{prompt}` uses `{owner}.{name}`, and `{owner}` has no `{name}`",
                      span=span,
                      label="undefined", notes=(f"it has {', '.join(f'`{each}`' for each in known)}",) if known else (),
                      help=helps)


def template_unknown_filter(
    prompt: str, kind: str, name: str, near: tuple[str, ...], span: Span, exact: bool
) -> Diagnostic:
    """RF5134: a template uses a filter or a test that prompts do not have.

    Wrong: `{{ item.question | uppercase }}`. Right: `{{ item.question | upper }}`.
    """
    helps = nearest_names(near, span if exact else None)
    return Diagnostic("RF5134", "error", f"prompt `{prompt}` uses the {kind} `{name}`, which prompts do not have",
                      span=span,
                      label=f"unknown {kind}", help=helps)


def endpoint_refused(title: str, reason: str, span: Span | None = None) -> Diagnostic:
    """RF5201: the `base_url` of a model or an embedding is one that refinec does not send keys or data to.

    Wrong: `base_url = "https://user:pass@example.org/v1"`, `base_url = "http://example.org/v1"`.
    Right: `base_url = "https://example.org/v1"`, `base_url = "http://localhost:8000/v1"`.
    """
    return Diagnostic(
        "RF5201", "error", f"`base_url` of {title} {reason}", span=span,
        help=(Help('write an address such as "https://example.org/v1"; keys belong into `api_key = env("NAME")`'),),
    )


def host_untrusted(title: str, host: str, variable: str | None, span: Span | None = None) -> Diagnostic:
    """RF5202: a model's host is not trusted with dataset text and with the variable that the spec would send it.

    Trusted are this machine, the hosts of well-known providers together with the variable that is theirs, and the pairs
    that the user trusts.
    """
    what = f"the value of {variable}" if variable is not None else "dataset text without a key"
    command = shlex.join(["refinec", "trust", host, *([] if variable is None else [variable])])
    notes = ["trusted are this machine, well-known hosts with their own variable, and what you said yourself"]
    if any(part.startswith("xn--") for part in host.split(".")):
        notes.append("the name of this host is in punycode: where it is shown decoded, it may look like another")
    return Diagnostic(
        "RF5202", "error", f"{title} would send {what} to {host}, which is not trusted with it", span=span,
        notes=tuple(notes), help=(Help(f"if you know this host and mean it, say so once: {command}"),),
    )
