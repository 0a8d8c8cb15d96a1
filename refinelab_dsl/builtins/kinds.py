"""Kinds of measures, operators and validators, tasks and presets: one row each."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal

from refinelab_dsl.builtins import prompts
from refinelab_dsl.builtins.embeddings import COSINES
from refinelab_dsl.builtins.table import (
    Asking,
    Attribute,
    ContextName,
    MeasureKind,
    OperatorKind,
    Preset,
    Prior,
    TaskKind,
    ValidatorKind,
)
from refinelab_dsl.detectors import PRIVATE
from refinelab_dsl.expressions import Binary, Constant, Expression
from refinelab_dsl.expressions import Name as NameOf
from refinelab_dsl.types import (
    Bool,
    Either,
    Form,
    Integer,
    Label,
    ListOf,
    MapTo,
    Name,
    Number,
    Over,
    Path,
    Percent,
    Text,
    Word,
)

VERDICTS: Final = ("supported", "refuted", "unknown")

CORRECTED_TASKS: Final = ("mcq", "qa")
"""Items of these tasks may get another answer and stay whole: no derivation, no test depends on it."""

_MODEL: Final = Name(("model",))
_PROMPT: Final = Name(("prompt",))
_SEEDS: Final = Name(("dataset",), of=("seeds",))
_SIGNALS: Final = Name(("dataset",), of=("signals",))
_CORPUS: Final = Either((Form("corpora"), Name(("dataset",), of=("corpus",))))
_EMBEDDING: Final = Name(("embedding",))
_CLUSTERS: Final = Name(("measure",), of=("near_duplicate",))
_RECORDED: Final = Attribute(
    "column", Label(), "the column that holds it; by default the one with the measure's name, or the only one"
)
_VERIFIER: Final = Name(("validator",), of=("pot", "rag", "exec", "auto"))

_WATCHED: Final = (
    Attribute("detector", Word(("patterns",)), "patterns, check digits and lists", default="patterns"),
    Attribute("patterns", MapTo(Text(), "category"), "categories of your own: regular expressions"),
    Attribute("confidence", Number(Decimal(0), Decimal(1)), "from which on a finding counts", default=Decimal("0.5")),
    Attribute("value", Word(("count", "categories")), "a number, or the categories as a text", default="count"),
)

_TASKS: Final[tuple[TaskKind, ...]] = (
    TaskKind(
        "mcq",
        "multiple choice: `answer` is one of `choices`",
        ("question", "choices", "answer"),
        ("context",),
        ("question", "choices", "answer"),
    ),
    TaskKind("qa", "question and answer", ("question", "answer"), ("context", "solution"), ("question", "answer")),
    TaskKind(
        "math",
        "a problem with a checkable answer",
        ("question", "answer"),
        ("context", "solution"),
        ("question", "solution", "answer"),
    ),
    TaskKind(
        "code",
        "a function to write, with its tests",
        ("prompt", "tests", "entry_point"),
        ("solution",),
        ("prompt", "tests", "entry_point", "solution"),
    ),
    TaskKind("chat", "a conversation; its last answer is what is refined", ("messages",), (), ("messages",)),
)

_MEASURES: Final[tuple[MeasureKind, ...]] = (
    MeasureKind(
        "column",
        "a column or a field, as it came in",
        "any",
        (Attribute("column", Label(), "name of the column or of the field", required=True),),
        reached=True,
    ),
    MeasureKind(
        "length",
        "how long the question is",
        "number",
        (Attribute("unit", Word(("words", "characters", "tokens")), "what is counted", default="words"),),
        reached=True,
    ),
    MeasureKind(
        "classify",
        "a model names the label",
        "label",
        (
            Attribute("model", _MODEL, "who is asked", required=True),
            Attribute("prompt", _PROMPT, "what is asked; a built-in prompt by default"),
            Attribute(
                "labels", Either((ListOf(Label(), 2, distinct=True), Form("labels"))), "the labels", required=True
            ),
        ),
        sees=(prompts.ITEM, prompts.CHOICE, prompts.MEANINGS),
        asks=Asking(1, Decimal(1), 12, 100),
        paid=True,
        reached=True,
    ),
    MeasureKind(
        "elo",
        "difficulty as a rating, from comparisons with rated exemplars",
        "number",
        (
            Attribute("model", _MODEL, "who compares", required=True),
            Attribute("prompt", _PROMPT, "what is asked; a built-in prompt by default"),
            Attribute("seeds", Either((Form("seeds"), _SEEDS)), "rated exemplars"),
            Attribute("k", Integer(1), "step of an update", default=64),
            Attribute("eta", Integer(1), "scale of the rating", default=400),
            Attribute("rounds", Integer(1), "rounds of comparisons at most"),
            Attribute("neighbours", Integer(1), "exemplars per item"),
            Attribute("swap", Bool(), "ask in both orders"),
            Attribute("embedding", _EMBEDDING, "finds the nearest exemplars"),
        ),
        sees=prompts.PAIR,
        asks=Asking(1, Decimal(1), 12, 100),
        paid=True,
        reached=True,
    ),
    MeasureKind(
        "responses",
        "difficulty from recorded answers of models",
        "number",
        (
            Attribute("matrix", _SIGNALS, "signals: models by items", required=True),
            Attribute(
                "irt",
                Word(("rasch", "two_parameter", "rate")),
                "the model of item response, or the plain share of right answers",
                default="rasch",
            ),
        ),
        reached=True,
    ),
    MeasureKind(
        "near_duplicate",
        "clusters of nearly equal items",
        "any",
        (
            Attribute("method", Word(("minhash", "embedding")), "how likeness is found", default="minhash"),
            Attribute("threshold", Number(Decimal(0), Decimal(1)), "likeness from which two items are one"),
            Attribute("embedding", _EMBEDDING, "for `method = embedding`; `hashed` by default"),
        ),
        reached=True,
    ),
    MeasureKind(
        "outlier",
        "mean distance to the nearest neighbours",
        "number",
        (
            Attribute("embedding", _EMBEDDING, "where distances are taken; `hashed` by default"),
            Attribute("neighbours", Integer(1), "how many neighbours", default=10),
        ),
        reached=True,
    ),
    MeasureKind(
        "label_issue",
        "how likely the key is wrong, by recorded answers or probabilities of models",
        "number",
        (
            Attribute("answers", _SIGNALS, "signals: answers of one or several models"),
            Attribute("probabilities", _SIGNALS, "signals: predicted probabilities of choices or classes"),
            Attribute("by", Label(), "a field: keys are judged beside those of the items with the same value"),
        ),
        reached=True,
    ),
    MeasureKind(
        "verdict",
        "a validator's verdict on the originals",
        "label",
        (Attribute("validator", _VERIFIER, "which validator", required=True),),
        labels=VERDICTS,
        paid=True,
        reached=True,
    ),
    MeasureKind(
        "pii",
        "private data found: how many, or of which categories",
        "any",
        (
            Attribute("categories", ListOf(Word(PRIVATE), 1, distinct=True), "what is looked for", default=PRIVATE),
            *_WATCHED,
        ),
        reached=True,
    ),
    MeasureKind("toxicity", "toxic text found: how often", "any", _WATCHED, reached=True),
    MeasureKind(
        "loss",
        "loss of a trained model",
        "number",
        (Attribute("signals", _SIGNALS, "where it is recorded", required=True), _RECORDED),
        reached=True,
    ),
    MeasureKind(
        "knn",
        "likeness to the nearest items: a cosine",
        "number",
        (Attribute("signals", _SIGNALS, "where it is recorded", required=True), _RECORDED),
        reached=True,
    ),
    MeasureKind(
        "self_judge",
        "a model's grade of its own training data, 0 to 10",
        "number",
        (
            Attribute("signals", _SIGNALS, "where it is recorded"),
            _RECORDED,
            Attribute("model", _MODEL, "who grades, where it is not recorded"),
            Attribute("prompt", _PROMPT, "what is asked; a built-in prompt by default"),
        ),
        sees=(prompts.ITEM,),
        asks=Asking(1, Decimal(1), 70, 300),
        paid=True,
        reached=True,
    ),
    MeasureKind(
        "custom",
        "a function of a local file; needs --allow-exec",
        "any",
        (
            Attribute("module", Path("input"), "the file", required=True),
            Attribute("function", Text(), "the function in it", required=True),
            Attribute("inputs", ListOf(Label()), "fields that it is given"),
        ),
    ),
)


def _prior(success: str, input_tokens: int, output_tokens: int) -> Prior:
    return Prior(Decimal(success), input_tokens, output_tokens)


_FREE: Final = Prior(Decimal(1), 0, 0)
_WITHOUT_CALLS: Final = ("model", "prompt", "checks", "max_per_item", "prior", "max_cost")

_OPERATORS: Final[tuple[OperatorKind, ...]] = (
    OperatorKind(
        "remove",
        "takes items out",
        effect="remove",
        calls=0,
        prior=_FREE,
        max_output_tokens=0,
        max_per_item=1,
        moves="none",
        attributes=(Attribute("prefer", Over("items", "number"), "what leaves first: the largest value"),),
        without=_WITHOUT_CALLS,
        reached=True,
    ),
    OperatorKind(
        "expand",
        "adds a paraphrase in the same cell",
        effect="expand",
        calls=1,
        prior=_prior("0.85", 450, 220),
        max_output_tokens=800,
        max_per_item=1,
        moves="none",
        attributes=(
            Attribute("variants", Integer(1, 16), "paraphrases per call", default=1),
            Attribute("style", Text(), "how the paraphrase should read"),
        ),
        reached=True,
        sees=prompts.OPERATOR,
    ),
    OperatorKind(
        "generate",
        "writes a new item for the target cell, beside an anchor that stays",
        effect="generate",
        calls=1,
        prior=_prior("0.55", 650, 420),
        max_output_tokens=1200,
        max_per_item=None,
        moves="optional",
        attributes=(
            Attribute("anchor", Word(("nearest", "same_topic", "any")), "which item is shown", default="nearest"),
            Attribute("context", Form("retrieval"), "passages that the prompt sees"),
        ),
        reached=True,
        sees=(*prompts.OPERATOR, prompts.ANCHOR, prompts.PASSAGES),
    ),
    OperatorKind(
        "rewrite_distractors",
        "replaces the wrong choices; question and key stay",
        effect="move",
        calls=1,
        prior=_prior("0.6", 700, 300),
        max_output_tokens=1000,
        max_per_item=1,
        moves="required",
        attributes=(
            Attribute("count", Integer(1, 16), "new distractors", default=3),
            Attribute("mistakes", ListOf(Text(), 1), "mistake types to draw from"),
        ),
        tasks=("mcq",),
        reached=True,
        sees=(*prompts.OPERATOR, prompts.MISTAKES),
    ),
    OperatorKind(
        "rewrite",
        "rewrites the item",
        effect="move",
        calls=1,
        prior=_prior("0.6", 500, 350),
        max_output_tokens=1000,
        max_per_item=1,
        moves="required",
        attributes=(Attribute("style", Text(), "how it should read"),),
        reached=True,
        sees=prompts.OPERATOR,
    ),
    OperatorKind(
        "correct",
        "repairs an item that a validator refuted",
        effect="fix",
        calls=2,
        prior=_prior("0.7", 1500, 500),
        max_output_tokens=1000,
        max_per_item=1,
        moves="none",
        attributes=(Attribute("validator", _VERIFIER, "who verifies and proposes", required=True),),
        tasks=("mcq", "qa", "math"),
        reached=True,
        sees=(*prompts.OPERATOR, prompts.FINDING, prompts.PASSAGES),
    ),
    OperatorKind(
        "refine",
        "improves an answer until a judge prefers the one before",
        effect="fix",
        calls=2,
        prior=_prior("1", 600, 250),
        max_output_tokens=1500,
        max_per_item=1,
        moves="none",
        attributes=(
            Attribute("judge", Name(("judge",)), "who compares", required=True),
            Attribute("max_rounds", Integer(1, 100), "rounds at most", default=10),
            Attribute("second_model", _MODEL, "a second refiner, once an answer of the first is refused"),
        ),
        tasks=("qa", "chat"),
        reached=True,
        sees=(*prompts.OPERATOR, prompts.CONVERSATION, prompts.ANSWER, prompts.CRITERIA),
    ),
    OperatorKind(
        "scrub",
        "replaces private or toxic content",
        effect="fix",
        calls=1,
        prior=_prior("0.97", 500, 300),
        max_output_tokens=1500,
        max_per_item=1,
        moves="none",
        attributes=(
            Attribute(
                "criteria",
                ListOf(Word(("pii", "toxicity")), 1, distinct=True),
                "what is removed",
                default=("pii", "toxicity"),
            ),
            Attribute("max_change", Percent(), "share of the item's tokens that may change"),
            Attribute("unmarked", Bool(), "also what `where` chooses and no detector marks", default=False),
        ),
        reached=True,
        sees=(*prompts.OPERATOR, prompts.CRITERIA, prompts.PARTS, prompts.SPANS, prompts.PSEUDONYMS),
    ),
    OperatorKind(
        "deduplicate",
        "leaves one item of each cluster",
        effect="remove",
        calls=0,
        prior=_FREE,
        max_output_tokens=0,
        max_per_item=1,
        moves="none",
        attributes=(Attribute("measure", _CLUSTERS, "a near_duplicate measure", required=True),),
        without=_WITHOUT_CALLS,
        reached=True,
    ),
)


def _verdict(operator: Literal["<", ">=", "=="], name: str, value: Decimal | str) -> Binary:
    return Binary(operator=operator, left=NameOf(space="context", name=name), right=Constant.of(value))


def default_accept(row: ValidatorKind, provider: str | None) -> Expression | None:
    """What a validator accepts where its spec does not say. provider: of the embedding that it names."""
    if row.cosine is None or provider is None or not isinstance(row.default, Binary):
        return row.default
    return row.default.model_copy(update={"right": Constant.of(getattr(COSINES[provider], row.cosine))})


_VERDICT: Final = (
    ContextName("verdict", "label", "what the check found", VERDICTS),
    ContextName("confidence", "number", "how sure it is, 0 to 1"),
)
_SUPPORTED: Final = _verdict("==", "verdict", "supported")

FORMAT: Final = "format"
"""What it refuses is no item of the task, and nobody can accept it."""

_VALIDATORS: Final[tuple[ValidatorKind, ...]] = (
    ValidatorKind(FORMAT, "the result obeys the task's invariants", "none", reached=True),
    ValidatorKind(
        "duplicate",
        "the result is no copy of an item",
        "optional",
        default=_verdict("<", "similarity", Decimal("0.92")),
        cosine="copy",
        names=(ContextName("similarity", "number", "likeness to the nearest other item, 0 to 1"),),
        attributes=(
            Attribute(
                "against",
                ListOf(Word(("originals", "output")), 1, alone=True, distinct=True),
                "what it is compared with",
                default=("originals", "output"),
            ),
            Attribute(
                "heldout",
                ListOf(Name(("dataset",), of=("heldout",)), 1, alone=True, distinct=True),
                "datasets that no result may come near to either",
            ),
            Attribute("embedding", _EMBEDDING, "how likeness is found; by letters where none is named"),
        ),
        reached=True,
    ),
    ValidatorKind(
        "drift",
        "the result still means what its parent means",
        "optional",
        default=_verdict(">=", "similarity", COSINES["hashed"].kept),
        cosine="kept",
        names=(ContextName("similarity", "number", "likeness to the parent, 0 to 1"),),
        attributes=(Attribute("embedding", _EMBEDDING, "how likeness is found; `hashed` by default"),),
        reached=True,
    ),
    ValidatorKind(
        "in_bin",
        "the result, measured, lies where it was made for",
        "none",
        attributes=(Attribute("dimension", Name(("dimension",)), "which dimension", required=True),),
        reached=True,
    ),
    ValidatorKind(
        "pot",
        "a program that a model writes gives the same answer",
        "optional",
        default=_SUPPORTED,
        names=_VERDICT,
        attributes=(
            Attribute("model", _MODEL, "who writes the program", required=True),
            Attribute("prompt", _PROMPT, "what is asked; a built-in prompt by default"),
            Attribute("sandbox", Word(("embedded", "strict")), "where it runs", default="embedded"),
            Attribute("steps", Bool(), "check the derivation too", default=False),
        ),
        sees=(prompts.ITEM,),
        asks=Asking(3, Decimal("1.2"), 250, 1200),
        tasks=("mcq", "qa", "math"),
        answers=True,
        paid=True,
        reached=True,
    ),
    ValidatorKind(
        "rag",
        "retrieved passages support the answer",
        "optional",
        default=_SUPPORTED,
        names=_VERDICT,
        attributes=(
            Attribute("model", _MODEL, "who verifies", required=True),
            Attribute("prompt", _PROMPT, "what is asked; a built-in prompt by default"),
            Attribute("corpus", _CORPUS, "where passages come from", required=True),
            Attribute("top_k", Integer(1), "how many passages", default=4),
        ),
        sees=(prompts.ITEM, prompts.PASSAGES),
        tasks=("mcq", "qa", "math"),
        asks=Asking(1, Decimal(1), 120, 600),
        answers=True,
        paid=True,
        reached=True,
    ),
    ValidatorKind(
        "exec",
        "the code passes its tests",
        "optional",
        default=_SUPPORTED,
        names=_VERDICT,
        attributes=(Attribute("sandbox", Word(("embedded", "strict")), "where it runs", default="embedded"),),
        tasks=("code",),
        reached=True,
    ),
    ValidatorKind("expression", "a condition over the result holds", "required", items=True, reached=True),
    ValidatorKind(
        "auto",
        "routes to pot, rag or exec by the kind of question",
        "optional",
        default=_SUPPORTED,
        names=_VERDICT,
        attributes=(
            Attribute("model", _MODEL, "who verifies", required=True),
            Attribute("corpus", _CORPUS, "where passages come from"),
            Attribute("sandbox", Word(("embedded", "strict")), "where programs run", default="embedded"),
        ),
        tasks=("mcq", "qa", "math", "code"),
        asks=Asking(3, Decimal("1.2"), 250, 1200),
        answers=True,
        paid=True,
        reached=True,
    ),
)

JUDGING: Final = ValidatorKind("judge", "a judge accepts it", "optional", items=True, reached=True)
"""Of a judge among the checks of an operator: no word of `kind`, since it is a block of its own."""

_PRESETS: Final[tuple[Preset, ...]] = (
    Preset(
        "stress-test",
        "nothing easy, 40% medium, 60% hard (RefineLab, section 4)",
        (Decimal(0), Decimal("0.4"), Decimal("0.6")),
    ),
)

TASKS: Final[Mapping[str, TaskKind]] = MappingProxyType({row.name: row for row in _TASKS})
ROLES_WITHOUT_TASK: Final = ("corpus", "signals")  # their rows are texts and records, and no items
MEASURE_KINDS: Final[Mapping[str, MeasureKind]] = MappingProxyType({row.name: row for row in _MEASURES})
OPERATOR_KINDS: Final[Mapping[str, OperatorKind]] = MappingProxyType({row.name: row for row in _OPERATORS})
VALIDATOR_KINDS: Final[Mapping[str, ValidatorKind]] = MappingProxyType({row.name: row for row in _VALIDATORS})
PRESETS: Final[Mapping[str, Preset]] = MappingProxyType({row.name: row for row in _PRESETS})


def validator_row(kind: str) -> ValidatorKind:
    """What a check of a kind is; a judge's, too."""
    return JUDGING if kind == JUDGING.name else VALIDATOR_KINDS[kind]
