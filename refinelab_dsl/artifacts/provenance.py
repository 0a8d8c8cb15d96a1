"""The provenance log (`*.prov.jsonl`): what a run did, as a chain of events. JSON Lines, version 1.0.

    run  plan  decision*  replan?  vectors*
    { call* chain? verdict* (label | vocabulary | clusters | commit | kept | held? reject) overload? }*
    remove*  result?  { output rows* }*  trailer

A leg of a run whose rest was solved again ends without a result; the log of the next one starts with its root.

One JSON object per line. A line starts with `prev`, the SHA-256 of the raw bytes of the line before it (its newline
not counted), so the lines form a chain; the trailer's `root` is the SHA-256 of the trailer itself with an empty
`root`, so that it protects its own bytes too. `decode_line` accepts nothing but what `encode_line` writes: no byte of
a log can change unseen. The root is the log's digest; a chain alone is only consistent with itself.

Prompts, replies and dataset text are not in here, only their hashes: a log can be shared without them. No clock time,
no latency and no cache hit is in here either: the same plan over the same replies gives the same bytes.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from refinelab_dsl.artifacts.plan import Input
from refinelab_dsl.declarations import Exact

FORMAT_VERSION = "1.0"
START = "0" * 64  # `prev` of the first line

Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Scalar: TypeAlias = bool | int | float | str | None


def _sort_keys(mapping: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(mapping.items()))


Labels: TypeAlias = Annotated[dict[str, str], AfterValidator(_sort_keys)]  # dimension -> label
Values: TypeAlias = Annotated[dict[str, Scalar], AfterValidator(_sort_keys)]


class Event(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True, allow_inf_nan=False
    )


class ModelUsed(Event):
    """A declared model: `name` is the spec's name for it, `id` the one that the endpoint knows."""

    name: str
    provider: str
    id: str
    base_url: str | None = None
    params: dict[str, Any] = {}


class Run(Event):
    """The first line: which program, plan and inputs, by hash. `simulated`: some call may be answered by the
    simulated model."""

    event: Literal["run"] = "run"
    format_version: str = FORMAT_VERSION
    compiler: str
    spec: str
    spec_path: str = ""  # relative to the project's root; outputs are relative to its folder
    spec_sha256: str
    plan_id: str
    dataset: str
    dataset_sha256: str
    files: tuple[str, ...] = ()  # of the dataset, in reading order
    inputs: tuple[Input, ...] = ()
    models: tuple[ModelUsed, ...] = ()
    seed: int
    simulated: bool


class PlannedAction(Event):
    operator: str
    from_: Labels = Field(alias="from")
    to: Labels
    count: int
    attempts: int


class PlannedRemoval(Event):
    operator: str
    from_: Labels = Field(alias="from")
    planned: int


class Plan(Event):
    """What was intended: the plan's own summary. Dollars are decimals; None is unknown."""

    event: Literal["plan"] = "plan"
    size_now: int
    size_planned: int
    actions: tuple[PlannedAction, ...] = ()
    removals: tuple[PlannedRemoval, ...] = ()
    tokens_expected: Exact | None = None
    tokens_ceiling: Exact | None = None
    usd_expected: Exact | None = None
    usd_ceiling: Exact | None = None


class Decision(Event):
    """What a person decided about an edit of an earlier run, where it changes something; the file that says so is among
    the run's inputs. Members as those of a plan's `Decided`."""

    event: Literal["decision"] = "decision"
    id: str
    operator: str
    edit: Literal["changed", "added", "removed"]
    decision: Literal["accept", "reject", "pin"]
    key: str
    by_hand: bool = Field(default=False, exclude_if=lambda by_hand: not by_hand)


class Replan(Event):
    """The rest of an earlier leg of this run was solved again: `run` is its number, `root` that of its log. tokens,
    usd: what the legs before this one paid."""

    event: Literal["replan"] = "replan"
    run: int
    root: Sha256
    tokens: int
    usd: Exact


class Call(Event):
    """One request to a model and its reply, both by hash.

    call: index within the step, in the order of asking. template: its operator's name, `validator.NAME` or
    `measure.NAME`. request: the request's content key. reply: None where no reply came. model: the declared name;
    model_id: what the endpoint says answered. usd: None where the price is unknown. What asks no model stands here
    too, with an empty template: `model` is then `corpus.NAME` or `sandbox`, the reply what came of it. turn: 0, or
    which further try of the step it made a result for, after a check refused the one before.
    """

    event: Literal["call"] = "call"
    step: int
    call: int = 0
    template: str
    request: str
    reply: str | None
    model: str
    model_id: str | None = None
    request_id: str | None = None
    sample: int = 0
    turn: int = Field(default=0, exclude_if=lambda turn: not turn)
    seed: int = 0
    input_tokens: int
    output_tokens: int
    usd: Exact | None
    simulated: bool = False


