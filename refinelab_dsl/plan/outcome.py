"""What a run came to, beside what its plan promised: the block that `apply` and `show RUN` print."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.builtins import expected_rounds
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.plan.figures import (
    count_of,
    render_divergence,
    render_seconds,
    render_share,
    render_tokens,
    render_usd,
)
from refinelab_dsl.plan.layout import NARROWEST, align_table, load_template

_LABELS_SHOWN = 60  # per dimension
_FILES_SHOWN = 4  # of one output
_ROUNDS_SHOWN = 5  # of a chain, each by itself below
_TAIL_SHOWN = 8  # labels that are below their floor, or empty


def render_outcome(head: Mapping[str, Any], header: Header, *, width: int = 100) -> str:
    """A run's head (decision 24: the JSON of `apply`) beside its plan's header, ending in a newline.

    Of the head `run` and `status` must be there; what else is missing is left out of the page.
    """
    room = max(width, NARROWEST)
    rejected = head.get("rejected") or {}
    return load_template("templates/outcome.txt.j2", room).render(
        head=head,
        simulated=bool(head.get("simulated")),
        seconds=None if head.get("seconds") is None else render_seconds(float(head["seconds"])),
        mix=_mix_lines(head, header, room),
        figures=_figure_lines(head, header, room),
        files=_file_lines(head, room),
        rejected=", ".join(f"{count:,} {name}" for name, count in sorted(rejected.items(), key=lambda each: -each[1])),
        again=_count_again(head),
        unaudited=tuple(
            escape(check["title"]) for check in head.get("checks") or () if check["status"] == "after_audit"
        ),
        rejections=count_of(sum(rejected.values()), "attempt"),
        counts=", ".join(
            f"{head[name]:,} {word}"
            for name, word in (("kept", "kept"), ("changed", "changed"), ("added", "added"), ("removed", "dropped"))
            if head.get(name) is not None
        ),
        cost=_cost(head),
    )


def _count_again(head: Mapping[str, Any]) -> str:
    """`12 further tries, 3 results corrected`, empty where no check asked for any."""
    operators = (head.get("operators") or {}).values()
    retries, corrections = (sum(each.get(name) or 0 for each in operators) for name in ("retries", "corrections"))
    tries = "1 further try" if retries == 1 else f"{retries:,} further tries"
    corrected = f"{count_of(corrections, 'result')} corrected"
    return ", ".join(([tries] if retries else []) + ([corrected] if corrections else []))


def _mix_lines(head: Mapping[str, Any], header: Header, room: int) -> list[str]:
    """Before, wanted, planned, after: what was measured, or, where a new item cannot be measured, what was made."""
    rows = [("Mix", "", "before", "target", "plan", "after", "rows")]
    for dimension, labels in (head.get("mix") or {}).items():
        planned = header.mix.get(dimension, {})
        after = {label: _first(entry.get("measured"), entry.get("intended"), 0) for label, entry in labels.items()}
        total = max(1, sum(after.values()))
        name = f"  {escape(dimension)}"
        for label in list(after)[:_LABELS_SHOWN]:
            share = planned.get(label)
            rows.append(
                (
                    name,
                    escape(label),
                    render_share(share.now if share else 0.0),
                    render_share(share.target if share else None),
                    render_share(share.planned if share else 0.0),
                    render_share(after[label] / total),
                    f"{after[label]:,}",
                )
            )
            name = ""
        if len(after) > _LABELS_SHOWN:
            rows.append((name, f"… {len(after) - _LABELS_SHOWN:,} more", "", "", "", "", ""))
    return align_table(rows, "<<>>>>>", room=room, flexible=1, gap=2) if len(rows) > 1 else []


def _figure_lines(head: Mapping[str, Any], header: Header, room: int) -> list[str]:
    size, cost = head.get("size") or {}, head.get("cost") or {}
    rows: list[tuple[str, ...]] = [("", "before", "plan", "intended", "measured", "")]
    rows.append(
        (
            "  rows",
            f"{header.size_now:,}",
            f"{header.size_planned:,}",
            _count(size.get("intended")),
            _count(size.get("measured")),
            "",
        )
    )
    for name, value in (head.get("divergence") or {}).items():
        figures = (render_divergence(value.get(part)) for part in ("now", "planned", "intended", "measured"))
        rows.append((f"  divergence {escape(name)}", *figures, ""))
    if found := head.get("distractor_diversity"):
        kinds = f"{count_of(found['items'], 'item')}, {count_of(found['kinds'], 'type')} of mistake"
        rows.append(("  distractor diversity", "", "", "", f"{found['value']:.3f}", kinds))
    tokens = cost.get("tokens")
    rows.append(
        ("  cost", "", render_usd(_expect_usd(head, header)), "", _cost(head) or "-",
         "" if tokens is None else f"{render_tokens(tokens)} tokens")
    )  # fmt: skip
    if legs := head.get("legs"):
        names = f"run{'s' if len(legs) > 1 else ''} {', '.join(map(str, legs))}"
        what = "replanned" if head.get("loop") is None else "rounds before"
        rows.append((f"  {what}", "", "", "", f"{len(legs)}x", f"after {names}, which the cost includes"))
    rows += _success_rows(head, header)
    rows += _token_rows(head)
    rows += _chain_rows(head, header)
    rows += _finding_rows(head)
    rows += _watch_rows(head.get("watch") or {})
    return align_table(rows, "<>>>><", room=room, flexible=0)


def _expect_usd(head: Mapping[str, Any], header: Header) -> Decimal | None:
    """What the plan expected, with what legs of the run before it had paid."""
    expected = header.usd.expected
    return expected if expected is None or not head.get("legs") else expected + header.budget.spent


def _success_rows(head: Mapping[str, Any], header: Header) -> Iterator[tuple[str, ...]]:
    expected = {action.operator: action.success for action in header.actions}
    for name, result in (head.get("operators") or {}).items():
        # What earlier runs had accepted says nothing of what this one asked for.
        stock = sum(action.stock for action in header.actions if action.operator == name)
        attempts, interval = (result.get("attempts") or 0) - stock, expected.get(name)
        if attempts <= 0 or interval is None:
            continue
        rate = max(0, result["accepted"] - stock) / attempts
        inside = "inside" if interval.low <= rate <= interval.high else "below" if rate < interval.low else "above"
        yield (
            f"  success {escape(name)}", "", f"{interval.mean:.0%}", "", f"{rate:.0%}",
            f"{inside} its interval ({interval.low:.0%} - {interval.high:.0%})",
        )  # fmt: skip


def _token_rows(head: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What an attempt took beside what it was expected to take."""
    for name, result in (head.get("operators") or {}).items():
        attempts, expected = result.get("attempts") or 0, result.get("planned_tokens_per_attempt")
        if attempts and expected and result.get("tokens"):
            reached = result["tokens"] / attempts
            yield (
                f"  tokens {escape(name)}", "", render_tokens(expected), "", render_tokens(reached),
                f"an attempt: {reached / expected - 1:+.0%}",
            )  # fmt: skip


