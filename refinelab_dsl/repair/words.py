"""Ways out that the table of built-ins and the names of the spec suggest: words misspelt or missing, units, headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from refinelab_dsl import builtins, syntax, types
from refinelab_dsl.diagnostics import Help, ways_out
from refinelab_dsl.diagnostics.suggest import nearest
from refinelab_dsl.repair.trial import Choice
from refinelab_dsl.semantics.schema import known_kinds
from refinelab_dsl.source import Span
from refinelab_dsl.syntax.lex import NEWLINE, Token, keywords
from refinelab_dsl.syntax.reread import Part
from refinelab_dsl.syntax.stop import NUMBERS, Stop

_NEAR: Final = 5
_CONDITIONS: Final = ("assert", "accept", "where", "stop_when")
_UNITS: Final = ("", "%", "$", "M", "k", "s", "min", "B", "ms", "h", "d")


def find_ways(span: Span, part: Part, tree: syntax.Tree) -> Iterator[Choice]:
    """Ways out of an error in names and values, the likeliest first."""
    block = _block_at(tree, span)
    attribute = None if block is None else _attribute_at(block, span)
    yield Choice(_misspelt(span, part, tree))
    if block is not None and span in (block.kind_span, block.label_span, block.header_span):
        yield Choice(_swapped_header(block))
        yield Choice(_headers(block, tree), alone=True)
    place = attribute.span if attribute is not None else span
    yield Choice(_units(place, part, attribute))
    if block is not None:
        yield Choice(_attributes(block, part, tree), alone=True)
    yield Choice(_functions(place, part), alone=True)


def find_lost(stop: Stop, tree: syntax.Tree) -> Iterator[Choice]:
    """Ways out of a syntax error, where a name, a value or the first line of a declaration is missing."""
    if stop.at.type == "RBRACE" and not stop.open:
        yield Choice(_first_lines(stop, tree), alone=True)
    kind = _kind_of(stop)
    if stop.at.type == "EQUAL" and stop.starts:
        yield Choice(_names(stop, kind), alone=True)
    if stop.wants_value and stop.previous.type == "EQUAL":
        yield Choice(_values(stop, kind, tree), alone=True)
    if stop.at.type in ("STRING", "LBRACE") and stop.inside == "file" and len(stop.head) < 2:
        yield Choice(_kinds_before(stop))


# Words


def _misspelt(span: Span, part: Part, tree: syntax.Tree) -> Iterator[Help]:
    """Words near to one that stands in the wrong span: names of the spec and of the language."""
    tokens = [token for token in part.tokens if span.start <= token.start and token.end <= span.end]
    named = [token for token in tokens if token.type in ("NAME", "STRING")][:3]
    known = _vocabulary(part, tree)
    for token in named:
        word = token.text.strip('"')
        for other in nearest(word, known, most=_NEAR):
            bare = token.type == "NAME" and other.isidentifier()
            yield ways_out.replace(_span(part, token), other if bare else f'"{other}"')


def _vocabulary(part: Part, tree: syntax.Tree) -> set[str]:
    words = set(re.findall(r"[A-Za-z_]\w*", part.source.text, re.A))
    words |= set(builtins.BLOCKS) | {row.name for row in builtins.FUNCTIONS} | keywords()
    words |= set(builtins.PRESETS)
    for block in builtins.BLOCKS.values():
        words |= set(known_kinds(block.name))
        for attribute in _all_attributes(block.name):
            words.add(attribute.name)
            words |= set(_finite(attribute.type, None))
    return words


# Declarations


def _swapped_header(block: syntax.Block) -> Iterator[Help]:
    """`topic dimension {`."""
    if block.kind not in builtins.BLOCKS and block.label is not None and block.label in builtins.BLOCKS:
        yield ways_out.swap(block.header_span, block.kind, " ", block.label)


def _headers(block: syntax.Block, tree: syntax.Tree) -> Iterator[Help]:
    """`topic {`, `modle small {`, `measure {`."""
    known = builtins.BLOCKS.get(block.kind)
    if known is None and block.label is None:
        for kind, row in builtins.BLOCKS.items():
            if row.label == "name":
                yield ways_out.insert(_start(block.span), f"{kind} ")
    if known is None and block.label is not None:
        for kind in builtins.BLOCKS:
            yield ways_out.replace(block.kind_span, kind)
    if known is not None and block.label is None and known.label == "name":
        after = Span(block.kind_span.file, block.kind_span.end, block.kind_span.end)
        for name in _undeclared(tree, block.kind):
            yield ways_out.insert(after, f" {name}")


def _first_lines(stop: Stop, tree: syntax.Tree) -> Iterator[Help]:
    """The first line of a declaration or of a map, before lines that are indented under nothing."""
    text = stop.source.text
    lines = [token for token in stop.tokens[: stop.index] if token.type != NEWLINE and _is_first(text, token)]
    loose: list[Token] = []
    for token in reversed(lines):
        if not _indent(text, token):
            break
        loose.insert(0, token)
    names = {token.text for token in loose}
    if not loose:
        return
    place = text.rfind("\n", 0, loose[0].start) + 1
    at = Span(stop.source.name, place, place)
    for kind, row in builtins.BLOCKS.items():
        allowed = {attribute.name for attribute in _all_attributes(kind)}
        if not names <= allowed:
            continue
        if row.label == "none":
            yield ways_out.start_block(at, kind)
        elif row.label == "name":
            for name in _undeclared(tree, kind):
                yield ways_out.start_block(at, f"{kind} {name}")


def _undeclared(tree: syntax.Tree, kind: str) -> list[str]:
    """Words of the spec that may be meant as the name of a declaration of this kind, and are none's."""
    declared = {each.label for each in tree.statements if isinstance(each, syntax.Block) and each.kind == kind}
    found: dict[str, None] = {}
    for statement in tree.statements:
        if isinstance(statement, syntax.Block):
            rows = {attribute.name: attribute for attribute in _all_attributes(statement.kind)}
            for attribute in statement.body:
                if isinstance(attribute, syntax.Attribute) and attribute.name in rows:
                    found.update(dict.fromkeys(_references(attribute.value, rows[attribute.name].type, kind)))
    return [name for name in found if name not in declared]


