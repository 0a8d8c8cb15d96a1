"""RF6xxx: runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.source import Place, Span

_LOST_SHOWN: Final = 5  # labels that are listed


def run_locked(host: str, pid: int, since: str, path: str) -> Diagnostic:
    """RF6001: another process runs in this project, or one on another machine did and never said it ended."""
    return Diagnostic(
        "RF6001", "error", "another run holds the lock of this project", place=Place(path),
        notes=(f"held by process {pid} on {host} since {since}",),
        help=(
            Help("wait until it ends, or interrupt it: what it has bought is kept"),
            Help("if that machine, or the container that it was, is gone: refinec runs unlock"),
        ),
    )


def plan_used(name: str, run: int) -> Diagnostic:
    """RF6002: a saved plan is applied once."""
    return Diagnostic(
        "RF6002", "error", f"this plan was applied as run {run}; a saved plan is single-use", place=Place(name),
        help=(Help("apply the spec itself to run it again: what the cache holds is not paid twice"),),
    )


def run_unknown(run: int, known: tuple[int, ...]) -> Diagnostic:
    """RF6003: there is no such run."""
    listed = ", ".join(map(str, known)) if known else "there is none yet"
    return Diagnostic(
        "RF6003", "error", f"there is no run {run} in this project", notes=(f"runs: {listed}",),
        help=(Help("list them with `refinec runs`"),),
    )


def run_finished(run: int, status: str) -> Diagnostic:
    """RF6004: `--resume` of a run with nothing left to do."""
    return Diagnostic(
        "RF6004", "error", f"run {run} is {status}: there is nothing to resume",
        help=(Help("apply the spec to run it again: what the cache holds is not paid twice"),),
    )


def resume_ambiguous(runs: tuple[int, ...]) -> Diagnostic:
    """RF6005: `--resume` without a number, and not exactly one run is unfinished."""
    if not runs:
        return Diagnostic("RF6005", "error", "no run is unfinished", help=(Help("list runs with `refinec runs`"),))
    listed = ", ".join(map(str, runs))
    return Diagnostic(
        "RF6005", "error", f"several runs are unfinished: {listed}",
        help=(Help(f"name the one to resume: `refinec apply --resume={runs[-1]}`"),),
    )


def run_damaged(run: int, path: str, reason: str) -> Diagnostic:
    """RF6006: a file of the run's folder cannot be read as what it should be."""
    return Diagnostic(
        "RF6006", "error", f"the record of run {run} is damaged", place=Place(path), notes=(reason,),
        help=(Help("apply the spec again: replies that the store holds are not paid twice"),),
    )


def budget_dry(spent: str, needed: str, limit: str) -> Diagnostic:
    """RF6010: the next call's worst case does not fit into what is left."""
    return Diagnostic(
        "RF6010", "error", "the run stopped at its budget: the next call might exceed it",
        notes=(f"spent {spent}; the next call takes at most {needed}; the budget is {limit}",
               "the output holds what was accepted until then and is marked partial"),
        help=(Help("raise `budget` and apply again: what the cache holds is not paid twice"),),
    )


def budget_too_small(needed: str, limit: str, least: str) -> Diagnostic:
    """RF6022: not even the first call fits into the budget. least: a budget that has room for every attempt, as a spec
    has it."""
    return Diagnostic(
        "RF6022", "error", f"the budget is too small for one call: the first may take {needed}, and the budget is "
        f"{limit}",
        notes=("nothing was called and nothing was written",),
        help=(Help(f"the smallest useful budget is `{least}`; shorter replies need less: "
                   "`params = { max_output_tokens = … }`"),),
    )


def usage_above_reservation(model: str, reported: int, reserved: int) -> Diagnostic:
    """RF6011: the endpoint charged more tokens than the request could take; the model is stopped."""
    return Diagnostic(
        "RF6011", "error", f"the endpoint of model `{model}` reported {reported} tokens for a call that was limited "
        f"to {reserved}; no more calls are made to it",
        notes=("the ledger reserves the worst case of each call; an endpoint that exceeds it cannot be held to "
               "a budget",),
        help=(Help("check what the endpoint counts: hidden reasoning needs a larger `params.max_output_tokens`"),),
    )


