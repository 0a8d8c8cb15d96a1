"""The saved plan (`.refplan`): what passes between the compiler and the runtime. JSON Lines, version 1.0.

A header, one line per step and per removal candidate, a trailer. No secret, no dataset text: items appear by key
(the first hex digits of their content's hash). Same inputs give the same bytes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, TypeAlias

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from refinelab_dsl.declarations import (
    Constraints,
    Corpus,
    Dataset,
    Dimension,
    Embedding,
    Exact,
    Expect,
    Judge,
    Measure,
    Model,
    Operator,
    Output,
    Run,
    Solve,
    Validator,
)
from refinelab_dsl.expressions import Expression

FORMAT_VERSION = "1.0"

MEASURE = "measure"
COMPARE = "compare"
DISCOVER = "discover"
CLUSTER = "cluster"
ASKING = (MEASURE, COMPARE, DISCOVER, CLUSTER)
"""Kinds of actions that ask for what a measure needs: the values of items, the results of pairs of its seeds, its
labels, the vectors of all items by which it finds their clusters. `operator` then names the measure."""


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class Input(Record):
    """A hashed input by name. `signals`: a file of a signals dataset. `tokenizer`: how a model's tokens were
    counted, exactly (the extra) or estimated."""

    kind: Literal[
        "spec", "dataset", "file", "signals", "prompt", "tokenizer", "estimates", "evidence", "prices", "inventory",
        "decisions",
    ]
    name: str
    sha256: str


class Interval(Record):
    """`{mean, low, high, source}`; 90% unless stated."""

    mean: float
    low: float
    high: float
    source: str


class Template(Record):
    """What a call sends: Jinja texts in full, the reply's JSON schema, the model's name, the reply's limit."""

    name: str
    model: str
    system: str
    user: str
    reply_schema: dict[str, Any]
    max_output_tokens: int


class Action(Record):
    """`count` accepted results of `operator`, moving items `from_` -> `to`. Attempts are listed as steps.

    `operator` names an entry of `operators`; its template has the same name. `from_` is empty for `generate`. The
    first `stock` of its attempts are accepted results of earlier runs, which the store of replies answers.
    """

    id: int
    operator: str
    kind: str
    from_: dict[str, str] = Field(serialization_alias="from", validation_alias=AliasChoices("from", "from_"))
    to: dict[str, str]
    count: int
    attempts: int
    success: Interval
    chance: float  # that `attempts` reach `count`
    stock: int = Field(default=0, exclude_if=lambda stock: not stock)


class KnownMeasure(Record):
    """What a paid measure rests on besides its declaration. meanings: the labels that were found for it, in order, each
    in a line. exemplars: items whose ratings are settled, by key. compared: of a measure whose clusters a pilot learnt,
    the beginning of the digest of the items."""

    meanings: dict[str, str] = Field(default={}, exclude_if=lambda meanings: not meanings)
    exemplars: dict[str, float] = Field(default={}, exclude_if=lambda exemplars: not exemplars)
    compared: str = Field(default="", exclude_if=lambda compared: not compared)


class SeedSet(Record):
    """A dataset of rated exemplars that a measure compares with, and the digest of its files. Its `source` stays: it is
    no part of what a user is asked to point at."""

    dataset: Dataset
    sha256: str


class Asked(Record):
    """What the checks of an operator and the measures of its results ask per attempt, as expected: calls and tokens,
    and dollars (None where a price is unknown)."""

    calls: float
    input_tokens: float
    output_tokens: float
    usd: Exact | None


class Embedded(Record):
    """What the vectors of all items of the source take by one embedding: `texts` different ones, asked about with so
    many calls at the beginning of a run. tokens, usd: expected (dollars None where the price is unknown); ceiling: the
    most tokens. What the store of replies holds of them costs nothing."""

    texts: int
    calls: int
    tokens: int
    ceiling: int
    usd: Exact | None
    usd_ceiling: Exact | None


class Removal(Record):
    """`planned` items of one cell leave; their keys follow as `candidate` lines, in order."""

    id: int
    operator: str
    from_: dict[str, str] = Field(serialization_alias="from", validation_alias=AliasChoices("from", "from_"))
    planned: int


class Amount(Record):
    """Tokens or dollars. Dollars are decimals; `None` is unknown."""

    expected: Exact | None
    low: Exact | None
    high: Exact | None
    ceiling: Exact | None
    full: Exact | None  # C


class Share(Record):
    now: float
    target: float | None
    planned: float
    count_now: int
    count_planned: int