def _references(value: syntax.Expression, type_: types.ValueType, kind: str) -> Iterator[str]:
    """The names that a value gives where the type expects a declaration of a kind; in expressions, any name."""
    match type_, value:
        case types.Name(kinds=kinds), syntax.Reference(parts=(name,)) if kind in kinds:
            yield name
        case types.ListOf(item=item), syntax.ListOf(items=items):
            for each in items:
                yield from _references(each, item, kind)
        case types.ListOf(item=item), _:
            yield from _references(value, item, kind)
        case types.KeyedBy(kind=keyed), syntax.MapOf(pairs=pairs) if keyed == kind:
            yield from (pair.key for pair in pairs)
        case types.Either(options=options), _:
            for option in options:
                yield from _references(value, option, kind)
        case ((types.Over() | types.Form() | types.Weights()), _) if kind in ("measure", "dimension", "dataset"):
            yield from _words(value)


def _words(value: syntax.Expression) -> Iterator[str]:
    match value:
        case syntax.Reference(parts=(word,)):
            yield word
        case syntax.Unary(operand=operand):
            yield from _words(operand)
        case syntax.Binary(left=left, right=right):
            yield from _words(left)
            yield from _words(right)
        case syntax.Call(arguments=arguments):
            for argument in arguments:
                yield from _words(argument.value)


def _kinds_before(stop: Stop) -> Iterator[Help]:
    """`"a title" {`: the kind is missing. What has a title comes first."""
    first = stop.head[0] if stop.head else stop.at
    at = Span(stop.source.name, first.start, first.start)
    for kind in sorted(builtins.BLOCKS, key=lambda kind: builtins.BLOCKS[kind].label != "title"):
        yield ways_out.insert(at, f"{kind} ")


# Attributes


