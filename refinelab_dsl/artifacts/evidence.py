"""`refine.evidence.jsonl`: what was learnt of a dataset and of a spec's operators, to be committed beside the spec.

One JSON object per line, sorted, no dataset text: items appear by the first 16 hex digits of their content's hash, and
what was asked by a content key. A changed prompt, model or set of labels has another key, so what was learnt before
does not count for it; it stays in the file until it is learnt again under the same name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from refinelab_dsl.declarations import Exact
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import evidence as faults

NAME: Final = "refine.evidence.jsonl"
FORMAT_VERSION: Final = "1.0"
KEY_LENGTH: Final = 16  # hex digits of an item's hash, and of a content key


class Record(BaseModel):
    """specs: of those in the folder that learnt it or use it; what no spec uses any longer goes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    specs: tuple[str, ...] = Field(default=(), exclude_if=lambda specs: not specs)


class Value(Record):
    """What a measure found of an item. key: of the measure. value: None where it could not be told. error: the standard
    error of a number. simulated: it was made by rule."""

    record: Literal["value"] = "value"
    measure: str
    key: str
    item: str
    value: str | float | None
    error: float | None = Field(default=None, exclude_if=lambda value: value is None)
    simulated: bool = Field(default=False, exclude_if=lambda simulated: not simulated)


class Rating(Record):
    """An item of a measure's seed set that was rated among themselves."""

    record: Literal["rating"] = "rating"
    measure: str
    key: str
    item: str
    rating: float
    simulated: bool = Field(default=False, exclude_if=lambda simulated: not simulated)


class Label(Record):
    """A label that was found in the items, and what it means; `place` is its number from 0."""

    record: Literal["label"] = "label"
    measure: str
    key: str
    place: int
    label: str
    meaning: str = ""
    simulated: bool = Field(default=False, exclude_if=lambda simulated: not simulated)


class Clusters(Record):
    """Which items are nearly the same, by a measure that compares all of them. items: the beginning of the SHA-256 over
    what was compared: of any other set of items it says nothing. count: how many these are. copies: item that is like
    another -> the first of its cluster; all others stand alone."""

    record: Literal["clusters"] = "clusters"
    measure: str
    key: str
    items: str
    count: int
    copies: dict[str, str]


class Rate(Record):
    """What one run found of an operator: attempts and how many were accepted, and what they took together, checks
    included. own_…: of the operator's own calls; own_calls: attempts that made one, where not all of them do. stored_…:
    of the verdicts that `correct` asks for first and a pilot bought before; they stand in no other sum. run: the id of
    its plan, so that no run counts twice. squares: sum of the squares of the attempts' tokens."""

    record: Literal["rate"] = "rate"
    operator: str
    key: str
    run: str
    attempts: int
    accepted: int
    input_tokens: int
    output_tokens: int
    own_input_tokens: int
    own_output_tokens: int
    own_calls: int | None = Field(default=None, exclude_if=lambda calls: calls is None)
    stored_input_tokens: int = Field(default=0, exclude_if=lambda tokens: not tokens)
    stored_output_tokens: int = Field(default=0, exclude_if=lambda tokens: not tokens)
    squares: int
    usd: Exact | None
    simulated: bool = Field(default=False, exclude_if=lambda simulated: not simulated)


class Audit(Record):
    """What annotators found of a result. key: of the rows of that result (`digest_rows`). share: of its items with a
    flaw, each stratum counted as its part of the set; low, high: Wilson's interval of those that were decided, at this
    confidence."""

    record: Literal["audit"] = "audit"
    key: str
    items: int
    annotators: int
    decided: int
    flawed: int
    share: float
    low: float
    high: float
    confidence: float


