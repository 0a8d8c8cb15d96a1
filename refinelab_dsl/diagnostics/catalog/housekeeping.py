"""RF67xx: what is kept for the user: trusted hosts, replies, the run lock."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.source import Place


def trust_unreadable(path: str, reason: str, *, writing: bool = False) -> Diagnostic:
    """RF6700: the operating system refused to read or write the user's file of trusted hosts."""
    verb = "written" if writing else "read"
    return Diagnostic(
        "RF6700", "error", f"the file of trusted hosts cannot be {verb}", place=Place(path), notes=(reason,),
        help=(Help("check the permissions of the file and of its folder; XDG_CONFIG_HOME names another place"),),
    )


def trust_damaged(path: str, line: int | None, reason: str, repair: str | None = None) -> Diagnostic:
    """RF6701: the user's file of trusted hosts is not what `refinec trust` writes, so no pair of it counts."""
    way_out = repair or "repair it, or delete it and say it anew: refinec trust HOST VARIABLE"
    return Diagnostic(
        "RF6701", "error", f"the file of trusted hosts does not count: {reason}", place=Place(path, line),
        help=(Help(way_out),),
    )


def pair_unknown(host: str, variable: str | None, known: tuple[str, ...]) -> Diagnostic:
    """RF6702: `trust --remove` of what the user never trusted."""
    what = host if variable is None else f"{host} with {variable}"
    listed = ", ".join(known) if known else "there are none yet"
    return Diagnostic(
        "RF6702", "error", f"{what} is not among the hosts that you trust", notes=(f"they are: {listed}",),
        help=(Help("see them with `refinec trust --list`; what refinec trusts by itself stays"),),
    )


def reply_unclear(key: str, count: int, store: str) -> Diagnostic:
    """RF6720: the beginning of a hash tells no reply and no call of the store, or several."""
    what = f"{count} replies of the store begin" if count else "no reply and no call of the store begins"
    return Diagnostic(
        "RF6720", "error", f"{what} with {key}", place=Place(store),
        help=(Help("see what it holds with `refinec cache ls --entries`, and give enough of the hash to tell one"),),
    )


def uses_unreadable(user: str, path: str, reason: str) -> Diagnostic:
    """RF6721: which replies a run needs cannot be told, so `cache gc` takes nothing out."""
    return Diagnostic(
        "RF6721", "error", f"it cannot be told which replies {user} needs, so none is taken out", place=Place(path),
        notes=(reason,),
        help=(Help("restore the file, or delete the folder that it is in: what has no folder needs no reply"),),
    )


def lock_of_other_run(run: int, status: str) -> Diagnostic:
    """RF6710: `runs unlock` names a run that is not the one at work."""
    return Diagnostic(
        "RF6710", "error", f"run {run} does not hold the lock: it is {status}",
        help=(Help("see which one does with `refinec runs`, or give no number: the question says who holds the lock"),),
    )
