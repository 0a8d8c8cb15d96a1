"""RF3xxx: data files, their rows, and what is measured of them.

Text that came from a data file is cut to a bounded length here; the renderer escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.diagnostics.wording import cut_short
from refinelab_dsl.source import Place, Span

SKIP_BAD_ROWS = "`on_bad_row = skip` leaves bad rows out and counts them"

_SHOWN = 60
_LISTED = 8


def shorten(text: str, limit: int = _SHOWN) -> str:
    """Text from data, cut to at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def count(number: int, noun: str) -> str:
    """`1 item`, `2 items`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# Files


def file_not_found(name: str, near: Sequence[str], span: Span | None) -> Diagnostic:
    """RF3001: a dataset's `source` names a file that does not exist."""
    helps = (Help(f"nearest: {_names(near)}"),) if near else (Help("paths are relative to the folder of the spec"),)
    return Diagnostic(
        "RF3001",
        "error",
        f"data file `{shorten(name)}` does not exist",
        span=span,
        place=Place(name),
        label="no such file",
        help=helps,
    )


def nothing_matches(pattern: str, near: Sequence[str], span: Span | None) -> Diagnostic:
    """RF3002: a pattern in `source` matches no file."""
    helps = (Help(f"files that are there: {_names(near)}"),) if near else ()
    return Diagnostic(
        "RF3002",
        "error",
        f"no file matches `{shorten(pattern)}`",
        span=span,
        label="matches nothing",
        notes=("patterns are relative to the folder of the spec; `**` matches folders at any depth",),
        help=helps,
    )


def no_regular_file(name: str, folder: bool, span: Span | None) -> Diagnostic:
    """RF3003: `source` names a folder, a pipe or a device, not a file."""
    pattern = f"name the files in it with a pattern: `{shorten(name.rstrip('/'))}/*.jsonl`"
    return Diagnostic(
        "RF3003",
        "error",
        f"`{shorten(name)}` is {'a folder, not a file' if folder else 'no regular file'}",
        span=span,
        place=Place(name),
        help=(Help(pattern if folder else "write its content to a file, and name the file"),),
    )


def outside_project(name: str, root: str, span: Span | None) -> Diagnostic:
    """RF3004: a data file lies outside of the project's root, links resolved."""
    return Diagnostic(
        "RF3004",
        "error",
        f"data file `{shorten(name)}` lies outside of the project",
        span=span,
        place=Place(name),
        notes=(f"the project's root is `{root}`; links are resolved first",),
        help=(Help("move it into the project, or allow it with `--allow-outside`"),),
    )


def unreadable(name: str, reason: str, span: Span | None = None) -> Diagnostic:
    """RF3005: the operating system refused to read a data file."""
    return Diagnostic(
        "RF3005",
        "error",
        f"data file `{shorten(name)}` cannot be read",
        span=span,
        place=Place(name),
        notes=(reason,),
        help=(Help("check its permissions and the disk"),),
    )


def unknown_format(name: str, span: Span | None) -> Diagnostic:
    """RF3006: neither `format` nor the file's ending says how to read it."""
    return Diagnostic(
        "RF3006",
        "error",
        f"the ending of `{shorten(name)}` does not say its format",
        span=span,
        place=Place(name),
        help=(Help("say it: `format = jsonl`, `csv`, `json` or `parquet`"),),
    )


def unsupported_format(name: str, format: str, span: Span | None) -> Diagnostic:
    """RF3007: the format is known, but this version cannot read it: parquet that is compressed as a whole."""
    return Diagnostic(
        "RF3007",
        "error",
        f"`{shorten(name)}` is {format} in another file, which this version of refinec cannot read",
        span=span,
        place=Place(name),
        help=(Help("unpack it: parquet is compressed in itself"),),
    )


def bad_json(name: str, reason: str, place: Place) -> Diagnostic:
    """RF3025: a JSON file is no JSON from some place on, so its rows cannot be told apart."""
    return Diagnostic(
        "RF3025",
        "error",
        f"`{shorten(name)}` is no JSON text: {reason}",
        place=place,
        notes=("it may hold a list of objects, an object whose `data` is such a list, or objects one after another",),
        help=(Help("mend it here; lines that hold one object each are `format = jsonl`, which reads past bad ones"),),
    )


