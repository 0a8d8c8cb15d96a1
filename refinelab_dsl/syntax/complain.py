"""What to say about the token at which the parser stopped: the reasons in `RULES`, tried in order."""

from __future__ import annotations

from collections.abc import Callable

from refinelab_dsl.builtins import BLOCKS
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import syntax as faults
from refinelab_dsl.diagnostics.suggest import meant_unit
from refinelab_dsl.source import Span
from refinelab_dsl.syntax.lex import ERROR, NEWLINE, UNKNOWN, Token, keywords
from refinelab_dsl.syntax.stop import CLOSERS, END, NUMBERS, OPENERS, OPERATORS, VALUES, Open, Stop

_UNITS = frozenset({"k", "M", "B", "ms", "s", "min", "h", "d"})
_BETWEEN = {"file": "statement", "body": "statement", "map": "entry", "list": "item", "call": "argument"}


def complain(stop: Stop) -> Diagnostic:
    """The one complaint about a text."""
    for rule in RULES:
        if found := rule(stop):
            return found
    return faults.unexpected(stop.span, stop.describe(), stop.expected)


def _unquoted(stop: Stop) -> Diagnostic | None:
    """`id = gpt-4o-mini`, `source = ./data.csv`, `base_url = http://localhost`."""
    at, previous = stop.at, stop.previous
    if at.type not in (ERROR, UNKNOWN, "MULTIPLY", "DOT") or (stop.inside == "map" and stop.starts):
        return None
    starts_path = previous.type in ("EQUAL", "COMMA", "LSQB", "LPAR") and at.text in (".", "/") and stop.touches(0)
    within_word = (
        stop.touches(-1)
        and previous.type in ("NAME", "ADD", "DOT", "MULTIPLY", "NUMBER", UNKNOWN)
        and (at.type != ERROR or (at.text[:1].isdigit() and previous.type not in ("NUMBER", UNKNOWN)))
        and (at.text != ":" or (stop.next.text == "/" and stop.touches(0)))
    )
    if not (starts_path or within_word) or at.text in ("&&", "||", ";", "!"):
        return None
    first, last = stop.run(0, 0)
    if last.end - first.start < 3 or (first.type in ("ADD", "MULTIPLY") and not starts_path):
        return None
    if within_word and not starts_path and first.type != "NAME":
        return None
    span = stop.of(first, last)
    return faults.unquoted_text(span, stop.source.text[span.start : span.end])


def _fault(stop: Stop) -> Diagnostic | None:
    """What the lexer had to say."""
    return stop.at.fault


def _unclosed(stop: Stop) -> Diagnostic | None:
    """The end, or the start of what looks like the next statement, inside an open bracket."""
    if not stop.open:
        return None
    innermost = stop.open[-1]
    opened = stop.of(innermost.token)
    if stop.at.type == END:
        if stop.previous.type in ("EQUAL", *OPERATORS):
            return None
        if guess := _by_nesting(stop) or _by_indentation(stop):
            return guess
        return faults.unclosed_bracket(opened, innermost.bracket, None)
    if stop.at.type in CLOSERS and CLOSERS[stop.at.type] != innermost.bracket:
        outer = [item for item in stop.open if item.bracket == CLOSERS[stop.at.type]]
        line = stop.source.text.find("\n", innermost.token.start, stop.at.start) < 0
        if not outer or (line and stop.source.text.find("\n", outer[-1].token.start, stop.at.start) >= 0):
            return faults.wrong_bracket(stop.span, stop.at.text, opened, innermost.bracket)
        return faults.unclosed_bracket(opened, innermost.bracket, stop.span)
    if innermost.bracket != "{" and stop.at.type == "NAME" and stop.next.type in ("EQUAL", "LBRACE", "NAME", "STRING"):
        before = stop.source.text[stop.previous.end : stop.at.start]
        if "\n" in before and not _closes_later(stop, innermost):
            return faults.unclosed_bracket(opened, innermost.bracket, stop.span)
    return None