def model_refused(model: str, operators: tuple[str, ...], kind: str, reason: str, status: int | None) -> Diagnostic:
    """RF6012: the endpoint refuses every call of this model (400, 401, 403, 404)."""
    names = ", ".join(f"`{name}`" for name in operators)
    ways = {
        "authentication": "check the key in the environment variable that `api_key` names",
        "permission": "check what the key may do at the endpoint",
        "not_found": "check `id` and `base_url` of the model",
        "bad_request": "check the model's `params`: the endpoint does not take this request",
        "bad_vectors": "check that `id` names an embedding, and always the same",
        "missing": "a `cached` model answers only what was asked before; use its real provider once",
    }
    code = f" ({status})" if status is not None else ""
    return Diagnostic(
        "RF6012", "error", f"model `{model}` refuses calls: {kind.replace('_', ' ')}{code}",
        notes=(reason, f"operators that use it: {names}"),
        help=(Help(ways.get(kind, "read the endpoint's answer above")),),
    )


def model_unavailable(
    model: str, count: int, reason: str, *, asked_by: Literal["probes", "tries", "batches"], is_limited: bool = False
) -> Diagnostic:
    """RF6013: a model was asked again and again and did not answer. asked_by: probes of a model that is down, tries of
    a call without which nothing goes on, or batches."""
    word = asked_by if count != 1 else {"probes": "probe", "tries": "try", "batches": "batch"}[asked_by]
    message = f"model `{model}` does not answer: {count} {word} in a row failed"
    if is_limited:
        message = f"model `{model}` lets no call through: it refused {count} {word} in a row for their rate"
    ways = (
        "wait until its limit is reset, or see whether the account has quota left" if is_limited
        else "see whether its address is right and it runs; resume when it is back"
    )  # fmt: skip
    return Diagnostic(
        "RF6013", "error", message,
        notes=(f"last failure: {reason}", "what was bought is kept"),
        help=(Help(ways),),
    )


def steps_failed(count: int, reason: str) -> Diagnostic:
    """RF6014: some steps got no answer; the run went on without them."""
    return Diagnostic(
        "RF6014", "warning", f"{count} attempts got no answer, with all their retries",
        notes=(f"last failure: {reason}",),
        help=(Help("raise `retries` or `backoff` in `run`, or lower the model's `limits`"),),
    )


def count_missed(operator: str, accepted: int, count: int, target: str) -> Diagnostic:
    """RF6015: an action's attempts ran out before its count was reached."""
    where = f" for {target}" if target else ""
    return Diagnostic(
        "RF6015", "warning", f"operator `{operator}` reached {accepted} of {count} results{where}",
        notes=("fewer items were removed instead, where the plan allows it",),
        help=(Help("see why with `refinec logs RUN --rejected`; raise `confidence` or state a lower `prior.success`"),),
    )


def outside_tolerance(dimension: str, label: str, measured: str, target: str, tolerance: str) -> Diagnostic:
    """RF6016: the result's measured share of a label is further from its target than `tolerance`."""
    return Diagnostic(
        "RF6016", "warning", f"`{dimension}` is outside its tolerance: {label} has {measured}, wanted {target} "
        f"± {tolerance}",
        help=(Help("plan again: another run continues from the cache at no cost"),),
    )


def size_missed(size: int, low: int, high: int) -> Diagnostic:
    """RF6017: too few results were accepted for the size that was asked for."""
    wanted = str(low) if low == high else f"{low} to {high}"
    return Diagnostic(
        "RF6017", "warning", f"the result has {size} rows, wanted {wanted}",
        help=(Help("plan again with a lower `prior.success`, or allow another size in `constraints`"),),
    )


def expect_failed(title: str, value: str) -> Diagnostic:
    """RF6018: an `expect` does not hold of the result."""
    return Diagnostic(
        "RF6018", "error", f"the result does not meet \"{title}\"", notes=(value,),
        help=(Help("the output was written; see intended and measured mix with `refinec show RUN`"),),
    )


