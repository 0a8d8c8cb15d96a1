"""RF9xxx: faults of the compiler itself, and of the machine under it."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.source import Span


def internal_error(kind: str, report: str | None) -> Diagnostic:
    """RF9001: a bug of ours. `kind` is the exception's type; `report` is the file that describes it, or None."""
    where = "no report could be written: there is no temporary folder"
    if report:
        where = f"the report {report} holds the details, and no secret; please attach it to an issue"
    return Diagnostic(
        "RF9001", "error", f"refinec has a bug: {kind}", notes=(where,),
        help=(Help("nothing paid for is lost: `refinec runs` lists the runs, `refinec apply --resume` goes on"),),
    )


def system_refused(action: str, name: str, reason: str) -> Diagnostic:
    """RF9002: the operating system refused to read or write something that is no file of the spec's."""
    return Diagnostic(
        "RF9002", "error", f"cannot {action} {name}: {reason}",
        help=(Help("check the path, its permissions and the free space"),),
    )


def missing_package(package: str) -> Diagnostic:
    """RF9003: a package that refinec depends on cannot be imported: the installation is incomplete."""
    return Diagnostic(
        "RF9003", "error", f"the package `{package}` is missing from this installation",
        help=(Help("install refinec again: python -m pip install --force-reinstall refinec"),),
    )


def out_of_memory() -> Diagnostic:
    """RF9004: the machine has no memory left for what was asked."""
    return Diagnostic(
        "RF9004", "error", "out of memory",
        help=(Help("close other programs, or give refinec a smaller dataset"),),
    )


def layout_refused(span: Span, reason: str) -> Diagnostic:
    """RF9005: the formatter read its own output again and did not find what the file says; the file is left alone."""
    return Diagnostic(
        "RF9005", "error", "the file cannot be laid out without a change of what it says", span,
        notes=(reason,),
        help=(Help("the file was left as it is; unless it is too large, please report it: this should not happen"),),
    )