def remote_source(source: str, span: Span | None) -> Diagnostic:
    """RF3008: a file is named that would have to be downloaded."""
    return Diagnostic(
        "RF3008",
        "error",
        f"`{shorten(source)}` is no local file, and this version downloads nothing",
        span=span,
        help=(Help("download it yourself and name the file"),),
    )


def not_utf8(name: str, encoding: str) -> Diagnostic:
    """RF3009: a data file has another encoding, or is no text at all."""
    return Diagnostic(
        "RF3009",
        "error",
        f"`{shorten(name)}` is {encoding}, not UTF-8 text",
        place=Place(name),
        help=(Help("convert it to UTF-8"),),
    )


def bad_archive(name: str, reason: str) -> Diagnostic:
    """RF3010: a compressed data file is damaged or cut off."""
    return Diagnostic(
        "RF3010",
        "error",
        f"`{shorten(name)}` cannot be decompressed",
        place=Place(name),
        notes=(reason,),
        help=(Help("copy or download it again"),),
    )


def bad_parquet(name: str, reason: str) -> Diagnostic:
    """RF3013: a file that should be parquet is none, or is damaged."""
    return Diagnostic(
        "RF3013",
        "error",
        f"`{shorten(name)}` cannot be read as parquet",
        place=Place(name),
        notes=(shorten(reason, 200),),
        help=(Help("copy or download it again; a file of another kind is named with `format`"),),
    )


def archive_too_large(name: str, limit: str) -> Diagnostic:
    """RF3011: a compressed file grows beyond what compressed text grows to: a decompression bomb."""
    return Diagnostic(
        "RF3011",
        "error",
        f"`{shorten(name)}` decompresses to more than {limit}",
        place=Place(name),
        notes=("compressed input is bounded, because a small file can hold an endless one",),
        help=(Help("decompress it yourself if you trust it, and name the result"),),
    )


def no_items(name: str, detail: str, span: Span | None) -> Diagnostic:
    """RF3012: the dataset has no item at all."""
    return Diagnostic(
        "RF3012",
        "error",
        f"dataset `{name}` has no items",
        span=span,
        notes=(detail,),
        help=(Help("check `source` and `where`"),),
    )


# Rows


def bad_row(place: Place, reason: str, help: str | None = None) -> Diagnostic:
    """RF3020: a row is no item of the dataset's task. `on_bad_row = skip` leaves such rows out and counts them."""
    helps = (Help(help),) if help else ()
    return Diagnostic("RF3020", "error", f"bad row: {reason}", place=place, help=helps)


def more_bad_rows(shown: int, span: Span | None) -> Diagnostic:
    """RF3021: reading stopped after several bad rows."""
    return Diagnostic(
        "RF3021",
        "error",
        f"stopped after {shown} bad rows",
        span=span,
        help=(Help(SKIP_BAD_ROWS),),
    )


def missing_column(
    name: str, column: str, columns: Iterable[str], headerless: bool, place: Place, *, rows: int | None = None
) -> Diagnostic:
    """RF3022: a column that the spec reads is not in the file.

    rows: how many of its first rows were read; None: all, or a header.
    """
    there = list(columns)
    near = nearest(column, there)
    where = "" if rows is None else f" in its first {rows} rows"
    helps = [Help(f"nearest: {_names(near)}")] if near else []
    if headerless:
        helps.append(Help("the first row was read as a header; for a file without one write `columns = [question, …]`"))
    return Diagnostic(
        "RF3022",
        "error",
        f"`{shorten(name)}` has no column `{shorten(column)}`{where}",
        place=place,
        notes=(f"its columns: {_names(there)}",) if there else (),
        help=tuple(helps),
    )


def missing_field(dataset: str, name: str, names: Sequence[str], place: Place, span: Span | None) -> Diagnostic:
    """RF3026: a measure reads a column that no item has."""
    near = nearest(name, names)
    return Diagnostic(
        "RF3026",
        "error",
        f"no item of dataset `{dataset}` has a column or field `{shorten(name)}`",
        span=span,
        place=place,
        notes=(f"the first item has {_names(names)}",),
        help=(Help(f"nearest: {_names(near)}"),) if near else (Help("name another one, or add it under `fields`"),),
    )


