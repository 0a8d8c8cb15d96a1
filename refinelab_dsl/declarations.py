"""What a spec declares, normalised: the frozen values that the IR aggregates and a saved plan carries.

No syntax and no span is left here (the IR keeps origins beside them), every default is filled in, every
reference is the name of a declaration that exists, and every number is exact: shares are decimals in [0, 1],
money is decimal US dollars, prices are dollars per token, durations are decimal seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from refinelab_dsl.builtins import ROLES_WITHOUT_TASK
from refinelab_dsl.expressions.nodes import Expression

Exact: TypeAlias = Annotated[Decimal, PlainSerializer(lambda value: format(value.normalize(), "f"), return_type=str)]
Task: TypeAlias = Literal["mcq", "qa", "math", "code", "chat"]
Json: TypeAlias = Any  # free-form data of `params` and `meta`: JSON values only


JOINT: Final = "joint"
"""The kind of the measure behind a joint target: the labels of its dimensions, `LABEL_MARK` between them."""

LABEL_MARK: Final = "/"


def short_names(names: Iterable[str]) -> dict[str, str]:
    """How prompts call dimensions: by their own names, those of an import, too (`topic` for `lib.topic`), unless
    another has the same; then by the whole name."""
    return dict(_shorten(tuple(names)))


@lru_cache(maxsize=64)  # every prompt asks for those of its spec
def _shorten(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    members = Counter(name.rpartition(".")[2] for name in names)
    return tuple((name, member if members[member := name.rpartition(".")[2]] == 1 else name) for name in names)


def complete_labels(labels: Mapping[str, str], measures: Iterable[Measure]) -> dict[str, str]:
    """The labels of an item by dimension, with the one that a joint target sees, where all of its parts are known."""
    complete = dict(labels)
    for measure in measures:
        parts = measure.options["dimensions"] if measure.kind == JOINT else ()
        if parts and all(part in labels for part in parts):
            complete[measure.name] = LABEL_MARK.join(labels[part] for part in parts)
    return complete


class Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Dataset(Declaration):
    """`dataset chemistry { … }`. `source` is as written: paths or globs relative to the spec's folder."""

    name: str
    task: Task | None = None  # None: its rows are no items, which is so for `ROLES_WITHOUT_TASK`
    source: tuple[str, ...]
    format: Literal["jsonl", "json", "csv", "parquet"] | None = None  # None: by the file's ending
    columns: tuple[str, ...] | None = None  # names of a CSV without a header row
    explode: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)  # columns of lists, taken apart
    fields: dict[str, Expression] = {}  # task fields and further attributes; absent ones map to a column of that name
    where: Expression | None = None
    role: Literal["main", "seeds", "heldout", "corpus", "signals"] = "main"
    join: dict[str, str] = Field(default={}, exclude_if=lambda join: not join)  # signals: column -> field of an item
    answer_as: Literal["auto", "letter", "index", "text"] = "auto"
    on_bad_row: Literal["stop", "skip"] = "stop"
    # Of the data of a later round of a loop: its rows tell by `_origin` what earlier rounds made, and whether that may
    # change once more.
    round: Literal["once", "repeat"] | None = Field(default=None, exclude_if=lambda value: value is None)
    meta: dict[str, Json] = {}

    @model_validator(mode="after")
    def _require_task(self) -> Self:
        if self.task is None and self.role not in ROLES_WITHOUT_TASK:
            raise ValueError(f"`{self.name}` is read as items and has no task")
        return self

    @property
    def item_task(self) -> Task:
        """The task of a dataset whose rows are items."""
        assert self.task is not None, self.name
        return self.task


class Measure(Declaration):
    """`measure size { kind = length }`. `options` holds what the kind declares in `builtins`; a measure of kind `JOINT`
    has `{"dimensions": […]}` and stands in no spec."""

    name: str
    kind: str
    options: dict[str, Json] = {}  # column: {"column": …}; length: {"unit": "words"|"characters"|"tokens"}


class Band(Declaration):
    """`medium = between(10, 20)`: values in [low, high); None is unbounded."""

    label: str
    low: Exact | None = None
    high: Exact | None = None


class Target(Declaration):
    """The wanted distribution. `uniform` spreads over the dimension's labels, which the data may settle;
    `independent` is the product of the targets of the dimensions that a joint target is over; `like` is the mix of
    `dataset` under the same measure."""

    kind: Literal["weights", "uniform", "independent", "like"]
    dataset: str | None = Field(default=None, exclude_if=lambda value: value is None)
    weights: dict[str, Exact] = {}  # sums to exactly 1


