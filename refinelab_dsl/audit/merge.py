"""Returned sheets together: a majority for each item, how far reviewers agree, and the share of items with a flaw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from refinelab_dsl.artifacts.audit import AuditKey, Entry
from refinelab_dsl.audit.sheets import ITEM, NOTE, VERDICT, read_sheet
from refinelab_dsl.audit.words import CORRECT, UNSURE, WORDS, is_flaw, read_word
from refinelab_dsl.data.formats import UnreadableFile
from refinelab_dsl.data.tasks import canonical_text
from refinelab_dsl.diagnostics.catalog import audit as faults
from refinelab_dsl.diagnostics.catalog.data import shorten
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.metrics import krippendorff_alpha, wilson_interval
from refinelab_dsl.source import Place

UNDECIDED = "undecided"
MIXED = "mixed"

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """An item after the vote. verdict: the word of the majority, `mixed` where a majority sees a flaw and no word has
    one, `undecided` without a majority for or against. votes: by sheet, None where it has none. notes: as written."""

    entry: Entry
    verdict: str
    votes: tuple[str | None, ...]
    notes: tuple[str, ...]

    @property
    def is_flawed(self) -> bool | None:
        """None where nobody knows."""
        return None if self.verdict == UNDECIDED else is_flaw(self.verdict)


@dataclass(frozen=True, slots=True)
class Rate:
    """Items with a flaw among those that were decided, with the interval of their share."""

    flawed: int
    decided: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        return self.flawed / self.decided if self.decided else None


@dataclass(frozen=True)
class Merged:
    """What an audit came to.

    weighted: the share of flawed items with each stratum counted as its part of the set; None where a stratum has no
        decided item. alpha: of the words, and alpha_flaw of flaw or none; None where nothing can be said.
    parts: `origin`, `operator` or a dimension -> label -> rate.
    """

    key: AuditKey
    items: tuple[Judged, ...]
    confidence: float
    rate: Rate
    weighted: float | None
    alpha: float | None
    alpha_flaw: float | None
    verdicts: Mapping[str, int]
    parts: Mapping[str, Mapping[str, Rate]]

    @property
    def undecided(self) -> int:
        return sum(item.verdict == UNDECIDED for item in self.items)


@dataclass
class _Sheet:
    """What a sheet says, by code."""

    verdicts: dict[str, str | None] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def merge_sheets(
    key: AuditKey, folder: Path, confidence: float = 0.95
) -> tuple[Merged | None, tuple[Diagnostic, ...]]:
    """The result of the sheets in a folder. Where one of them is not whole, there is none, and it is said why."""
    found: list[Diagnostic] = []
    sheets = [_read(key, folder / name, name, found) for name in key.sheets]
    if any(problem.is_error for problem in found):
        return None, tuple(found)
    items = tuple(
        _judge(entry, tuple(sheet.verdicts.get(entry.code) for sheet in sheets), sheets) for entry in key.items
    )
    labels = key.labels
    names = dict.fromkeys(name for each in key.strata for name in each.labels)
    parts: dict[str, Mapping[str, Rate]] = {}
    for name in ("origin", "operator", *names):
        if groups := _group(items, name, labels, confidence):
            parts[name] = groups
    units = [[vote for vote in item.votes if vote not in (None, UNSURE)] for item in items]
    return Merged(
        key=key,
        items=items,
        confidence=confidence,
        rate=_rate(items, confidence),
        weighted=_weigh(key, items),
        alpha=krippendorff_alpha(units),
        alpha_flaw=krippendorff_alpha([[is_flaw(vote) for vote in unit if vote] for unit in units]),
        verdicts=Counter(item.verdict for item in items),
        parts=parts,
    ), tuple(found)


def settle_verdict(votes: Iterable[str | None]) -> str:
    """The verdict of several votes: what more than half of those that say something say; first whether there is a
    flaw, then which."""
    said = [vote for vote in votes if vote is not None and vote != UNSURE]
    flaws = [vote for vote in said if is_flaw(vote)]
    if 2 * len(flaws) < len(said):
        return CORRECT
    if 2 * len(flaws) == len(said):  # none at all among them
        return UNDECIDED
    counts = Counter(flaws).most_common(2)
    return counts[0][0] if len(counts) == 1 or counts[0][1] > counts[1][1] else MIXED


def _judge(entry: Entry, votes: tuple[str | None, ...], sheets: Sequence[_Sheet]) -> Judged:
    notes = tuple(sheet.notes[entry.code] for sheet in sheets if entry.code in sheet.notes)
    return Judged(entry, settle_verdict(votes), votes, notes)


def _read(key: AuditKey, path: Path, name: str, found: list[Diagnostic]) -> _Sheet:
    """One sheet; what is wrong with it goes to `found`."""
    sheet = _Sheet()
    known = {entry.code for entry in key.items}
    first: dict[str, int] = {}
    try:
        for line, row in read_sheet(path, name):
            place = Place(name, line)
            if isinstance(row, Diagnostic):
                found.append(row)
                continue
            code, word = (canonical_text(row.get(column)) or "" for column in (ITEM, VERDICT))
            code = code.strip()
            if code not in known:
                found.append(faults.sheet_rows(f"no item of the sample is called `{shorten(code)}`", place))
            elif code in first:
                found.append(faults.sheet_rows(f"`{code}` stands on line {first[code]}, too", place))
            else:
                first[code] = line
                sheet.verdicts[code] = read_word(word)
                if word.strip() and sheet.verdicts[code] is None:
                    found.append(faults.verdict_unknown(word.strip(), nearest(word.strip(), WORDS), [*WORDS], place))
                if note := (canonical_text(row.get(NOTE)) or "").strip():
                    sheet.notes[code] = note
    except UnreadableFile as error:
        found.append(error.diagnostic)
        return sheet
    missing = sorted(known - first.keys())
    if missing:
        listed = ", ".join(missing[:_LISTED]) + (", …" if len(missing) > _LISTED else "")
        found.append(faults.sheet_rows(f"{len(missing)} of {len(known)} items are missing: {listed}", Place(name)))
    unsaid = sum(verdict is None for verdict in sheet.verdicts.values())
    if unsaid and not any(problem.is_error for problem in found):
        found.append(faults.verdicts_open(unsaid, len(known), Place(name)))
    return sheet


def _label_of(item: Judged, name: str, labels: Mapping[str, Mapping[str, str | None]]) -> str | None:
    if name in labels[item.entry.code]:
        return labels[item.entry.code][name] or "-"
    return getattr(item.entry, name) if name in ("origin", "operator") else None


def _group(
    items: Iterable[Judged], name: str, labels: Mapping[str, Mapping[str, str | None]], confidence: float
) -> dict[str, Rate]:
    groups: dict[str, list[Judged]] = {}
    for item in items:
        if (label := _label_of(item, name, labels)) is not None:
            groups.setdefault(label, []).append(item)
    return {label: _rate(groups[label], confidence) for label in sorted(groups)}


def _rate(items: Iterable[Judged], confidence: float) -> Rate:
    flaws = [item.is_flawed for item in items if item.is_flawed is not None]
    return Rate(sum(flaws), len(flaws), *wilson_interval(sum(flaws), len(flaws), confidence))


def _weigh(key: AuditKey, items: Iterable[Judged]) -> float | None:
    decided: Counter[int] = Counter()
    flawed: Counter[int] = Counter()
    for item in items:
        if item.is_flawed is not None:
            decided[item.entry.stratum] += 1
            flawed[item.entry.stratum] += item.is_flawed
    total = sum(stratum.items for stratum in key.strata)
    if not total or any(not decided[at] for at, stratum in enumerate(key.strata) if stratum.drawn):
        return None
    weights = {at: stratum.items / total for at, stratum in enumerate(key.strata) if stratum.drawn}
    return sum(weight * flawed[at] / decided[at] for at, weight in weights.items())
