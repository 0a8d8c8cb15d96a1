"""RF65xx: evaluations of models."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help


def answers_unknown(name: str | None, known: Sequence[str], near: Sequence[str]) -> Diagnostic:
    """RF6500: the spec has no signals dataset with the answers that an evaluation is to read, or several."""
    if name is not None:
        message = f"the spec has no signals dataset `{name}`"
    else:
        message = "the spec has several signals datasets" if known else "the spec has no dataset of recorded answers"
    if near:
        help_ = Help(f"nearest: {', '.join(f'`{each}`' for each in near)}")
    elif known:
        help_ = Help(f"name what holds answers: {', '.join(f'`--answers {each}`' for each in known)}")
    else:
        help_ = Help('declare one: `dataset answers { role = signals, task = mcq, source = "…", join = { id = id } }`')
    return Diagnostic("RF6500", "error", message, help=(help_,))