def duplicate_column(name: str, column: str, place: Place) -> Diagnostic:
    """RF3023: two columns of a file have the same name."""
    return Diagnostic(
        "RF3023",
        "error",
        f"`{shorten(name)}` has two columns named `{shorten(column)}`",
        place=place,
        help=(Help("rename one of them"),),
    )


def duplicate_id(id: str, place: Place, first: Place | None) -> Diagnostic:
    """RF3024: two items have the same id of the user's."""
    notes = (f"first at {first}",) if first else ()
    return Diagnostic(
        "RF3024",
        "error",
        f"bad row: the id `{shorten(id)}` stood in an earlier row",
        place=place,
        notes=notes,
        help=(Help("make ids unique, or leave `id` out: it is then made from the content"),),
    )


def ambiguous_answers(name: str, detail: str, help: str, place: Place | None) -> Diagnostic:
    """RF3030: the answers of a multiple-choice dataset can be read in two ways."""
    return Diagnostic(
        "RF3030",
        "error",
        f"the answers of dataset `{name}` can be read in two ways",
        place=place,
        notes=(detail,),
        help=(Help(help),),
    )


# Signals


def repeated_join(joined: Sequence[tuple[str, str]], place: Place, first: Place) -> Diagnostic:
    """RF3031: two rows of a signals dataset are joined to the same item."""
    return Diagnostic(
        "RF3031",
        "error",
        f"bad row: an earlier row has the same {_pairs(joined)}",
        place=place,
        notes=(f"first at {first}",),
        help=(Help("join by more columns, so that each row stands for one item, or remove one of the rows"),),
    )


def bad_response(column: str, value: str, place: Place) -> Diagnostic:
    """RF3032: a value of a matrix of responses is neither right nor wrong.

    value: as shown, quoted or named (`a list`).
    """
    return Diagnostic(
        "RF3032",
        "error",
        f"bad row: `{shorten(column)}` is {value}, neither 0 nor 1",
        place=place,
        notes=("nearly all values are 0 or 1, so each says whether a model was right",),
        help=(
            Help("name the columns that are models under `fields`: `fields = { one = column(\"one\") }`"),
            Help("for answers that are positions of choices write `answer_as = index`"),
        ),
    )


def nothing_joined(
    dataset: str,
    row: Sequence[tuple[str, str]],
    item: Sequence[tuple[str, str | None]],
    place: Place,
    span: Span | None,
) -> Diagnostic:
    """RF3033: no row of a signals dataset is joined to an item.

    row, item: what the first of each has, by column and by field.
    """
    return Diagnostic(
        "RF3033",
        "error",
        f"no row of dataset `{dataset}` is joined to an item",
        span=span,
        place=place,
        notes=(f"its first row has {_pairs(row)}", f"the first item has {_pairs(item)}"),
        help=(Help("`join` maps its columns to fields of the items whose texts are the same; see `fields` of both"),),
    )


def no_responses(dataset: str, columns: Sequence[str], place: Place | None, span: Span | None) -> Diagnostic:
    """RF3034: a matrix of responses has no column that would be a model's."""
    return Diagnostic(
        "RF3034",
        "error",
        f"dataset `{dataset}` holds no responses: it has no row, or no column that is not joined",
        span=span,
        place=place,
        notes=(f"its columns: {_names(columns)}",) if columns else (),
        help=(Help("each column beside those of `join` holds what one model answered"),),
    )


def unread_responses(dataset: str, column: str, value: str, place: Place, span: Span | None) -> Diagnostic:
    """RF3035: no value of a column names a choice of its item: it holds something else, or is read wrongly."""
    return Diagnostic(
        "RF3035",
        "error",
        f"no value of `{shorten(column)}` in dataset `{dataset}` names a choice of its item",
        span=span,
        place=place,
        notes=(f'the first is "{shorten(value)}"',),
        help=(
            Help("if it is no model, name those that are under `fields`: `fields = { one = column(\"one\") }`"),
            Help("if it is, say how it answers: `answer_as = letter`, `index` or `text`"),
        ),
    )


