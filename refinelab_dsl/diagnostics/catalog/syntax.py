"""RF1xxx: the form of a spec. What the lexer and the parser have to say, and the edition."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Edit, Help, Label
from refinelab_dsl.source import Span

_SHOWN = 40


def unexpected(span: Span, found: str, expected: str, *, labels: tuple[Label, ...] = ()) -> Diagnostic:
    """RF1001: something stands where the grammar has no place for it.

    Wrong: `size = * 2`. Right: `size = 2`.
    """
    return _error("RF1001", f"expected {expected}, found {found}", span, f"expected {expected}", labels=labels)


def unknown_character(span: Span, character: str) -> Diagnostic:
    """RF1002: a character that means nothing in a spec outside quotes and comments.

    Wrong: `size = 2€`. Right: `size = 2`.
    """
    name = unicodedata.name(character, "")
    named = f" ({name.lower()})" if name else ""
    return _error("RF1002", f"unknown character `{character}`, U+{ord(character):04X}{named}", span, "means nothing here")


def invisible_character(span: Span, character: str) -> Diagnostic:
    """RF1002: a space or a mark that cannot be seen, often from a web page or a word processor."""
    name = unicodedata.name(character, "").lower() or "no name"
    blank = unicodedata.category(character) == "Zs"
    fix = Help("use a plain space", (Edit(span, " "),), "machine") if blank else Help("delete it", (Edit(span, ""),), "machine")
    return _error("RF1002", f"invisible character U+{ord(character):04X} ({name})", span, "cannot be seen", help=(fix,))


def control_character(span: Span, character: str) -> Diagnostic:
    """RF1002: a control character outside quotes."""
    if character == "\r":
        notes = ("a line ends with a line feed, with or without a carriage return before it",)
        return _error("RF1002", "carriage return without a line feed", span, "does not end a line", notes=notes)
    return _error("RF1002", f"control character U+{ord(character):04X}", span, "means nothing here")


def foreign_word(span: Span, word: str) -> Diagnostic:
    """RF1002: a bare word with letters outside A-Z, which only quoted text may have.

    Wrong: `größe = 25%`. Right: `"größe" = 25%`.
    """
    return _error(
        "RF1002",
        f"`{_shorten(word)}` is no bare word: it has other characters than A-Z, a-z, 0-9 and `_`",
        span,
        "not a bare word",
        help=(Help("quote it, where it is a label or a text", (Edit(span, f'"{word}"'),), "maybe"),),
    )


def unopened_text(span: Span, start: Span) -> Diagnostic:
    """RF1003: a quotation mark behind a text that lacks the one before it.

    Wrong: `path = out.jsonl"`. Right: `path = "out.jsonl"`.
    """
    return _error(
        "RF1003",
        "this text has no opening mark",
        span,
        "opens a text that is not closed",
        help=(Help('open it with `"`', (Edit(start, '"'),), "maybe"),),
    )


def open_text(span: Span, close: Span) -> Diagnostic:
    """RF1003: a quoted text that does not end on its line.

    Wrong: `path = "out.jsonl`. Right: `path = "out.jsonl"`. Text of several lines stands in a text block.
    """
    return _error(
        "RF1003",
        "this text is not closed on its line",
        Span(span.file, span.start, span.start + 1),
        "opened here",
        help=(Help('close it with `"`', (Edit(close, '"'),), "maybe"),),
    )


def open_text_block(span: Span) -> Diagnostic:
    '''RF1004: a text block whose closing mark is missing.

    The closing `"""` stands first on a line of its own.
    '''
    return _error(
        "RF1004",
        "this text block is never closed",
        span,
        "opened here",
        help=(Help('close it with `"""`, first on a line of its own'),),
    )


def text_block_indent(span: Span, opened: Span, closing: Span, swallowed: bool) -> Diagnostic:
    '''RF1005: a line of a text block is indented less than the closing `"""`, whose indentation is removed from each.

    A block that was never closed is reported so at the first line that it swallowed.
    '''
    help = (
        Help('close the block with `"""` before this line')
        if swallowed
        else Help('indent the line at least as far as the closing `"""`, or move the mark to the left')
    )
    return _error(
        "RF1005",
        'this line of a text block is indented less than its closing `"""`',
        span,
        "indented less",
        labels=(Label(opened, "the block starts here"), Label(closing, "its indentation is removed from each line")),
        help=(help,),
    )


def text_on_opening_line(span: Span) -> Diagnostic:
    '''RF1006: text on the line of the `"""` that opens a block.

    Text of one line stands in single quotation marks: `"text"`.
    '''
    return _error(
        "RF1006",
        'the opening `"""` of a text block ends its line',
        span,
        "text starts on the next line",
        help=(Help('start the text on the next line, or write text of one line as `"text"`'),),
    )


def bad_escape(span: Span, escape: str) -> Diagnostic:
    r"""RF1007: a backslash that starts no escape.

    Escapes are `\n \r \t \" \\ \uXXXX \UXXXXXXXX`. Wrong: `"\d+"`. Right: `"\\d+"`.
    """
    start = Span(span.file, span.start, span.start)
    if escape[1:2] in ("u", "U"):
        message = f"`{escape}` names no character"
        notes: tuple[str, ...] = (r"`\u` takes four hexadecimal digits, `\U` eight; not U+0000, not a surrogate",)
    else:
        message = f"`{escape}` is no escape"
        notes = (r"escapes are `\n`, `\r`, `\t`, `\"`, `\\`, `\uXXXX` and `\UXXXXXXXX`",)
    help = Help("write the backslash twice", (Edit(start, "\\"),), "maybe")
    return _error("RF1007", message, span, "not an escape", notes=notes, help=(help,))


_UNITS = {
    "K": "k",
    "m": "M",
    "mb": "M",
    "mm": "M",
    "mn": "M",
    "mio": "M",
    "kk": "M",
    "g": "B",
    "b": "B",
    "bn": "B",
    "t": "B",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "mins": "min",
    "minute": "min",
    "minutes": "min",
    "hr": "h",
    "hrs": "h",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
    "msec": "ms",
    "millis": "ms",
    "k": "k",
    "percent": "%",
    "pct": "%",
}


def malformed_number(span: Span, text: str) -> Diagnostic:
    """RF1008: digits followed by something that is no unit, or no number at all.

    Units are `k M B` (counts), `ms s min h d` (durations), `%` and a leading `$`. `m` is not a unit: it could be a
    million, a minute or a thousandth.
    """
    shown = _shorten(text)
    notes = ("units are `k`, `M`, `B`, `ms`, `s`, `min`, `h`, `d`, `%`; money starts with `$`",)
    body = text.removeprefix("$")
    digits = body
    while digits and not digits[-1].isdigit():
        digits = digits[:-1]
    unit = body[len(digits) :]
    plain = digits.replace("_", "").replace(".", "", 1).isdigit() and digits[:1].isdigit() and "__" not in digits
    if text.startswith("$") and plain and unit:
        return _error("RF1008", f"`{shown}` is no amount of money", span, "money takes no unit", notes=notes)
    if plain and unit == "m":
        help = tuple(
            Help(f"write `{_shorten(digits)}{right}` for {meaning}", (Edit(span, digits + right),), "maybe")
            for right, meaning in (("M", "millions"), ("min", "minutes"))
        )
        return _error("RF1008", f"`m` in `{shown}` is not a unit", span, "not a unit", notes=notes, help=help)
    if plain and unit and set(unit) <= {"_"}:
        fix = Help(f"write `{_shorten(digits)}`", (Edit(span, digits),), "machine")
        return _error("RF1008", f"`{shown}` is no number", span, "`_` stands between digits", help=(fix,))
    if plain and unit.replace("_", "").isalpha():
        right_unit = _UNITS.get(unit) or _UNITS.get(unit.lower())
        near = Help(f"write `{_shorten(digits)}{right_unit}`", (Edit(span, digits + str(right_unit)),), "maybe")
        return _error(
            "RF1008",
            f"`{_shorten(unit)}` in `{shown}` is not a unit",
            span,
            "not a unit",
            notes=notes,
            help=(near,) if right_unit else (),
        )
    forms = ("a number is written `7`, `1_000`, `0.25` or `1e-6`",)
    return _error("RF1008", f"`{shown}` is no number", span, "not a number", notes=forms)


def spaced_unit(span: Span, number: str, unit: str) -> Diagnostic:
    """RF1008: a space between a number and its unit.

    Wrong: `25 %`. Right: `25%`.
    """
    return _error(
        "RF1008",
        f"`{unit}` must follow its number without a space",
        span,
        "written apart",
        help=(Help(f"write `{_shorten(number)}{unit}`", (Edit(span, number + unit),), "machine"),),
    )


def grouped_digits(span: Span, text: str) -> Diagnostic:
    """RF1008: digits grouped by commas, which separate statements.

    Wrong: `size = 1,000`. Right: `size = 1_000`.
    """
    plain = text.replace(",", "_")
    help = (Help(f"write `{_shorten(plain)}`", (Edit(span, plain),), "maybe"),)
    return _error("RF1008", f"`{text}` is no number: digits are grouped by `_`", span, "not a number", help=help)


def number_out_of_reach(span: Span, digits: int) -> Diagnostic:
    """RF1009: a number too long or too large to be kept exactly: numbers are decimals, never rounded."""
    return _error(
        "RF1009",
        f"this number cannot be kept exactly: it needs more than {digits} digits",
        span,
        f"at most {digits} digits",
    )


def unclosed_bracket(span: Span, bracket: str, at: Span | None, close: Help | None = None) -> Diagnostic:
    """RF1010: a bracket that is never closed.

    Wrong: `labels = [a, b`. Right: `labels = [a, b]`.
    """
    closing = {"{": "}", "[": "]", "(": ")"}[bracket]
    labels = (Label(at, f"`{closing}` is missing before this"),) if at else ()
    return _error(
        "RF1010",
        f"this `{bracket}` is never closed",
        span,
        "opened here",
        labels=labels,
        help=(close or Help(f"close it with `{closing}`"),),
    )


def wrong_bracket(span: Span, found: str, opened: Span, bracket: str) -> Diagnostic:
    """RF1011: a bracket closed by another kind.

    Wrong: `labels = [a, b}`. Right: `labels = [a, b]`.
    """
    closing = {"{": "}", "[": "]", "(": ")"}[bracket]
    return _error(
        "RF1011",
        f"`{found}` does not close `{bracket}`",
        span,
        f"expected `{closing}`",
        labels=(Label(opened, "opened here"),),
        help=(Help(f"close it with `{closing}`", (Edit(span, closing),), "maybe"),),
    )


def stray_bracket(span: Span, found: str) -> Diagnostic:
    """RF1011: a closing bracket that nothing opened."""
    help = Help("delete it, or open what it should close", (Edit(span, ""),), "maybe")
    return _error("RF1011", f"`{found}` closes nothing", span, "nothing is open here", help=(help,))


def missing_equal(span: Span, name: str, after: Span) -> Diagnostic:
    """RF1012: no `=` between a name and its value.

    Wrong: `kind remove`. Right: `kind = remove`.
    """
    return _error(
        "RF1012",
        f"missing `=` after `{_shorten(name)}`",
        span,
        "expected `=`",
        help=(Help("write `=` between the name and its value", (Edit(after, " ="),), "maybe"),),
    )


def missing_body(span: Span, header: str) -> Diagnostic:
    """RF1012: a name stands alone: no value and no block.

    Wrong: `measure size`. Right: `measure size { kind = length }`.
    """
    return _error(
        "RF1012",
        f"`{_shorten(header)}` has neither a value nor a block",
        span,
        "expected `=` or `{` after this",
    )


def other_assignment(span: Span, mark: str) -> Diagnostic:
    """RF1013: `:` or another mark where `=` gives a value.

    Wrong: `kind: remove`. Right: `kind = remove`.
    """
    replacement = " =" if mark == ":" else "="
    return _error(
        "RF1013",
        f"`=` gives a value, not `{mark}`",
        span,
        "expected `=`",
        help=(Help("write `=`", (Edit(span, replacement),), "machine"),),
    )


def equal_before_block(span: Span, kind: str, name: str) -> Diagnostic:
    """RF1013: `=` between a block's name and its `{`.

    Wrong: `measure size = {`. Right: `measure size {`.
    """
    return _error(
        "RF1013",
        f"no `=` stands between `{_shorten(f'{kind} {name}')}` and its `{{`",
        span,
        "not needed",
        help=(Help("delete it", (Edit(span, ""),), "machine"),),
    )


def missing_value(span: Span, name: str) -> Diagnostic:
    """RF1014: nothing after `=`.

    Wrong: `size =`. Right: `size = keep`.
    """
    return _error("RF1014", f"`{_shorten(name)}` has no value", span, "expected a value after this")


def missing_operand(span: Span, operator: str) -> Diagnostic:
    """RF1014: nothing after an operator. An expression goes on over a line's end only inside brackets."""
    return _error(
        "RF1014",
        f"nothing follows `{operator}` on its line",
        span,
        "expected a value after this",
        notes=("a newline ends an expression, except inside `( )` and `[ ]`",),
    )


