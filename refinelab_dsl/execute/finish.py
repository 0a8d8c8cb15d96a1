"""After the last step: removals from what was reached, rows in order, the result measured, outputs, log, summary."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from refinelab_dsl import metrics
from refinelab_dsl.artifacts import provenance as events
from refinelab_dsl.artifacts.evidence import NAME as EVIDENCE
from refinelab_dsl.artifacts.evidence import digest_rows, load_evidence
from refinelab_dsl.artifacts.plan import Check, Header
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.data import write
from refinelab_dsl.data.scope import NO_VALUES, ItemScope
from refinelab_dsl.data.write import OutputDigest, OutputRow
from refinelab_dsl.declarations import Expect, complete_labels
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import decisions as decision_faults
from refinelab_dsl.diagnostics.catalog import run as faults
from refinelab_dsl.execute.alarms import find_alarms
from refinelab_dsl.execute.assertions import Tester
from refinelab_dsl.execute.ledger import NOTHING, Amount
from refinelab_dsl.execute.removals import settle_removals
from refinelab_dsl.execute.tally import Addition, Additions, Refused, Tally
from refinelab_dsl.execute.watch import moved_by
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.expectations import NotAudited, NotKnown, asks_for_audit
from refinelab_dsl.likeness import normalise
from refinelab_dsl.operators.rewrite_distractors import MISTAKES
from refinelab_dsl.project import Project
from refinelab_dsl.provenance import LogWriter, iterate_rows, read_trailer

NO_REMOVAL = 0  # of a plan: what leaves was to stay
_DIGITS = 12  # of a divergence, as logged and shown


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run was charged, its earlier legs included. calls: made by it, each try; cached: answers that the store
    held before. own, own_calls: by this leg; paid: of that, for the steps that were committed."""

    amount: Amount
    calls: int
    cached: int
    own: Amount = NOTHING
    own_calls: int = 0
    paid: Amount = NOTHING


@dataclass(frozen=True)
class Ending:
    """What finishing needs. header: with the dataset's source put back. ids: key -> id of removal candidates whose id
    is not their key. leaving: key of an item that could not be scrubbed -> the operator."""

    plan: PlanFile
    header: Header
    files: Sequence[Path]
    project: Project
    log: LogWriter
    log_path: Path
    tally: Tally
    additions: Additions
    refused: Refused
    scope: ItemScope
    ids: Mapping[str, str]
    spent: Spent
    allow_outside: bool
    status: Literal["complete", "partial"]
    leaving: Mapping[str, str]


@dataclass(frozen=True)
class Finished:
    """What a run came to. `head` is the JSON of `apply`, without what only the caller knows (its number, times)."""

    head: dict[str, Any]
    diagnostics: tuple[Diagnostic, ...]
    codes: tuple[ExitCode, ...]