def key_among_responses(dataset: str, column: str, items: int, span: Span | None) -> Diagnostic:
    """RF3036: a column that counts as a model's agrees with the key of every item: most likely it is the key."""
    return Diagnostic(
        "RF3036",
        "warning",
        f"`{shorten(column)}` of dataset `{dataset}` is right on all of {count(items, 'item')}",
        span=span,
        notes=("if it is the key itself, it makes every item look easier, and no key look wrong",),
        help=(Help("name the columns that are models under `fields`: `fields = { one = column(\"one\") }`"),),
    )


def one_sided_responses(dataset: str, right: bool, items: int, span: Span | None) -> Diagnostic:
    """RF3037: every recorded answer is right, or every one is wrong: no item is harder than another."""
    return Diagnostic(
        "RF3037",
        "warning",
        f"every answer in dataset `{dataset}` is {'right' if right else 'wrong'}, on all of {count(items, 'item')}",
        span=span,
        notes=("so all items are equally hard by it",),
        help=(Help("add models that are weaker or stronger, or see whether `answer_as` reads the answers as meant"),),
    )


def no_choice_columns(dataset: str, columns: Sequence[str], span: Span | None) -> Diagnostic:
    """RF3090: columns of probabilities are not called by letters or positions of choices."""
    first = shorten(columns[0]) if columns else "p_a"
    return Diagnostic(
        "RF3090",
        "error",
        f"the columns of dataset `{dataset}` do not say of which choice each is the probability",
        span=span,
        notes=(f"beside those that are joined: {_names(columns)}",),
        help=(Help(f'call them by letters or positions from the first on: `fields = {{ A = column("{first}"), … }}`'),),
    )


def bad_probabilities(reason: str, place: Place) -> Diagnostic:
    """RF3091: a row holds no probabilities of its item's classes: NaN, a sum that is not 1, other classes."""
    return Diagnostic(
        "RF3091",
        "error",
        f"a row of probabilities cannot be used: {reason}",
        place=place,
        help=(Help("a row has one probability in [0, 1] for each class or choice of its item, with the sum 1"),),
    )


def no_keys(dataset: str, main: str, task: str, span: Span | None) -> Diagnostic:
    """RF3092: recorded answers, or probabilities, are of items without a key that they could be compared with."""
    return Diagnostic(
        "RF3092",
        "error",
        f"dataset `{dataset}` holds answers, and items of `{main}` (task `{task}`) have no key to compare them with",
        span=span,
        help=(Help("record which models were right: 1 where a model's program passed, 0 where it did not"),),
    )


# What `refinec init --from` reads off a file


def task_unclear(name: str, reason: str, columns: Sequence[str], question: str, answer: str) -> Diagnostic:
    """RF3060: `refinec init --from` cannot tell which task the rows of a file belong to, or where its fields stand.

    columns: a line for each, with its name and shape. question, answer: columns for an example of what to write.
    """
    example = f'`fields = {{ question = column("{shorten(question)}"), answer = column("{shorten(answer)}") }}`'
    return Diagnostic(
        "RF3060",
        "error",
        f"what `{shorten(name)}` holds cannot be told as questions and answers",
        place=Place(name),
        notes=(reason, *columns),
        help=(Help(f"start with `refinec init`, and say in `dataset` what each column is, such as {example}"),),
    )


# Measures, dimensions, expressions


def unlisted_labels(
    dimension: str,
    items: int,
    found: Sequence[tuple[str, int]],
    labels: Sequence[str],
    place: Place | None,
    span: Span | None,
) -> Diagnostic:
    """RF3040: the data hold labels that the dimension does not list.

    found: label and number of items.
    """
    unlisted = cut_short([f"`{shorten(label)}` ({times})" for label, times in found], _LISTED)
    notes = [f"not listed: {unlisted}", f"listed: {_names(labels)}"]
    helps = [
        Help(f"nearest to `{shorten(label)}`: {_names(near)}")
        for label, _ in found[:3]
        if (near := nearest(label, labels))
    ]
    helps.append(Help("list them, or say what becomes of such items: `unknown = drop` or `unknown = keep`"))
    has = f"{count(items, 'item')} {'has' if items == 1 else 'have'}"
    return Diagnostic(
        "RF3040",
        "error",
        f"{has} a label that dimension `{dimension}` does not list",
        span=span,
        place=place,
        notes=tuple(notes),
        help=tuple(helps),
    )