def comma_in_group(span: Span, opened: Span) -> Diagnostic:
    """RF1001: `( )` around several values.

    Wrong: `order = (easy, hard)`. Right: `order = [easy, hard]`.
    """
    return _error(
        "RF1001",
        "expected `)`, found `,`",
        span,
        "expected `)`",
        labels=(Label(opened, "groups one expression"),),
        help=(Help("write a list in `[ ]`"),),
    )


def missing_separator(span: Span, after: Span, where: str) -> Diagnostic:
    """RF1015: two statements, map entries, list items or arguments with nothing between them.

    Wrong: `labels = [a b]`. Right: `labels = [a, b]`.
    """
    what, edit = {
        "statement": ("a newline or a comma", ","),
        "entry": ("a newline or a comma", ","),
        "item": ("a comma", ","),
        "argument": ("a comma", ","),
    }[where]
    between = {"statement": "statements", "entry": "entries", "item": "items of a list", "argument": "arguments"}[where]
    return _error(
        "RF1015",
        f"{what} is missing between two {between}",
        span,
        f"expected {what} before this",
        help=(Help(f"put {what} between them", (Edit(after, edit),), "maybe"),),
    )


def extra_separator(span: Span, found: str) -> Diagnostic:
    """RF1016: a separator with nothing before it, or one that separates nothing here.

    Wrong: `labels = [a,, b]`. Right: `labels = [a, b]`.
    """
    if found == ";":
        fix = Help("delete it: a newline or a comma ends a statement", (Edit(span, ""),), "maybe")
        return _error("RF1016", "`;` does not end a statement", span, "not needed", help=(fix,))
    help = Help("delete it", (Edit(span, ""),), "machine")
    return _error("RF1016", f"nothing stands before this `{found}`", span, "separates nothing", help=(help,))