def digest_rows(hashes: Iterable[str]) -> str:
    """The content key of a result: of its items' hashes, in whatever order they stand."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()[:KEY_LENGTH]


AnyRecord: TypeAlias = Audit | Value | Rating | Label | Clusters | Rate
_ADAPTER: TypeAdapter[AnyRecord] = TypeAdapter(Annotated[AnyRecord, Field(discriminator="record")])


@dataclass(frozen=True)
class Found:
    """What is known of a measure's values. values: item -> value; errors: item -> standard error."""

    values: Mapping[str, str | float | None] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """Everything that stands in an evidence file."""

    records: tuple[AnyRecord, ...] = ()

    def values(self, key: str) -> Found:
        """Of the measure with this content key."""
        own = [each for each in self.records if isinstance(each, Value) and each.key == key]
        return Found(
            {each.item: each.value for each in own},
            {each.item: each.error for each in own if each.error is not None},
        )

    def ratings(self, key: str) -> dict[str, float]:
        """Of a measure's seed set: item -> rating."""
        return {each.item: each.rating for each in self.records if isinstance(each, Rating) and each.key == key}

    def labels(self, key: str) -> dict[str, str]:
        """That were found for a measure, in order, with their meanings."""
        own = [each for each in self.records if isinstance(each, Label) and each.key == key]
        return {each.label: each.meaning for each in sorted(own, key=lambda each: each.place)}

    def clusters(self, key: str) -> dict[str, dict[str, str]]:
        """Of the measure with this content key: digest of a set of items -> those that are copies of others."""
        return {each.items: each.copies for each in self.records if isinstance(each, Clusters) and each.key == key}

    def rates(self, key: str) -> tuple[Rate, ...]:
        """Of the operator with this content key, one per run."""
        return tuple(each for each in self.records if isinstance(each, Rate) and each.key == key)

    def audit(self, key: str) -> Audit | None:
        """Of the result with this content key."""
        return next((each for each in self.records if isinstance(each, Audit) and each.key == key), None)

    def including(self, news: Iterable[AnyRecord], spec: str = "") -> Evidence:
        """With what is new to a spec of that name. A measure's newer finding of an item takes the place of the older
        one; what the same spec learnt under the same name for another key goes, unless another spec uses it, too."""
        fresh = [each.model_copy(update={"specs": (spec,) if spec else ()}) for each in news]
        replaced = {(_topic(each), _name(each)): _question(each) for each in fresh}
        merged: dict[tuple[str, str, str, str], AnyRecord] = {}
        for each in self.records:
            if replaced.get((_topic(each), _name(each)), _question(each)) != _question(each):
                others = tuple(other for other in each.specs if other != spec)
                if not others:
                    continue
                each = each.model_copy(update={"specs": others})
            merged[_identity(each)] = each
        for each in fresh:
            before = merged.get(_identity(each))
            if before is not None:
                each = each.model_copy(update={"specs": tuple(sorted({*before.specs, *each.specs}))})
            merged[_identity(each)] = each
        return Evidence(tuple(merged[identity] for identity in sorted(merged)))


NO_EVIDENCE: Final = Evidence()


def load_evidence(path: Path) -> tuple[Evidence, tuple[Diagnostic, ...]]:
    """The evidence at `path`; none where there is no file. Never partial: a line that is none is an error."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return Evidence(), ()
    except OSError as error:
        return Evidence(), (faults.evidence_unreadable(str(path), error.strerror or type(error).__name__),)
    records: list[AnyRecord] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            records.append(_ADAPTER.validate_json(line))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "its JSON"
            return Evidence(), (faults.evidence_malformed(str(path), number, f"{where}: {first['msg'].lower()}"),)
    return Evidence(tuple(records)), ()


def dump_evidence(path: Path, evidence: Evidence) -> None:
    """Writes the file whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("wb") as stream:
            for record in evidence.records:
                stream.write(record.model_dump_json().encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


_SUMMED: Final = (
    "attempts", "accepted", "input_tokens", "output_tokens", "own_input_tokens", "own_output_tokens",
    "stored_input_tokens", "stored_output_tokens", "squares",
)  # fmt: skip


def sum_rates(rates: Sequence[Rate]) -> Rate | None:
    """Several runs of one operator together; None for none."""
    if not rates:
        return None
    usd = [rate.usd for rate in rates]
    own = [rate.own_calls for rate in rates if rate.own_calls is not None]
    return rates[0].model_copy(update={
        "run": "",
        **{
            name: sum(getattr(rate, name) for rate in rates)
            for name in _SUMMED
        },
        "usd": None if any(each is None for each in usd) else sum((each or Decimal(0) for each in usd), Decimal(0)),
        "own_calls": sum(own) if len(own) == len(rates) else None,
        "simulated": any(rate.simulated for rate in rates),
    })  # fmt: skip


def _name(record: AnyRecord) -> str:
    match record:
        case Rate():
            return record.operator
        case Audit():  # an audit of one result says nothing of another
            return record.key
        case _:
            return record.measure


def _question(record: AnyRecord) -> tuple[str, str]:
    return record.key, record.items if isinstance(record, Clusters) else ""


def _topic(record: AnyRecord) -> str:
    return record.record


def _identity(record: AnyRecord) -> tuple[str, str, str, str]:
    match record:
        case Label():
            last = f"{record.place:06d}"
        case Rate():
            last = record.run
        case Audit():
            last = ""
        case Clusters():
            last = record.items
        case _:
            last = record.item
    return (record.record, _name(record), record.key, last)
