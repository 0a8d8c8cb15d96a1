"""RF54xx: `refine.lock`, the pins of what specs depend on."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Edit, Help
from refinelab_dsl.source import Place, Span


def lock_unreadable(name: str, reason: str) -> Diagnostic:
    """RF5401: the operating system refused to read or write `refine.lock`."""
    return Diagnostic(
        "RF5401", "error", f"`{name}` cannot be read or written", place=Place(name), notes=(reason,),
        help=(Help("check its permissions and the free space"),),
    )


def lock_damaged(name: str, line: int | None, reason: str) -> Diagnostic:
    """RF5402: `refine.lock` is not what `refinec lock` writes."""
    return Diagnostic(
        "RF5402", "error", f"`{name}` is damaged: {reason}", place=Place(name, line),
        help=(Help(f"restore it (`git checkout {name}`), or delete it and write it anew: refinec lock"),),
    )


def lock_in_conflict(name: str, line: int) -> Diagnostic:
    """RF5403: two branches changed `refine.lock`, and the conflict is not resolved."""
    return Diagnostic(
        "RF5403", "error", f"`{name}` holds an unresolved merge conflict", place=Place(name, line),
        help=(Help(f"take either side (`git checkout --ours {name}`), then lock again: refinec lock"),),
    )


def lock_version(name: str, found: str, ours: str) -> Diagnostic:
    """RF5404: the format of `refine.lock` has another major version."""
    return Diagnostic(
        "RF5404", "error", f"`{name}` has format version {found}; this refinec reads {ours}", place=Place(name),
        help=(Help("use the version of refinec that wrote it, or delete it and write it anew: refinec lock"),),
    )


def pin_stale(name: str, spec: str, what: str, was: str | None, now: str | None) -> Diagnostic:
    """RF5410: `lock --check`: something that a spec depends on is not as it is pinned."""
    return Diagnostic(
        "RF5410", "error", f"{what} of `{spec}` {_changed(was, now)}", place=Place(name), notes=_both(was, now),
        help=(Help(f"if that is meant, pin it: refinec lock {spec}"),),
    )


def spec_not_pinned(name: str, spec: str) -> Diagnostic:
    """RF5411: `lock --check`: the lock has no pins of this spec."""
    return Diagnostic(
        "RF5411", "error", f"nothing of `{spec}` is pinned", place=Place(name),
        help=(Help(f"pin what it depends on: refinec lock {spec}"),),
    )


def pinned_spec_gone(name: str, spec: str) -> Diagnostic:
    """RF5412: `lock --check`: a spec that the lock pins is not there any more."""
    return Diagnostic(
        "RF5412", "error", f"`{spec}` is pinned and does not exist", place=Place(name),
        help=(Help("drop its pins: refinec lock"),),
    )


def differs_from_lock(name: str, what: str, was: str | None, now: str | None) -> Diagnostic:
    """RF5413: what a plan is made of is not what `refine.lock` pins; the plan is made of what is there now."""
    return Diagnostic(
        "RF5413", "warning", f"{what} {_changed(was, now)}", place=Place(name), notes=_both(was, now),
        help=(Help("if that is meant, pin it: refinec lock"),),
    )


def list_price_differs(model: str, listed: str, source: str, span: Span, text: str) -> Diagnostic:
    """RF5420: the list has another price for a model than its spec states; the spec's counts."""
    return Diagnostic(
        "RF5420", "note", f"the price of model `{model}` is listed as {listed}", span=span,
        label="counts, as the spec states it", notes=(f"listed by {source}",),
        help=(Help("take the listed price", (Edit(span, text),), "maybe"),),
    )


def price_not_listed(model: str, why: str, span: Span | None) -> Diagnostic:
    """RF5421: a model without a price, and no list of prices gives one."""
    return Diagnostic(
        "RF5421", "warning", f"no price was found for model `{model}`: {why}", span=span,
        help=(Help('state it: price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }'),),
    )


def _changed(was: str | None, now: str | None) -> str:
    if was is None:
        return "is not pinned"
    return "is pinned and gone" if now is None else "changed since it was pinned"


def _both(was: str | None, now: str | None) -> tuple[str, ...]:
    return tuple(f"{word}: {text}" for word, text in (("pinned", was), ("now", now)) if text is not None)