def merge_conflict(ours: Span, middle: Span, theirs: Span) -> Diagnostic:
    """RF1017: markers that a merge left behind."""
    return _error(
        "RF1017",
        "unresolved merge conflict",
        ours,
        "one side starts here",
        labels=(Label(middle, "the other side starts here"), Label(theirs, "ends here")),
        help=(Help("keep one side, or both, and delete the three lines of markers"),),
    )


def lone_marker(span: Span) -> Diagnostic:
    """RF1017: one marker of a merge conflict without its counterparts."""
    help = (Help("delete the line", (Edit(span, ""),), "maybe"),)
    return _error("RF1017", "marker of an unresolved merge conflict", span, "left by a merge", help=help)


def wrong_quotes(span: Span, text: str | None) -> Diagnostic:
    """RF1018: quotation marks of another kind than `"`.

    Wrong: `path = 'out.jsonl'`. Right: `path = "out.jsonl"`.
    """
    help: tuple[Help, ...] = (Help('use `"`'),)
    if text is not None and '"' not in text and "\\" not in text:
        help = (Help('use `"`', (Edit(span, f'"{text}"'),), "machine"),)
    return _error("RF1018", 'text stands in `"` marks, not in others', span, "other quotation marks", help=help)


def unquoted_text(span: Span, text: str) -> Diagnostic:
    """RF1018: a text, such as a path or a model's id, without quotation marks.

    Wrong: `id = gpt-4o-mini`. Right: `id = "gpt-4o-mini"`.
    """
    edits = (Edit(span, f'"{text}"'),) if '"' not in text and "\\" not in text else ()
    help = (Help("quote it", edits, "maybe" if edits else "none"),)
    return _error("RF1018", f"`{_shorten(text)}` is a text without quotation marks", span, "must be quoted", help=help)


