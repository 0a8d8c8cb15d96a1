"""RF200x to RF204x: blocks, attributes and keys, references, variables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Edit, Help, Label
from refinelab_dsl.diagnostics.wording import a, error, listed, nearest_names
from refinelab_dsl.source import Span

# Blocks


def unknown_block(span: Span, kind: str, near: Sequence[str]) -> Diagnostic:
    """RF2001: a block of a kind that the language does not have.

    Wrong: `modell small { … }`. Right: `model small { … }`.
    """
    return error("RF2001", f"unknown kind of block `{kind}`", span, "no such kind of block", nearest_names(near, span))


def block_without_name(span: Span, kind: str) -> Diagnostic:
    """RF2002: a block that others refer to has no name.

    Wrong: `model { … }`. Right: `model small { … }`.
    """
    return error("RF2002", f"{a(kind)} needs a name", span, "name it here", (Help(f"name it: `{kind} NAME {{ … }}`"),))


def block_without_title(span: Span, kind: str) -> Diagnostic:
    """RF2019: an `expect` or a `test` says what it asserts.

    Wrong: `expect { … }`. Right: `expect "topics are even" { … }`.
    """
    help_ = Help(f'say what must hold: `{kind} "topics are even" {{ … }}`')
    return error("RF2019", f"`{kind}` needs a title", span, "title it here", (help_,))


def block_with_name(span: Span, kind: str, before: Span) -> Diagnostic:
    """RF2003: a block that exists once takes no name.

    Wrong: `budget mine { … }`. Right: `budget { … }`.
    """
    help_ = Help("leave the name out", (Edit(Span(span.file, before.end, span.end), ""),), "maybe")
    return error("RF2003", f"`{kind}` takes no name", span, "not here", (help_,), notes=("a spec has one of it",))


def bad_name(span: Span, kind: str, name: str) -> Diagnostic:
    """RF2004: a name that could not be referred to.

    Wrong: `model "gpt 4" { … }`. Right: `model gpt_4 { … }`.
    """
    notes = ("names are bare words: letters, digits and `_`, not a digit first, and no reserved word",)
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    helps = (Help("use `_`", (Edit(span, plain),), "maybe"),) if plain.isidentifier() else ()
    return error("RF2004", f"`{name}` is no name for {a(kind)}", span, "not a bare word", helps, notes=notes)


def duplicate_declaration(span: Span, kind: str, name: str, first: Span) -> Diagnostic:
    """RF2005: a name is declared twice for one kind.

    Wrong: two blocks `model small`. Right: `model small` and `model large`.
    """
    labels = (Label(first, "first declared here"),)
    return error("RF2005", f"{kind} `{name}` is declared twice", span, "declared again", labels=labels)


def duplicate_block(span: Span, kind: str, first: Span) -> Diagnostic:
    """RF2006: a block that may stand once stands twice.

    Wrong: two blocks `budget`. Right: one, with the attributes of both.
    """
    labels = (Label(first, "the first one"),)
    help_ = Help(f"put the attributes of both into one `{kind}`")
    return error("RF2006", f"a spec has one `{kind}`, here is another", span, "the second one", (help_,), labels=labels)


def nested_block(span: Span, kind: str, outer: str, header: Span, is_attribute: bool) -> Diagnostic:
    """RF2007: a block inside of a block; none takes any.

    Wrong: `operator x { prior { … } }`. Right: `operator x { prior = { … } }`.
    """
    help_ = Help(f"declare it at the top of the file, or write a map: `{kind} = {{ … }}`")
    if is_attribute:
        help_ = Help("write a map", (Edit(Span(header.file, header.end, header.end), " ="),), "maybe")
    return error("RF2007", f"a block `{kind}` cannot stand in {a(outer)}", span, "a block in a block", (help_,))


def nested_import(span: Span) -> Diagnostic:
    """RF2020: an `import` inside of a block."""
    return error("RF2020", "an import stands at the top of the file", span, "in a block")


def missing_block(span: Span, what: str, example: str) -> Diagnostic:
    """RF2008: the spec lacks a block without which there is nothing to compile.

    Wrong: a file without `dataset`. Right: `dataset items { task = qa, source = "data/items.jsonl", … }`.
    """
    return error("RF2008", f"the spec declares no {what}", span, "", (Help(f"add one: `{example}`"),))


def several_main(span: Span, name: str, first: Span, first_name: str) -> Diagnostic:
    """RF2009: two datasets are the main one.

    Wrong: two datasets without `role`. Right: `role = seeds` in one of them.
    """
    return error(
        "RF2009",
        f"datasets `{first_name}` and `{name}` are both the main one",
        span,
        "its role is main",
        (Help("give the other a role: `role = seeds`, `corpus` or `signals`"),),
        labels=(Label(first, "its role is main, too"),),
    )


# Attributes and keys


def unknown_attribute(span: Span, name: str, owner: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2010: an attribute that this kind of block does not have. Schemas are closed.

    Wrong: `budget { token = 400k }`. Right: `budget { tokens = 400k }`.
    """
    notes = () if near else (f"it has {listed(known)}",)
    return error(
        "RF2010", f"{owner} has no attribute `{name}`", span, "unknown here", nearest_names(near, span), notes=notes
    )


