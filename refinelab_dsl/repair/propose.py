"""`propose`: to the first errors of a spec, the way out that was tried and found to work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Final

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic, Diagnostics, Help
from refinelab_dsl.repair import marks, words
from refinelab_dsl.repair.trial import Allowance, Choice, Judge, Trial
from refinelab_dsl.source import Source
from refinelab_dsl.syntax.reread import Part, split_parts

MOST: Final = 3
"""Errors of a file that are looked into: the others are often their consequences."""

_WARNINGS: Final = ("RF2114",)
"""Warnings that a slip may have made."""

WORK: Final = 50_000
"""Tokens that may be read while trying; a spec of 100 lines has some 600."""


def propose(source: Source, tree: syntax.Tree, found: Diagnostics, judge: Judge) -> Diagnostics:
    """The diagnostics, with edits in the help of the first errors where some edit makes the spec right, or at least
    removes the error and makes no other.

    judge: what later stages say of a tree. Each edit that is shown first has been judged so; one that was known before
    and fails gives way to one that does not.
    """
    if any(entry.code in ("RF1024", "RF1025") for entry in found):
        return found  # the text that was read is not the text that stands there
    parts = split_parts(source)
    size = sum(len(part.tokens) for part in parts)
    allowance = Allowance(WORK)
    entries = list(found)
    tried = 0
    for index, entry in enumerate(entries):
        if not (entry.is_error or entry.code in _WARNINGS) or entry.span is None or entry.span.file != source.name:
            continue
        if tried == MOST or allowance.left < size:
            break
        tried += 1
        part = next((each for each in reversed(parts) if each.start <= entry.span.start), None)
        if part is not None:
            entries[index] = _with_way_out(entry, Trial(tree, part, list(found), entry, judge, allowance, size))
    return Diagnostics(tuple(entries), found.sources)


def _with_way_out(entry: Diagnostic, trial: Trial) -> Diagnostic:
    known = [help_ for help_ in entry.help if help_.edits]
    if entry.code < "RF2":
        known = [trial.everywhere(help_) for help_ in known]
    best = trial.choose(chain([Choice(known)], _choices(entry, trial.part, trial.tree)))
    if best is None and entry.code < "RF2":
        return replace(entry, help=tuple(_without_edits(help_, trial) for help_ in entry.help))
    if best is None or best is next(iter(entry.help), None):
        return entry
    advice = [] if entry.code < "RF2" else [help_ for help_ in entry.help if not help_.edits]
    return replace(entry, help=(best, *(help_ for help_ in advice if help_.message != best.message)))


def _without_edits(help_: Help, trial: Trial) -> Help:
    """A way out as advice alone, where following it to the letter is of no use."""
    if help_.applicability == "maybe" and trial.leads_nowhere(help_):
        return replace(help_, edits=(), applicability="none")
    return help_


def _choices(entry: Diagnostic, part: Part, tree: syntax.Tree) -> Iterator[Choice]:
    assert entry.span is not None
    if entry.code < "RF2":
        stop = part.find_stop()
        if stop is not None:
            yield from marks.find_ways(stop, entry.span)
            yield from words.find_lost(stop, tree)
    else:
        yield from words.find_ways(entry.span, part, tree)