def chained_comparison(span: Span, first: Span) -> Diagnostic:
    """RF1019: comparisons do not chain.

    Wrong: `1 < words < 9`. Right: `1 < words and words < 9`.
    """
    return _error(
        "RF1019",
        "comparisons do not chain",
        span,
        "second comparison",
        labels=(Label(first, "first comparison"),),
        help=(Help("join two comparisons by `and`"),),
    )


def wrong_operator(span: Span, found: str, right: str) -> Diagnostic:
    """RF1020: an operator of another language.

    Wrong: `where = a && b`. Right: `where = a and b`.
    """
    edit = f"{right} " if found == "!" else right
    return _error(
        "RF1020",
        f"`{found}` is written `{right}`",
        span,
        f"expected `{right}`",
        help=(Help(f"write `{right}`", (Edit(span, edit),), "machine"),),
    )


def reserved_word(span: Span, word: str, quotable: bool) -> Diagnostic:
    """RF1021: a reserved word where a name must stand.

    Reserved are `rest and or not in import as true false null`. As a map's key or a label the word can be quoted.
    """
    help: tuple[Help, ...] = (Help("choose another name"),)
    if quotable:
        help = (Help("quote it", (Edit(span, f'"{word}"'),), "machine"),)
    return _error("RF1021", f"`{word}` is a reserved word", span, "cannot be a name", help=help)