def operator_capped(operator: str, cap: str) -> Diagnostic:
    """RF6019: the next call of an operator might exceed its `max_cost`; the others went on."""
    return Diagnostic(
        "RF6019", "warning", f"operator `{operator}` stopped at its `max_cost` of {cap}",
        notes=("the ledger holds the worst case of a call against it, which is more than its expected cost",),
        help=(Help("raise `max_cost`, or leave it out: `budget` bounds the whole run"),),
    )


def operator_overloaded(operator: str, accepted: int, judged: int, expected: str) -> Diagnostic:
    """RF6025: an operator was stopped early, because its checks refuse far more of its results than was expected; the
    others went on."""
    return Diagnostic(
        "RF6025", "warning", f"operator `{operator}` was stopped: its checks accept {accepted} of {judged} results",
        notes=(f"at least {expected} were expected",),
        help=(
            Help("see why with `refinec logs RUN --rejected`, or learn the rate with `refinec pilot`"),
            Help("state a lower `prior.success`, or let it go on with `run { on_overload = ignore }`"),
        ),
    )


def target_stalled(dimension: str, share: str, place: Place) -> Diagnostic:
    """RF6026: a target was missed, and the last part of the tokens moved nothing towards it. share: of all tokens."""
    return Diagnostic(
        "RF6026", "warning",
        f"the target of dimension `{dimension}` was missed, and the last {share} of the tokens moved nothing",
        place=place,
        help=(
            Help("see what became of these attempts with `refinec logs RUN --rejected`"),
            Help("with `solve { replan = 0.2 }` the rest of a budget goes to what has worked so far"),
        ),
    )


def labels_lost(labels: Sequence[tuple[str, str, int, int]], place: Place) -> Diagnostic:
    """RF6027: labels lost all their items, or are below their floor. labels: dimension, label, items before and
    after."""
    listed = tuple(
        f"`{label}` of {dimension}: {before:,} before, {after:,} now"
        for dimension, label, before, after in labels[:_LOST_SHOWN]
    ) + ((f"and {len(labels) - _LOST_SHOWN:,} more",) if len(labels) > _LOST_SHOWN else ())
    what = "a label has" if len(labels) == 1 else f"{len(labels):,} labels have"
    return Diagnostic(
        "RF6027", "warning", f"{what} lost all items, or more than the floor leaves", place=place, notes=listed,
        help=(
            Help("keep some of each: `constraints { floor = { DIMENSION = 1 } }`, or `protect` those that are rare"),
            Help("where results are measured, see with `refinec review RUN` what these items became"),
        ),
    )


def results_drifted(operator: str, results: int, median: str, least: str, place: Place) -> Diagnostic:
    """RF6028: half of an operator's results or more have hardly anything in common with the items that they were made
    of. median, least: of their likeness, and below which it is said."""
    return Diagnostic(
        "RF6028", "warning", f"the results of operator `{operator}` drift from their items: half of {results:,} are at "
        f"most {median} like them",
        place=place, notes=(f"texts that are less than {least} alike say something else, as a rule",),
        help=(
            Help("refuse what drifts: a `validator` of kind `drift` among its `checks`"),
            Help("see what was made of the items with `refinec review RUN`"),
        ),
    )


def run_interrupted(run: int, signal: str, go_on: str) -> Diagnostic:
    """RF6020: stopped by a signal; everything bought is kept. go_on: the command that goes on with it."""
    return Diagnostic(
        "RF6020", "note", f"run {run} was stopped by {signal}; everything that was bought is kept",
        help=(Help(f"go on with: {go_on}"),),
    )


def run_stopped(run: int, go_on: str) -> Diagnostic:
    """RF6021: the run could not go on; everything bought is kept. go_on: the command that goes on with it."""
    return Diagnostic(
        "RF6021", "note", f"run {run} is unfinished; everything that was bought is kept",
        help=(Help(f"go on with: {go_on}"),),
    )


def other_model(model: str, asked: str, answered: tuple[str, ...]) -> Diagnostic:
    """RF6023: an endpoint says that another model than the one that was asked for wrote its replies."""
    listed = ", ".join(f"`{name}`" for name in answered)
    return Diagnostic(
        "RF6023", "warning", f"model `{model}` asks for `{asked}`, and its endpoint answered as {listed}",
        notes=("the log names the model of each call; price and success are planned for the one that is asked for",),
        help=(Help("write the id that answers into the spec, or see what stands between you and the endpoint"),),
    )


