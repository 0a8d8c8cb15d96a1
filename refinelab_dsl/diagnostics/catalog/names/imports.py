"""RF208x: imports, and what of an imported file takes part."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help, Label
from refinelab_dsl.diagnostics.wording import a, error, listed, nearest_names
from refinelab_dsl.source import Span


def import_cycle(span: Span, files: Sequence[str], between: Sequence[Span]) -> Diagnostic:
    """RF2080: an import leads back to the file that it started from.

    Wrong: `a.refine` imports `b.refine`, which imports `a.refine`. Right: what both need in a third file.
    """
    circle = " -> ".join(files)
    helps = (Help("move what both need into a file of its own, and import that"),) if len(files) > 2 else (
        Help("leave the import out: the names of a file are known in it"),)  # fmt: skip
    labels = tuple(Label(each, "part of the circle") for each in between)
    return error("RF2080", f"imports go in a circle: {circle}", span, "leads back", helps, labels=labels)


def not_a_spec(span: Span, path: str, reason: str) -> Diagnostic:
    """RF2081: an import of a file that is no spec.

    Wrong: `import "data/items.csv" as items`. Right: `dataset items { source = "data/items.csv", … }`.
    """
    helps = (Help("import a `.refine` file; data are the `source` of a dataset, prompts are read with `file(…)`"),)
    return error("RF2081", f"`{path}` is no spec", span, "not a spec", helps, notes=(f"read as one: {reason}",))


def private_import(span: Span, name: str, alias: str, inner: str) -> Diagnostic:
    """RF2082: a dotted name reaches through an import into the imports of that file, which are its own.

    Wrong: `model = lib.models.bulk`. Right: an `import` of that file here, and `model = models.bulk`.
    """
    return error(
        "RF2082",
        f"`{name}` reaches into the imports of `{alias}`, which are its own",
        span,
        "one dot at most",
        (Help(f"import the file of `{inner}` here"),),
    )


def unknown_member(
    span: Span, name: str, kinds: Sequence[str], file: str, near: Sequence[str], known: Sequence[str]
) -> Diagnostic:
    """RF2083: an imported file does not declare the name.

    Wrong: `model = models.bluk`. Right: `model = models.bulk`.
    """
    kind = " or ".join(kinds)
    alias, _, member = name.rpartition(".")
    notes = () if near else (f"it declares {listed(known)}" if known else f"it declares no {kind}",)
    message = f"`{alias}`, which is {file}, declares no {kind} `{member}`"
    return error("RF2083", message, span, f"no such {kind}", nearest_names(near, span), notes=notes)


def reserved_namespace(span: Span, name: str) -> Diagnostic:
    """RF2084: an import takes a name that has a meaning of its own before a dot.

    Wrong: `import "lib/x.refine" as var`. Right: `import "lib/x.refine" as values`.
    """
    return error("RF2084", f"an import cannot be named `{name}`", span, f"`{name}.x` is a variable",
                 (Help("give it another name"),))  # fmt: skip


def stays_behind(span: Span, what: str) -> Diagnostic:
    """RF2085: an imported file that is no spec of its own says something that only a spec can say.

    Wrong: `budget { … }` in `lib/models.refine`. Right: in the spec that imports it.
    """
    return Diagnostic(
        "RF2085", "warning", f"{what} of an imported file has no effect", span=span, label="stays in this file",
        notes=("an import brings the names of a file; what concerns a spec as a whole stands in the spec itself",),
        help=(Help("move it to the spec that imports this file"),),
    )  # fmt: skip


def own_use(span: Span, name: str) -> Diagnostic:
    """RF2086: `use` names something of the file itself, which takes part as it is.

    Wrong: `use = [drop]`. Right: `use = [lib.drop]`, or nothing.
    """
    helps = (Help("leave it out: `use` is for what is imported"),)
    return error("RF2086", f"`{name}` stands in this file and takes part as it is", span, "not imported", helps)


def unused_import(span: Span, name: str) -> Diagnostic:
    """RF2087: nothing of an import is used.

    Right: `model = models.bulk`, or no import.
    """
    return Diagnostic("RF2087", "warning", f"import `{name}` is not used", span=span, label="nothing refers to it")


def main_not_used(span: Span, name: str, dataset: str, example: str) -> Diagnostic:
    """RF2088: the spec has no main dataset, and an import that has one does not take part by itself.

    Right: `use = data.quiz` beside `import "data.refine" as data`.
    """
    return error("RF2088", "the spec declares no main dataset", span, "", (
        Help(f"take part in the one of `{name}`: `use = {dataset}`"), Help(f"or declare {a('dataset')}: `{example}`"),
    ))  # fmt: skip