def _by_nesting(stop: Stop) -> Diagnostic | None:
    """The block that was not closed before the next one, which is indented: blocks do not stand in blocks."""
    opened: list[tuple[Token, str]] = []
    tokens = stop.tokens[: stop.index]
    for index, token in enumerate(tokens):
        if token.type in OPENERS:
            head = [each.type for each in tokens[max(0, index - 3) : index]]
            is_block = head[-2:] in (["NAME", "NAME"], ["NAME", "STRING"]) and (len(head) < 3 or head[0] == NEWLINE)
            role = "block" if is_block else ""
            if is_block and opened and opened[-1][1] == "block":
                outer = opened[-1][0]
                return faults.unclosed_bracket(stop.of(outer), "{", stop.of(tokens[index - 2]))
            opened.append((token, role))
        elif token.type in CLOSERS and opened:
            opened.pop()
    return None


def _by_indentation(stop: Stop) -> Diagnostic | None:
    """The bracket that was forgotten, where the indentation tells: its line starts further right than the line of the
    bracket that closed it instead."""
    text = stop.source.text
    opened: list[Token] = []
    for token in stop.tokens[: stop.index]:
        if token.type in OPENERS:
            opened.append(token)
        elif token.type in CLOSERS and opened:
            opener = opened.pop()
            line = text.rfind("\n", 0, token.start) + 1
            if text[line : token.start].strip(" \t") or line <= opener.start or not opened:
                continue
            first = text.rfind("\n", 0, opener.start) + 1
            indented = text[first : opener.start]
            if token.start - line < len(indented) - len(indented.lstrip(" \t")):
                return faults.unclosed_bracket(stop.of(opener), OPENERS[opener.type], stop.of(token))
    return None


def _closes_later(stop: Stop, opened: Open) -> bool:
    """Whether the bracket is closed further on, before the one around it is."""
    depth = 0
    for token in stop.tokens[stop.index :]:
        if token.type in OPENERS:
            depth += 1
        elif token.type in CLOSERS:
            if depth == 0:
                return CLOSERS[token.type] == opened.bracket
            depth -= 1
    return False


def _stray_bracket(stop: Stop) -> Diagnostic | None:
    if stop.at.type in CLOSERS and not stop.open:
        return faults.stray_bracket(stop.span, stop.at.text)
    return None


def _foreign_comment(stop: Stop) -> Diagnostic | None:
    """`// later`, `/* later */`, `-- later`, and `; later` where a statement starts."""
    text = stop.source.text
    if stop.at.text == ";" and stop.starts and stop.next.type == "NAME" and not stop.touches(0):
        return faults.foreign_comment(stop.span, ";", ())
    for offset in (0, -1, -2, -3):
        left, right = stop.token(offset), stop.token(offset + 1)
        if not stop.touches(offset) or "\n" in text[right.end : max(right.end, stop.at.start)]:
            continue
        mark = left.text + right.text
        if mark == "//" or (mark == "--" and text[right.end : right.end + 1] == " "):
            return faults.foreign_comment(stop.of(left, right), mark, ())
        if mark == "/*":
            return faults.foreign_comment(stop.of(left, right), mark, _comment_lines(stop, right.end))
    return None


def _comment_lines(stop: Stop, start: int) -> tuple[Span, ...]:
    """Of a comment `/* … */` whose text starts at `start`: the starts of its further lines, and its closing mark last.
    Empty where it is not closed, or something follows on its last line."""
    text = stop.source.text
    end = text.find("*/", start)
    if end < 0 or text[end + 2 :].partition("\n")[0].strip():
        return ()
    starts = [place + 1 for place in range(start, end) if text[place] == "\n"]
    return (*(Span(stop.source.name, place, place) for place in starts), Span(stop.source.name, end, end + 2))


def _number(stop: Stop) -> Diagnostic | None:
    """`25 %`, `10 min`, `.5`, `1,000`."""
    at, previous = stop.at, stop.previous
    if previous.type == "NUMBER" and (at.text == "%" or at.type == "NAME"):
        unit = at.text if at.text in _UNITS or at.text == "%" else meant_unit(at.text)
        if unit is not None:
            return faults.spaced_unit(stop.of(previous, at), previous.text, at.text, unit)
    if at.type == "NUMBER" and meant_unit(previous.text) == "$":
        return faults.spaced_unit(stop.of(previous, at), at.text, previous.text, "$")
    if at.type == "DOT" and stop.wants_value and stop.touches(0) and stop.next.type in NUMBERS:
        return faults.malformed_number(stop.of(at, stop.next), f".{stop.next.text}")
    if at.type == "NUMBER" and previous.type == "COMMA" and stop.touches(-1) and stop.touches(-2):
        first = stop.token(-2)
        if first.type in ("NUMBER", "MONEY") and len(at.text) == 3 and not stop.wants_value:
            last = 0
            while stop.token(last + 1).type == "COMMA" and stop.touches(last) and stop.touches(last + 1):
                if stop.token(last + 2).type != "NUMBER" or len(stop.token(last + 2).text) != 3:
                    break
                last += 2
            span = stop.of(first, stop.token(last))
            return faults.grouped_digits(span, stop.source.text[span.start : span.end])
    return None


