"""Every block kind and its attributes: the closed schema of edition 1."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Protocol

from refinelab_dsl.builtins.kinds import MEASURE_KINDS, OPERATOR_KINDS, ROLES_WITHOUT_TASK, TASKS, VALIDATOR_KINDS
from refinelab_dsl.builtins.table import Attribute, BlockKind, ContextName
from refinelab_dsl.types import (
    Bool,
    Date,
    Duration,
    Either,
    Form,
    Free,
    FullCost,
    Integer,
    KeyedBy,
    Label,
    ListOf,
    MapTo,
    Money,
    Name,
    Number,
    Over,
    Path,
    Percent,
    PerToken,
    Record,
    Secret,
    Shift,
    Source,
    Template,
    Text,
    Tokens,
    ValueType,
    Weights,
    Word,
)

EDITION: Final = 1

TOP: Final[tuple[Attribute, ...]] = (
    Attribute("edition", Integer(1), "the edition of the language; the first statement", required=True),
    Attribute("requires", Text(), 'versions of refinec that read this file: `">= 0.1"`'),
    Attribute("seed", Integer(0), "the one seed of every random choice", default=0),
    Attribute(
        "use",
        ListOf(Name(("dataset", "dimension", "operator")), 1, alone=True, distinct=True),
        "what of imported files takes part as if it stood here",
    ),
)

_MODEL: Final = Name(("model",))
_DIMENSION: Final = Name(("dimension",))


class _Row(Protocol):
    @property
    def reached(self) -> bool: ...


def _word(rows: Mapping[str, _Row]) -> Word:
    return Word(tuple(rows), tuple(name for name, row in rows.items() if not row.reached))


DATASET: Final = BlockKind(
    "dataset",
    "where the items are, and what kind of task they are",
    "name",
    (
        Attribute("task", _word(TASKS), "kind of task", required=True, unless=("role", ROLES_WITHOUT_TASK)),
        Attribute("source", ListOf(Source(), 1, alone=True), "a file, a glob, or a list of them", required=True),
        Attribute("format", Word(("jsonl", "json", "csv", "parquet")), "by default the file's ending"),
        Attribute("columns", ListOf(Label(), 1, distinct=True), "column names of a CSV file without a header row"),
        Attribute("explode", ListOf(Label(), 1, distinct=True), "columns of lists: a row has an item for each place"),
        Attribute("revision", Text(), "revision of an `hf://` dataset", reached=False),
        Attribute("split", Text(), "split of an `hf://` dataset", reached=False),
        Attribute("config", Text(), "configuration of an `hf://` dataset", reached=False),
        Attribute("fields", MapTo(Over("fields", "any"), "field"), "task fields and further attributes from columns"),
        Attribute("where", Over("rows", "bool"), "only items for which this holds"),
        Attribute(
            "role",
            Word(("main", "seeds", "heldout", "corpus", "signals")),
            "what it is for; exactly one dataset is main",
            default="main",
        ),
        Attribute("join", MapTo(Label(), "column"), "signals: its columns to fields of the items"),
        Attribute(
            "answer_as", Word(("auto", "letter", "index", "text")), "how an mcq answer is written", default="auto"
        ),
        Attribute("on_bad_row", Word(("stop", "skip")), "what a row that cannot be read does", default="stop"),
        Attribute("meta", Free(), "free-form notes"),
    ),
)

MEASURE: Final = BlockKind(
    "measure",
    "what is true of one item",
    "name",
    (
        Attribute(
            "kind",
            _word(MEASURE_KINDS),
            "how it is found",
            required=True,
        ),
    ),
)

DIMENSION: Final = BlockKind(
    "dimension",
    "how a measure should be distributed over the set",
    "name",
    (
        Attribute("from", Name(("measure",)), "the measure", required=True),
        Attribute("labels", ListOf(Label(), 1, distinct=True), "its labels, unordered"),
        Attribute("order", ListOf(Label(), 1, distinct=True), "its labels, lowest first"),
        Attribute("bands", MapTo(Form("bands"), "label"), "labels as ranges of a number: `{ short = below(10) }`"),
        Attribute("target", Weights(), "the wanted shares; without it the dimension is only reported"),
        Attribute("tolerance", Percent(), "how far a share may end from its target, at most"),
        Attribute("weight", Number(Decimal(0)), "its weight in the objective", default=Decimal(1)),
        Attribute("unknown", Word(("error", "drop", "keep")), "what an item without a label does", default="error"),
        Attribute(
            "on_new",
            Word(("measure", "assume")),
            "measure a new item again, or take it as made for its label",
            default="measure",
        ),
    ),
)

CONSTRAINTS: Final = BlockKind(
    "constraints",
    "how large, what to protect, how much may go",
    "none",
    (
        Attribute("size", Either((Word(("keep",)), Form("sizes"), Integer(1))), "items in the result", default="keep"),
        Attribute("joint", Form("joint"), "a target over several dimensions together"),
        Attribute("keep_originals", Form("least"), "share of the original items that must stay"),
        Attribute("max_removed", Percent(), "share of the original items that may leave", default=Decimal("0.3")),
        Attribute(
            "distinct", Form("least"), "share of items that are no paraphrase of another", default=Decimal("0.8")
        ),
        Attribute("protect", Over("items", "bool"), "items that must stay as they are"),
        Attribute("flagged", Over("items", "bool"), "items under suspicion: the fewer of the result, the better"),
        Attribute("flagged_weight", Number(Decimal(0)), "weight of their share in the objective", default=Decimal(1)),
        Attribute("max_flagged", Percent(), "share of the result that may be flagged, at most"),
        Attribute("floor", KeyedBy("dimension", Integer(0)), "least number of items in each label of a dimension"),
    ),
    once=True,
    whole=True,
)

MODEL: Final = BlockKind(
    "model",
    "who is asked",
    "name",
    (
        Attribute("provider", Word(("openai", "simulated", "cached")), "how it is reached", required=True),
        Attribute("id", Text(), "the model's name at its provider"),
        Attribute("api_key", Secret(), "the environment variable that holds the key"),
        Attribute("base_url", Text(), "any OpenAI-compatible endpoint"),
        Attribute(
            "price",
            Record(
                (
                    Attribute("input", PerToken(), "dollars per input token", required=True),
                    Attribute("output", PerToken(), "dollars per output token", required=True),
                    Attribute("cached_input", PerToken(), "dollars per input token that the endpoint had cached"),
                    Attribute("batch", Percent(open_low=True), "what is paid of it in a batch: 50% unless it says so"),
                    Attribute("as_of", Date(), "the day of this price"),
                )
            ),
            "what a token costs",
        ),
        Attribute(
            "limits",
            Record(
                (
                    Attribute("rpm", Integer(1), "requests per minute"),
                    Attribute("tpm", Tokens(), "tokens per minute"),
                    Attribute("concurrency", Integer(1, 10_000), "calls at a time", default=16),
                )
            ),
            "what the endpoint allows",
        ),
        Attribute("params", Free(), "sent along as they are: `{ temperature = 0.7 }`"),
        Attribute("timeout", Duration(open_low=True), "for one call", default=Decimal(60)),
        Attribute("batch", Bool(), "may be asked by the provider's batch endpoint"),
    ),
)

EMBEDDING: Final = BlockKind(
    "embedding",
    "how texts become vectors",
    "name",
    (
        Attribute(
            "provider",
            Word(("hashed", "openai", "sentence_transformers")),
            "how it is computed",
            default="hashed",
        ),
        Attribute("id", Text(), "the model's name"),
        Attribute("api_key", Secret(), "the environment variable that holds the key"),
        Attribute("base_url", Text(), "any OpenAI-compatible endpoint"),
        Attribute(
            "price", Record((Attribute("input", PerToken(), "dollars per token", required=True),)), "what a token costs"
        ),
    ),
)

PROMPT: Final = BlockKind(
    "prompt",
    "what exactly is asked; Jinja",
    "name",
    (
        Attribute("system", Template(), "the system message", default=""),
        Attribute("user", Template(), "the user message", required=True),
        Attribute(
            "returns",
            MapTo(
                Either((Word(("text", "number", "integer", "bool")), _DIMENSION, ListOf(Word(("text",)), 1))),
                "field of the reply",
            ),
            "fields of the reply: `{ question = text, choices = [text] }`",
        ),
    ),
)

OPERATOR: Final = BlockKind(
    "operator",
    "what may be done to an item",
    "name",
    (
        Attribute(
            "kind",
            _word(OPERATOR_KINDS),
            "what it does",
            required=True,
        ),
        Attribute("model", _MODEL, "who is asked"),
        Attribute("prompt", Name(("prompt",)), "what is asked; a built-in prompt by default"),
        Attribute("where", Over("items", "bool"), "items that it may be applied to"),
        Attribute(
            "moves", KeyedBy("dimension", Either((Shift(), Form("moves")))), "how it moves an item between labels"
        ),
        Attribute(
            "checks", ListOf(Name(("validator", "judge")), distinct=True), "what must accept the result", default=()
        ),
        Attribute("max_per_item", Integer(1), "tries per item"),
        Attribute(
            "prior",
            Record(
                (
                    Attribute("success", Percent(open_low=True), "share of attempts that are accepted"),
                    Attribute("input_tokens", Tokens(), "tokens of a prompt"),
                    Attribute("output_tokens", Tokens(), "tokens of a reply"),
                )
            ),
            "what is believed before a pilot",
        ),
        Attribute("max_cost", Money(), "dollars that it may spend"),
    ),
)

VALIDATOR: Final = BlockKind(
    "validator",
    "what result is acceptable",
    "name",
    (
        Attribute(
            "kind",
            _word(VALIDATOR_KINDS),
            "what it checks",
            required=True,
        ),
        Attribute("accept", Over("accept", "bool"), "when a result is accepted"),
        Attribute(
            "on_reject",
            Word(("retry", "correct", "drop", "quarantine")),
            "what a rejection does",
            default="drop",
        ),
        Attribute("retries", Integer(0, 100), "further tries after a rejection", default=0),
    ),
)

JUDGE: Final = BlockKind(
    "judge",
    "how answers are graded",
    "name",
    (
        Attribute("model", _MODEL, "who grades"),
        Attribute("models", ListOf(_MODEL, 1, distinct=True), "a panel"),
        Attribute("prompt", Name(("prompt",)), "what is asked; a built-in prompt by default"),
        Attribute("mode", Word(("rubric", "pairwise")), "grades, or comparisons", default="rubric"),
        Attribute(
            "criteria",
            ListOf(Label(), 1, distinct=True),
            "what is graded",
            default=("accuracy", "completeness", "clarity", "conciseness", "relevance"),
        ),
        Attribute("swap", Bool(), "ask in both orders; a verdict that flips is a tie", default=True),
        Attribute("votes", Integer(1), "how often each is asked", default=1),
        Attribute("length_penalty", Number(Decimal(0)), "against longer answers"),
        Attribute("accept", Over("accept", "bool"), "when an answer is accepted"),
        Attribute("max_rounds", Integer(1), "rounds at most; of a check that revises, how often"),
        Attribute("on_reject", Word(("revise", "drop", "quarantine")), "what a rejection does", default="drop"),
    ),
)

PILOT: Final = BlockKind(
    "pilot",
    "how much may be spent to learn labels, rates and costs",
    "none",
    (
        Attribute("items", Integer(1), "attempts per operator, and items of a labelled sample", default=20),
        Attribute("stratify_by", ListOf(_DIMENSION, 1, alone=True, distinct=True), "spread over the labels of these"),
        Attribute("confidence", Percent(open_low=True), "of its intervals", default=Decimal("0.9")),
        Attribute("label", Word(("all", "sample")), "label every item, or a sample", default="all"),
        Attribute("budget", Either((Money(), Tokens())), "what it may cost"),
    ),
    once=True,
    whole=True,
)

BUDGET: Final = BlockKind(
    "budget",
    "what the plan may cost",
    "none",
    (
        Attribute("tokens", Either((FullCost(), Tokens())), "tokens, in and out: `400k` or `0.5 * full_cost`"),
        Attribute("cost", Money(), "dollars"),
        Attribute("per", Word(("plan", "project"), ("project",)), "what the limit counts", default="plan"),
        Attribute("reserve", Percent(high=Decimal("0.95")), "held back for bad luck", default=Decimal("0.1")),
        Attribute("on_exceed", Word(("stop",)), "what happens at the limit", default="stop"),
    ),
    once=True,
    whole=True,
)

SOLVE: Final = BlockKind(
    "solve",
    "how the allocation is decided",
    "none",
    (
        Attribute(
            "strategy",
            Word(("joint", "additive", "greedy", "uniform")),
            "how counts are chosen",
            default="joint",
        ),
        Attribute("solver", Word(("auto", "glpk", "highs")), "which program solves it", default="auto"),
        Attribute("gap", Number(Decimal(0)), "proven distance from the best objective, absolute"),
        Attribute("relax", Bool(), "the relaxation alone, rounded", default=False),
        Attribute("static", Bool(), "`greedy` by the gains of the start, as in the paper", default=False),
        Attribute(
            "confidence",
            Percent(Decimal("0.5"), Decimal("0.999")),
            "chance that the counts are reached",
            default=Decimal("0.9"),
        ),
        Attribute(
            "replan",
            Either((Word(("never",)), Number(Decimal(0), Decimal(1), open_low=True))),
            "share of the budget after which the rest is solved again",
            default="never",
        ),
        Attribute("time_limit", Duration(open_low=True), "for solving", default=Decimal(60)),
        Attribute(
            "on_infeasible",
            Either((Word(("report",)), Form("relaxation"))),
            "what happens when no plan exists",
            default="report",
            only="report",
        ),
    ),
    once=True,
    whole=True,
)

RUN: Final = BlockKind(
    "run",
    "how the plan is executed",
    "none",
    (
        Attribute("engine", Word(("local", "ray"), ("ray",)), "where calls are made", default="local"),
        Attribute(
            "batch",
            Word(("never", "prefer", "require")),
            "asks models that allow it by their provider's batch endpoint",
            default="never",
        ),
        Attribute("retries", Integer(0, 100), "further tries after a failed call", default=4),
        Attribute("backoff", Duration(), "before the first retry; doubled each time", default=Decimal("0.5")),
        Attribute(
            "on_overload",
            Word(("stop", "ignore")),
            "what becomes of an operator whose checks refuse far more than was expected",
            default="stop",
        ),
    ),
    once=True,
    whole=True,
)

OUTPUT: Final = BlockKind(
    "output",
    "what is written",
    "name",
    (
        Attribute("path", Path("output"), "a file, or a folder with one file per source", required=True),
        Attribute(
            "format",
            Word(("jsonl", "parquet", "csv", "hf", "sft", "preference")),
            "by default the path's ending",
        ),
        Attribute(
            "layout", Word(("source", "task")), "columns as they came in, or the task's fields", default="source"
        ),
        Attribute("columns", ListOf(Label(), 1, distinct=True), "which columns, in this order"),
        Attribute("provenance", Path("output"), "a copy of the provenance log"),
        Attribute("quarantine", Path("output"), "results that a check keeps apart, for a person"),
        Attribute("card", Path("output"), "a dataset card", reached=False),
        Attribute("report", Path("output"), "a self-contained page", reached=False),
    ),
    whole=True,
)

EXPECT: Final = BlockKind(
    "expect",
    "what must hold of the plan and of the result",
    "title",
    (
        Attribute("assert", Over("assert", "bool"), "the condition", required=True),
        Attribute("when", Word(("plan", "result", "both")), "what it is asked of", default="both"),
    ),
    whole=True,
)

TEST: Final = BlockKind(
    "test",
    "a rehearsal of the spec",
    "title",
    (
        Attribute("with", KeyedBy("variable", Free()), "values of variables"),
        Attribute("provider", Word(("simulated", "cached")), "who answers", default="simulated"),
        Attribute("assert", Over("assert", "bool"), "the condition", required=True),
    ),
    whole=True,
    reached=False,
)

LOOP: Final = BlockKind(
    "loop",
    "how a trained model's feedback comes back",
    "none",
    (
        Attribute("rounds", Integer(1), "rounds at most", required=True),
        Attribute(
            "command", ListOf(Text(), 1), 'trains and measures: `["./train.sh", "{data}", "{signals}"]`', required=True
        ),
        Attribute(
            "signals",
            Name(("dataset",), of=("signals",)),
            "which signals the command writes; the only ones that `loss`, `knn` and `self_judge` read, by default",
        ),
        Attribute("timeout", Duration(), "after which the command is ended", default=Decimal(3600)),
        Attribute("repeat", Bool(), "change an item again that an earlier round has made", default=False),
        Attribute("stop_when", Over("assert", "bool"), "ends the loop early"),
    ),
    once=True,
    whole=True,
)

RESERVED_PARAMS: Final = ("messages", "model", "n", "response_format", "stream", "stream_options", "tools", "functions")
"""`params` that would change what a reply is, or how much of it is paid for."""

JUDGE_NAMES: Final = (ContextName("score", "number", "mean of the grades, 0 to 10"),)
"""What `accept` of a judge sees beside its criteria (numbers, 0 to 10) and the result."""

VARIABLE_TYPES: Final[Mapping[str, ValueType]] = MappingProxyType(
    {
        "number": Number(),
        "integer": Integer(low=None),
        "percent": Percent(),
        "tokens": Tokens(),
        "money": Money(),
        "duration": Duration(),
        "text": Text(),
        "path": Source(),
        "name": Label(),
        "bool": Bool(),
        "weights": Weights(),
    }
)
"""Types of variables; `path` also takes globs."""

VARIABLE: Final = BlockKind(
    "variable",
    "a value that the command line may set, used as `var.NAME`",
    "name",
    (
        Attribute("type", Word(tuple(VARIABLE_TYPES)), "what it takes", required=True),
        Attribute("default", Free(), "its value where none is given"),
        Attribute("help", Text(), "what it is for", default=""),
    ),
)

_BLOCKS: Final[tuple[BlockKind, ...]] = (
    DATASET,
    MEASURE,
    DIMENSION,
    CONSTRAINTS,
    MODEL,
    EMBEDDING,
    PROMPT,
    OPERATOR,
    VALIDATOR,
    JUDGE,
    PILOT,
    BUDGET,
    SOLVE,
    RUN,
    OUTPUT,
    EXPECT,
    TEST,
    LOOP,
    VARIABLE,
)

BLOCKS: Final[Mapping[str, BlockKind]] = MappingProxyType({row.name: row for row in _BLOCKS})