def state_unwritable(path: str, reason: str, go_on: str | None = None) -> Diagnostic:
    """RF6030: the operating system refuses to write the run's state (disk full, read-only folder, permission).

    go_on: the command that goes on with what was begun; None where nothing was.
    """
    way = "then start the command again" if go_on is None else f"then go on with: {go_on}"
    return Diagnostic(
        "RF6030", "error", "the run's state cannot be written", place=Place(path), notes=(reason,),
        help=(Help(f"make room or allow writing there, {way}"),),
    )


def journal_damaged(run: int, path: str, reason: str) -> Diagnostic:
    """RF6031: the journal of a run is no readable database."""
    return Diagnostic(
        "RF6031", "error", f"the journal of run {run} cannot be read", place=Place(path), notes=(reason,),
        help=(Help("apply the spec as a new run: replies that the store holds are not paid twice"),),
    )


def store_damaged(path: str, reason: str) -> Diagnostic:
    """RF6032: the store of replies is no readable database."""
    return Diagnostic(
        "RF6032", "error", "the store of replies cannot be read or written", place=Place(path), notes=(reason,),
        help=(
            Help("where it cannot be written: allow it, and make room; a newer version's is read by that version"),
            Help("where it is damaged: restore it from a copy, or move it away, and replies are bought again"),
        ),
    )


def dataset_unreadable(name: str, reason: str) -> Diagnostic:
    """RF6033: the dataset vanished or changed while it was read."""
    return Diagnostic(
        "RF6033", "error", f"dataset `{name}` could not be read to its end", notes=(reason,),
        help=(Help("leave the files alone while a run reads them, then resume"),),
    )


def item_missing(key: str, step: int) -> Diagnostic:
    """RF6035: the plan names an item that the dataset does not hold, though its hash is right."""
    return Diagnostic(
        "RF6035", "error", f"step {step} needs item {key}, which the dataset does not hold",
        help=(Help("plan again with this version of refinec"),),
    )


def sandbox_missing(validator: str, level: str, reason: str, fix: str) -> Diagnostic:
    """RF6040: the machine does not have the sandbox in which a validator runs programs; nothing was run."""
    return Diagnostic(
        "RF6040", "error", f"validator `{validator}` runs programs at the level `{level}`, which is not to be had here",
        notes=(reason,),
        help=(Help(f"bring it: {fix}"), Help("see what this machine has with `refinec doctor`")),
    )


def batch_unavailable(model: str, reason: str, kind: str) -> Diagnostic:
    """RF6070: files and batches of a model's endpoint cannot be used."""
    ways = {
        "not_found": "if its endpoint has no files and batches, take `batch = true` from the model",
        "authentication": "check the key in the environment variable that `api_key` names",
        "permission": "check what the key may do at the endpoint: it needs files and batches",
        "missing": "look for it at the provider; resumed, the run asks for it again, and buys what is still not there",
    }
    return Diagnostic(
        "RF6070", "error", f"the batches of model `{model}` cannot be used: {kind.replace('_', ' ')}", notes=(reason,),
        help=(
            Help(ways.get(kind, "resume when the endpoint is back: batches that are with it go on, and are not paid "
                                "twice")),
        ),
    )


def batch_refused(model: str, batch: str, reason: str) -> Diagnostic:
    """RF6071: a batch was refused as a whole: its file, its requests or its size."""
    return Diagnostic(
        "RF6071", "error", f"the endpoint of model `{model}` refuses the batch {batch} as a whole",
        notes=(reason or "it does not say why", "nothing of it was charged"),
        help=(
            Help("mend what it names, and resume"),
            Help("or ask the model call by call: take `batch = true` from it, and apply again"),
        ),
    )


def batch_cancelled(model: str, batch: str, done: int, total: int) -> Diagnostic:
    """RF6072: somebody cancelled a batch at its provider."""
    return Diagnostic(
        "RF6072", "error", f"the batch {batch} of model `{model}` was cancelled at its provider",
        notes=(f"{done} of {total} requests were answered, and are kept",),
        help=(Help("resume to ask for the others in another batch"),),
    )


