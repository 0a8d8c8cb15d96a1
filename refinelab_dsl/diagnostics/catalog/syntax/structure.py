"""What the parser has to say, and the edition: RF1001 to RF1032."""

from __future__ import annotations

from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Applicability, Diagnostic, Edit, Help, Label
from refinelab_dsl.diagnostics.wording import error, shorten
from refinelab_dsl.source import Span


def unexpected(span: Span, found: str, expected: str, *, labels: tuple[Label, ...] = ()) -> Diagnostic:
    """RF1001: something stands where the grammar has no place for it.

    Wrong: `size = * 2`. Right: `size = 2`.
    """
    return error("RF1001", f"expected {expected}, found {found}", span, f"expected {expected}", labels=labels)


def second_name(span: Span, found: str, header: Span, meant: str | None) -> Diagnostic:
    """RF1029: a block is given more than one name, as blocks of HCL are.

    Wrong: `resource "output" "sample" {`. Right: `output sample {`.
    """
    help = Help("a block has a kind and one name, such as `model small {`")
    if meant is not None:
        help = Help(f"write `{meant}`: a block has a kind and one name", (Edit(header, meant),), "machine")
    return error("RF1029", f"expected `{{`, found {found}", span, "a second name", help_=(help,))


def unclosed_bracket(span: Span, bracket: str, at: Span | None, close: Help | None = None) -> Diagnostic:
    """RF1010: a bracket that is never closed.

    Wrong: `labels = [a, b`. Right: `labels = [a, b]`.
    """
    closing = {"{": "}", "[": "]", "(": ")"}[bracket]
    labels = (Label(at, f"`{closing}` is missing before this"),) if at else ()
    return error(
        "RF1010",
        f"this `{bracket}` is never closed",
        span,
        "opened here",
        labels=labels,
        help_=(close or Help(f"close it with `{closing}`"),),
    )


def wrong_bracket(span: Span, found: str, opened: Span, bracket: str) -> Diagnostic:
    """RF1011: a bracket closed by another kind.

    Wrong: `labels = [a, b}`. Right: `labels = [a, b]`.
    """
    closing = {"{": "}", "[": "]", "(": ")"}[bracket]
    return error(
        "RF1011",
        f"`{found}` does not close `{bracket}`",
        span,
        f"expected `{closing}`",
        labels=(Label(opened, "opened here"),),
        help_=(Help(f"close it with `{closing}`", (Edit(span, closing),), "maybe"),),
    )


def stray_bracket(span: Span, found: str) -> Diagnostic:
    """RF1012: a closing bracket that nothing opened."""
    help = Help("delete it, or open what it should close", (Edit(span, ""),), "maybe")
    return error("RF1012", f"`{found}` closes nothing", span, "nothing is open here", help_=(help,))


def missing_equal(span: Span, name: str, after: Span) -> Diagnostic:
    """RF1006: no `=` between a name and its value.

    Wrong: `kind remove`. Right: `kind = remove`.
    """
    return error(
        "RF1006",
        f"missing `=` after `{shorten(name)}`",
        span,
        "expected `=`",
        help_=(Help("write `=` between the name and its value", (Edit(after, " ="),), "maybe"),),
    )


def missing_body(span: Span, header: str) -> Diagnostic:
    """RF1007: a name stands alone: no value and no block.

    Wrong: `measure size`. Right: `measure size { kind = length }`.
    """
    return error(
        "RF1007",
        f"`{shorten(header)}` has neither a value nor a block",
        span,
        "expected `=` or `{` after this",
    )


def other_assignment(span: Span, mark: str, replacement: str = "=") -> Diagnostic:
    """RF1008: `:` or another mark where `=` gives a value.

    Wrong: `kind: remove`. Right: `kind = remove`.
    """
    return error(
        "RF1008",
        f"`=` gives a value, not `{mark}`",
        span,
        "expected `=`",
        help_=(Help("write `=`", (Edit(span, replacement),), "machine"),),
    )


def indented_map(span: Span, name: str) -> Diagnostic:
    """RF1028: a map or a list as YAML has it: by indentation, below a `:`.

    Wrong: `prior:` and `success: 85%` on the next line. Right: `prior = { success = 85% }`.
    """
    help_ = (Help(f"write a map as `{name} = {{ key = value }}`, a list as `{name} = [a, b]`"),)
    message = f"the value of `{shorten(name)}` is told by indentation"
    return error("RF1028", message, span, "expected `=` and a value", help_=help_)


def equal_before_block(span: Span, kind: str, name: str) -> Diagnostic:
    """RF1009: `=` between a block's name and its `{`.

    Wrong: `measure size = {`. Right: `measure size {`.
    """
    return error(
        "RF1009",
        f"no `=` stands between `{shorten(f'{kind} {name}')}` and its `{{`",
        span,
        "not needed",
        help_=(Help("delete it", (Edit(span, ""),), "machine"),),
    )


def missing_value(span: Span, name: str) -> Diagnostic:
    """RF1013: nothing after `=`.

    Wrong: `size =`. Right: `size = keep`.
    """
    return error("RF1013", f"`{shorten(name)}` has no value", span, "expected a value after this")