def hyphenated_name(span: Span, name: str, quotable: bool) -> Diagnostic:
    """RF1022: a bare word with `-` or another mark in it.

    Wrong: `{ pre-algebra = 20% }`. Right: `{ "pre-algebra" = 20% }`. Names that are declared use `_`.
    """
    if quotable:
        help = Help("quote it", (Edit(span, f'"{name}"'),), "machine")
    else:
        plain = "".join(character if character.isascii() and character.isalnum() else "_" for character in name)
        help = Help("use `_`", (Edit(span, plain),), "maybe")
    return _error("RF1022", f"`{_shorten(name)}` is no bare word", span, "not a bare word", help=(help,))


def not_a_key(span: Span, text: str) -> Diagnostic:
    """RF1022: a map's key that is neither a name nor quoted text.

    Wrong: `{ 1 = 25% }`. Right: `{ "1" = 25% }`.
    """
    help = (Help("quote it", (Edit(span, f'"{text}"'),), "machine"),) if '"' not in text and "\\" not in text else ()
    return _error("RF1022", f"`{_shorten(text)}` is no key: a key is a name or quoted text", span, "not a key", help=help)


def foreign_comment(span: Span, mark: str) -> Diagnostic:
    """RF1023: a comment of another language.

    Wrong: `// later`. Right: `# later`.
    """
    edit = (Edit(span, "#"),) if mark in ("//", "--") else ()
    return _error(
        "RF1023",
        f"`{mark}` starts no comment",
        span,
        "comments start with `#`",
        help=(Help("write `#`", edit, "machine" if edit else "none"),),
    )


def broken_line(span: Span, what: str) -> Diagnostic:
    """RF1024: a line ends where a statement must go on.

    Wrong: `measure size` and `{` on the next line. Right: `measure size {`.
    """
    return _error("RF1024", f"{what} must stand on the line before", span, "starts a new statement here")


def operator_on_new_line(span: Span, operator: str) -> Diagnostic:
    """RF1024: a line that starts with an operator. An expression goes on over a line's end only inside brackets.

    Wrong: `where = a` and `and b` on the next line. Right: `where = (a` and `and b)`.
    """
    return _error(
        "RF1024",
        f"a line cannot start with `{operator}`",
        span,
        "the line before has ended",
        notes=("a newline ends an expression, except inside `( )` and `[ ]`",),
        help=(Help("put the whole expression in `( )`"),),
    )


def malformed_import(span: Span, expected: str) -> Diagnostic:
    """RF1025: a malformed import.

    Right: `import "lib/models.refine" as models`.
    """
    return _error(
        "RF1025",
        f"malformed import: expected {expected}",
        span,
        f"expected {expected}",
        notes=('an import is written `import "lib/models.refine" as models`',),
    )