def batches_left(batches: tuple[str, ...]) -> Diagnostic:
    """RF6073: a run was stopped while batches are with a provider; they go on there."""
    names = ", ".join(batches)
    what = f"the batch {names} is" if len(batches) == 1 else f"{len(batches)} batches are"
    return Diagnostic(
        "RF6073", "note", f"{what} still with the provider, and will be charged when done",
        notes=() if len(batches) == 1 else (names,),
        help=(Help("resume to take what is done, and wait for the rest"),),
    )


def key_missing(title: str, variable: str, span: Span | None = None) -> Diagnostic:
    """RF6200: the environment variable that a model's key comes from is not set, or empty."""
    return Diagnostic(
        "RF6200", "error", f"{title} needs a key, and the environment variable {variable} is not set",
        span=span,
        help=(Help(f"set {variable} for this command, or use `provider = simulated` to try the spec without a key"),),
    )


def key_malformed(title: str, variable: str) -> Diagnostic:
    """RF6201: the value of a key's variable cannot stand in an HTTP header: white space, controls, or not ASCII."""
    return Diagnostic(
        "RF6201", "error", f"the value of {variable}, the key of {title}, is no key: it holds characters that "
        "a key cannot have",
        help=(Help("check for line breaks and quotes that were copied with it"),),
    )


def simulated_param(model: str, name: str, expected: str) -> Diagnostic:
    """RF6202: a param of a simulated model has a value that means nothing to it."""
    return Diagnostic(
        "RF6202", "error", f"`params.{name}` of the simulated model `{model}` must be {expected}",
        help=(Help(
            "`params` of a simulated model rehearse bad days: success, flaws, malformed, errors, latency, "
            "judge_accuracy, position_bias"
        ),),
    )


def sdk_missing(title: str, package: str) -> Diagnostic:
    """RF6204: a package that the provider is built on cannot be imported."""
    return Diagnostic(
        "RF6204", "error", f"{title} needs the package {package}, which cannot be imported",
        help=(Help("install refinec again: its dependencies are incomplete"),),
    )


def inventory_unreadable(path: str, reason: str) -> Diagnostic:
    """RF6036: what an earlier run bought cannot be read: the plan is made as if it had bought nothing."""
    return Diagnostic(
        "RF6036", "warning", "what earlier runs bought is left out of account: a record of it cannot be read",
        place=Place(path), notes=(reason,),
        help=(Help("restore the file, or delete the folder of its run: runs are read from their folders alone"),),
    )


def inventory_needs_cache(name: str, results: int) -> Diagnostic:
    """RF6037: `--no-cache` with a plan whose count and price rest on results of earlier runs."""
    return Diagnostic(
        "RF6037", "error", "the plan counts on what earlier runs bought, and that is only in the store of replies",
        place=Place(name),
        notes=(f"buying it again ({results} accepted) would cost what the plan does not say",),
        help=(Help("apply it without `--no-cache`, or plan with `--no-inventory`"),),
    )


def position_bias(judge: str, model: str | None, place: str, named: int, opinions: int) -> Diagnostic:
    """RF6024: a judge names what stands at the same place in nearly all of its verdicts, whatever that is. model: None
    of a check, whose models are taken together. place: `first` or `second`."""
    what, whose = ("version", "") if model is None else ("answer", f" of model `{model}`")
    return Diagnostic(
        "RF6024", "warning", f"judge `{judge}` names the {what} that is shown {place} in {named:,} of {opinions:,} "
        f"verdicts{whose}",
        notes=("better answers stand at either place about equally often: such verdicts go by the place",),
        help=(
            Help("let the judge ask in both orders (`swap = true`), which makes such verdicts ties"),
            Help("ask another model, or a panel (`models`); `params.temperature` and the prompt change a bias, too"),
        ),
    )


def rest_not_planned(run: int, reason: str) -> Diagnostic:
    """RF6050: after a share of the budget the rest could not be solved again."""
    return Diagnostic(
        "RF6050", "warning", f"the rest of run {run} could not be planned again, so it goes on by its own plan",
        notes=(reason,),
        help=(Help("what it had accepted counts all the same; `refinec plan` shows what stands in the way"),),
    )
