"""RF66xx: corpora that are searched while a plan runs."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.source import Place, Span


def corpus_needs_package(corpus: str, package: str, extra: str, span: Span | None = None) -> Diagnostic:
    """RF6600: a corpus is opened or ranked with a package that is not installed.

    package: bm25s for every corpus, libzim for ZIM files (under the GPL, so it comes with no other extra).
    """
    return Diagnostic(
        "RF6600", "error", f"corpus `{corpus}` cannot be searched: the package {package} is not installed", span=span,
        help=(Help(f'install it: pip install "refinec[{extra}]"'),),
    )


def zim_unreadable(corpus: str, name: str, reason: str, span: Span | None = None) -> Diagnostic:
    """RF6603: a file is no ZIM archive, or one that cannot be searched."""
    return Diagnostic(
        "RF6603", "error", f"corpus `{corpus}` cannot be opened", span=span, place=Place(name), notes=(reason,),
        help=(Help("download it again, as a copy with a full-text index"),),
    )


def wiki_unavailable(corpus: str, address: str, reason: str) -> Diagnostic:
    """RF6604: a wiki does not answer, refuses, or answers as no MediaWiki does. What it gave before is kept."""
    return Diagnostic(
        "RF6604", "error", f"corpus `{corpus}` cannot be searched: {reason}",
        notes=(f"asked: {address}",),
        help=(Help("try again later, or check the address: what it answered so far is kept, and not asked again"),),
    )


def wiki_address(corpus: str, variable: str, reason: str) -> Diagnostic:
    """RF6606: the address that the user's environment gives a wiki is one that refinec does not send keywords to."""
    return Diagnostic(
        "RF6606", "error", f"the address that {variable} gives corpus `{corpus}` {reason}",
        help=(Help(f'write an address such as {variable}="https://wiki.example.org/w/api.php", or unset it'),),
    )


def wiki_host_unlisted(corpus: str, host: str, listed: tuple[str, ...]) -> Diagnostic:
    """RF6607: keywords would go to a host that the plan does not list: the user's settings changed since then."""
    there = ", ".join(listed) or "none"
    return Diagnostic(
        "RF6607", "error", f"corpus `{corpus}` would send keywords to {host}, which the plan does not list",
        notes=(f"it lists {there}",),
        help=(Help("plan again under the settings of now, or set REFINE_WIKIPEDIA_URL as it was"),),
    )
