"""RF63xx: outputs and provenance logs."""

from __future__ import annotations

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Help
from refinelab_dsl.source import Place

# RF630x to RF631x: outputs.


def output_unwritable(path: str, reason: str) -> Diagnostic:
    """RF6300: the operating system refused to write an output."""
    return Diagnostic(
        "RF6300", "error", f"the output `{path}` cannot be written",
        notes=(reason,),
        help=(Help("check the folder, its permissions and the free space; what stood there has not changed"),),
    )


def output_outside(path: str) -> Diagnostic:
    """RF6301: an output would lie outside of the project's root, links resolved."""
    return Diagnostic(
        "RF6301", "error", f"the output `{path}` lies outside of the project",
        help=(Help("write inside the project's folder, or allow it with `--allow-outside`"),),
    )


def output_over_source(path: str) -> Diagnostic:
    """RF6302: an output would replace a file of the dataset."""
    return Diagnostic(
        "RF6302", "error", f"the output `{path}` would replace a file of the dataset it is made from",
        help=(Help("give the output another path"),),
    )


def output_twice(path: str) -> Diagnostic:
    """RF6303: two outputs, or two source files of one directory output, have the same path."""
    return Diagnostic(
        "RF6303", "error", f"two outputs would be written to `{path}`",
        help=(Help("give each output its own path"),),
    )


def output_row_unfit(path: str, item: str, reason: str) -> Diagnostic:
    """RF6305: a result cannot be written in the columns of its source."""
    return Diagnostic(
        "RF6305", "error", f"item `{item}` does not fit the source columns of the output `{path}`",
        notes=(reason,),
        help=(Help("write it with `layout = task`; replies are kept, so applying again costs nothing"),),
    )


def output_column_absent(path: str, column: str) -> Diagnostic:
    """RF6306: a name in `columns` that no row has."""
    return Diagnostic(
        "RF6306", "warning", f"no row has the column `{column}` that the output `{path}` lists",
        help=(Help("check the spelling in `columns`"),),
    )


def output_over_ours(path: str) -> Diagnostic:
    """RF6307: an output would be a spec or a plan, or lie in the state folder of refinec or of git."""
    return Diagnostic(
        "RF6307", "error", f"the output `{path}` would be written over files that are no data",
        help=(Help("give the output a path such as `out/refined.jsonl`"),),
    )


# RF632x to RF634x: provenance.


def log_unreadable(name: str, reason: str) -> Diagnostic:
    """RF6320: the operating system refused to read a log."""
    return Diagnostic("RF6320", "error", "the file cannot be read", place=Place(name), notes=(reason,))


def not_a_log(name: str) -> Diagnostic:
    """RF6321: the first line is no provenance log's."""
    return Diagnostic(
        "RF6321", "error", "this file is no provenance log, or its first line was changed", place=Place(name, 1),
        help=(Help("logs end in `.prov.jsonl`; the one of run 4 is `.refine/runs/0004/provenance.jsonl`"),),
    )


def log_version(name: str, found: str, ours: str) -> Diagnostic:
    """RF6322: the log's format has another major version."""
    return Diagnostic(
        "RF6322", "error", f"the log has format version {found}; this refinec reads {ours}", place=Place(name, 1)
    )


def log_line_malformed(name: str, line: int, reason: str) -> Diagnostic:
    """RF6323: a line is not one that refinec wrote."""
    return Diagnostic(
        "RF6323", "error", "this line of the log was changed", place=Place(name, line), notes=(reason,)
    )


def log_chain_broken(name: str, line: int) -> Diagnostic:
    """RF6324: a line does not carry the hash of the line before it."""
    before = f"line {line - 1} was changed, or a line between them is gone" if line > 1 else "lines before it are gone"
    return Diagnostic(
        "RF6324", "error", "the log's chain of hashes is broken at this line", place=Place(name, line), notes=(before,)
    )


def log_truncated(name: str, line: int) -> Diagnostic:
    """RF6325: the log ends before its trailer."""
    return Diagnostic(
        "RF6325", "error", "the log is cut off: it ends before its trailer", place=Place(name, line)
    )


def log_trailer_changed(name: str, line: int) -> Diagnostic:
    """RF6326: the trailer does not have the root that it states."""
    return Diagnostic("RF6326", "error", "the log's trailer was changed", place=Place(name, line))


def log_continues(name: str, line: int) -> Diagnostic:
    """RF6327: something was appended after the trailer."""
    return Diagnostic("RF6327", "error", "something was appended after the log's trailer", place=Place(name, line))


