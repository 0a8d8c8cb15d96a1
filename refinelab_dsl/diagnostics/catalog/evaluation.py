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


def model_unknown(name: str, known: Sequence[str], near: Sequence[str]) -> Diagnostic:
    """RF6501: `--models` names what the spec does not declare."""
    listed = ", ".join(f"`{each}`" for each in near or known)
    meant = f"{'nearest' if near else 'models'}: {listed}" if listed else "declare one: `model small { … }`"
    return Diagnostic("RF6501", "error", f"the spec has no model `{name}`", help=(Help(meant),))


def task_unasked(task: str) -> Diagnostic:
    """RF6502: answers of this task cannot be compared as texts, so models are not asked about it."""
    return Diagnostic(
        "RF6502", "error", f"models are not asked about items of task `{task}`",
        help=(Help("evaluate recorded answers (right or wrong) with `--answers`"),),
    )


def evaluation_dry(spent: str, needed: str, limit: str, answered: int, total: int) -> Diagnostic:
    """RF6503: the next call's worst case does not fit into what is left of `--budget`."""
    return Diagnostic(
        "RF6503", "error", "the evaluation stopped at its budget: the next call might exceed it",
        notes=(
            f"{answered} of {total} questions are answered; spent {spent} of {limit}",
            f"the next call takes at most {needed}",
        ),
        help=(Help("ask again with a larger `--budget`: what was answered is not paid twice"),),
    )


def refining_unknown(name: str | None, known: Sequence[str], near: Sequence[str]) -> Diagnostic:
    """RF6504: there is no `refine` of this name to compare with other ways of answering, or it must be said which."""
    if name is not None:
        message = f"the spec has no operator `{name}` that refines"
    else:
        message = "the spec has several operators that refine" if known else "the spec has no operator that refines"
    listed = ", ".join(f"`--operator {each}`" for each in near or known)
    meant = f"name one: {listed}" if listed else "declare one: `operator improve { kind = refine, … }`"
    return Diagnostic("RF6504", "error", message, help=(Help(meant),))


def judge_unknown(name: str, known: Sequence[str], near: Sequence[str]) -> Diagnostic:
    """RF6505: `--judge` names what the spec does not declare."""
    listed = ", ".join(f"`{each}`" for each in near or known)
    meant = Help(f"{'nearest' if near else 'judges'}: {listed}")
    return Diagnostic("RF6505", "error", f"the spec has no judge `{name}`", help=(meant,))


def no_chains(run: str) -> Diagnostic:
    """RF6506: no operator of the run refined an answer, so there is nothing that a judge could be asked again about."""
    return Diagnostic(
        "RF6506", "error", f"{run} has no chain of answers that a judge compared",
        help=(Help("name a run of a spec with an operator of kind `refine`; `refinec runs` lists them"),),
    )


def evaluation_interrupted(signal: str) -> Diagnostic:
    """RF6507: an evaluation was stopped by a signal; what was answered is kept."""
    return Diagnostic(
        "RF6507", "note", f"the evaluation was stopped by {signal}; what was answered is kept",
        help=(Help("ask again to go on: what was answered is not paid twice"),),
    )