class OutputFault(Exception):
    """An output could not be written; none has changed."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(diagnostics[0].message)
        self.diagnostics = tuple(diagnostics)


@dataclass
class _Mix:
    """Items per dimension and label, as they were made for and as they measure; and per origin."""

    intended: dict[str, Counter[str]] = field(default_factory=dict)
    measured: dict[str, Counter[str]] = field(default_factory=dict)
    origins: Counter[str] = field(default_factory=Counter)
    size: int = 0
    mistakes: list[tuple[str, ...]] = field(default_factory=list)  # per item with new distractors: their types
    hashes: list[str] = field(default_factory=list)  # of the items, where an `expect` asks for an audit

    def diversity(self) -> dict[str, Any] | None:
        """Of the distractors that operators wrote: how many kinds of mistake there are, and how evenly an item's
        distractors are spread over them; None where nobody wrote any."""
        kinds = len({kind for types in self.mistakes for kind in types})
        value = metrics.distractor_diversity(self.mistakes, kinds) if kinds > 1 else 0.0 if kinds else None
        return None if value is None else {"value": round(value, _DIGITS), "items": len(self.mistakes), "kinds": kinds}


def finish_run(ending: Ending) -> Finished:
    """Writes outputs and log, and says what the run came to.

    Raises:
        OutputFault, SourceFault, OSError: nothing that stood before has changed.
    """
    header, tally = ending.header, ending.tally
    settled = settle_removals(header, tally.missed())
    removed = _remove(ending, settled.counts)
    mix = _Mix({name: Counter() for name in header.labels}, {name: Counter() for name in header.labels})
    stop = header.stop_when
    ends = () if stop is None else (Expect.model_validate({"title": "", "assert": stop, "when": "result"}),)
    tester = Tester((*header.expects, *ends), ending.scope)
    rows = _count_rows(ending, removed, mix, tester)
    digests: tuple[OutputDigest, ...] = ()
    prepared = None
    warnings: tuple[Diagnostic, ...] = ()
    if header.outputs:
        prepared, found = write.prepare_outputs(
            header.outputs, header.dataset, ending.files, ending.project, rows,
            simulated=any(model.provider == "simulated" for model in header.models) or tally.simulated,
            allow_outside=ending.allow_outside, held=ending.refused,
        )
        if prepared is None:
            raise OutputFault(found)
        digests, warnings = prepared.digests, tuple(found)
    else:
        for _ in rows:
            pass
    try:
        divergence = _diverge(header, mix.measured)
        ending.log.append(events.Result(
            status=ending.status, size=mix.size,
            mix={name: _in_order(header, name, mix.measured) for name in header.mix},
            divergence=divergence, calls=tally.calls, input_tokens=tally.input_tokens,
            output_tokens=tally.output_tokens, usd=tally.usd,
        ))
        for digest in digests:
            ending.log.append_output(digest)
        root = ending.log.close(digests, status=ending.status)
    except BaseException:
        if prepared is not None:
            prepared.discard()
        raise
    if prepared is not None:
        refused = prepared.commit()
        if refused.has_errors:
            raise OutputFault(refused)
    for output in header.outputs:
        if output.provenance is not None:
            refusal = write.copy_file(ending.log_path, ending.project.base / output.provenance)
            if refusal is not None:
                raise OutputFault([refusal])
    checks = tester.check({
        "jsd": lambda name: divergence.get(str(name), 0.0),
        "share": lambda name, label: _share(mix, str(name), str(label)),
        "size": lambda: mix.size,
        "distinct": lambda: _distinct(ending, mix),
        "cost": lambda: ending.spent.amount.usd or Decimal(0),
        "tokens": lambda: ending.spent.amount.tokens,
        "distractor_diversity": lambda: _known(mix.diversity())["value"],
        "accepted": lambda name: tally.by_operator(tally.accepted).get(str(name), 0),
        "error_rate": lambda: _find_error_rate(ending, mix),
    })
    checks, ended = (checks[:-1], checks[-1:]) if ends else (checks, ())
    head = _build_head(ending, mix, digests, root, divergence, checks, len(removed))
    if ended:
        head["stop_when"] = ended[0].model_dump(mode="json", include={"status", "value"})
    judged, codes = _judge(ending, mix, checks, head["watch"])
    return Finished(head, (*warnings, *judged), codes)


def _remove(ending: Ending, counts: Mapping[int, int]) -> frozenset[str]:
    """The keys of the items that leave, each with its event."""
    operators = {removal.id: removal.operator for removal in ending.header.removals}
    removed: list[str] = []
    for candidate in ending.plan.candidates():
        if candidate.rank < counts.get(candidate.removal, 0):
            removed.append(candidate.item)
            ending.log.append(events.Remove(
                removal=candidate.removal, operator=operators[candidate.removal],
                id=ending.ids.get(candidate.item, candidate.item), key=candidate.item,
            ))
    known = set(removed)
    for key, operator in ending.leaving.items():  # what could not be scrubbed is not passed on
        if key not in known:
            removed.append(key)
            identity = ending.ids.get(key, key)
            ending.log.append(events.Remove(removal=NO_REMOVAL, operator=operator, id=identity, key=key))
    return frozenset(removed)


def _count_rows(ending: Ending, removed: frozenset[str], mix: _Mix, tester: Tester) -> Iterator[OutputRow]:
    """The rows of the result, counted as they pass."""
    scope, labels = ending.scope, ending.header.labels
    on_the_way: dict[str, Addition] = {}
    is_audited = any(asks_for_audit(expect.assertion) for expect in ending.header.expects)

    def iterate_results() -> Iterator[OutputRow]:
        for addition in ending.additions:
            if addition.row.origin != "original":  # what stays as it is has its place, and no values of its own
                on_the_way[addition.row.item.key] = addition
            yield addition.row

    watch = ending.tally.watch
    rows = iterate_rows(
        ending.header, ending.files, ending.project, removed, iterate_results(), watch.before.add
    )
    for row in rows:
        watch.after.add(row.item)
        mix.size += 1
        mix.origins[row.origin] += 1
        if is_audited:
            mix.hashes.append(row.item.hash)
        addition = None if row.origin == "original" else on_the_way.pop(row.item.key)
        scope.open(row.item, NO_VALUES if addition is None else addition.values)
        target = {} if addition is None else complete_labels(addition.target, ending.header.measures)
        for name, known in labels.items():
            if addition is None:
                label = scope.label(name)
                intended = measured = label if label in known else None
            else:
                intended, measured = target.get(name), addition.measured.get(name)
            if intended is not None:
                mix.intended[name][intended] += 1
            if measured is not None:
                mix.measured[name][measured] += 1
        types = row.item.attributes.get(MISTAKES) if row.origin != "original" else None
        if types:
            mix.mistakes.append(tuple(normalise(kind) for kind in types if kind))
        tester.count_open_item()
        yield row


def _find_error_rate(ending: Ending, mix: _Mix) -> float:
    """What an audit of these very rows found, perhaps made by an earlier run.

    Raises:
        NotAudited: there is none.
    """
    evidence, _ = load_evidence(ending.project.base / EVIDENCE)
    audit = evidence.audit(digest_rows(mix.hashes))
    if audit is None:
        raise NotAudited
    return audit.share


def _known(value: dict[str, Any] | None) -> dict[str, Any]:
    if value is None:
        raise NotKnown
    return value


def _diverge(header: Header, counts: Mapping[str, Counter[str]]) -> dict[str, float]:
    """Dimension with a target -> divergence of these counts from it."""
    found = {}
    for name in header.divergence:
        labels = header.labels[name]
        target = [share.target or 0.0 for share in (header.mix[name][label] for label in labels)]
        value = metrics.jsd_of_counts([counts[name][label] for label in labels], target)
        found[name] = round(value, _DIGITS) if math.isfinite(value) else 1.0
    return found


def _in_order(header: Header, name: str, counts: Mapping[str, Counter[str]]) -> dict[str, int]:
    return {label: counts[name][label] for label in header.labels[name]}


def _share(mix: _Mix, name: str, label: str) -> float:
    total = mix.measured[name].total()
    return mix.measured[name][label] / total if total else 0.0


def _distinct(ending: Ending, mix: _Mix) -> float:
    """Share of items that are no paraphrase of another: a family counts once."""
    expanding = {operator.name for operator in ending.header.operators if operator.kind == "expand"}
    accepted = ending.tally.by_operator(ending.tally.accepted)
    copies = sum(count for name, count in accepted.items() if name in expanding)
    return round(1 - copies / mix.size, 9) if mix.size else 1.0


def _sum_corrections(header: Header, tally: Tally) -> dict[str, Any] | None:
    """What `correct` found wrong and put right; None where nothing was to be corrected."""
    names = {operator.name for operator in header.operators if operator.kind == "correct"}
    accepted, rejected = tally.by_operator(tally.accepted), tally.by_operator(tally.rejected)
    corrected = sum(accepted.get(name, 0) for name in names)
    looked_at = corrected + sum(rejected.get(name, 0) for name in names)
    if not looked_at:
        return None
    flagged = looked_at - sum(tally.unflagged[name] for name in names)
    return {
        "looked_at": looked_at, "flagged": flagged, "corrected": corrected,
        "ratio": metrics.correction_ratio(corrected, flagged),
    }


def _expect_tokens(ending: Ending) -> dict[str, float]:
    """Operator -> tokens of an attempt as planned, what is asked about its result included."""
    sums: dict[str, list[int]] = {}
    sharing = {operator.name for operator in ending.header.operators if operator.per_call > 1}
    for step in ending.plan.steps():
        if step.operator in sharing:
            continue  # what one attempt takes depends on how many share its call
        entry = sums.setdefault(step.operator, [0, 0])
        entry[0] += step.input_tokens + step.output_tokens
        entry[1] += 1
    asked = {name: each.input_tokens + each.output_tokens for name, each in ending.header.asked.items()}
    return {name: total / count + asked.get(name, 0.0) for name, (total, count) in sums.items()}


def _build_head(
    ending: Ending, mix: _Mix, digests: Sequence[OutputDigest], root: str, divergence: Mapping[str, float],
    checks: Sequence[Check], removed: int,
) -> dict[str, Any]:
    """The JSON of `apply` (decision 24). What cannot be measured on new items has `measured` null."""
    header, tally = ending.header, ending.tally
    is_measured = {dimension.name: dimension.on_new == "measure" for dimension in header.dimensions}
    intended = _diverge(header, mix.intended)
    success = {action.operator: action.success for action in header.actions}
    accepted, rejected = tally.by_operator(tally.accepted), tally.by_operator(tally.rejected)
    wanted = tally.by_operator({action.id: action.count for action in header.actions})
    published = next((output.provenance for output in header.outputs if output.provenance is not None), None)
    trailer = read_trailer(ending.log_path)
    usd = ending.spent.amount.usd
    expected = _expect_tokens(ending)
    quarantines = {
        PurePosixPath(output.quarantine).as_posix() for output in header.outputs if output.quarantine is not None
    }
    return {
        "status": ending.status,
        "simulated": tally.simulated,
        "size": {
            "now": header.size_now, "planned": header.size_planned, "intended": header.size_planned,
            "measured": mix.size,
        },
        "kept": mix.origins["original"], "changed": mix.origins["changed"], "added": mix.origins["added"],
        "removed": removed,
        "mix": {
            name: {
                label: {
                    "target": share.target,
                    "planned": share.count_planned,
                    "intended": mix.intended[name][label],
                    "measured": mix.measured[name][label] if is_measured.get(name, True) else None,
                }
                for label, share in shares.items()
            }
            for name, shares in header.mix.items()
        },
        "divergence": {
            name: {
                "now": values["now"], "planned": values["planned"], "intended": intended[name],
                "measured": divergence[name] if is_measured.get(name, True) else None,
            }
            for name, values in header.divergence.items()
        },
        "cost": {
            "tokens": ending.spent.amount.tokens,
            "usd": None if usd is None else format(usd, "f"),
            "calls": ending.spent.calls,
            "cached": ending.spent.cached,
        },
        "operators": {
            name: {
                "accepted": accepted[name], "attempts": accepted[name] + rejected[name], "wanted": wanted[name],
                "retries": tally.retries[name], "corrections": tally.corrections[name], "by_hand": tally.by_hand[name],
                "planned_success": success[name].model_dump(mode="json"),
                "tokens": tally.used[name], "planned_tokens_per_attempt": round(expected.get(name, 0.0), 3),
            }
            for name in wanted
        },
        "corrections": _sum_corrections(header, tally),
        "outputs": [
            {
                "name": digest.name, "file": digest.file, "rows": digest.rows, "sha256": digest.sha256,
                **({"quarantine": True} if digest.file in quarantines else {}),
            }
            for digest in digests
        ],
        "provenance": {
            "file": published or str(ending.log_path), "events": trailer.events + 1 if trailer else 0, "root": root,
        },
        "distractor_diversity": mix.diversity(),
        "chains": tally.chains.summarise(),
        "watch": _summarise_watch(ending, mix, divergence, intended, removed),
        "rejected": dict(sorted(tally.reasons.items())),
        "quarantined": ending.refused.count,
        "checks": [check.model_dump(mode="json") for check in checks],
    }


def _summarise_watch(
    ending: Ending, mix: _Mix, divergence: Mapping[str, float], intended: Mapping[str, float], removed: int
) -> dict[str, Any]:
    """What was watched; where new items cannot be measured, by what they were made for."""
    header, tally = ending.header, ending.tally
    assumed = {dimension.name for dimension in header.dimensions if dimension.on_new == "assume"}
    items = {name: mix.intended[name] if name in assumed else counts for name, counts in mix.measured.items()}
    reached = {name: intended[name] if name in assumed else value for name, value in divergence.items()}
    tokens = tally.input_tokens + tally.output_tokens
    return tally.watch.summarise(items, reached, tokens, mix.origins, removed)


def _judge(
    ending: Ending, mix: _Mix, checks: Sequence[Check], watch: Mapping[str, Any]
) -> tuple[tuple[Diagnostic, ...], tuple[ExitCode, ...]]:
    """What the result misses, and the exit codes for it. watch: what was watched, as in the head."""
    header, tally = ending.header, ending.tally
    found: list[Diagnostic] = []
    codes: list[ExitCode] = []
    explained: set[str] = set()
    if ending.status == "complete" and header.purpose == "plan":
        missed = tally.missed()
        for action in header.actions:
            if action.id in missed:
                target = ", ".join(action.to.values())
                explained.update(moved_by(action))
                reached = tally.accepted[action.id]
                found.append(faults.count_missed(action.operator, reached, action.count, target))
        found += (
            faults.operator_overloaded(each.operator, each.accepted, each.judged, f"{each.expected:.0%}")
            for each in tally.watch.overloads
        )
        found += _check_tolerance(header, mix)
        if mix.size != header.size_planned:
            found.append(faults.size_missed(mix.size, header.size_planned, header.size_planned))
        accepted, rejected = tally.by_operator(tally.accepted), tally.by_operator(tally.rejected)
        # Nothing came of an operator. That nothing was corrected may mean that nothing was wrong.
        repairs = {action.operator for action in header.actions if action.kind == "correct"}
        is_barren = any(rejected[name] and not accepted[name] for name in accepted if name not in repairs)
        found += _check_judges(header, tally)
        found += (
            decision_faults.still_refused(row.id, *tally.still_refused[row.key])
            for row in (() if header.decisions is None else header.decisions.rows)
            if row.by_hand and row.key in tally.still_refused
        )
        if any(diagnostic.code in ("RF6016", "RF6017") for diagnostic in found) or tally.failed or is_barren:
            codes.append(ExitCode.INCOMPLETE)
    if ending.status in ("complete", "partial") and header.purpose == "plan":
        found += find_alarms(header, watch, explained)
    for check in checks:
        if check.status == "failed":
            found.append(faults.expect_failed(check.title, check.value))
            codes.append(ExitCode.CHECK_FAILED)
    return tuple(found), tuple(codes)


def _check_judges(header: Header, tally: Tally) -> list[Diagnostic]:
    """Judges that go by the place at which an answer stands."""
    judges = {operator.name: str(operator.options.get("judge")) for operator in header.operators}
    refining = ((judges[bias.owner], bias) for bias in tally.chains.biases())
    checking = ((bias.owner, bias) for bias in tally.watch.biases())
    return [
        faults.position_bias(judge, bias.model, bias.place, bias.named, bias.opinions)
        for judge, bias in (*refining, *checking)
    ]


def _check_tolerance(header: Header, mix: _Mix) -> list[Diagnostic]:
    """Labels whose share is further from its target than the dimension tolerates."""
    found = []
    for dimension in header.dimensions:
        if dimension.tolerance is None or dimension.target is None:
            continue
        for label, share in header.mix[dimension.name].items():
            reached = _share(mix, dimension.name, label)
            if share.target is not None and abs(reached - share.target) > float(dimension.tolerance) + 1e-9:
                found.append(faults.outside_tolerance(
                    dimension.name, label, f"{reached:.1%}", f"{share.target:.1%}", f"{float(dimension.tolerance):.1%}"
                ))
    return found