def log_other_root(name: str, found: str, expected: str) -> Diagnostic:
    """RF6328: the log is whole, but it is not the one that was published."""
    return Diagnostic(
        "RF6328", "error", "the log is consistent, but it is not the log that was expected", place=Place(name),
        notes=(f"its root is {found}", f"expected was   {expected}"),
    )


def output_absent(name: str, file: str) -> Diagnostic:
    """RF6330: the log names an output that is not there."""
    return Diagnostic(
        "RF6330", "error", f"the output `{file}` that the log names is not there", place=Place(file),
        notes=(f"log: {name}",),
    )


def output_row_changed(file: str, row: int, line: int, what: str) -> Diagnostic:
    """RF6331: an output's row is not the one that was written."""
    return Diagnostic(
        "RF6331", "error", f"row {row} of the output is not the one that the run wrote", place=Place(file, line, row),
        notes=(what,), help=(Help("`refinec replay` writes it again from the log, without a call"),),
    )


def output_changed(file: str, what: str) -> Diagnostic:
    """RF6332: an output's bytes are not those that were written, outside of its rows."""
    return Diagnostic(
        "RF6332", "error", "the output is not the file that the run wrote", place=Place(file), notes=(what,),
        help=(Help("`refinec replay` writes it again from the log, without a call"),),
    )


def log_not_found(file: str) -> Diagnostic:
    """RF6333: no log names this output."""
    return Diagnostic(
        "RF6333", "error", "no provenance log names this file", place=Place(file),
        help=(Help("name its log with `--log FILE`"),),
    )


def log_names_no_such_output(log: str, file: str) -> Diagnostic:
    """RF6334: the log given with `--log` is whole, but does not name this output."""
    return Diagnostic(
        "RF6334", "error", "the log does not name this file as an output", place=Place(file), notes=(f"log: {log}",),
        help=(Help("name the log of the run that wrote it with `--log FILE`"),),
    )


# RF635x: tracing and replaying.


def item_unknown(query: str) -> Diagnostic:
    """RF6350: no item of the run has this id, and no row this number."""
    return Diagnostic(
        "RF6350", "error", f"no item of this run has the id `{query}`, nor the beginning of one",
        help=(Help("give an id, the beginning of one, or a row number such as `#17`"),),
    )


def item_ambiguous(query: str, ids: tuple[str, ...], more: bool) -> Diagnostic:
    """RF6351: several ids begin so."""
    shown = ", ".join(f"`{one}`" for one in ids) + (", …" if more else "")
    return Diagnostic(
        "RF6351", "error", f"several items have an id that begins with `{query}`", notes=(shown,),
        help=(Help("give more of the id"),),
    )


def row_unknown(row: int, rows: int) -> Diagnostic:
    """RF6352: the row number is past the end."""
    return Diagnostic(
        "RF6352", "error", f"there is no row {row}: the set of this run has {rows} rows",
        help=(Help(f"rows count from 1 to {rows}, without a header"),),
    )


def dataset_changed(name: str) -> Diagnostic:
    """RF6353: the dataset is not the one that the run read."""
    return Diagnostic(
        "RF6353", "error", f"the dataset `{name}` is not the one that the run read: its hash differs",
        help=(Help("put the files of that time back; version control has them"),),
    )


def run_plan_differs(log: str) -> Diagnostic:
    """RF6354: the run's plan is not the one that its log names."""
    return Diagnostic(
        "RF6354", "error", "the plan in the run's folder is not the one that its log names", place=Place(log, 1),
        help=(Help("copy the run's folder again from where the run was made"),),
    )


def reply_missing(reply: str, step: int, store: str) -> Diagnostic:
    """RF6355: the store does not have a reply that the log names."""
    return Diagnostic(
        "RF6355", "error", f"the reply of step {step} is not in the store", place=Place(store),
        notes=(f"reply {reply}",), help=(Help("replay needs the store in which the run kept its replies"),),
    )


def result_differs(step: int, item: str, what: str) -> Diagnostic:
    """RF6356: an item made again from its reply is not the one that the run committed."""
    return Diagnostic(
        "RF6356", "error", f"the result of step {step} cannot be made again: {what}", notes=(f"item {item}",),
        help=(Help("another version of refinec may read replies in another way; use the one that the log names"),),
    )


def replay_differs(file: str, row: int | None, what: str) -> Diagnostic:
    """RF6357: an output written again is not, byte for byte, the one that the run wrote."""
    where = f"row {row} of the output" if row is not None else "the output"
    return Diagnostic(
        "RF6357", "error", f"{where} comes out differently", place=Place(file, row=row), notes=(what,),
        help=(Help("another version of refinec may write rows in another way; use the one that the log names"),),
    )