def unknown_label(dimension: str, times: int, reason: str, place: Place | None, span: Span | None) -> Diagnostic:
    """RF3041: items have no label in a dimension, whose `unknown` is `error`."""
    return Diagnostic(
        "RF3041",
        "error",
        f"{count(times, 'item')} {'has' if times == 1 else 'have'} no label in dimension `{dimension}`",
        span=span,
        place=place,
        notes=(f"the first: {reason}",),
        help=(Help("`unknown = drop` leaves them out; `unknown = keep` keeps them outside the shares"),),
    )


def no_labels(dimension: str, span: Span | None) -> Diagnostic:
    """RF3042: the data were to settle a dimension's labels, and hold none."""
    return Diagnostic(
        "RF3042",
        "error",
        f"the data hold no label for dimension `{dimension}`",
        span=span,
        help=(Help("check the column that its measure reads"),),
    )


def no_reference(dimension: str, dataset: str, labels: tuple[str, ...], span: Span | None) -> Diagnostic:
    """RF3045: a target is to be like a dataset of which no item has a label of the dimension."""
    return Diagnostic(
        "RF3045",
        "error",
        f"no item of dataset `{dataset}` has a label of dimension `{dimension}`, whose target is to be like it",
        span=span,
        notes=(f"labels: {_names(labels)}",) if labels else (),
        help=(Help(f"let `fields` of `{dataset}` name what the measure of `{dimension}` reads"),),
    )


def too_many_labels(dimension: str, number: int, limit: int, span: Span | None) -> Diagnostic:
    """RF3043: a dimension with a target has so many labels that it looks like an identifier."""
    return Diagnostic(
        "RF3043",
        "error",
        f"dimension `{dimension}` has {number} labels in the data; at most {limit} can be balanced",
        span=span,
        help=(Help("measure something coarser, or list the labels that matter"),),
    )


def not_evaluable(what: str, times: int, message: str, place: Place | None, span: Span | None) -> Diagnostic:
    """RF3044: an expression cannot be evaluated on some items.

    what: `where` of operator `fix`.
    """
    return Diagnostic(
        "RF3044",
        "error",
        f"{what} cannot be evaluated for {count(times, 'item')}",
        span=span,
        place=place,
        notes=(f"the first: {message}",),
        help=(Help("guard it: `x != null and …`; text becomes a number with `number(x)`"),),
    )


def empty_corpus(dataset: str, skipped: int, span: Span | None) -> Diagnostic:
    """RF3070: a corpus holds no text: its files are empty, or all rows were left out."""
    return Diagnostic(
        "RF3070",
        "error",
        f"corpus `{dataset}` holds no text that could be retrieved",
        span=span,
        notes=(f"{count(skipped, 'bad row')} {'was' if skipped == 1 else 'were'} left out",) if skipped else (),
        help=(Help("check its files and its `where`; a table has its texts in a column `text`, or in the one that "
                   "`fields = { text = column(\"…\") }` names"),),
    )


def skipped_rows(dataset: str, times: int, first: Diagnostic, span: Span | None) -> Diagnostic:
    """RF3050: rows were left out under `on_bad_row = skip`."""
    return Diagnostic(
        "RF3050",
        "warning",
        f"{count(times, 'bad row')} of dataset `{dataset}` {'was' if times == 1 else 'were'} left out",
        span=span,
        place=first.place,
        notes=(f"the first: {first.message}",),
    )


def _names(names: Sequence[str]) -> str:
    return cut_short([f"`{shorten(name, 40)}`" for name in names], _LISTED)


def _pairs(pairs: Sequence[tuple[str, str | None]]) -> str:
    return ", ".join(
        f"`{shorten(name, 40)}` " + ("empty" if value is None else f'"{shorten(value, 40)}"') for name, value in pairs
    )