def _attributes(block: syntax.Block, part: Part, tree: syntax.Tree) -> Iterator[Help]:
    """Attributes that are not written and have only so many values: `model = small`."""
    written = {each.name for each in block.body if isinstance(each, syntax.Attribute)}
    opened = next(token.end for token in part.tokens if token.type == "LBRACE" and token.start >= block.header_span.end)
    first = part.source.text[opened : block.body[0].span.start if block.body else block.span.end].rpartition("\n")
    for attribute in _all_attributes(block.kind):
        if attribute.name in written:
            continue
        after = _before(attribute.name, block)
        at = opened if after is None else after.span.end
        span = Span(block.span.file, at, at)
        for value in _finite(attribute.type, tree) if attribute.name != "kind" else known_kinds(block.kind):
            line = f"{attribute.name} = {value}"
            if first[1]:
                text = f"\n{first[2] or '  '}{line}"
            elif after is None:
                text = f" {line}{',' if block.body else ''}"
            else:
                text = f", {line}"
            yield ways_out.only_one(span, text, line)


def _before(name: str, block: syntax.Block) -> syntax.Statement | None:
    """The statement of a block behind which an attribute belongs: as the table has them, `kind` first."""
    rows = ["kind", *(attribute.name for attribute in _all_attributes(block.kind))]
    before: syntax.Statement | None = None
    for statement in block.body:
        if not isinstance(statement, syntax.Attribute) or statement.name not in rows:
            break
        if rows.index(statement.name) > rows.index(name):
            break
        before = statement
    return before


def _names(stop: Stop, kind: str | None) -> Iterator[Help]:
    """`= bulk`: the attribute whose value stands there."""
    at = Span(stop.source.name, stop.at.start, stop.at.start)
    if stop.inside == "body" and kind is not None:
        written = {token.text for token, after in _heads(stop) if after == "EQUAL"}
        for attribute in dict.fromkeys(each.name for each in _all_attributes(kind)):
            if attribute not in written:
                yield ways_out.only_one(at, f"{attribute} ", attribute)
    elif stop.inside == "file":
        for row in builtins.TOP:
            yield ways_out.only_one(at, f"{row.name} ", row.name)
    elif stop.inside == "map":
        for name in _keys(stop, kind):
            yield ways_out.only_one(at, f"{name} ", name)


def _keys(stop: Stop, kind: str | None) -> Iterator[str]:
    """Keys that the map may have: those of a record, and words of the spec."""
    opened = stop.open[-1].index
    name = stop.tokens[opened - 2].text if opened >= 2 else ""
    written = {token.text for token, after in _heads(stop) if after == "EQUAL"}
    for attribute in _all_attributes(kind) if kind is not None else ():
        if attribute.name == name and isinstance(attribute.type, types.Record):
            yield from (entry.name for entry in attribute.type.entries if entry.name not in written)
            return
    if kind == "dimension":
        words = dict.fromkeys(token.text for token in stop.tokens if token.type in ("NAME", "STRING"))
        yield from (word for word in words if word not in written and word not in builtins.BLOCKS)


def _values(stop: Stop, kind: str | None, tree: syntax.Tree) -> Iterator[Help]:
    """`model =`: the values that there are."""
    name = stop.token(-2).text
    at = Span(stop.source.name, stop.previous.end, stop.previous.end)
    if kind is None or stop.inside != "body":
        return
    rows = [attribute for attribute in _all_attributes(kind) if attribute.name == name]
    values = dict.fromkeys(value for row in rows for value in _finite(row.type, tree))
    if name == "kind":
        values = dict.fromkeys(known_kinds(kind))
    for value in values:
        yield ways_out.only_one(at, f" {value}", f"{name} = {value}")


def _heads(stop: Stop) -> Iterator[tuple[Token, str]]:
    """Tokens inside the innermost bracket, with the type of the one that follows."""
    depth = 0
    start = stop.open[-1].index + 1 if stop.open else 0
    for index in range(start, len(stop.tokens) - 1):
        token = stop.tokens[index]
        if token.type in ("LBRACE", "LPAR", "LSQB"):
            depth += 1
        elif token.type in ("RBRACE", "RPAR", "RSQB"):
            depth -= 1
            if depth < 0:
                return
        elif depth == 0:
            yield token, stop.tokens[index + 1].type


def _kind_of(stop: Stop) -> str | None:
    """The kind of block in which the parser stopped."""
    for opened in stop.open:
        if opened.role == "body":
            index = opened.index - 1
            while index > 0 and stop.tokens[index - 1].type in ("NAME", "STRING"):
                index -= 1
            kind = stop.tokens[index].text
            return kind if kind in builtins.BLOCKS else None
    return None