def _mark(stop: Stop) -> Diagnostic | None:
    """`kind: remove`, `a && b`, `x = 1;`, `$name`."""
    at = stop.at
    if at.text == "==" and "EQUAL" in stop.accepts:
        return faults.other_assignment(stop.span, "==")
    if stop.previous.type == "EQUAL" and at.text == ">" and stop.touches(-1):
        return faults.other_assignment(stop.of(stop.previous, at), "=>")
    if "EQUAL" in stop.accepts and at.text == "-" and stop.next.text == ">" and stop.touches(0):
        return faults.other_assignment(stop.of(at, stop.next), "->")
    if at.text == "=" and stop.previous.type == "COMPARE" and stop.touches(-1) and stop.previous.text == "==":
        return faults.wrong_operator(stop.of(stop.previous, at), "===", "==")
    if at.text == ">" and stop.previous.text == "<" and stop.touches(-1):
        return faults.wrong_operator(stop.of(stop.previous, at), "<>", "!=")
    if at.type != UNKNOWN:
        return None
    if at.text == ":" and "EQUAL" in stop.accepts:
        if stop.next.type == "EQUAL" and stop.touches(0):
            return faults.other_assignment(stop.of(at, stop.next), ":=")
        if stop.next.type == NEWLINE:
            return faults.indented_map(stop.span, stop.previous.text)
        spaced = (not stop.touches(-1), not stop.touches(0))
        return faults.other_assignment(stop.span, ":", f"{' ' * (not spaced[0])}={' ' * (not spaced[1])}")
    if at.text == ";":
        ends = stop.next.type in (NEWLINE, END) or stop.next.type in CLOSERS
        return faults.semicolon(stop.span, is_last=ends)
    if at.text in ("&&", "||") and "AND" in stop.accepts:
        return faults.wrong_operator(stop.span, at.text, {"&&": "and", "||": "or"}[at.text])
    if at.text == "!" and "NOT" in stop.accepts:
        return faults.wrong_operator(stop.span, "!", "not")
    if at.text == "$":
        return faults.lone_dollar(*_interpolation(stop))
    if at.text in ("&", "|", "^", "~", "`", "\\", "@", "%") or at.text == "?":
        return faults.unknown_character(stop.span, at.text)
    return None


def _interpolation(stop: Stop) -> tuple[Span, str | None]:
    """`${var.limit}` as a whole and what is to be written for it, `$NAME`; a `$` by itself."""
    text = stop.source.text
    if stop.next.type == "NAME" and stop.touches(0):
        name = stop.next.text
        return stop.of(stop.at, stop.next), f'env("{name}")' if name.isupper() else f"var.{name}"
    if stop.next.type == "LBRACE" and stop.touches(0):
        end = text.find("}", stop.next.end)
        inner = text[stop.next.end : max(end, stop.next.end)]
        if end >= 0 and inner.strip() and not set(inner) & set('{"\n'):
            return Span(stop.source.name, stop.at.start, end + 1), inner.strip()
    return stop.span, None


def _import(stop: Stop) -> Diagnostic | None:
    """Anything wrong in `import "…" as name`."""
    if stop.inside in ("file", "body") and stop.head and stop.head[0].type == "IMPORT" and len(stop.head) < 4:
        if stop.at.type not in (NEWLINE, END) and stop.at.text in keywords() and "NAME" in stop.accepts:
            return faults.reserved_word(stop.span, stop.at.text, False)
        wanted = {1: "a quoted path", 2: "`as`", 3: "a name"}[len(stop.head)]
        return faults.malformed_import(stop.span, wanted, _meant_import(stop))
    words = [each.text for each in stop.head]
    is_path = stop.inside == "file" and len(words) == 2 and stop.head[1].type == "STRING"
    if is_path and words[0] in ("include", "use", "require", "from"):
        return faults.malformed_import(stop.of(stop.head[0]), "`import`", _meant_import(stop))
    return None