def _chain_rows(head: Mapping[str, Any], header: Header) -> Iterator[tuple[str, ...]]:
    """How many rounds answers were refined, why that ended, and what the judge is worth."""
    operators = {operator.name: operator for operator in header.operators}
    for name, told in (head.get("chains") or {}).items():
        rounds = {int(number): count for number, count in told["rounds"].items()}
        expected = expected_rounds(int(operators[name].options.get("max_rounds") or 10))
        mean = sum(number * count for number, count in rounds.items()) / max(1, told["chains"])
        counts = _count_chains(rounds)
        yield (f"  rounds {escape(name)}", "", f"{expected:.1f}", "", f"{mean:.1f}", counts)
        stops = sorted(told["stops"].items(), key=lambda each: (-each[1], each[0]))
        others = sum(count for _, count in stops[2:])
        shown = [*stops[:2], *([("else", others)] if others else [])]
        ends = ", ".join(f"{count:,} {word.replace('_', ' ')}" for word, count in shown)
        share = told["refined"] / max(1, told["chains"])
        yield (f"  refined {escape(name)}", "", "", "", f"{share:.0%}", f"ends: {ends}")
        if told["flips"]["share"] is not None:
            what = f"{told['flips']['flips']:,} of {told['flips']['asked_twice']:,} ballots"
            yield (f"  flips {escape(name)}", "", "", "", f"{told['flips']['share']:.0%}", what)
        if told["agreement"] is not None:
            alpha = told["agreement"]["alpha"]
            what = f"of {count_of(told['agreement']['comparisons'], 'comparison')}"
            said = what if alpha is None else f"{what}; alpha {alpha:.2f}"
            yield (f"  agreement {escape(name)}", "", "", "", f"{told['agreement']['unanimous']:.0%}", said)