class Dimension(Declaration):
    """`dimension topic { from = subject  target = { … } }`.

    `labels` is None where the data settle them (`from` a column without `labels` and without weights).
    """

    name: str
    measure: str
    labels: tuple[str, ...] | None = None
    ordered: bool = False
    bands: tuple[Band, ...] = ()
    target: Target | None = None
    tolerance: Exact | None = None
    weight: Exact = Decimal(1)
    unknown: Literal["error", "drop", "keep"] = "error"
    on_new: Literal["measure", "assume"] = "measure"


class Size(Declaration):
    """`keep`, `2_000`, `between(900, 1_100)`."""

    kind: Literal["keep", "exact", "between"] = "keep"
    low: int | None = None
    high: int | None = None


class Constraints(Declaration):
    """`constraints { … }`; shares are of the original set for removals and originals, of the new set for `distinct`."""

    size: Size = Size()
    keep_originals: Exact | None = None
    max_removed: Exact = Decimal("0.3")
    distinct: Exact = Decimal("0.8")
    protect: Expression | None = None
    flagged: Expression | None = Field(default=None, exclude_if=lambda value: value is None)
    flagged_weight: Exact = Field(default=Decimal(1), exclude_if=lambda value: value == 1)
    max_flagged: Exact | None = Field(default=None, exclude_if=lambda value: value is None)
    floor: dict[str, int] = {}  # dimension: least number of items in each of its labels


BATCH_SHARE: Final = Decimal("0.5")
"""What the batch endpoints of the large providers charge of a price, where a spec does not say."""


class Price(Declaration):
    """US dollars per token. `locked`: the spec states none, and `refine.lock` gives this one. `batch`: what is paid of
    it in a batch, as a share."""

    input: Exact
    output: Exact
    cached_input: Exact | None = None
    as_of: str | None = None
    batch: Exact | None = Field(default=None, exclude_if=lambda batch: batch is None)
    locked: bool = Field(
        default=False, exclude_if=lambda locked: not locked, description="whether refine.lock gives this price"
    )


class Limits(Declaration):
    """What an endpoint allows: requests and tokens per minute, calls at a time."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int = 16


class Model(Declaration):
    """`model small { … }`. `api_key` is the *name* of an environment variable, never its value."""

    name: str
    provider: Literal["openai", "simulated", "cached"]
    id: str
    api_key: str | None = None
    base_url: str | None = None
    price: Price | None = None
    limits: Limits = Limits()
    params: dict[str, Json] = {}
    timeout: Exact = Decimal(60)
    # Asked by the batch endpoint, and priced so: the model allows it and `run` wants it.
    batch: bool = Field(default=False, exclude_if=lambda batch: not batch)

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"model `{self.name}`"

    @property
    def price_share(self) -> Decimal:
        """What is paid of its price: all of it, or less in batches."""
        stated = None if self.price is None else self.price.batch
        return Decimal(1) if not self.batch else BATCH_SHARE if stated is None else stated

    def unbatched(self) -> Model:
        """The same model, asked call by call."""
        return self.model_copy(update={"batch": False}) if self.batch else self


class Embedding(Declaration):
    """`embedding near { … }`. `price` is in US dollars per token, None where it is unknown."""

    name: str
    provider: Literal["hashed", "openai", "sentence_transformers"] = "hashed"
    id: str = ""
    api_key: str | None = None
    base_url: str | None = None
    price: Exact | None = None

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"embedding `{self.name}`"

    @property
    def is_asked(self) -> bool:
        """Whether its vectors come from an endpoint, and cost something; others are computed on this machine."""
        return self.provider == "openai"


class Corpus(Declaration):
    """Where passages come from: a dataset whose role is corpus, `wikipedia("en")`, or `zim("wiki.zim")`.

    name: how effects, logs and lists of hosts call it (`facts`, `wikipedia:en`, `zim:wiki.zim`). sha256: of what it
    holds and how that is cut into passages; empty for a wiki, which changes under us. host: that receives keywords, in
    lower case and without port.
    """

    name: str
    kind: Literal["files", "wikipedia", "zim"]
    dataset: Dataset | None = Field(default=None, exclude_if=lambda value: value is None)
    language: str | None = Field(default=None, exclude_if=lambda value: value is None)
    path: str | None = Field(default=None, exclude_if=lambda value: value is None)
    sha256: str = ""
    host: str | None = Field(default=None, exclude_if=lambda value: value is None)


class Prompt(Declaration):
    """`prompt p { system = … user = … returns = { … } }`; Jinja texts. `returns` maps a field to its type's name."""

    name: str
    system: str = ""
    user: str
    returns: dict[str, Json] = {}  # "text" | "number" | "integer" | "bool" | ["text"] | {"labels": [...]}


class Move(Declaration):
    """`+1`, `-1` along an ordered dimension, `to(medium, hard)`, `any`."""

    kind: Literal["shift", "to", "any"]
    by: int = 0
    labels: tuple[str, ...] = ()


class Prior(Declaration):
    """What is believed before a pilot. `declared` names the members that the spec wrote; the others are defaults."""

    success: Exact
    input_tokens: int
    output_tokens: int
    declared: tuple[str, ...] = ()