class Vectors(Event):
    """Vectors of texts of the source that were asked for together, before the first step. embedding: its declared name.
    batch: which of the embedding's, from 0. requests, replies: SHA-256 (hex) over the content keys of the texts, and
    over the hashes of their replies, joined by newlines. Tokens and dollars are of all of them."""

    event: Literal["vectors"] = "vectors"
    embedding: str
    batch: int
    texts: int
    requests: Sha256
    replies: Sha256
    model_id: str | None = None
    input_tokens: int
    usd: Exact | None


class Verdict(Event):
    """What one check said of a step's result. `values` are what it measured (`similarity`, `words`); `reason` is in
    the check's own words and holds no text of the dataset or of a reply. by_hand: it refused the result for that
    reason, and a person accepted it."""

    event: Literal["verdict"] = "verdict"
    step: int
    check: str  # a validator's name, or `reply` for the parser of replies
    accept: bool
    reason: str = ""
    values: Values = {}
    by_hand: bool = Field(default=False, exclude_if=lambda by_hand: not by_hand)


class Opinion(Event):
    """What one reply of a judge says of two answers. model: its declared name. previous_first: the order in which they
    were shown. sample: which vote. preferred: None where it could not be read. previous, refined: sums of grades."""

    model: str
    previous_first: bool
    sample: int = 0
    preferred: Literal["previous", "refined", "tie"] | None
    previous: float | None = None
    refined: float | None = None


class Round(Event):
    """One refinement of an answer. refiner: the declared name of the model. answer: SHA-256 of the text that it made.
    verdict: None where no judge was asked. asked_twice: ballots that were asked in both orders; flips: those of them
    that went with the order."""

    refiner: str
    answer: Sha256
    verdict: Literal["previous", "refined", "tie"] | None
    opinions: tuple[Opinion, ...] = ()
    asked_twice: int = 0
    flips: int = 0


class Chain(Event):
    """How an answer became better, by hashes: `answers` are the SHA-256 of the answer that came in and of those that
    were preferred, each to the one before it; `rounds` are all refinements. The texts stand in the replies to the
    calls. stop: why it ended."""

    event: Literal["chain"] = "chain"
    step: int
    action: int
    operator: str
    key: str
    answers: tuple[Sha256, ...]
    rounds: tuple[Round, ...]
    stop: Literal["previous", "tie", "accepted", "max_rounds", "unchanged", "oscillation", "unreadable"]


class Kept(Event):
    """A step found nothing to improve: the item of the source stays as it is, and nothing failed."""

    event: Literal["kept"] = "kept"
    step: int
    action: int
    operator: str
    id: str
    key: str
    reason: str
    simulated: bool = False


class Label(Event):
    """What a measure found of an item of the source. items: its key; or those of a pair of seeds, whose value is the
    result of the first against the second. value: None where it could not be told. error: the standard error of a
    number, where there is one."""

    event: Literal["label"] = "label"
    step: int
    action: int
    measure: str
    items: tuple[str, ...]
    value: str | float | None
    error: float | None = None
    simulated: bool = False


class Vocabulary(Event):
    """Labels that were found in the items for a measure, in order, with their meanings."""

    event: Literal["vocabulary"] = "vocabulary"
    step: int
    action: int
    measure: str
    labels: dict[str, str]
    simulated: bool = False


class Clusters(Event):
    """Which items of the source are nearly the same, by a measure that compares all of them. items: SHA-256 (hex) over
    what was compared (`likeness.digest_items`); count: how many items that are. copies: the key of each item that is
    like another -> that of the first of its cluster."""

    event: Literal["clusters"] = "clusters"
    step: int
    action: int
    measure: str
    items: Sha256
    count: int
    copies: Labels


class Commit(Event):
    """An accepted result became part of the output.

    index: which of a step's results, from 0. id, key: of the new item. row: `row_hash` of the item. parents: keys of
    the items it was made from, in order. reply: of the call that it was read from. target: what it was made for;
    measured: what it was found to be (None where a dimension is assumed).
    """

    event: Literal["commit"] = "commit"
    step: int
    index: int = 0
    action: int
    operator: str
    origin: Literal["added", "changed"] = "added"
    id: str
    key: str
    row: Sha256
    parents: tuple[str, ...]
    target: Labels = {}
    measured: Annotated[dict[str, str | None], AfterValidator(_sort_keys)] = {}
    reply: str
    simulated: bool = False


class Held(Event):
    """A result that the next event, its `reject`, counts out is kept apart. Members as those of `commit`."""

    event: Literal["held"] = "held"
    step: int
    action: int
    operator: str
    id: str
    key: str
    row: Sha256
    parents: tuple[str, ...]
    target: Labels = {}
    reply: str
    simulated: bool = False