def _count_chains(rounds: Mapping[int, int]) -> str:
    """`chains of 1, 2, 5+: 12, 9, 3`."""
    few = {number: count for number, count in sorted(rounds.items()) if number < _ROUNDS_SHOWN}
    many = sum(rounds.values()) - sum(few.values())
    shown = {**{str(number): count for number, count in few.items()}, **({f"{_ROUNDS_SHOWN}+": many} if many else {})}
    return f"chains of {', '.join(shown)}: {', '.join(f'{count:,}' for count in shown.values())}"


def _finding_rows(head: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    corrections = head.get("corrections")
    if corrections and corrections["flagged"]:
        counts = f"{corrections['corrected']:,} of {corrections['flagged']:,} that were flagged"
        yield ("  corrections", "", "", "", f"{corrections['ratio']:.0%}", counts)
    for name, told in (head.get("operators") or {}).items():
        if told.get("by_hand"):
            yield (f"  by hand {escape(name)}", "", "", "", f"{told['by_hand']:,}", "that a check had refused")


def _watch_rows(watch: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What went the wrong way, or might have: drift, loss of variety, targets that nothing moved, rare labels."""
    for name, told in (watch.get("drift") or {}).items():
        by = "" if told["by"] == "drift" else " (letters)"
        spread = f"likeness {told['low']:.2f} - {told['high']:.2f}{by}"
        yield (f"  drift {escape(name)}", "", "", "", f"{told['median']:.2f}", spread)
    pairs = (watch.get("refinement") or {}).get("word_pairs") or {}
    if pairs.get("before") is not None and pairs.get("after") is not None:
        before, after = render_share(pairs["before"]), render_share(pairs["after"])
        yield ("  variety", before, "", "", after, "of word pairs are different")
    for name, told in (watch.get("overload") or {}).items():
        said = f"stopped: {told['accepted']:,} of {told['judged']:,} accepted"
        yield (f"  overload {escape(name)}", "", f"{told['expected']:.0%}", "", "", said)
    for name, held in (watch.get("heldout") or {}).items():
        said = f"the nearest; {held['refused']:,} refused"
        yield (f"  held out {escape(name)}", "", "", "", f"{held['nearest']:.2f}", said)
    for name, share in (watch.get("stalled") or {}).items():
        yield (f"  stalled {escape(name)}", "", "", "", render_share(share), "of the tokens moved nothing")
    tail = watch.get("tail") or ()
    for each in tail[:_TAIL_SHOWN]:
        said = f"below its floor of {each['floor']:,}" if each["after"] < each["floor"] else "no item is left"
        place = f"  {escape(each['dimension'])} {escape(each['label'])}"
        yield (place, f"{each['before']:,}", "", "", f"{each['after']:,}", said)
    if len(tail) > _TAIL_SHOWN:
        yield ("  …", "", "", "", "", f"and {count_of(len(tail) - _TAIL_SHOWN, 'label')} more")


def _file_lines(head: Mapping[str, Any], room: int) -> list[str]:
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for output in head.get("outputs") or ():
        by_name.setdefault(output["name"], []).append(output)
    rows = []
    for files in by_name.values():
        if len(files) > _FILES_SHOWN:
            folder = os.path.commonpath([PurePosixPath(output["file"]).parent for output in files])
            total = sum(output["rows"] for output in files)
            rows.append(("  output", f"{escape(folder)}/", count_of(total, "row"), count_of(len(files), "file")))
            continue
        for output in files:
            digest = f"sha256 {output['sha256'][:16]}…"
            is_card = not output["rows"] and output["file"].endswith("/README.md")
            held = "card" if is_card else count_of(output["rows"], "row")
            kind = "quarantine" if output.get("quarantine") else "output"
            rows.append((f"  {kind}", escape(output["file"]), held, digest))
    log = head.get("provenance")
    if log:
        rows.append(
            ("  provenance", escape(log["file"]), count_of(log["events"], "event"), f"root {log['root'][:16]}…")
        )
    if head.get("plan"):
        rows.append(("  plan", escape(head["plan"]), "", ""))
    return align_table(rows, "<<><", room=room, flexible=3) if rows else []  # paths are for copying: never cut


def _cost(head: Mapping[str, Any]) -> str | None:
    cost = head.get("cost") or {}
    return None if "usd" not in cost else render_usd(None if cost["usd"] is None else Decimal(cost["usd"]))


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