def attribute_for_block(span: Span, name: str, body: Span | None) -> Diagnostic:
    """RF2021: a block is written like an attribute.

    Wrong: `budget = { tokens = 400k }`. Right: `budget { tokens = 400k }`.
    """
    edits = (Edit(Span(span.file, span.end, body.start), " "),) if body is not None else ()
    help_ = Help(f"leave the `=` out: `{name} {{ … }}`", edits, "maybe" if edits else "none")
    return error("RF2021", f"`{name}` is a block, not an attribute", span, "a block", (help_,))


def foreign_attribute(span: Span, name: str, owner: str, others: Sequence[str]) -> Diagnostic:
    """RF2011: an attribute that only other kinds have.

    Wrong: `operator x { kind = remove, variants = 2 }`. Right: `operator x { kind = expand, variants = 2 }`.
    """
    notes = (f"kinds that have it: {listed(others)}",) if others else ()
    return error("RF2011", f"`{name}` means nothing for {owner}", span, "does not apply", notes=notes)


def duplicate_attribute(span: Span, name: str, first: Span) -> Diagnostic:
    """RF2012: an attribute is written twice in one block.

    Wrong: `size = keep` and `size = 100`. Right: one of them.
    """
    return error("RF2012", f"`{name}` is set twice", span, "set again", labels=(Label(first, "first set here"),))


def missing_attribute(span: Span, name: str, owner: str, example: str) -> Diagnostic:
    """RF2013: an attribute without a default is not written.

    Wrong: `measure m { }`. Right: `measure m { kind = length }`.
    """
    return error(
        "RF2013", f"{owner} needs `{name}`", span, f"`{name}` is missing", (Help(f"`{name}` takes {example}"),)
    )