class Reject(Event):
    """A step ended without a result. `check` is the validator that refused it, None where no reply came."""

    event: Literal["reject"] = "reject"
    step: int
    action: int
    operator: str
    check: str | None = None
    reason: str = ""


class Overload(Event):
    """After this step an operator is stopped: of `judged` results its checks accepted so few that its rate is, but for
    a chance of one in a thousand, below half of what was `expected` at least."""

    event: Literal["overload"] = "overload"
    step: int
    operator: str
    judged: int
    accepted: int
    expected: float


class Remove(Event):
    """A source item leaves the set."""

    event: Literal["remove"] = "remove"
    removal: int
    operator: str
    id: str
    key: str


class Output(Event):
    """A file that was written. `name` is the output block's name; `file` is relative to the spec's folder; `sha256`
    is of the file's bytes; `head` is the SHA-256 of what stands before the first row (a CSV's header). A `card` is the
    page beside a folder's data, and has no rows."""

    event: Literal["output"] = "output"
    name: str
    file: str
    format: Literal["jsonl", "csv", "parquet", "card"]
    rows: int
    size: int  # in bytes
    sha256: Sha256
    head: Sha256


class Rows(Event):
    """Digests of up to 256 consecutive rows of an output: the first 16 hex digits of the SHA-256 of each row's bytes
    with its newline, of parquet of the row as a line of JSON. They say *which* row differs; the output's own SHA-256
    says that one does."""

    event: Literal["rows"] = "rows"
    file: str
    first: int  # row number from 1
    digests: Annotated[str, Field(pattern=r"^(?:[0-9a-f]{16})+$")]  # joined


class Result(Event):
    """What the run came to. `mix`: dimension -> label -> items, measured where a new item can be measured."""

    event: Literal["result"] = "result"
    status: Literal["complete", "partial"]
    size: int
    mix: Annotated[dict[str, dict[str, int]], AfterValidator(_sort_keys)] = {}
    divergence: Annotated[dict[str, float], AfterValidator(_sort_keys)] = {}
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: Exact | None = None


class Digest(Event):
    """An output in the trailer."""

    name: str
    file: str
    sha256: Sha256


class Trailer(Event):
    """The last line. `events` counts the lines before it."""

    event: Literal["trailer"] = "trailer"
    events: int
    status: Literal["complete", "partial", "replanned"]
    outputs: tuple[Digest, ...] = ()
    root: str = ""


AnyEvent: TypeAlias = (
    Run
    | Plan
    | Decision
    | Replan
    | Vectors
    | Call
    | Chain
    | Verdict
    | Label
    | Vocabulary
    | Clusters
    | Commit
    | Kept
    | Held
    | Reject
    | Overload
    | Remove
    | Output
    | Rows
    | Result
    | Trailer
)
_ADAPTER: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="event")])

_PREFIX = b'{"prev":"'
_BODY = len(_PREFIX) + 64 + len(b'",')


class MalformedLine(ValueError):
    """A line is not what `encode_line` writes; the message says in what."""


def encode_line(event: AnyEvent, previous: str) -> bytes:
    """The line of an event, without its newline: a pure function of the event and the hash of the line before it."""
    return _PREFIX + previous.encode() + b'",' + event.model_dump_json().encode()[1:]


def decode_line(line: bytes) -> tuple[AnyEvent, str]:
    """The event of a line (without its newline) and its `prev`: `encode_line(*decode_line(line)) == line` holds.

    Raises:
        MalformedLine: the line is anything else.
    """
    if not line.startswith(_PREFIX) or line[_BODY - 2 : _BODY] != b'",':
        raise MalformedLine("it does not start with the hash of the line before it")
    previous = line[len(_PREFIX) : _BODY - 2].decode("latin-1")
    try:
        event = _ADAPTER.validate_json(b"{" + line[_BODY:])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "its JSON"
        raise MalformedLine(f"{where}: {first['msg']}") from None
    if previous.strip("0123456789abcdef") or encode_line(event, previous) != line:
        raise MalformedLine("it is not in the form in which refinec writes logs")
    return event, previous


def line_hash(line: bytes) -> str:
    """What the next line's `prev` holds: the SHA-256 (hex) of a line's bytes, newline not counted."""
    return hashlib.sha256(line).hexdigest()


def seal(trailer: Trailer, previous: str) -> Trailer:
    """The trailer with its root: the SHA-256 of its own line with an empty `root`."""
    root = line_hash(encode_line(trailer.model_copy(update={"root": ""}), previous))
    return trailer.model_copy(update={"root": root})