class Flagged(Record):
    """Items of the set that the spec holds under suspicion, now and as planned."""

    now: int
    planned: int


class Solution(Record):
    """What was proven. The solver's name, seconds and the model's size are no part of it: a plan is bytes of its
    inputs alone, whichever solver a machine has. `bound` is rounded down and `gap` up, to 1e-9."""

    strategy: str
    status: str
    objective: float
    bound: float
    gap: float


class Check(Record):
    """An `expect` evaluated on the plan. `value` is the assertion as text with its numbers. after_audit: of a result
    that nobody has audited."""

    title: str
    status: Literal["passed", "failed", "after_run", "after_audit"]
    value: str


class BudgetSummary(Record):
    """`spent…` is what earlier legs of the same run, or phases of the same pilot, paid of it. `reserve_…` is what the
    allocation may not plan with; `luck_…` what of it the spread of the plan's own cost asks for, at the spec's
    confidence. Plans of earlier versions do not have that. `least_…` is there where an attempt of the plan may claim
    more than the budget: what it must be at least."""

    tokens: int | None
    usd: Exact | None
    spent: Exact
    spent_tokens: int = Field(default=0, exclude_if=lambda spent: not spent)
    reserve_tokens: int | None
    reserve_usd: Exact | None
    luck_tokens: int | None = None
    luck_usd: Exact | None = None
    least_tokens: int | None = Field(default=None, exclude_if=lambda least: least is None)
    least_usd: Exact | None = Field(default=None, exclude_if=lambda least: least is None)

    @property
    def left_tokens(self) -> int | None:
        return None if self.tokens is None else self.tokens - self.spent_tokens

    @property
    def left_usd(self) -> Decimal | None:
        return None if self.usd is None else self.usd - self.spent

    def spell_least(self, tokens: int = 0, usd: Decimal | None = None) -> str:
        """What the budget must be at least, as a spec writes it: of its limits, those that are less. tokens, usd: no
        less than that."""
        tokens = max(self.least_tokens or 0, tokens)
        dollars = max([each for each in (self.least_usd, usd) if each is not None], default=None)
        return spell_budget(
            None if self.tokens is None or tokens <= self.tokens else tokens,
            None if self.usd is None or dollars is None or dollars <= self.usd else dollars,
        )


def spell_budget(tokens: int | None, usd: Decimal | None) -> str:
    """A budget as a spec writes it: `tokens = 6110, cost = $0.0149`. None: not limited."""
    parts = [] if tokens is None else [f"tokens = {tokens}"]
    return ", ".join([*parts, *([] if usd is None else [f"cost = ${usd.normalize():f}"])])


class Envelope(Record):
    """What a run with `replan` stays inside however often the rest is solved again: its budget, and these names.
    `share`: of the budget, after which that happens."""

    share: Exact
    operators: tuple[str, ...]
    models: tuple[str, ...]


class InventorySummary(Record):
    """What earlier runs brought: the `runs` whose attempts fit the spec, how many of those attempts were accepted, and
    how many of the accepted are in the plan."""

    runs: tuple[int, ...]
    accepted: int
    used: int


class Decided(Record):
    """What a person decided about an edit of an earlier run, where it changes something. id: of the result; of a
    removal, of the item. key: the content key of the attempt; of a removal, of the item. by_hand: a check refused the
    result, and it counts as accepted all the same; only of such a one `accept` stands here."""

    id: str
    operator: str
    edit: Literal["changed", "added", "removed"]
    decision: Literal["accept", "reject", "pin"]
    key: str
    by_hand: bool = Field(default=False, exclude_if=lambda by_hand: not by_hand)

    @property
    def is_held(self) -> bool:
        """Whether the result is in every plan."""
        return (self.decision == "pin" or self.by_hand) and self.edit != "removed"


class DecisionSet(Record):
    """A file of decisions: its path from the project's root, the SHA-256 of its bytes, how many edits it accepts that
    checks accepted, and what it says of others."""

    file: str
    sha256: str
    accepted: int
    rows: tuple[Decided, ...]

    @property
    def by_hand(self) -> frozenset[str]:
        """The keys of attempts whose results count as accepted by hand."""
        return frozenset(row.key for row in self.rows if row.by_hand)