def _meant_import(stop: Stop) -> tuple[Span, str] | None:
    """`import models from "x.refine"`, `import "x.refine"`, `include "x.refine"`: the whole and what was meant."""
    line = [stop.head[0]]
    for token in stop.tokens[stop.tokens.index(stop.head[0]) + 1 :]:
        if token.type == NEWLINE or len(line) > 4:
            break
        line.append(token)
    paths = [token for token in line if token.type == "STRING"]
    names = [token.text for token in line[1:] if token.type == "NAME" and token.text not in ("from", "as")]
    if len(paths) != 1 or len(names) > 1:
        return None
    stem = paths[0].text.strip('"').rpartition("/")[2].partition(".")[0]
    name = names[0] if names else "".join(each if each.isalnum() else "_" for each in stem)
    if not name.isidentifier() or not name.isascii() or name in keywords():
        return None
    return stop.of(line[0], line[-1]), f"import {paths[0].text} as {name}"


def _hyphenated(stop: Stop) -> Diagnostic | None:
    """`pre-algebra = 20%`, `measure pre-algebra {`."""
    previous = stop.previous
    if stop.at.type not in ("ADD", "DOT", "MULTIPLY") or previous.type != "NAME" or not stop.touches(-1):
        return None
    is_key = len(stop.head) == 1 and "EQUAL" in stop.accepts
    is_label = len(stop.head) == 2 and "LBRACE" in stop.accepts
    if not (is_key or is_label) or stop.inside in ("list", "call", "group"):
        return None
    first, last = stop.run(0, 0)
    if last is stop.at:
        return None
    span = stop.of(first, last)
    return faults.hyphenated_name(span, stop.source.text[span.start : span.end], is_key and stop.inside == "map")


def _no_value(stop: Stop) -> Diagnostic | None:
    """Nothing after `=` or an operator."""
    previous = stop.previous
    ends = stop.at.type in (NEWLINE, END, "COMMA") or stop.at.type in CLOSERS
    if not ends or not stop.wants_value:
        return None
    if stop.at.type == NEWLINE and stop.next.type in ("LBRACE", "LSQB", "STRING", "TEXT") and previous.type == "EQUAL":
        return faults.broken_line(stop.of(stop.next), "this value")
    if previous.type == "EQUAL":
        name = stop.token(-2)
        return faults.missing_value(stop.of(name, previous), name.text)
    if previous.type in OPERATORS:
        return faults.missing_operand(stop.of(previous), previous.text)
    return None


def _alone(stop: Stop) -> Diagnostic | None:
    """`kind remove`, `kind 5`, `measure size`: words where `=` or `{` is missing."""
    head = stop.head
    if stop.inside not in ("file", "body", "map") or not head or head[0].type not in ("NAME", "STRING"):
        return None
    first = head[0]
    ends = stop.at.type in (NEWLINE, END, "COMMA") or stop.at.type in CLOSERS
    if len(head) == 1 and "EQUAL" in stop.accepts:
        if stop.at.type == NEWLINE and stop.next.type == "LBRACE" and stop.inside != "map":
            return faults.broken_line(stop.of(stop.next), "`{`")
        if ends:
            if stop.inside == "map":
                return faults.missing_value(stop.of(first), first.text)
            return faults.missing_body(stop.of(first), first.text)
        if stop.at.text in keywords() and stop.next.type == "LBRACE" and stop.inside != "map":
            return faults.reserved_word(stop.span, stop.at.text, False)
        if stop.at.type in VALUES or stop.at.type in OPENERS or (stop.at.type == "ADD" and not stop.touches(-1)):
            return faults.missing_equal(stop.span, first.text, stop.after(first))
    if len(head) == 2 and stop.inside != "map" and "LBRACE" in stop.accepts and head[1].type in ("NAME", "STRING"):
        if stop.at.type == "EQUAL":
            if stop.next.type == "LBRACE":
                return faults.equal_before_block(stop.span, first.text, head[1].text)
            return faults.unexpected(stop.of(head[1]), f"`{head[1].text}`", "`=`") if first.type == "NAME" else None
        if stop.at.type == NEWLINE and stop.next.type == "LBRACE":
            return faults.broken_line(stop.of(stop.next), "`{`")
        if ends and stop.inside == "file":
            span = stop.of(first, head[1])
            return faults.missing_body(span, stop.source.text[span.start : span.end])
        if stop.at.type not in ("NAME", "STRING") or ends:
            return faults.missing_equal(stop.of(head[1]), first.text, stop.after(first))
    return None


