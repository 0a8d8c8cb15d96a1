"""Characters, numbers and texts of a spec: RF1040 to RF1073."""

from __future__ import annotations

import unicodedata

from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Edit, Help, Label
from refinelab_dsl.diagnostics.suggest import meant_unit
from refinelab_dsl.diagnostics.wording import error, shorten
from refinelab_dsl.source import Span


def unknown_character(span: Span, character: str) -> Diagnostic:
    """RF1040: a character that means nothing in a spec outside quotes and comments.

    Wrong: `size = 2€`. Right: `size = 2`.
    """
    name = unicodedata.name(character, "")
    named = f" ({name.lower()})" if name else ""
    message = f"unknown character `{character}`, U+{ord(character):04X}{named}"
    return error("RF1040", message, span, "means nothing here")


def invisible_character(span: Span, character: str) -> Diagnostic:
    """RF1041: a space or a mark that cannot be seen, often from a web page or a word processor."""
    name = unicodedata.name(character, "").lower() or "no name"
    blank = unicodedata.category(character) == "Zs"
    word, right = ("use a plain space", " ") if blank else ("delete it", "")
    fix = Help(word, (Edit(span, right),), "machine")
    return error("RF1041", f"invisible character U+{ord(character):04X} ({name})", span, "cannot be seen", help_=(fix,))


def control_character(span: Span, character: str) -> Diagnostic:
    """RF1042: a control character outside quotes."""
    if character == "\r":
        notes = ("a line ends with a line feed, with or without a carriage return before it",)
        return error("RF1042", "carriage return without a line feed", span, "does not end a line", notes=notes)
    return error("RF1042", f"control character U+{ord(character):04X}", span, "means nothing here")


def foreign_word(span: Span, word: str) -> Diagnostic:
    """RF1043: a bare word with letters outside A-Z, which only quoted text may have.

    Wrong: `größe = 25%`. Right: `"größe" = 25%`.
    """
    return error(
        "RF1043",
        f"`{shorten(word)}` is no bare word: it has other characters than A-Z, a-z, 0-9 and `_`",
        span,
        "not a bare word",
        help_=(Help("quote it, where it is a label or a text", (Edit(span, f'"{word}"'),), "maybe"),),
    )


def unopened_text(span: Span, start: Span) -> Diagnostic:
    """RF1051: a quotation mark behind a text that lacks the one before it.

    Wrong: `path = out.jsonl"`. Right: `path = "out.jsonl"`.
    """
    return error(
        "RF1051",
        "this text has no opening mark",
        span,
        "opens a text that is not closed",
        help_=(Help('open it with `"`', (Edit(start, '"'),), "maybe"),),
    )


def open_text(span: Span, close: Span) -> Diagnostic:
    """RF1050: a quoted text that does not end on its line.

    Wrong: `path = "out.jsonl`. Right: `path = "out.jsonl"`. Text of several lines stands in a text block.
    """
    return error(
        "RF1050",
        "this text is not closed on its line",
        span,
        "opened here",
        help_=(Help('close it with `"`', (Edit(close, '"'),), "maybe"),),
    )


def open_text_block(span: Span) -> Diagnostic:
    '''RF1053: a text block whose closing mark is missing.

    The closing `"""` stands first on a line of its own.
    '''
    return error(
        "RF1053",
        "this text block is never closed",
        span,
        "opened here",
        help_=(Help('close it with `"""`, first on a line of its own'),),
    )


def text_block_indent(span: Span, opened: Span, closing: Span, swallowed: bool) -> Diagnostic:
    '''RF1054: a line of a text block is indented less than the closing `"""`, whose indentation is removed from each.

    A block that was never closed is reported so at the first line that it swallowed.
    '''
    help = (
        Help('close the block with `"""` before this line')
        if swallowed
        else Help('indent the line at least as far as the closing `"""`, or move the mark to the left')
    )
    return error(
        "RF1054",
        'this line of a text block is indented less than its closing `"""`',
        span,
        "indented less",
        labels=(Label(opened, "the block starts here"), Label(closing, "its indentation is removed from each line")),
        help_=(help,),
    )


def text_on_opening_line(span: Span) -> Diagnostic:
    '''RF1055: text on the line of the `"""` that opens a block.

    Text of one line stands in single quotation marks: `"text"`.
    '''
    return error(
        "RF1055",
        'the opening `"""` of a text block ends its line',
        span,
        "text starts on the next line",
        help_=(Help('start the text on the next line, or write text of one line as `"text"`'),),
    )


