"""RF205x to RF207x: types and units, paths and secrets."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Edit, Help
from refinelab_dsl.diagnostics.wording import a, error, listed, nearest_names
from refinelab_dsl.source import Place, Span

# Types and units


def wrong_type(span: Span, subject: str, expected: str, found: str, help_: Help | None = None) -> Diagnostic:
    """RF2050: a value of another type than the attribute takes.

    Wrong: `timeout = true`. Right: `timeout = 30s`.
    """
    helps = (help_,) if help_ else ()
    return error("RF2050", f"{subject} takes {expected}, not {found}", span, f"this is {found}", helps)


def wrong_unit(span: Span, subject: str, expected: str, found: str, right: str | None) -> Diagnostic:
    """RF2051: a number in the wrong unit, or without one.

    Wrong: `max_removed = 0.3`. Right: `max_removed = 30%`.
    """
    helps = (Help(f"write `{right}`", (Edit(span, right),), "maybe"),) if right else ()
    return error("RF2051", f"{subject} takes {expected}, not {found}", span, f"this is {found}", helps)


def out_of_range(span: Span, subject: str, value: str, bounds: str) -> Diagnostic:
    """RF2052: a number outside of what the attribute allows.

    Wrong: `tolerance = 120%`. Right: `tolerance = 2%`.
    """
    return error("RF2052", f"{subject} cannot be {value}", span, f"must be {bounds}")


def units_do_not_mix(span: Span, left: str, operator: str, right: str) -> Diagnostic:
    """RF2053: arithmetic on units that do not go together.

    Wrong: `cost = $3 + 10%`. Right: `cost = $3 * 1.1`.
    """
    return error("RF2053", f"`{operator}` cannot combine {left} and {right}", span, "units do not go together")


def division_by_zero(span: Span) -> Diagnostic:
    """RF2054: a division by zero in a constant.

    Wrong: `$0.15 / 0`. Right: `$0.15 / 1M`.
    """
    return error("RF2054", "division by zero", span, "divides by zero")


def unknown_function(span: Span, name: str, subject: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2055: a function that the language does not have here. The list is closed.

    Wrong: `fields = { answer = trim(column("a")) }`. Right: `fields = { answer = strip(column("a")) }`.
    """
    notes = (f"functions here: {listed(known, len(known))}",) if known else ()
    return error(
        "RF2055", f"{subject} knows no function `{name}`", span, "unknown here", nearest_names(near, span), notes=notes
    )


def missing_argument(span: Span, function: str, parameter: str, example: str) -> Diagnostic:
    """RF2056: a call lacks an argument.

    Wrong: `between(900)`. Right: `between(900, 1_100)`.
    """
    help_ = Help(f"`{parameter}` takes {example}")
    return error(
        "RF2056", f"`{function}` needs the argument `{parameter}`", span, f"`{parameter}` is missing", (help_,)
    )


def extra_argument(span: Span, function: str, takes: int) -> Diagnostic:
    """RF2057: a call has more arguments than the function takes.

    Wrong: `below(1, 2)`. Right: `between(1, 2)`.
    """
    counted = "no argument" if takes == 0 else "one argument" if takes == 1 else f"{takes} arguments"
    return error("RF2057", f"`{function}` takes {counted}", span, "one too many")


def unknown_argument(span: Span, function: str, name: str, near: Sequence[str]) -> Diagnostic:
    """RF2058: a named argument that the function does not have, or that was given already.

    Wrong: `between(1, hihg = 2)`. Right: `between(1, high = 2)`.
    """
    return error(
        "RF2058", f"`{function}` has no argument `{name}` to give", span, "cannot be given", nearest_names(near, span)
    )


def unquoted_label(span: Span, text: str) -> Diagnostic:
    """RF2060: a label that is no bare word stands without quotes, where it reads as something else.

    Wrong: `[algebra, pre-algebra]`. Right: `[algebra, "pre-algebra"]`.
    """
    return error(
        "RF2060",
        f"the label `{text}` needs quotes",
        span,
        "reads as a name of an import" if text.replace(".", "").isidentifier() else "reads as arithmetic",
        (Help("quote it", (Edit(span, f'"{text}"'),), "machine"),),
    )


def quoted_name(span: Span, name: str, kind: str) -> Diagnostic:
    """RF2061: a reference stands in quotes.

    Wrong: `model = "small"`. Right: `model = small`.
    """
    helps = (Help("leave the quotes out", (Edit(span, name),), "machine"),) if name.isidentifier() else ()
    return error("RF2061", f"{a(kind)} is named without quotes", span, "a text, not a name", helps)