class Header(Record):
    """`purpose`: what the plan is for. A `pilot` makes every attempt that it lists and writes no output."""

    record: Literal["header"] = "header"
    purpose: Literal["plan", "pilot"] = Field(default="plan", exclude_if=lambda purpose: purpose == "plan")
    format_version: str = FORMAT_VERSION
    compiler: str
    spec: str  # the program's name
    spec_path: str  # relative to the project's root, with forward slashes
    spec_sha256: str
    variables: dict[str, str]  # given from outside, as typed; paths are left out, the data count by their bytes
    seed: int
    inputs: tuple[Input, ...]
    dataset: Dataset  # its `source` left out: where the data stand is no fact of a plan
    files: tuple[str, ...]  # names of the dataset's files in reading order
    dataset_sha256: str
    # Measure that stands in signals or evidence, or comes of all items together -> its value of each item in reading
    # order: what executes a plan reads neither, and compares no items.
    recorded: dict[str, tuple[str | float | None, ...]] = Field(default={}, exclude_if=lambda recorded: not recorded)
    corpora: tuple[Corpus, ...] = Field(default=(), exclude_if=lambda corpora: not corpora)  # sources left out
    known: dict[str, KnownMeasure] = Field(default={}, exclude_if=lambda known: not known)
    seeds: dict[str, SeedSet] = Field(default={}, exclude_if=lambda seeds: not seeds)  # by measure; `heldout.NAME`
    measures: tuple[Measure, ...]
    dimensions: tuple[Dimension, ...]
    labels: dict[str, tuple[str, ...]]  # every dimension's labels, settled
    constraints: Constraints
    models: tuple[Model, ...]
    embeddings: tuple[Embedding, ...] = Field(default=(), exclude_if=lambda embeddings: not embeddings)
    operators: tuple[Operator, ...]
    validators: tuple[Validator, ...]
    judges: tuple[Judge, ...] = Field(default=(), exclude_if=lambda judges: not judges)
    templates: tuple[Template, ...]
    outputs: tuple[Output, ...]
    expects: tuple[Expect, ...]
    stop_when: Expression | None = Field(default=None, exclude_if=lambda value: value is None)  # of a loop
    run: Run
    solve: Solve
    budget: BudgetSummary
    envelope: Envelope | None = Field(default=None, exclude_if=lambda envelope: envelope is None)
    hosts: tuple[str, ...]  # that will receive dataset text; with an envelope, that may
    actions: tuple[Action, ...]
    removals: tuple[Removal, ...]
    asked: dict[str, Asked] = Field(default={}, exclude_if=lambda asked: not asked)  # of operators whose results cost
    originals: dict[str, Embedded] = Field(default={}, exclude_if=lambda originals: not originals)  # by embedding
    size_now: int
    size_planned: int
    mix: dict[str, dict[str, Share]]
    divergence: dict[str, dict[str, float]]  # dimension -> {"now", "planned"}; dimensions with a target
    distinct: float
    flagged: Flagged | None = Field(default=None, exclude_if=lambda value: value is None)
    chance: float  # that every count is reached with the attempts listed
    tokens: Amount
    usd: Amount
    solution: Solution
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    inventory: InventorySummary | None = Field(default=None, exclude_if=lambda inventory: inventory is None)
    decisions: DecisionSet | None = Field(default=None, exclude_if=lambda decisions: decisions is None)


    @property
    def keyword_hosts(self) -> tuple[str, ...]:
        """Hosts that will receive keywords of the dataset's questions and answers."""
        return tuple(sorted({corpus.host for corpus in self.corpora if corpus.host is not None}))


class Step(Record):
    """One attempt. `items` are keys of source items or anchors. `key` is its content key: SHA-256 (hex) over
    operator, template, items, target, sample and seed. `replies`: of a result of an earlier run, the hashes of the
    replies that it was made of."""

    record: Literal["step"] = "step"
    id: int
    action: int
    operator: str
    items: tuple[str, ...]
    target: dict[str, str]
    template: str
    checks: tuple[str, ...]
    sample: int
    key: str
    input_tokens: int  # of the rendered prompt, counted
    output_tokens: int  # expected
    depends_on: tuple[int, ...] = ()
    replies: tuple[str, ...] = Field(default=(), exclude_if=lambda replies: not replies)


class Candidate(Record):
    """One item that a removal may take; rank 0 leaves first."""

    record: Literal["candidate"] = "candidate"
    removal: int
    rank: int
    item: str


class Trailer(Record):
    record: Literal["trailer"] = "trailer"
    steps: int
    candidates: int
    sha256: str  # of all bytes before this line


Line: TypeAlias = Header | Step | Candidate | Trailer