def bad_escape(span: Span, escape: str) -> Diagnostic:
    r"""RF1052: a backslash that starts no escape.

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
    return error("RF1052", message, span, "not an escape", notes=notes, help_=(help,))


def malformed_number(span: Span, text: str) -> Diagnostic:
    """RF1060: digits followed by something that is no unit, or no number at all.

    Units are `k M B` (counts), `ms s min h d` (durations), `%` and a leading `$`. `m` is not a unit: it could be a
    million, a minute or a thousandth.
    """
    shown = shorten(text)
    notes = ("units are `k`, `M`, `B`, `ms`, `s`, `min`, `h`, `d`, `%`; money starts with `$`",)
    body = text.removeprefix("$")
    digits = body
    while digits and not digits[-1].isdigit():
        digits = digits[:-1]
    unit = body[len(digits) :]
    plain = digits.replace("_", "").replace(".", "", 1).isdigit() and digits[:1].isdigit() and "__" not in digits
    if text.startswith("$") and plain and unit:
        return error("RF1060", f"`{shown}` is no amount of money", span, "money takes no unit", notes=notes)
    if plain and unit == "m":
        help = tuple(
            Help(f"write `{shorten(digits)}{right}` for {meaning}", (Edit(span, digits + right),), "maybe")
            for right, meaning in (("M", "millions"), ("min", "minutes"))
        )
        return error("RF1060", f"`m` in `{shown}` is not a unit", span, "not a unit", notes=notes, help_=help)
    if plain and unit and set(unit) <= {"_"}:
        fix = Help(f"write `{shorten(digits)}`", (Edit(span, digits),), "machine")
        return error("RF1060", f"`{shown}` is no number", span, "`_` stands between digits", help_=(fix,))
    if plain and (unit.replace("_", "").isalpha() or unit == "$"):
        right_unit = meant_unit(unit)
        written = f"${digits}" if right_unit == "$" else f"{digits}{right_unit}"
        near = Help(f"write `{shorten(written)}`", (Edit(span, written),), "maybe")
        return error(
            "RF1060",
            f"`{shorten(unit)}` in `{shown}` is not a unit",
            span,
            "not a unit",
            notes=notes,
            help_=(near,) if right_unit else (),
        )
    forms = ("a number is written `7`, `1_000`, `0.25` or `1e-6`",)
    return error("RF1060", f"`{shown}` is no number", span, "not a number", notes=forms)


def spaced_unit(span: Span, number: str, found: str, unit: str) -> Diagnostic:
    """RF1061: a space between a number and its unit.

    Wrong: `25 %`, `10 sec`, `USD 3`. Right: `25%`, `10s`, `$3`.
    """
    written = f"${number}" if unit == "$" else f"{number}{unit}"
    if found == unit:
        message = f"`{unit}` must follow its number without a space"
    else:
        message = f"`{shorten(found)}` is written `{unit}`, and without a space"
    help = Help(f"write `{shorten(written)}`", (Edit(span, written),), "machine" if found == unit else "maybe")
    return error("RF1061", message, span, "written apart", help_=(help,))


def grouped_digits(span: Span, text: str) -> Diagnostic:
    """RF1062: digits grouped by commas, which separate statements.

    Wrong: `size = 1,000`. Right: `size = 1_000`.
    """
    plain = text.replace(",", "_")
    help = (Help(f"write `{shorten(plain)}`", (Edit(span, plain),), "maybe"),)
    return error("RF1062", f"`{text}` is no number: digits are grouped by `_`", span, "not a number", help_=help)


def number_out_of_reach(span: Span, digits: int) -> Diagnostic:
    """RF1063: a number too long or too large to be kept exactly: numbers are decimals, never rounded."""
    return error(
        "RF1063",
        f"this number cannot be kept exactly: it needs more than {digits} digits",
        span,
        f"at most {digits} digits",
    )


def wrong_quotes(span: Span, text: str | None) -> Diagnostic:
    """RF1045: quotation marks of another kind than `"`.

    Wrong: `path = 'out.jsonl'`. Right: `path = "out.jsonl"`.
    """
    help: tuple[Help, ...] = (Help('use `"`'),)
    if text is not None and '"' not in text and "\\" not in text:
        help = (Help('use `"`', (Edit(span, f'"{text}"'),), "machine"),)
    return error("RF1045", 'text stands in `"` marks, not in others', span, "other quotation marks", help_=help)


def unquoted_text(span: Span, text: str) -> Diagnostic:
    """RF1046: a text, such as a path or a model's id, without quotation marks.

    Wrong: `id = gpt-4o-mini`. Right: `id = "gpt-4o-mini"`.
    """
    edits = (Edit(span, f'"{text}"'),) if '"' not in text and "\\" not in text else ()
    help = (Help("quote it", edits, "maybe" if edits else "none"),)
    return error("RF1046", f"`{shorten(text)}` is a text without quotation marks", span, "must be quoted", help_=help)


def lone_dollar(span: Span, inner: str | None) -> Diagnostic:
    """RF1044: `$` that starts no amount of money. Nothing is interpolated; variables are read as `var.x`.

    Wrong: `tokens = ${var.limit}`. Right: `tokens = var.limit`.
    """
    help = (Help(f"write `{shorten(inner)}`", (Edit(span, inner),), "maybe"),) if inner is not None else ()
    return error(
        "RF1044",
        "`$` starts no amount of money",
        span,
        "expected digits after `$`",
        help_=help,
        notes=('money is written `$0.15`; a variable is read as `var.x`, an environment variable as `env("NAME")`',),
    )


def file_too_large(span: Span, limit: int) -> Diagnostic:
    """RF1070: a spec larger than the compiler reads; most likely a data file."""
    return error(
        "RF1070",
        f"`{shorten(span.file)}` has more than the {limit} bytes that a spec may have",
        span,
        "",
        notes=("the items of a dataset stand in files of their own, named by `source`",),
    )


def not_utf8(span: Span, offset: int, byte: int) -> Diagnostic:
    """RF1071: bytes that are not UTF-8."""
    return error(
        "RF1071",
        f"the file is not UTF-8: byte 0x{byte:02X} at offset {offset}",
        span,
        "not UTF-8",
        help_=(Help("save the file as UTF-8"),),
    )


def utf16(span: Span, encoding: str) -> Diagnostic:
    """RF1072: a file in UTF-16 or UTF-32."""
    help = (Help("save the file as UTF-8"),)
    return error("RF1072", f"the file is {encoding}, not UTF-8", span, "", help_=help)


def nul_character(span: Span, offset: int) -> Diagnostic:
    """RF1073: a NUL: the file is binary, or cut short by a crash."""
    return error("RF1073", f"NUL character at offset {offset}: this is no text", span, "NUL")
