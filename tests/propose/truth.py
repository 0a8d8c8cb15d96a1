"""What the files under `../shared/data` hold, by their SOURCE.md: what an inference has to find, or why there is none.

`KNOWN`: file -> task, how the key is written, and where each field stands. `REFUSED`: file -> code and words of the
refusal. A pattern stands for all the files that it matches.
"""

from __future__ import annotations

from typing import NamedTuple


class Truth(NamedTuple):
    task: str
    key: str
    fields: dict[str, str]
    columns: tuple[str, ...] | None = None
    explode: tuple[str, ...] = ()
    bad: float = 0.02  # of the rows, at most


def _columns(**names: str) -> dict[str, str]:
    return {field: f'column("{name}")' for field, name in names.items()}


_GSM8K = {
    "question": 'column("question")',
    "solution": 'before(column("answer"), "####")',
    "answer": 'after(column("answer"), "####")',
}
_NESTED = _columns(id="id", question="question.stem", choices="question.choices", answer="answerKey")
_MMLU = {
    "question": 'column("question")',
    "choices": '[column("A"), column("B"), column("C"), column("D")]',
    "answer": 'column("answer")',
}
_CODE = _columns(
    id="task_id", prompt="prompt", tests="test", entry_point="entry_point", solution="canonical_solution"
)

KNOWN: dict[str, Truth] = {
    "arc/ARC-Challenge-Test.jsonl.gz": Truth("mcq", "label", _NESTED),
    "arc/ARC-Easy-Test.jsonl.gz": Truth("mcq", "label", _NESTED),
    "arc_copy_defects/llm_foundry_arc_challenge_defects.jsonl": Truth(
        "mcq", "text", _columns(id="id", question="question", choices="true_choices", answer="true_answer")
    ),
    # `answer` is what the reasoning came to, `target` is right.
    "bigbench_mistake/multistep_arithmetic.jsonl.gz": Truth(
        "math", "number", _columns(question="input", answer="target")
    ),
    "commonsenseqa/dev.jsonl": Truth("mcq", "label", _NESTED),
    "gsm8k/test.jsonl": Truth("math", "number", _GSM8K),
    "gsm8k/train_first3500.jsonl.gz": Truth("math", "number", _GSM8K),
    "gsm8k_platinum/community_pr_fixes.jsonl": Truth(
        "math", "number", {name: text.replace('column("', 'column("new.') for name, text in _GSM8K.items()}
    ),
    "gsm_plus/testmini_seeds_first_half.jsonl.gz": Truth(
        "math", "number", _columns(question="question", solution="solution", answer="answer")
    ),
    "humaneval/HumanEval.jsonl.gz": Truth("code", "none", _CODE),
    # Two replies and which is the better one.
    "llmbar/*.json": Truth(
        "mcq", "index from 1",
        {
            "question": 'column("input")', "choices": '[column("output_1"), column("output_2")]',
            "answer": 'column("label")',
        },
    ),
    "mbpp/mbpp_sanitized_for_code_generation.jsonl.gz": Truth("code", "none", _CODE),
    "mmlu/*/*.csv": Truth("mcq", "letter", _MMLU, ("question", "A", "B", "C", "D", "answer")),
    "mmlu_pro/author_revisions.jsonl": Truth(
        "mcq", "letter",
        _columns(id="question_id", question="new.question", choices="new.options", answer="new.answer"),
    ),
    "mmlu_pro/questions.jsonl.gz": Truth(
        "mcq", "letter", _columns(id="question_id", question="question", choices="options", answer="answer")
    ),
    "mmlu_redux/mmlu_redux.jsonl.gz": Truth(
        "mcq", "index", _columns(question="question", choices="choices", answer="answer_index")
    ),
    "mmlu_redux/original/*.csv": Truth(
        "mcq", "index", _columns(question="question", choices="choices", answer="answer")
    ),
    "mt_bench/question.jsonl": Truth(
        "chat", "none", {"id": 'column("question_id")', "messages": 'asked(column("turns"))'}
    ),
    "naep_history/naep-history-items.jsonl": Truth(
        "mcq", "index", _columns(id="item_id", question="stem", choices="options", answer="correct_option_index")
    ),
    "openbookqa/dev_complete.jsonl": Truth("mcq", "label", _NESTED),
    "openbookqa/test_complete.jsonl": Truth("mcq", "label", _NESTED),
    "openassistant/*.gz": Truth("chat", "none", _columns(messages="prompt")),
    "race/*.jsonl.gz": Truth(
        "mcq", "letter",
        _columns(id="id", question="questions", choices="options", answer="answers", context="article"),
        explode=("answers", "options", "questions"),
    ),
    # Answers of one type in five are lists of numbers.
    "theoremqa/*.json.gz": Truth(
        "qa", "free text", _columns(id="id", question="Question", answer="Answer", solution="explanation"), bad=0.11
    ),
    "truthfulqa/TruthfulQA.csv": Truth("qa", "free text", _columns(question="Question", answer="Best Answer")),
}  # fmt: skip