def bare_text(span: Span, subject: str, word: str) -> Diagnostic:
    """RF2062: a text stands without quotes.

    Wrong: `id = gpt`. Right: `id = "gpt"`.
    """
    help_ = Help("quote it", (Edit(span, f'"{word}"'),), "machine")
    return error("RF2062", f"{subject} takes a text, not the bare word `{word}`", span, "needs quotes", (help_,))


def empty(span: Span, subject: str, expected: str) -> Diagnostic:
    """RF2063: nothing stands where at least something must.

    Wrong: `order = []`. Right: `order = [easy, hard]`.
    """
    return error("RF2063", f"{subject} cannot be empty", span, "empty", (Help(f"it takes {expected}"),))


def bad_date(span: Span, text: str) -> Diagnostic:
    """RF2064: no day of the calendar.

    Wrong: `as_of = "1/11/2026"`. Right: `as_of = "2026-11-01"`.
    """
    return error("RF2064", f"`{text}` is no date", span, "not a day", (Help('dates are written as `"2026-11-01"`'),))


def bad_requirement(span: Span, text: str) -> Diagnostic:
    """RF2065: `requires` is no comparison of versions.

    Wrong: `requires = "newest"`. Right: `requires = ">= 0.1"`.
    """
    return error(
        "RF2065", f"`{text}` is no requirement", span, "not a comparison", (Help('write `requires = ">= 0.1"`'),)
    )


def requirement_unmet(span: Span, text: str, ours: str) -> Diagnostic:
    """RF2066: this version of refinec is none of those that the spec asks for."""
    help_ = Help("use such a version, or change `requires`")
    return error("RF2066", f"the spec requires refinec {text}, this is {ours}", span, "not met", (help_,))


# Paths and secrets


def secret_in_text(place: Place, subject: str) -> Diagnostic:
    """RF2070: a key stands in the spec. It is not repeated here; take it out of the history, too.

    Wrong: `api_key = "…"`. Right: `api_key = env("OPENAI_API_KEY")`.
    """
    return Diagnostic(
        "RF2070",
        "error",
        f"{subject} holds the secret itself; a spec only names where it is",
        place=place,
        notes=("the line is not shown; whoever has the file has the key: revoke it",),
        help=(Help('name an environment variable: `api_key = env("OPENAI_API_KEY")`'),),
    )


def misplaced_secret(span: Span, subject: str) -> Diagnostic:
    """RF2071: `env(…)` in an attribute that is shown, hashed and stored.

    Wrong: `id = env("MODEL")`. Right: `id = var.model`.
    """
    return error(
        "RF2071",
        f"{subject} is no secret and cannot read the environment",
        span,
        "only for secrets",
        (Help("use a variable: `var.NAME`, set by `--var` or REFINE_VAR_NAME"),),
    )


def bad_environment_name(span: Span, name: str) -> Diagnostic:
    """RF2072: no name of an environment variable.

    Wrong: `env("my key")`. Right: `env("MY_KEY")`.
    """
    return error("RF2072", f"`{name}` is no name of an environment variable", span, "letters, digits and `_` only")


def path_outside(span: Span, path: str, root: str | None) -> Diagnostic:
    """RF2073: a path leads out of the project.

    Wrong: `source = "../../other/items.csv"`. Right: a path in the project, or `--allow-outside`.
    """
    notes = (f"the project's root is `{root}`",) if root else ()
    return error(
        "RF2073",
        f"`{path}` lies outside of the project",
        span,
        "outside",
        (Help("move it into the project, or allow it with `--allow-outside`"),),
        notes=notes,
    )


def bad_path(span: Span, path: str, reason: str) -> Diagnostic:
    """RF2074: no path that a file could have."""
    if not path:
        return error("RF2074", "an empty text is no path", span, "empty")
    return error("RF2074", f"`{path}` is no path: {reason}", span, reason)


def file_unreadable(span: Span, path: str, reason: str) -> Diagnostic:
    """RF2075: a file that the spec is made of (an import, a prompt, a table of shares) cannot be read.

    Right: `user = file("prompts/ask.jinja")`, relative to the file in which it is written.
    """
    helps = (Help("paths are relative to the folder of the file in which they are written"),)
    return error("RF2075", f"the file `{path}` cannot be read: {reason}", span, reason, helps)


def not_data(span: Span, subject: str, found: str) -> Diagnostic:
    """RF2076: free-form data hold something that is no plain value.

    Wrong: `params = { stop = after(x) }`. Right: `params = { stop = ["\\n"] }`.
    """
    return error("RF2076", f"{subject} takes plain data, not {found}", span, f"this is {found}")
