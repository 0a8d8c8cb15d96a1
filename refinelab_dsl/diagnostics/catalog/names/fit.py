"""RF22xx: declarations that do not fit together."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Edit, Help, Label
from refinelab_dsl.diagnostics.wording import error, listed, nearest_names
from refinelab_dsl.source import Span


def model_needed(span: Span, owner: str, kind: str) -> Diagnostic:
    """RF2201: a kind that asks a model, without one.

    Wrong: `operator p { kind = expand }`. Right: `operator p { kind = expand, model = small }`.
    """
    help_ = Help("name one: `model = …`")
    return error("RF2201", f"{owner} needs `model`: kind `{kind}` asks one", span, "`model` is missing", (help_,))


def moves_needed(span: Span, owner: str, kind: str) -> Diagnostic:
    """RF2202: a kind that moves items, without saying where.

    Wrong: `kind = rewrite` alone. Right: `moves = { difficulty = +1 }`.
    """
    help_ = Help("say how it moves an item: `moves = { difficulty = +1 }`")
    return error("RF2202", f"{owner} needs `moves`: kind `{kind}` changes labels", span, "`moves` is missing", (help_,))


def shift_without_order(span: Span, dimension: str, declared: Span) -> Diagnostic:
    """RF2203: a step along a dimension whose labels have no order.

    Wrong: `moves = { topic = +1 }`. Right: `moves = { topic = any }`, or `order` instead of `labels`.
    """
    return error(
        "RF2203",
        f"dimension `{dimension}` has no order to step along",
        span,
        "a step needs an order",
        (Help("name labels: `to(…)`, or `any`; or give the dimension `order = [lowest, …, highest]`"),),
        labels=(Label(declared, "unordered labels"),),
    )


def shift_too_far(span: Span, dimension: str, labels: int) -> Diagnostic:
    """RF2204: a step as long as the dimension: no item could take it.

    Wrong: `+3` along three labels. Right: `+1`.
    """
    message = f"no item can take such a step: dimension `{dimension}` has {labels} labels"
    helps = (Help(f"step {'by 1' if labels == 2 else f'by {labels - 1} at most'}"),) if labels > 1 else ()
    return error("RF2204", message, span, "too far", helps)


def wrong_task(span: Span, owner: str, kind: str, tasks: Sequence[str], task: str) -> Diagnostic:
    """RF2205: a kind that does not exist for the task of the dataset.

    Wrong: `rewrite_distractors` over `task = qa`. Right: over `task = mcq`.
    """
    return error(
        "RF2205",
        f"kind `{kind}` of {owner} works on {listed(tasks)}, and the task is `{task}`",
        span,
        "not for this task",
    )


def field_needed(span: Span, name: str, task: str, columns: Sequence[str], near: Sequence[str]) -> Diagnostic:
    """RF2210: a field that the task needs comes from nowhere: it is not mapped, and no column has its name.

    Wrong: `columns = [q, a]` without `fields`. Right: `fields = { question = column("q"), answer = column("a") }`.
    """
    guess = near[0] if near else "…"
    return error(
        "RF2210",
        f"items of task `{task}` need `{name}`, which is not mapped and no column",
        span,
        f"`{name}` is missing",
        (Help(f'map it: `fields = {{ {name} = column("{guess}") }}`'),),
        notes=(f"columns: {listed(columns)}",),
    )


def text_needed(span: Span, columns: Sequence[str], near: Sequence[str]) -> Diagnostic:
    """RF2256: the text of a corpus comes from nowhere: it is not mapped, and no column has its name.

    Wrong: `columns = [fact]` without `fields`. Right: `fields = { text = column("fact") }`.
    """
    guess = near[0] if near else columns[0]
    return error(
        "RF2256",
        "a corpus needs `text`, which is not mapped and no column",
        span,
        "`text` is missing",
        (Help(f'map it: `fields = {{ text = column("{guess}") }}`'),),
        notes=(f"columns: {listed(columns)}",),
    )


def task_field_type(span: Span, name: str, expected: str, found: str) -> Diagnostic:
    """RF2211: a task field gets a value of another type.

    Wrong: `choices = column("A") == "x"`. Right: `choices = [column("A"), column("B")]`.
    """
    return error("RF2211", f"`{name}` is {expected}, not {found}", span, f"gives {found}")


def few_choices(span: Span, count: int) -> Diagnostic:
    """RF2212: a multiple-choice item with fewer than two choices.

    Wrong: `choices = [column("A")]`. Right: `choices = [column("A"), column("B")]`.
    """
    return error("RF2212", f"an item needs at least 2 choices, not {count}", span, "too few")


def budget_without_limit(span: Span) -> Diagnostic:
    """RF2220: a budget that limits nothing.

    Wrong: `budget { reserve = 10% }`. Right: `budget { tokens = 400k }`.
    """
    help_ = Help("set `tokens`, `cost`, or both: `tokens = 0.5 * full_cost`, `cost = $3.00`")
    return error("RF2220", "a budget limits tokens or cost, and this one neither", span, "no limit", (help_,))


def cost_without_price(span: Span, title: str, user: str, declared: Span) -> Diagnostic:
    """RF2221: a limit in dollars, and a model whose price is unknown.

    Wrong: `cost = $3` with a model without `price`. Right: `price = { input = $0.15 / 1M, output = $0.60 / 1M }`.
    """
    return error(
        "RF2221",
        f"`cost` cannot be kept: the price of {title} is unknown",
        span,
        "a limit in dollars",
        (Help("declare it: `price = { input = $0.02 / 1M }`"),)
        if title.startswith("embedding")
        else (
            Help('declare it: `price = { input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }`'),
            Help("or pin its list price in refine.lock: refinec lock --update-prices"),
        ),
        labels=(Label(declared, f"no price, and {user} asks it"),),
    )


def batch_not_allowed(span: Span, title: str, user: str, declared: Span) -> Diagnostic:
    """RF2258: `batch = require`, and a model that may not be asked by batch.

    Wrong: `run { batch = require }` with a model without `batch`. Right: `batch = true` in that model.
    """
    return error(
        "RF2258",
        f"`batch = require` cannot be kept: {title} may not be asked by batch",
        span,
        "every model by batch",
        (
            Help("where its endpoint has files and batches, allow it: `batch = true` in the model"),
            Help("or ask it call by call, and the others by batch: `batch = prefer`"),
        ),
        labels=(Label(declared, f"no `batch = true`, and {user} asks it"),),
    )


def simulated_is_free(span: Span, model: str) -> Diagnostic:
    """RF2222: a simulated model without a price costs nothing, so a limit in dollars does not bind."""
    return Diagnostic(
        "RF2222",
        "note",
        f"model `{model}` is simulated and has no price: its calls count as $0",
        span=span,
        label="costs $0",
        help=(Help("give it the price of the model that it stands for, to see what a real run would cost"),),
    )


def unlimited(span: Span) -> Diagnostic:
    """RF2223: operators ask a model, and no budget says how much they may."""
    return Diagnostic(
        "RF2223",
        "warning",
        "the spec has no budget: a plan may ask models as often as the targets need",
        span=span,
        label="asks a model",
        help=(Help("add one: `budget { tokens = 0.5 * full_cost }`"),),
    )


def attribute_needed_with(span: Span, owner: str, name: str, because: str) -> Diagnostic:
    """RF2224: an attribute without which another makes no sense.

    Wrong: `model m { provider = openai }`. Right: with `id = "gpt-4o-mini-2024-07-18"`.
    """
    return error("RF2224", f"{owner} needs `{name}`: {because}", span, f"`{name}` is missing")


def either_or(span: Span, owner: str, first: str, second: str, other: Span) -> Diagnostic:
    """RF2225: two attributes that say the same thing.

    Wrong: `model = a` and `models = [a, b]`. Right: one of them.
    """
    labels = (Label(other, "and this"),)
    help_ = Help(f"keep one of them: `{first}` for one, `{second}` for several")
    return error("RF2225", f"{owner} has both `{first}` and `{second}`", span, "one too many", (help_,), labels=labels)


def bad_url(span: Span, text: str, reason: str) -> Diagnostic:
    """RF2226: no address of an endpoint.

    Wrong: `base_url = "localhost:8000"`. Right: `base_url = "http://localhost:8000/v1"`.
    """
    return error("RF2226", f"`{text}` is no address of an endpoint: {reason}", span, reason)


def reserved_param(span: Span, model: str, name: str) -> Diagnostic:
    """RF2227: a parameter that refinec sets itself.

    Wrong: `params = { stream = true }`. Right: without it.
    """
    return error("RF2227", f"`{name}` of model `{model}` is set by refinec itself", span, "not to be set")


def same_output(span: Span, path: str, first: Span) -> Diagnostic:
    """RF2230: two things would be written to one path.

    Wrong: two outputs with `path = "out/items.jsonl"`. Right: a path of its own for each.
    """
    labels = (Label(first, "first here"),)
    help_ = Help("give each a path of its own")
    return error("RF2230", f"two outputs are written to `{path}`", span, "again", (help_,), labels=labels)


def output_over_source(span: Span, path: str, source: Span) -> Diagnostic:
    """RF2231: an output would replace the file that the items are read from.

    Wrong: `path = "data/items.jsonl"` for `source = "data/items.jsonl"`. Right: `path = "out/items.jsonl"`.
    """
    labels = (Label(source, "read here"),)
    help_ = Help("write it elsewhere, such as into `out/`")
    return error("RF2231", f"`{path}` would overwrite the source", span, "is read, too", (help_,), labels=labels)


def output_format(span: Span, path: str) -> Diagnostic:
    """RF2232: neither `format` nor the ending of the path says what is written.

    Wrong: `path = "out/items"`. Right: `path = "out/items.jsonl"`.
    """
    help_ = Help("name it: `format = jsonl`, `csv`, `parquet` or `sft`")
    return error("RF2232", f"the ending of `{path}` does not say what to write", span, "unknown ending", (help_,))


def output_compressed(span: Span, path: str) -> Diagnostic:
    """RF2234: compressed files are read, not written.

    Wrong: `path = "out/items.jsonl.gz"`. Right: `path = "out/items.jsonl"`.
    """
    help_ = Help(f"write it plain: `{path.rpartition('.')[0]}`")
    return error("RF2234", f"`{path}` is compressed, and outputs are written plain", span, "not written", (help_,))


def output_folder_needed(span: Span, path: str) -> Diagnostic:
    """RF2236: a dataset for the hub is a folder, and the path is a file's.

    Wrong: `path = "out/hub.parquet", format = hf`. Right: `path = "out/hub/"`.
    """
    name = path.rpartition("/")[2]
    edit = Edit(span, f'"{path.removesuffix(name)}{name.partition(".")[0] or name}/"')
    help_ = Help("name a folder: its path ends with `/`", (edit,), "maybe")
    return error("RF2236", f"`format = hf` writes a folder, and `{path}` is a file", span, "no folder", (help_,))


def nothing_written(span: Span) -> Diagnostic:
    """RF2235: a spec without an output: a run would pay and write nothing.

    Right: `output refined { path = "out/items.jsonl" }`.
    """
    return Diagnostic(
        "RF2235",
        "warning",
        "the spec declares no output: a run would write no dataset",
        span=span,
        help=(Help('add one: `output refined { path = "out/items.jsonl" }`'),),
    )


def not_invertible(span: Span, at: Span, fields: Sequence[tuple[str, Span]], operator: str, insert: Edit) -> Diagnostic:
    """RF2233: `layout = source` writes columns as they came in, and a field of a new item cannot be turned back into
    columns.

    Wrong: `answer = number(column("x")) + 1` with `layout = source`. Right: `layout = task`.
    """
    return error(
        "RF2233",
        f"results of operator `{operator}` cannot be written in the columns of the source",
        span,
        "`layout` is source",
        (Help("write the task's own fields: `layout = task`", (insert,), "maybe"),),
        labels=tuple(Label(field, f"`{name}` cannot be turned back into columns") for name, field in fields),
    )


def quarantine_format(span: Span, path: str) -> Diagnostic:
    """RF2237: results that are kept apart are written as JSON Lines, whatever the output's own format.

    Wrong: `quarantine = "out/held.csv"`. Right: `quarantine = "out/held.jsonl"`.
    """
    stem, dot, _ = path.rstrip("/").rpartition(".")
    better = f"{stem if dot and '/' not in path.rpartition('.')[2] else path.rstrip('/')}.jsonl"
    return error(
        "RF2237", f"a quarantine is written as JSON Lines, and `{path}` does not end with `.jsonl`", span,
        "does not end with `.jsonl`", (Help(f"write `{better}`", (Edit(span, f'"{better}"'),), "maybe"),),
    )


def bin_without_bands(span: Span, dimension: str, reason: str) -> Diagnostic:
    """RF2240: `in_bin` over a dimension that cannot be measured of a new item.

    Wrong: `in_bin` over a dimension from `stem()`. Right: without that check; its label is taken as made.
    """
    return error(
        "RF2240",
        f"`in_bin` cannot measure dimension `{dimension}` of a new item: {reason}",
        span,
        "cannot be measured",
        (Help("leave the check out: the label is then taken as made, and the report says so"),),
    )


def accept_needed(span: Span, owner: str) -> Diagnostic:
    """RF2241: an `expression` validator without its expression.

    Right: `accept = len(choices) == 4`.
    """
    help_ = Help("say when a result is accepted: `accept = len(question) < 400`")
    return error("RF2241", f"{owner} needs `accept`", span, "`accept` is missing", (help_,))


def useless_retries(span: Span, owner: str) -> Diagnostic:
    """RF2242: retries without `on_reject = retry`."""
    return Diagnostic(
        "RF2242",
        "warning",
        f"`retries` of {owner} has no effect without `on_reject = retry`",
        span=span,
        label="no effect",
        help=(Help("set `on_reject = retry`, or leave it out"),),
    )


def retry_without_retries(span: Span, owner: str) -> Diagnostic:
    """RF2246: `on_reject = retry` that never tries again, since `retries` is 0."""
    return Diagnostic(
        "RF2246", "warning", f"{owner} asks for another try after a refusal, and `retries` is 0", span=span,
        label="nothing is tried again", help=(Help("say how often: `retries = 1`"),),
    )


def nothing_to_correct_with(span: Span, owner: str, kind: str, bringing: tuple[str, ...]) -> Diagnostic:
    """RF2247: `on_reject = correct` of a kind of validator that never finds another answer.

    Wrong: `validator close { kind = drift, on_reject = correct }`. Right: `on_reject = retry, retries = 1`.
    """
    return error(
        "RF2247",
        f"{owner} cannot correct what it refuses: `{kind}` finds no other answer",
        span,
        "brings no answer",
        (
            Help("ask for another result, and say why the first was refused: `on_reject = retry` with `retries = 1`"),
            Help(f"kinds that find the right answer are {', '.join(bringing)}"),
        ),
    )


def uncorrectable_task(span: Span, owner: str, task: str, tasks: tuple[str, ...]) -> Diagnostic:
    """RF2248: `on_reject = correct` where an item is more than its question and its answer.

    Wrong: `on_reject = correct` over `task = math`. Right: `on_reject = retry, retries = 1`.
    """
    return error(
        "RF2248",
        f"{owner} cannot correct items of task `{task}`: more than the answer would have to change",
        span,
        "only the answer is replaced",
        (
            Help("ask for another result: `on_reject = retry` with `retries = 1`"),
            Help(f"answers are replaced in items of {' and '.join(tasks)}"),
        ),
    )


def nothing_to_compare(span: Span, judge: str, operator: str, mode: Span) -> Diagnostic:
    """RF2249: a judge that compares is a check of an operator that writes items anew.

    Wrong: `checks = [better]` of a `generate`, with `judge better { mode = pairwise }`. Right: `mode = rubric`.
    """
    return Diagnostic(
        "RF2249", "error", f"{judge} compares results with what they were made of, and {operator} writes items anew",
        span=span, label="nothing to compare with",
        labels=(Label(mode, "asks which of two is better"),),
        help=(Help("let it grade each result by itself: `mode = rubric`, with an `accept` such as `score >= 7`"),),
    )


def no_wikipedia(span: Span, language: str) -> Diagnostic:
    """RF2255: `wikipedia` takes the code of a language, of which the host's name is made.

    Wrong: `wikipedia("English")`. Right: `wikipedia("en")`.
    """
    return error(
        "RF2255",
        f"`{language[:40]}` is no language code of Wikipedia",
        span,
        "no language code",
        (Help('write the code that stands in its address: `wikipedia("en")` is en.wikipedia.org'),),
    )


def unplaced_field(span: Span, prompt: str, operator: str, missing: Sequence[str]) -> Diagnostic:
    """RF2243: a prompt's `returns` lacks fields of which an operator makes an item.

    Wrong: `returns = { question = text }` for task `qa`. Right: with `answer = text`.
    """
    return error(
        "RF2243",
        f"prompt `{prompt}` returns no {listed(missing)}, of which operator `{operator}` makes an item",
        span,
        "incomplete",
        (Help("add them, or leave `returns` out: the task's own fields are then asked for"),),
    )


def unread_reply(span: Span, prompt: str, owner: str, missing: Sequence[str]) -> Diagnostic:
    """RF2257: a prompt's `returns` lacks what a validator or a measure reads of the reply.

    Wrong: `returns = { answer = text }` for `pot`. Right: with `program = text`.
    """
    return error(
        "RF2257",
        f"prompt `{prompt}` returns no {listed(missing)}, which {owner} reads",
        span,
        "incomplete",
        (Help("add them, or leave `returns` out: what is read is then asked for"),),
    )


def wrong_sort(
    span: Span, owner: str, attribute: str, kind: str, name: str, what: str, of: Sequence[str]
) -> Diagnostic:
    """RF2228: a reference to a declaration of the right kind of block, and of the wrong sort: a dataset of another
    role, a measure or a validator of another `kind`.

    Wrong: `matrix = items` of the main dataset. Right: of a dataset with `role = signals`.
    """
    return error(
        "RF2228",
        f"`{attribute}` of {owner} takes a {kind} whose `{what}` is {' or '.join(f'`{each}`' for each in of)}",
        span,
        f"`{name}` is another",
    )


def unknown_field(
    span: Span, name: str, owner: str, attribute: str, near: Sequence[str], known: Sequence[str]
) -> Diagnostic:
    """RF2229: an attribute names a field that items do not have.

    Wrong: `join = { item = ids }`. Right: `join = { item = id }`.
    """
    notes = () if near else (f"fields: {listed(known)}",)
    return error(
        "RF2229", f"`{attribute}` of {owner} names `{name}`, which is no field of an item", span, "no such field",
        nearest_names(near, span), notes=notes,
    )  # fmt: skip


def lone_dimension(span: Span, name: str, reason: str) -> Diagnostic:
    """RF2253: `independent(…)` over dimensions of which no joint target can be made.

    Wrong: `joint = independent(topic)`. Right: `joint = independent(topic, difficulty)`.
    """
    return error("RF2253", f"`independent` cannot take `{name}`: {reason}", span, reason)


def joint_labels(span: Span, labels: Sequence[str], fitting: Sequence[Sequence[str]]) -> Diagnostic:
    """RF2254: labels of a joint target that belong to no dimensions, or to several.

    Wrong: a table whose labels read `algebra`. Right: `algebra/short`, of two dimensions that list these labels.
    """
    several = tuple(" and ".join(f"`{name}`" for name in names) for names in fitting)
    reason = f"they fit {', '.join(several[:-1])}, and {several[-1]}" if several else "no dimensions list their parts"
    return error(
        "RF2254", f"labels such as {listed(labels)} are not those of certain dimensions: {reason}", span,
        "whose labels are these?",
        (Help("write a label of each dimension, `/` between them, and let these dimensions list their labels"),),
    )  # fmt: skip


def returned_type(span: Span, prompt: str, operator: str, name: str, expected: str) -> Diagnostic:
    """RF2245: a prompt's `returns` gives a field another type than the item needs.

    Wrong: `returns = { question = text, answer = number }`. Right: `answer = text`.
    """
    message = f"prompt `{prompt}` returns `{name}`, of which operator `{operator}` makes an item, and not as {expected}"
    return error("RF2245", message, span, "of another type", (Help(f"write `{name} = {expected}`"),))


def no_effect(span: Span, name: str, owner: str, because: str) -> Diagnostic:
    """RF2244: an attribute that changes nothing, because another is missing.

    Wrong: `tolerance = 2%` without `target`. Right: with `target = uniform()`.
    """
    return Diagnostic(
        "RF2244", "warning", f"`{name}` of {owner} has no effect: {because}", span=span, label="no effect"
    )


def size_bounds(span: Span, low: int, high: int) -> Diagnostic:
    """RF2250: a range of sizes that holds none.

    Wrong: `between(1_100, 900)`. Right: `between(900, 1_100)`.
    """
    help_ = Help("the least size comes first")
    return error("RF2250", f"no size lies between {low} and {high}", span, "empty range", (help_,))


def unknown_column(span: Span, name: str, near: Sequence[str], known: Sequence[str]) -> Diagnostic:
    """RF2251: a column that `columns` does not list.

    Wrong: `columns = [question, A]` and `column("B")`. Right: a column of the list.
    """
    quoted = tuple(f'"{each}"' for each in near)
    notes = (f"columns: {listed(known)}",)
    return error(
        "RF2251", f"the dataset has no column `{name}`", span, "not in `columns`", nearest_names(quoted, span), notes
    )


def columns_of_records(span: Span, format_: str) -> Diagnostic:
    """RF2252: `columns` names those of a CSV file without a header row; other formats name their own."""
    return error(
        "RF2252",
        f"`columns` is for CSV files without a header row, and the format is {format_}",
        span,
        "does not apply",
    )


def unusable_pattern(span: Span, owner: str, category: str, reason: str) -> Diagnostic:
    """RF2238: a pattern of a measure that no detector can use.

    Wrong: `patterns = { staff = "([0-9]+)+" }`. Right: `patterns = { staff = "ST-[0-9]{5}" }`.
    """
    help_ = Help("write a regular expression that holds of what is to be found and of nothing shorter")
    return error(
        "RF2238", f"pattern `{category}` of {owner} cannot be used", span, "cannot be used", (help_,), notes=(reason,)
    )