class Operator(Declaration):
    """`operator author { kind = generate … }`. `options` holds what the kind declares in `builtins`."""

    name: str
    kind: str
    model: str | None = None
    prompt: str | None = None
    where: Expression | None = None
    prefer: Expression | None = None  # remove: worst first
    moves: dict[str, Move] = {}
    checks: tuple[str, ...] = ()
    max_per_item: int | None = None  # None: no limit
    prior: Prior
    max_cost: Exact | None = None
    options: dict[str, Json] = {}  # expand: variants, style; generate: anchor

    @property
    def per_call(self) -> int:
        """Results that one call asks for: the attempts of `expand` on one item share calls of so many variants."""
        return int(self.options.get("variants") or 1) if self.kind == "expand" else 1


class Validator(Declaration):
    """`validator fresh { kind = duplicate … }`."""

    name: str
    kind: str
    accept: Expression | None = None
    on_reject: Literal["retry", "correct", "drop", "quarantine"] = "drop"
    retries: int = 0
    dimension: str | None = None  # in_bin
    against: tuple[Literal["originals", "output"], ...] = ()  # duplicate
    options: dict[str, Json] = {}


class Judge(Declaration):
    """`judge careful { … }`: who compares answers, and how. models: one, or a panel. criteria: in the order in which
    they are graded. length_penalty: points off the sum of the longer answer for every 100% that it is longer."""

    name: str
    models: tuple[str, ...]
    prompt: str | None = None
    mode: Literal["rubric", "pairwise"] = "rubric"
    criteria: tuple[str, ...] = ("accuracy", "completeness", "clarity", "conciseness", "relevance")
    swap: bool = True
    votes: int = 1
    length_penalty: Exact | None = None
    accept: Expression | None = None
    max_rounds: int | None = None

    @property
    def calls(self) -> int:
        """What one comparison of two answers takes."""
        return len(self.models) * self.votes * (2 if self.swap else 1)


class Pilot(Declaration):
    """`pilot { … }`: how much may be spent to learn. items: attempts per operator, and items of a labelled sample per
    measure. tokens, cost: what it may take, at most one of them."""

    items: int = 20
    stratify_by: tuple[str, ...] = ()
    confidence: Exact = Decimal("0.9")
    label: Literal["all", "sample"] = "all"
    tokens: int | None = None
    cost: Exact | None = None


class Budget(Declaration):
    """Limits in tokens and in dollars; `tokens_of_full_cost` is the factor in `0.5 * full_cost`."""

    tokens: int | None = None
    tokens_of_full_cost: Exact | None = None
    cost: Exact | None = None
    per: Literal["plan", "project"] = "plan"
    reserve: Exact = Decimal("0.1")
    on_exceed: Literal["stop"] = "stop"


class Solve(Declaration):
    strategy: Literal["joint", "additive", "greedy", "uniform"] = "joint"
    relax: bool = False  # the relaxation alone, rounded: `joint` and `additive`
    static: bool = False  # gains of the start: `greedy`
    solver: Literal["auto", "glpk", "highs"] = "auto"
    gap: Exact | None = None  # absolute, in the objective's unit; None: max(1e-6, 1e-4 of the objective)
    confidence: Exact = Decimal("0.9")
    time_limit: Exact = Decimal(60)
    replan: Exact | None = None
    on_infeasible: str = "report"


class Run(Declaration):
    engine: Literal["local", "ray"] = "local"
    batch: Literal["never", "prefer", "require"] = "never"
    retries: int = 4
    backoff: Exact = Decimal("0.5")  # seconds before the first retry, doubled each time, with full jitter
    on_overload: Literal["stop", "ignore"] = Field(default="stop", exclude_if=lambda word: word == "stop")


class Output(Declaration):
    """`output refined { … }`. Paths are as written, relative to the spec's folder."""

    name: str
    path: str
    format: Literal["jsonl", "csv", "parquet", "hf", "sft", "preference"]
    layout: Literal["source", "task"] = "source"
    columns: tuple[str, ...] | None = None
    provenance: str | None = None
    quarantine: str | None = None
    card: str | None = None
    report: str | None = None


class Expect(Declaration):
    """`expect "title" { assert = jsd(topic) <= 0.01 }`. Arguments that name a dimension or label are constants."""

    title: str
    assertion: Expression = Field(alias="assert")
    when: Literal["plan", "result", "both"] = "both"

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Loop(Declaration):
    """`loop { rounds = 3, command = ["./train.sh", "{data}", "{signals}"] }`. signals: the dataset that the command
    writes. timeout: in seconds."""

    rounds: int
    command: tuple[str, ...]
    signals: str
    timeout: Exact = Decimal(3600)
    repeat: bool = False
    stop_when: Expression | None = None