def _continues(stop: Stop) -> Diagnostic | None:
    """A line that starts with an operator."""
    if stop.starts and stop.previous.type == NEWLINE and stop.at.type in (OPERATORS - {"NOT"}) | {"DOT"}:
        return faults.operator_on_new_line(stop.span, stop.at.text)
    return None


def _reserved(stop: Stop) -> Diagnostic | None:
    if stop.at.type in ("AND", "OR", "IN") and stop.previous.type in OPERATORS and stop.wants_value:
        return faults.missing_operand(stop.of(stop.previous), stop.previous.text)
    if stop.at.text in keywords() and "NAME" in stop.accepts:
        quotable = stop.wants_value or (stop.inside == "map" and stop.starts)
        return faults.reserved_word(stop.span, stop.at.text, quotable)
    return None


def _comma(stop: Stop) -> Diagnostic | None:
    if stop.at.type != "COMMA":
        return None
    if stop.starts or stop.previous.type in ("COMMA", *OPENERS):
        return faults.extra_separator(stop.span, ",")
    if stop.inside == "group":
        return faults.comma_in_group(stop.span, stop.of(stop.open[-1].token))
    return None


def _comparison(stop: Stop) -> Diagnostic | None:
    if stop.at.type not in ("COMPARE", "IN", "NOT") or "COMPARE" in stop.accepts:
        return None
    depth = 0
    for token in reversed(stop.tokens[: stop.index]):
        if token.type in CLOSERS:
            depth += 1
        elif token.type in OPENERS:
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and token.type in ("COMPARE", "IN"):
            return faults.chained_comparison(stop.span, stop.of(token))
        elif depth == 0 and token.type in (NEWLINE, "COMMA", "EQUAL", "AND", "OR"):
            break
    return None


def _equal(stop: Stop) -> Diagnostic | None:
    """`where = topic = algebra`."""
    if stop.at.type == "EQUAL" and "COMPARE" in stop.accepts and stop.head:
        return faults.wrong_operator(stop.span, "=", "==")
    return None


def _key(stop: Stop) -> Diagnostic | None:
    """`{ 1 = 25% }`."""
    if stop.inside == "map" and stop.starts and "NAME" in stop.accepts and stop.at.type in NUMBERS:
        first, last = stop.run(0, 0)
        span = stop.of(first, last)
        return faults.not_a_key(span, stop.source.text[span.start : span.end])
    return None


def _second_name(stop: Stop) -> Diagnostic | None:
    """`resource "measure" "words" {`, `model openai small {`: HCL's blocks take several labels, ours one."""
    words = ("NAME", "STRING")
    if "LBRACE" not in stop.accepts or stop.at.type not in words or [each.type for each in stop.head[1:]] not in (
        ["NAME"],
        ["STRING"],
    ):
        return None
    kind, name = stop.previous.text.strip('"'), stop.at.text.strip('"')
    meant = f"{kind} {name}" if kind in BLOCKS and name.isidentifier() else None
    return faults.second_name(stop.span, stop.describe(), stop.of(stop.head[0], stop.at), meant)


def _separator(stop: Stop) -> Diagnostic | None:
    """Two things side by side."""
    begins = stop.at.type in VALUES or stop.at.type in OPENERS or stop.at.type in ("NOT", "IMPORT")
    if not begins or "COMMA" not in stop.accepts:
        return None
    between = _BETWEEN.get(stop.inside)
    if between is None:
        return None
    return faults.missing_separator(stop.span, stop.after(stop.previous), between)


RULES: tuple[Callable[[Stop], Diagnostic | None], ...] = (
    _unquoted,
    _fault,
    _foreign_comment,
    _number,
    _mark,
    _import,
    _hyphenated,
    _stray_bracket,
    _no_value,
    _unclosed,
    _alone,
    _continues,
    _comma,
    _comparison,
    _equal,
    _key,
    _second_name,
    _reserved,
    _separator,
)