def missing_operand(span: Span, operator: str) -> Diagnostic:
    """RF1014: nothing after an operator. An expression goes on over a line's end only inside brackets."""
    return error(
        "RF1014",
        f"no value follows `{operator}`",
        span,
        "expected a value after this",
        notes=("a newline ends an expression, except inside `( )` and `[ ]`",),
    )


def comma_in_group(span: Span, opened: Span) -> Diagnostic:
    """RF1002: `( )` around several values.

    Wrong: `order = (easy, hard)`. Right: `order = [easy, hard]`.
    """
    return error(
        "RF1002",
        "expected `)`, found `,`",
        span,
        "expected `)`",
        labels=(Label(opened, "groups one expression"),),
        help_=(Help("write a list in `[ ]`"),),
    )


def missing_separator(span: Span, after: Span, where: str) -> Diagnostic:
    """RF1003: two statements, map entries, list items or arguments with nothing between them.

    Wrong: `labels = [a b]`. Right: `labels = [a, b]`.
    """
    what, edit = {
        "statement": ("a newline or a comma", ","),
        "entry": ("a newline or a comma", ","),
        "item": ("a comma", ","),
        "argument": ("a comma", ","),
    }[where]
    between = {"statement": "statements", "entry": "entries", "item": "items of a list", "argument": "arguments"}[where]
    return error(
        "RF1003",
        f"{what} is missing between two {between}",
        span,
        f"expected {what} before this",
        help_=(Help(f"put {what} between them", (Edit(after, edit),), "maybe"),),
    )


def extra_separator(span: Span, found: str) -> Diagnostic:
    """RF1004: a separator with nothing before it, or one that separates nothing here.

    Wrong: `labels = [a,, b]`. Right: `labels = [a, b]`.
    """
    help = Help("delete it", (Edit(span, ""),), "machine")
    return error("RF1004", f"nothing stands before this `{found}`", span, "separates nothing", help_=(help,))


def semicolon(span: Span, *, is_last: bool) -> Diagnostic:
    """RF1005: `;` at the end of a statement.

    Wrong: `seed = 7;`. Right: `seed = 7`.
    """
    word, mark, label = ("delete it", "", "not needed") if is_last else ("write `,`", ",", "expected `,`")
    help = (Help(f"{word}: a newline or a comma ends a statement", (Edit(span, mark),), "machine"),)
    return error("RF1005", "`;` does not end a statement", span, label, help_=help)


def merge_conflict(ours: Span, middle: Span, theirs: Span) -> Diagnostic:
    """RF1024: markers that a merge left behind."""
    return error(
        "RF1024",
        "unresolved merge conflict",
        ours,
        "one side starts here",
        labels=(Label(middle, "the other side starts here"), Label(theirs, "ends here")),
        help_=(Help("keep one side, or both, and delete the three lines of markers"),),
    )


def lone_marker(span: Span) -> Diagnostic:
    """RF1025: one marker of a merge conflict without its counterparts."""
    help = (Help("delete the line", (Edit(span, ""),), "maybe"),)
    return error("RF1025", "marker of an unresolved merge conflict", span, "left by a merge", help_=help)


def chained_comparison(span: Span, first: Span) -> Diagnostic:
    """RF1017: comparisons do not chain.

    Wrong: `1 < words < 9`. Right: `1 < words and words < 9`.
    """
    return error(
        "RF1017",
        "comparisons do not chain",
        span,
        "second comparison",
        labels=(Label(first, "first comparison"),),
        help_=(Help("join two comparisons by `and`"),),
    )


def wrong_operator(span: Span, found: str, right: str) -> Diagnostic:
    """RF1018: an operator of another language.

    Wrong: `where = a && b`. Right: `where = a and b`.
    """
    edit = f"{right} " if found == "!" else right
    return error(
        "RF1018",
        f"`{found}` is written `{right}`",
        span,
        f"expected `{right}`",
        help_=(Help(f"write `{right}`", (Edit(span, edit),), "machine"),),
    )


def reserved_word(span: Span, word: str, quotable: bool) -> Diagnostic:
    """RF1019: a reserved word where a name must stand.

    Reserved are `rest and or not in import as true false null`. As a map's key or a label the word can be quoted.
    """
    help: tuple[Help, ...] = (Help("choose another name"),)
    if quotable:
        help = (Help("quote it", (Edit(span, f'"{word}"'),), "machine"),)
    return error("RF1019", f"`{word}` is a reserved word", span, "cannot be a name", help_=help)


def hyphenated_name(span: Span, name: str, quotable: bool) -> Diagnostic:
    """RF1020: a bare word with `-` or another mark in it.

    Wrong: `{ pre-algebra = 20% }`. Right: `{ "pre-algebra" = 20% }`. Names that are declared use `_`.
    """
    if quotable:
        help = Help("quote it", (Edit(span, f'"{name}"'),), "machine")
    else:
        plain = "".join(character if character.isascii() and character.isalnum() else "_" for character in name)
        help = Help("use `_`", (Edit(span, plain),), "maybe")
    return error("RF1020", f"`{shorten(name)}` is no bare word", span, "not a bare word", help_=(help,))


