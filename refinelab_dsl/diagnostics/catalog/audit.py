"""RF64xx: audits by reviewers."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.catalog.data import shorten
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.source import Place

_LISTED = 8


def too_many_strata(size: int, strata: int, names: Sequence[str]) -> Diagnostic:
    """RF6400: a sample has at least one item of each stratum, and there are more strata than it may have items."""
    listed = ", ".join(f"`{shorten(name)}`" for name in names)
    return Diagnostic(
        "RF6400", "error", f"a sample of {size} cannot have an item of each of {strata} strata",
        notes=(f"a stratum is a combination of {listed}",),
        help=(Help(f"draw at least {strata} with `-n`, or name fewer with `--by`"),),
    )


def folder_taken(path: str) -> Diagnostic:
    """RF6401: the folder for the sheets holds files already: those of reviewers might be among them."""
    return Diagnostic(
        "RF6401", "error", "the folder for the sheets is not empty", place=Place(path),
        help=(Help("name another with `-o`, or move what is there away"),),
    )


def stratum_unknown(name: str, known: Sequence[str], near: Sequence[str]) -> Diagnostic:
    """RF6402: `--by` names what the items do not have."""
    there = ", ".join(f"`{shorten(each)}`" for each in known[:_LISTED]) or "nothing"
    notes = (f"there is: {there}{', …' if len(known) > _LISTED else ''}",)
    helps = (Help(f"nearest: {', '.join(f'`{each}`' for each in near)}"),) if near else ()
    return Diagnostic(
        "RF6402", "error", f"items cannot be drawn by `{shorten(name)}`: they have none", notes=notes, help=helps
    )


def key_unreadable(path: str, reason: str) -> Diagnostic:
    """RF6410: the key of an audit is missing or damaged, so nobody knows which items the sheets are about."""
    return Diagnostic(
        "RF6410", "error", "the audit's key cannot be read", place=Place(path), notes=(shorten(reason, 200),),
        help=(Help("name the folder that `refinec audit sample` wrote, with its `key.json`"),),
    )


def sheet_unreadable(path: str, reason: str) -> Diagnostic:
    """RF6411: a reviewer's sheet is missing, or is no table with the columns `item` and `verdict`."""
    return Diagnostic(
        "RF6411", "error", "the sheet of a reviewer cannot be read", place=Place(path), notes=(shorten(reason, 200),),
        help=(Help("put the returned file there under its own name, with its columns `item` and `verdict`"),),
    )


def verdict_unknown(word: str, near: Sequence[str], words: Sequence[str], place: Place) -> Diagnostic:
    """RF6412: a verdict that is none of the words of an audit."""
    meant = near or words
    return Diagnostic(
        "RF6412", "error", f"`{shorten(word)}` is no verdict", place=place,
        help=(Help(f"{'nearest' if near else 'one of'}: {', '.join(f'`{each}`' for each in meant)}"),),
    )


def sheet_rows(reason: str, place: Place) -> Diagnostic:
    """RF6413: a sheet lacks items of the sample, has one twice, or has one that was not drawn."""
    return Diagnostic(
        "RF6413", "error", "the sheet's rows are not those of the sample", place=place, notes=(reason,),
        help=(Help("take the rows over from the sheet as it was written; the code in `item` tells them apart"),),
    )


def verdicts_open(count: int, total: int, place: Place) -> Diagnostic:
    """RF6414: rows without a verdict; the others count."""
    rows = "1 row has" if count == 1 else f"{count} rows have"
    return Diagnostic(
        "RF6414", "warning", f"{rows} no verdict yet, of {total}", place=place,
        help=(Help("`unsure` says that a reviewer looked and could not tell"),),
    )