def unknown_key(span: Span, key: str, owner: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2014: a key that a closed map does not have.

    Wrong: `price = { inputs = $1 / 1M }`. Right: `price = { input = $1 / 1M }`.
    """
    notes = () if near else (f"it has {listed(known)}",)
    return error("RF2014", f"{owner} has no key `{key}`", span, "unknown here", nearest_names(near, span), notes=notes)


def duplicate_key(span: Span, key: str, owner: str, first: Span) -> Diagnostic:
    """RF2015: a key stands twice in one map.

    Wrong: `{ a = 50%, a = 50% }`. Right: `{ a = 50%, b = 50% }`.
    """
    return error("RF2015", f"{owner} has `{key}` twice", span, "again", labels=(Label(first, "first here"),))


def missing_key(span: Span, key: str, owner: str, example: str) -> Diagnostic:
    """RF2016: a map lacks a key.

    Wrong: `price = { input = $1 / 1M }`. Right: `price = { input = $1 / 1M, output = $4 / 1M }`.
    """
    return error(
        "RF2016", f"{owner} needs the key `{key}`", span, f"`{key}` is missing", (Help(f"`{key}` takes {example}"),)
    )


def unknown_word(span: Span, word: str, subject: str, near: Sequence[str], takes: str) -> Diagnostic:
    """RF2017: a word that is none of those an attribute takes.

    Wrong: `task = mcqs`. Right: `task = mcq`.
    """
    notes = (f"{subject} takes {takes}",)
    return error(
        "RF2017", f"{subject} cannot be `{word}`", span, "not one of its words", nearest_names(near, span), notes=notes
    )


def repeated(span: Span, what: str, subject: str, first: Span) -> Diagnostic:
    """RF2018: an entry stands twice in a list.

    Wrong: `order = [easy, easy]`. Right: `order = [easy, hard]`.
    """
    return error("RF2018", f"{subject} lists {what} twice", span, "again", labels=(Label(first, "first here"),))


# References


def unknown_reference(
    span: Span, name: str, kinds: Sequence[str], near: Sequence[str], known: Sequence[str]
) -> Diagnostic:
    """RF2030: a name that nothing of the expected kind has.

    Wrong: `model = smal`. Right: `model = small`.
    """
    kind = " or ".join(kinds)
    declared = f"declared: {listed(known)}" if known else f"the spec declares no {kind}"
    notes = () if near else (declared,)
    helps = nearest_names(near, span) or ((Help(f"declare it: `{kinds[0]} {name} {{ … }}`"),) if not known else ())
    return error("RF2030", f"no {kind} is named `{name}`", span, f"no such {kind}", helps, notes=notes)


def wrong_kind(
    span: Span, name: str, kinds: Sequence[str], found: str, declared: Span, near: Sequence[str]
) -> Diagnostic:
    """RF2031: the name exists, but as something else.

    Wrong: `from = topic`, a dimension. Right: `from = subject`, a measure.
    """
    return error(
        "RF2031",
        f"`{name}` is {a(found)}, where {a(kinds[0])} is expected",
        span,
        f"not {a(kinds[0])}",
        nearest_names(near, span),
        labels=(Label(declared, f"{a(found)}"),),
    )


def unknown_namespace(span: Span, name: str, near: Sequence[str]) -> Diagnostic:
    """RF2032: the first part of a dotted name is no import.

    Wrong: `model = shared.small` without an import. Right: `import "lib/models.refine" as shared`.
    """
    helps = nearest_names(near, span) or (Help(f'import it: `import "lib/{name}.refine" as {name}`'),)
    return error("RF2032", f"nothing is imported as `{name}`", span, "unknown", helps)


def unused(span: Span, kind: str, name: str) -> Diagnostic:
    """RF2035: nothing refers to a declaration, so it has no effect."""
    return Diagnostic("RF2035", "warning", f"{kind} `{name}` is not used", span=span, label="nothing refers to it")


def misnamed(span: Span, kind: str, name: str, meant: str, uses: Sequence[Span]) -> Diagnostic:
    """RF2036: a declaration that nothing refers to, and a name much like its own that nothing declares.

    Wrong: `measure wrods { … }` with `from = words`. Right: `measure words { … }`.
    """
    labels = tuple(Label(use, f"called `{meant}` here") for use in uses[:3])
    help_ = Help(f"name it `{meant}`", (Edit(span, meant),), "maybe")
    message = f"{kind} `{name}` is referred to as `{meant}`, which nothing declares"
    return error("RF2036", message, span, f"named `{name}`", (help_,), labels=labels)


# Variables


def unknown_variable(span: Span, name: str, near: Sequence[str]) -> Diagnostic:
    """RF2040: `var.x` without a block `variable x`.

    Wrong: `tokens = var.limit` alone. Right: with `variable limit { type = tokens, default = 400k }`.
    """
    helps = nearest_names(near, span, "var.") or (Help(f"declare it: `variable {name} {{ type = … }}`"),)
    return error("RF2040", f"no variable is named `{name}`", span, "no such variable", helps)


def variable_without_value(span: Span, name: str, environment: str) -> Diagnostic:
    """RF2041: a variable without a default was given no value.

    Right: `--var limit=400k`, or a `default`.
    """
    helps = (Help(f"give it one: `--var {name}=…`, the environment variable {environment}, or `default = …`"),)
    return error("RF2041", f"variable `{name}` has no value", span, "no default", helps)


def undeclared_variable(name: str, near: Sequence[str], span: Span) -> Diagnostic:
    """RF2042: a value was given for a variable that the spec does not declare."""
    helps = (Help(f"nearest: {listed(near)}"),) if near else ()
    return error("RF2042", f"a value is given for variable `{name}`, which the spec does not declare", span, "", helps)


def bad_variable_value(span: Span, name: str, text: str, expected: str) -> Diagnostic:
    """RF2043: the value given for a variable does not read as its type.

    Wrong: `--var limit=many` for `type = tokens`. Right: `--var limit=400k`.
    """
    return error("RF2043", f"the value `{text}` given for variable `{name}` is not {expected}", span, "declared here")


def variable_in_default(span: Span, name: str) -> Diagnostic:
    """RF2044: the default of a variable refers to a variable; a default is a value.

    Wrong: `default = 2 * var.base`. Right: `default = 800k`, and `2 * var.base` where it is used.
    """
    return error("RF2044", f"the default of variable `{name}` refers to a variable", span, "not in a default")
