"""`format_source`: the one layout of a spec. It works on tokens: what stands between them is laid out anew, they
themselves are not touched.

Line breaks are the author's. What changes: white space, commas at the ends of lines, the indentation of text blocks,
and blank lines. The rules stand in `specs/language/09-formatting.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refinelab_dsl.diagnostics import Diagnostics
from refinelab_dsl.diagnostics.catalog import internal as faults
from refinelab_dsl.source import Source, Sources, Span
from refinelab_dsl.syntax import literals
from refinelab_dsl.syntax.encoding import MAX_BYTES
from refinelab_dsl.syntax.lex import BLOCK, NEWLINE, Token, lex
from refinelab_dsl.syntax.nodes import Attribute, Block, Statement, Tree
from refinelab_dsl.syntax.parse import parse

INDENT = 2

_OPENERS = frozenset({"LBRACE", "LPAR", "LSQB"})
_CLOSERS = frozenset({"RBRACE", "RPAR", "RSQB"})
# After these a `+` or `-` stands between two operands; after anything else it is a sign.
_OPERANDS = _CLOSERS | {
    "NAME", "STRING", "TEXT", "PERCENT", "MONEY", "COUNT", "DURATION", "NUMBER", "TRUE", "FALSE", "NULL", "REST",
}  # fmt: skip
_COMMENT_END = " \t\f\r"


def format_source(source: Source) -> tuple[str | None, Diagnostics]:
    """The text as it should be laid out, or what keeps it from that: errors of form. Runs in linear time.

    The result has been read again: it has the same statements, documentation and comments. Where that fails (a bug of
    ours, or a text that would grow beyond what a spec may be) there is a diagnostic and no text.
    """
    tree, found = parse(source)
    if found.has_errors:
        return None, found
    text = _lay_out(source)
    if reason := _find_difference(source, tree, text):
        refused = faults.layout_refused(Span(source.name, 0, 0), reason)
        return None, Diagnostics((refused,), Sources([source]))
    return text, found


def _find_difference(source: Source, tree: Tree, text: str) -> str | None:
    """What the text laid out anew says otherwise than the source does."""
    if len(text) > MAX_BYTES:
        return f"with its indentation the text would be larger than {MAX_BYTES} bytes"
    again = Source(source.name, text, source.path)
    tree_again, found = parse(again)
    if found.has_errors:
        return f"laid out, it would not parse: {found.errors[0].message}"
    if tree.statements != tree_again.statements:
        return "laid out, it would say something else"
    if list(_docs(tree.statements)) != list(_docs(tree_again.statements)):
        return "laid out, a `##` comment would document something else"
    if _comments(source) != _comments(again):
        return "laid out, its comments would differ"
    return None


def _docs(statements: Sequence[Statement]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, Attribute | Block):
            yield statement.doc
        if isinstance(statement, Block):
            yield from _docs(statement.body)


def _comments(source: Source) -> list[str]:
    return [comment.text.rstrip(_COMMENT_END) for comment in lex(source).comments]


@dataclass(slots=True)
class _Piece:
    """A token or comment; `breaks` newlines stand before it, and a comma after it if `comma`; `joined`: no space stands
    before it, nor should one."""

    token: Token
    breaks: int
    comma: bool = False
    joined: bool = False

    @property
    def is_comment(self) -> bool:
        return self.token.type == "COMMENT"


@dataclass(slots=True)
class _Row:
    """What the author put on one line (a text block counts as one place on it).

    top: it starts outside of all brackets. blank: a blank line stands before it. tall: it holds a text block.
    """

    indent: int
    top: bool
    blank: bool
    is_comment: bool
    parts: list[str]
    tall: bool = False

    @property
    def text(self) -> str:
        return " " * self.indent + "".join(self.parts)


@dataclass(frozen=True, slots=True)
class _Bracket:
    """An open bracket: the indentation of the line on which it stands. `lists`: commas part what is in it."""

    indent: int
    is_brace: bool
    lists: bool


def _lay_out(source: Source) -> str:
    rows = _build_rows(_settle_commas(_read_pieces(source)))
    _part_statements(rows)
    lines = (f"\n{row.text}\n" if row.blank else f"{row.text}\n" for row in rows)
    return "".join(lines)


def _read_pieces(source: Source) -> list[_Piece]:
    """Tokens and comments in order. Each comma is moved to the token that it follows, over comments and line breaks."""
    lexed = lex(source)
    tokens = (token for token in lexed.tokens if token.type != NEWLINE)
    pieces: list[_Piece] = []
    last: _Piece | None = None
    end = breaks = 0
    for token in sorted((*tokens, *lexed.comments), key=lambda token: token.start):
        breaks = max(breaks, source.text.count("\n", end, token.start))
        end = token.end
        if token.type == "COMMA":
            assert last is not None
            last.comma = True
            continue
        piece = _Piece(token, breaks)
        pieces.append(piece)
        breaks = 0
        if not piece.is_comment:
            last = piece
    if pieces:
        pieces[0].breaks = 0
    for left, mark, right in zip(pieces, pieces[1:], pieces[2:], strict=False):
        # `pre-algebra` is a label that lacks its quotes, most likely: as `pre - algebra` it would not look like one.
        if mark.token.text == "-" and left.token.type == "NAME" and right.token.type in ("NAME", "NUMBER"):
            joined = left.token.end == mark.token.start and mark.token.end == right.token.start
            mark.joined = right.joined = joined
    return pieces


def _settle_commas(pieces: list[_Piece]) -> list[_Piece]:
    """Commas that a line's end makes needless in braces are dropped; before a closing bracket a comma stands exactly
    where the bracket starts a line and closes a list or a call."""
    inside: list[_Bracket] = []
    last: _Piece | None = None
    broken = False
    for piece in pieces:
        broken = broken or piece.breaks > 0
        if piece.is_comment:
            continue
        kind = piece.token.type
        braces = not inside or inside[-1].is_brace
        if last is not None and kind in _CLOSERS:
            last.comma = broken and inside[-1].lists and last.token.type not in _OPENERS
            inside.pop()
        elif last is not None and braces and broken:
            last.comma = False
        if kind in _OPENERS:
            inside.append(_open(piece, last, 0))
        last, broken = piece, False
    if last is not None and not inside:
        last.comma = False
    return pieces


def _open(piece: _Piece, before: _Piece | None, indent: int) -> _Bracket:
    kind = piece.token.type
    return _Bracket(indent, kind == "LBRACE", kind == "LSQB" or (kind == "LPAR" and _is_name(before)))


def _is_name(piece: _Piece | None) -> bool:
    """Whether a `(` after this piece belongs to a call."""
    return piece is not None and piece.token.type == "NAME" and not piece.comma


def _build_rows(pieces: Sequence[_Piece]) -> list[_Row]:
    rows: list[_Row] = []
    inside: list[_Bracket] = []
    before: _Piece | None = None  # the last piece
    last: _Piece | None = None  # the last one that is no comment
    signed = False  # `last` is a sign
    for piece in pieces:
        token = piece.token
        if before is None or piece.breaks:
            closes = token.type in _CLOSERS
            indent = inside[-1].indent + (0 if closes else INDENT) if inside else 0
            blank = piece.breaks > 1 and not closes and not _ends_opening(before, last)
            rows.append(_Row(indent, not inside, blank, piece.is_comment, []))
        else:
            rows[-1].parts.append(_space(before, piece, signed))
        row = rows[-1]
        if token.type == BLOCK:
            row.tall = True
            row.parts.append(_indent_block(token.text, row.indent + INDENT))
        else:
            row.parts.append(token.text.rstrip(_COMMENT_END) if piece.is_comment else token.text)
        if piece.comma:
            row.parts.append(",")
        before = piece
        if piece.is_comment:
            continue
        if token.type in _OPENERS:
            inside.append(_open(piece, last, row.indent))
        elif token.type in _CLOSERS:
            inside.pop()
        signed = token.type == "ADD" and (last is None or last.comma or last.token.type not in _OPERANDS)
        last = piece
    return rows


def _ends_opening(before: _Piece | None, last: _Piece | None) -> bool:
    """Whether the row that ends with `before` ends with an opening bracket, a comment behind it aside."""
    if before is None or last is None or last.token.type not in _OPENERS:
        return False
    return before is last or (before.is_comment and not before.breaks)


def _space(before: _Piece, piece: _Piece, signed: bool) -> str:
    """What stands between two pieces of one row; `signed`: the first is a sign."""
    left, right = before.token.type, piece.token.type
    if right == "COMMENT":
        return "  "
    if before.comma:
        return " "
    if piece.joined or left in ("LPAR", "LSQB", "DOT") or right in ("RPAR", "RSQB", "DOT"):
        return ""
    if (left == "LBRACE" and right == "RBRACE") or (right == "LPAR" and left == "NAME"):
        return ""
    # `--1` would be read as a comment of another language.
    return "" if signed and right != "ADD" else " "


def _indent_block(text: str, indent: int) -> str:
    """A text block with its lines and its closing mark at `indent`; its value stays the same."""
    value = literals.parse_block(text)
    assert isinstance(value, str)
    margin = " " * indent
    lines = value.split("\n") if text.count("\n") > 1 else []
    # A carriage return at the end of a line is taken for half of the line's end: one that belongs to the text has two.
    body = (f"{margin}{line}\r\n" if line.endswith("\r") else f"{margin}{line}\n" if line else "\n" for line in lines)
    return f'"""\n{"".join(body)}{margin}"""'


def _part_statements(rows: Sequence[_Row]) -> None:
    """Sees to a blank line between two statements of which one takes several lines, before the comments
    that stand over the second."""
    starts = [index for index, row in enumerate(rows) if row.top and not row.is_comment]
    above: tuple[int, bool] | None = None  # the last row of the statement before, and whether it is tall
    for number, start in enumerate(starts):
        limit = starts[number + 1] if number + 1 < len(starts) else len(rows)
        end = start
        while end + 1 < limit and not rows[end + 1].top:
            end += 1
        tall = end > start or rows[start].tall
        if above is not None and (tall or above[1]) and not any(row.blank for row in rows[above[0] + 1 : start + 1]):
            rows[above[0] + 1].blank = True
        above = (end, tall)