def lone_dollar(span: Span) -> Diagnostic:
    """RF1026: `$` that starts no amount of money. Text is not interpolated; variables are read as `var.x`."""
    return _error(
        "RF1026",
        "`$` starts no amount of money",
        span,
        "expected digits after this",
        notes=("money is written `$0.15`; a variable is read as `var.x`, an environment variable as `env(\"NAME\")`",),
    )


def nested_too_deeply(span: Span, limit: int) -> Diagnostic:
    """RF1030: brackets or operators nested beyond what any spec needs.

    A long row of `or` counts as nesting: write `x in [a, b, c]`.
    """
    return _error(
        "RF1030",
        "nested too deeply",
        span,
        f"more than {limit} levels here",
        notes=(f"brackets count two levels, operators in a row one each; at most {limit}",),
        help=(Help("write many alternatives as `x in [a, b, c]`"),),
    )


def file_too_large(name: str, size: int, limit: int, span: Span | None = None) -> Diagnostic:
    """RF1031: a spec larger than the compiler reads; most likely a data file."""
    return _error(
        "RF1031",
        f"`{_shorten(name)}` has {size} bytes, more than the {limit} that a spec may have",
        span,
        "",
        notes=("the items of a dataset stand in files of their own, named by `source`",),
    )


def not_utf8(span: Span, offset: int, byte: int) -> Diagnostic:
    """RF1032: bytes that are not UTF-8."""
    return _error(
        "RF1032",
        f"the file is not UTF-8: byte 0x{byte:02X} at offset {offset}",
        span,
        "not UTF-8",
        help=(Help("save the file as UTF-8"),),
    )


def utf16(span: Span, encoding: str) -> Diagnostic:
    """RF1032: a file in UTF-16 or UTF-32."""
    help = (Help("save the file as UTF-8"),)
    return _error("RF1032", f"the file is {encoding}, not UTF-8", span, "", help=help)


def nul_character(span: Span, offset: int) -> Diagnostic:
    """RF1033: a NUL: the file is binary, or cut short by a crash."""
    return _error("RF1033", f"NUL character at offset {offset}: this is no text", span, "NUL")


def further_errors(span: Span, count: int) -> Diagnostic:
    """RF1034: more syntax errors than it helps to show."""
    return Diagnostic("RF1034", "note", f"only the first {count} syntax errors are shown", span, label="and more from here")


def missing_edition(span: Span) -> Diagnostic:
    """RF1040: a file does not say which edition of the language it is written in.

    Right: `edition = 1` as the first statement.
    """
    return _error(
        "RF1040",
        "the first statement must be `edition = 1`",
        span,
        "`edition = 1` must stand before this",
        help=(Help("start the file with the edition", (Edit(Span(span.file, span.start, span.start), "edition = 1\n"),), "machine"),),
    )


def misplaced_edition(span: Span, first: Span) -> Diagnostic:
    """RF1040: `edition` is not the first statement."""
    return _error(
        "RF1040",
        "`edition` must be the first statement",
        span,
        "must stand first",
        labels=(Label(first, "stands before it"),),
        help=(Help("move it to the top of the file"),),
    )


def unknown_edition(span: Span, found: str, known: Sequence[int]) -> Diagnostic:
    """RF1041: an edition that this compiler does not know, so that nothing else of the file can be judged."""
    names = ", ".join(f"`{edition}`" for edition in known)
    return _error(
        "RF1041",
        f"unknown edition `{_shorten(found)}`",
        span,
        f"this compiler knows {names}",
        notes=("a newer compiler may know it; nothing else in the file was checked",),
        help=(Help(f"write `edition = {known[-1]}`", (Edit(span, str(known[-1])),), "maybe"),),
    )


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _error(
    code: str,
    message: str,
    span: Span | None,
    label: str,
    *,
    labels: tuple[Label, ...] = (),
    notes: tuple[str, ...] = (),
    help: tuple[Help, ...] = (),
) -> Diagnostic:
    return Diagnostic(code, "error", message, span, label=label, labels=labels, notes=notes, help=help)