TOPICS = {
    "gsm_plus/testmini_seeds_first_half.jsonl.gz": ("perturbation_type", 8),
    "mmlu_pro/author_revisions.jsonl": ("category", 5),
    "mmlu_pro/questions.jsonl.gz": ("category", 7),
    "mmlu_redux/mmlu_redux.jsonl.gz": ("subject", 19),
    "mt_bench/question.jsonl": ("category", 8),
    "theoremqa/*.json.gz": ("field", 4),
    "truthfulqa/TruthfulQA.csv": ("category", 38),
}
"""File -> the column to balance and its number of labels; the others have none."""

_NO_QUESTION = ("RF3060", "no column is a question by its name")
_NO_ANSWER = ("RF3060", "no column is its answer")
_NO_FORMAT = ("RF3006", "does not say its format")

REFUSED: dict[str, tuple[str, str]] = {
    "acronyms/*": _NO_QUESTION,  # acronyms and their titles; prompts with scores
    "arc_difficulty/*.csv": _NO_QUESTION,  # labels of items that stand elsewhere
    "code_pass_rates/*.csv": _NO_QUESTION,  # rates
    "gsm8k_model_results/*.csv": _NO_QUESTION,  # right or wrong, by model
    "gsm8k_platinum/status_even_indices.jsonl": _NO_QUESTION,  # answers of items that stand elsewhere
    "humaneval/HumanEvalPlus-Mini.jsonl.gz": ("RF3060", "this looks like `code`"),  # inputs, and no test as text
    "mbpp/mbpp.jsonl.gz": ("RF3060", "this looks like `code`"),  # no entry point, tests as a list
    "metabench/*_items.csv": _NO_ANSWER,  # questions and their difficulty
    "metabench/*_responses.txt.gz": _NO_FORMAT,
    "mmlu_author_revisions/revisions.jsonl": _NO_QUESTION,  # whole rows as lists
    "mmlu_helm_predictions/predictions.csv": _NO_QUESTION,  # answers of models
    "mmlu_pro/predictions.csv.gz": _NO_QUESTION,
    "mt_bench/judge_prompts.jsonl": _NO_QUESTION,  # templates
    "mt_bench/reference_answer_gpt-4.jsonl": _NO_QUESTION,  # answers without their questions
    "naep_history/llm_response_logits.jsonl.gz": _NO_QUESTION,
    "naep_history/naep-history-irt-parameters.jsonl": _NO_QUESTION,
    "naep_history/naep-history-metadata.jsonl": _NO_QUESTION,
    "naep_history/naep-history-response-distributions.jsonl": _NO_QUESTION,
    "openbookqa/openbook.txt": _NO_FORMAT,  # facts
    "opentriviaqa/*.txt.gz": _NO_FORMAT,  # a format of its own
    "race/original_format_sample/*/*.txt": _NO_FORMAT,
    "self_instruct/seed_tasks.jsonl": ("RF3060", "its answers are lists"),
    "tulu/*.gz": ("RF3060", "its answers are lists"),  # replies of two models
    "ultrachat/*.json": _NO_QUESTION,  # prompts
}