def _all_attributes(kind: str) -> list[types.Attribute]:
    block = builtins.BLOCKS.get(kind)
    if block is None:
        return []
    rows = [attribute for row in known_kinds(kind).values() for attribute in row.attributes]
    return [*block.attributes, *rows]


def _finite(type_: types.ValueType, tree: syntax.Tree | None) -> list[str]:
    """The values of a type, where these can be counted; the names of declarations among them where a tree is given."""
    match type_:
        case types.Word(words=words):
            return list(words)
        case types.Bool():
            return ["true", "false"]
        case types.Name(kinds=kinds) if tree is not None:
            blocks = [each for each in tree.statements if isinstance(each, syntax.Block)]
            return [each.label for each in blocks if each.kind in kinds and each.label is not None]
        case types.Form(context=context):
            return [row.name for row in builtins.functions(context) if row.bare]
        case types.ListOf(item=item, alone=True):
            return _finite(item, tree)
        case types.Either(options=options):
            return [value for option in options for value in _finite(option, tree)]
    return []


# Values


def _units(place: Span, part: Part, attribute: syntax.Attribute | None) -> Iterator[Help]:
    """Each number with each other unit."""
    numbers = [
        token for token in part.tokens if place.start <= token.start and token.end <= place.end and _is_number(token)
    ][:6]
    # A unit that does not belong is likelier than one that is missing.
    for token in sorted(numbers, key=lambda token: token.type not in ("COUNT", "DURATION")):
        digits = re.sub(r"[^0-9._]", "", token.text)
        if not digits or not digits[-1].isdigit():
            continue
        for unit in _likely_units(token, part, attribute):
            written = f"${digits}" if unit == "$" else f"{digits}{unit}"
            if written != token.text:
                yield ways_out.write(_span(part, token), written)


def _likely_units(token: Token, part: Part, attribute: syntax.Attribute | None) -> list[str]:
    """Units, the likeliest first: a price is that of a million tokens, a budget thousands of them."""
    index = part.tokens.index(token)
    before = part.tokens[index - 1].text if index else ""
    name = "" if attribute is None else attribute.name
    first = ["M"] if before == "/" else []
    if name in _CONDITIONS and re.fullmatch(r"\D*[0-9]{2}\D*", token.text):
        first = ["%"]
    elif name in ("tokens", "default", "budget") or (index > 1 and part.tokens[index - 2].text == "tpm"):
        first = ["k", "M"]
    return [*first, *(unit for unit in _UNITS if unit not in first)]


def _is_number(token: Token) -> bool:
    return token.type in NUMBERS or bool(re.match(r"\$?[0-9]", token.text))


def _functions(place: Span, part: Part) -> Iterator[Help]:
    """`api_key = ("KEY")`: the function whose brackets stand there."""
    tokens = [token for token in part.tokens if place.start <= token.start and token.end <= place.end]
    for before, token in pairwise(tokens):
        if token.type == "LPAR" and before.type != "NAME":
            for name in dict.fromkeys(row.name for row in builtins.FUNCTIONS if not row.bare):
                yield ways_out.insert(Span(place.file, token.start, token.start), name)
            return


# Places


def _block_at(tree: syntax.Tree, span: Span) -> syntax.Block | None:
    for statement in tree.statements:
        if statement.span.start <= span.start <= statement.span.end and isinstance(statement, syntax.Block):
            return statement
    return None


def _attribute_at(block: syntax.Block, span: Span) -> syntax.Attribute | None:
    for statement in block.body:
        if isinstance(statement, syntax.Attribute) and statement.span.start <= span.start <= statement.span.end:
            return statement
    return None


def _span(part: Part, token: Token) -> Span:
    return Span(part.source.name, token.start, token.end)


def _start(span: Span) -> Span:
    return Span(span.file, span.start, span.start)


def _is_first(text: str, token: Token) -> bool:
    return not text[text.rfind("\n", 0, token.start) + 1 : token.start].strip()


def _indent(text: str, token: Token) -> str:
    return text[text.rfind("\n", 0, token.start) + 1 : token.start]