def not_a_key(span: Span, text: str) -> Diagnostic:
    """RF1021: a map's key that is neither a name nor quoted text.

    Wrong: `{ 1 = 25% }`. Right: `{ "1" = 25% }`.
    """
    help = (Help("quote it", (Edit(span, f'"{text}"'),), "machine"),) if '"' not in text and "\\" not in text else ()
    message = f"`{shorten(text)}` is no key: a key is a name or quoted text"
    return error("RF1021", message, span, "not a key", help_=help)


def foreign_comment(span: Span, mark: str, rest: Sequence[Span]) -> Diagnostic:
    """RF1022: a comment of another language.

    Wrong: `// later`. Right: `# later`. rest: of a comment `/* … */` the starts of its further lines, and its closing
    mark last.
    """
    edits: tuple[Edit, ...] = (Edit(span, "#"),)
    if mark == "/*":
        edits = (*edits, *(Edit(start, "# ") for start in rest[:-1]), Edit(rest[-1], "")) if rest else ()
    sure: Applicability = "machine" if edits and mark != ";" else "maybe" if edits else "none"
    what = "write `#` before each line" if mark == "/*" and len(rest) != 1 else "write `#`"
    return error(
        "RF1022", f"`{mark}` starts no comment", span, "comments start with `#`", help_=(Help(what, edits, sure),)
    )


def broken_line(span: Span, what: str) -> Diagnostic:
    """RF1015: a line ends where a statement must go on.

    Wrong: `measure size` and `{` on the next line. Right: `measure size {`.
    """
    return error("RF1015", f"{what} must stand on the line before", span, "starts a new statement here")


def operator_on_new_line(span: Span, operator: str) -> Diagnostic:
    """RF1016: a line that starts with an operator. An expression goes on over a line's end only inside brackets.

    Wrong: `where = a` and `and b` on the next line. Right: `where = (a` and `and b)`.
    """
    return error(
        "RF1016",
        f"a line cannot start with `{operator}`",
        span,
        "the line before has ended",
        notes=("a newline ends an expression, except inside `( )` and `[ ]`",),
        help_=(Help("put the whole expression in `( )`"),),
    )


def malformed_import(span: Span, expected: str, meant: tuple[Span, str] | None) -> Diagnostic:
    """RF1023: a malformed import.

    Wrong: `import models from "lib/models.refine"`. Right: `import "lib/models.refine" as models`. meant: the whole
    statement, and as it is to be written, where that can be told.
    """
    help_ = () if meant is None else (Help(f"write `{shorten(meant[1], 80)}`", (Edit(*meant),), "maybe"),)
    return error(
        "RF1023",
        f"malformed import: expected {expected}",
        span,
        f"expected {expected}",
        notes=('an import is written `import "lib/models.refine" as models`',),
        help_=help_,
    )


def nested_too_deeply(span: Span, limit: int) -> Diagnostic:
    """RF1026: brackets or operators nested beyond what any spec needs.

    A long row of `or` counts as nesting: write `x in [a, b, c]`.
    """
    return error(
        "RF1026",
        "nested too deeply",
        span,
        f"more than {limit} levels here",
        notes=(f"brackets count two levels, operators in a row one each; at most {limit}",),
        help_=(Help("write many alternatives as `x in [a, b, c]`"),),
    )


def further_errors(span: Span, count: int) -> Diagnostic:
    """RF1027: more syntax errors than it helps to show."""
    message = f"only the first {count} syntax errors are shown"
    return Diagnostic("RF1027", "note", message, span, label="and more from here")


def missing_edition(span: Span, *, misspelt: bool) -> Diagnostic:
    """RF1030: a file does not say which edition of the language it is written in.

    Right: `edition = 1` as the first statement.
    """
    start = Span(span.file, span.start, span.start)
    help = Help("start the file with the edition", (Edit(start, "edition = 1\n"),), "machine")
    label = "`edition = 1` must stand before this"
    if misspelt:
        help, label = Help("nearest: `edition`", (Edit(span, "edition"),), "maybe"), "not `edition`"
    return error("RF1030", "the first statement must be `edition = 1`", span, label, help_=(help,))


def misplaced_edition(span: Span, first: Span) -> Diagnostic:
    """RF1031: `edition` is not the first statement."""
    return error(
        "RF1031",
        "`edition` must be the first statement",
        span,
        "must stand first",
        labels=(Label(first, "stands before it"),),
        help_=(Help("move it to the top of the file"),),
    )


def unknown_edition(span: Span, found: str, known: Sequence[int]) -> Diagnostic:
    """RF1032: an edition that this compiler does not know, so that nothing else of the file can be judged."""
    names = ", ".join(f"`{edition}`" for edition in known)
    return error(
        "RF1032",
        f"unknown edition `{shorten(found)}`",
        span,
        f"this compiler knows {names}",
        notes=("a newer compiler may know it; nothing else in the file was checked",),
        help_=(Help(f"write `edition = {known[-1]}`", (Edit(span, str(known[-1])),), "maybe"),),
    )
