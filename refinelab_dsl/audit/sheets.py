"""The files of an audit: a sheet for each reviewer in an order of its own, a guide, and the key that unblinds them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from refinelab_dsl.artifacts.audit import KEY_NAME, AuditKey, Entry, Stratum, dump_key
from refinelab_dsl.audit.draw import Candidate, Drawn, code_of
from refinelab_dsl.audit.words import WORDS
from refinelab_dsl.data.answers import letter_of
from refinelab_dsl.data.column_types import cell_text
from refinelab_dsl.data.conversation import show_turn
from refinelab_dsl.data.formats import UnreadableFile, read_csv, read_jsonl
from refinelab_dsl.data.sinks import escape_formula
from refinelab_dsl.data.streams import DECOMPRESSION_ERRORS, NotText, TooLarge, open_stream
from refinelab_dsl.diagnostics.catalog import audit as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic

ITEM: Final = "item"
VERDICT: Final = "verdict"
NOTE: Final = "note"
GUIDE_NAME: Final = "GUIDE.md"

SheetFormat: TypeAlias = Literal["csv", "jsonl"]


def build_key(drawn: Sequence[Drawn], source: str, seed: int, reviewers: int, format: SheetFormat) -> AuditKey:
    """What `key.json` says of a sample; items in the order of their codes."""
    entries = [
        Entry(
            code=code_of(seed, each.key), id=each.id, row=each.row, origin=each.origin, operator=each.operator,
            stratum=at,
        )
        for at, stratum in enumerate(drawn)
        for each in stratum.chosen
    ]  # fmt: skip
    return AuditKey(
        source=source,
        seed=seed,
        sheets=tuple(f"annotator-{number}.{format}" for number in range(1, reviewers + 1)),
        strata=tuple(
            Stratum(labels=dict(stratum.labels), items=stratum.items, drawn=len(stratum.chosen)) for stratum in drawn
        ),
        items=tuple(sorted(entries, key=lambda entry: entry.code)),
    )


def build_files(drawn: Sequence[Drawn], key: AuditKey, format: SheetFormat) -> dict[str, bytes]:
    """Name -> bytes of every file of the audit."""
    chosen = {code_of(key.seed, each.key): each for stratum in drawn for each in stratum.chosen}
    columns = list(dict.fromkeys(name for each in chosen.values() for name in each.shown))
    render = _render_csv if format == "csv" else _render_jsonl
    files = {
        name: render(columns, [(code, chosen[code]) for code in _shuffle(chosen, f"{key.seed}/{name}")])
        for name in key.sheets
    }
    return {**files, GUIDE_NAME: render_guide().encode(), KEY_NAME: dump_key(key)}


def show_fields(task: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """What a reviewer reads of an item, by column: choices with letters, a line each, and the key with its letter."""
    shown: dict[str, str] = {}
    for name in ("context", "question", "prompt", "messages", "choices", "tests", "entry_point", "solution", "answer"):
        value = fields.get(name)
        if value is None:
            continue
        if name == "choices":
            shown[name] = "\n".join(f"{letter_of(at)}. {text}" for at, text in enumerate(value))
        elif name == "answer" and task == "mcq":
            shown[name] = f"{letter_of(list(fields['choices']).index(value))}. {value}"
        elif name == "messages":
            shown[name] = "\n\n".join(map(show_turn, value))
        else:
            shown[name] = cell_text(value)
    return shown


def read_sheet(path: Path, name: str) -> Iterator[tuple[int, Mapping[str, Any] | Diagnostic]]:
    """The rows of a returned sheet with their lines; what a spreadsheet made of it (a byte-order mark, semicolons) is
    taken as it is.

    Raises:
        UnreadableFile: it is no sheet.
    """
    try:
        with open_stream(path) as stream:
            rows = read_jsonl(stream, name) if path.suffix == ".jsonl" else read_csv(
                stream, name, None, None, (ITEM, VERDICT)
            )
            for line, _, row in rows:
                yield line, row
    except UnreadableFile as error:
        raise UnreadableFile(faults.sheet_unreadable(name, error.diagnostic.message)) from None
    except NotText as error:
        raise UnreadableFile(faults.sheet_unreadable(name, f"it is {error}, not UTF-8 text")) from None
    except (OSError, TooLarge, *DECOMPRESSION_ERRORS) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableFile(faults.sheet_unreadable(name, reason)) from None


def render_guide() -> str:
    """`GUIDE.md`: what reviewers are asked, and the words of a verdict."""
    lines = [
        "# How to review",
        "",
        f"Each row is one item. Read it, solve it, and write one of these words into `{VERDICT}`; why, into `{NOTE}`.",
        f"Leave `{ITEM}` as it is: it tells the rows apart. Do not talk about items before all sheets are back.",
        "",
        "| verdict | when |",
        "|---|---|",
        *(f"| `{word}` | {when} |" for word, when in WORDS.items()),
        "",
        "Where several flaws hold, take the one that stands first.",
    ]
    return "\n".join(lines) + "\n"


def _shuffle(codes: Iterable[str], salt: str) -> list[str]:
    return sorted(codes, key=lambda code: hashlib.sha256(f"{salt}/{code}".encode()).digest())


def _render_csv(columns: Sequence[str], rows: Sequence[tuple[str, Candidate]]) -> bytes:
    """For spreadsheets: UTF-8 that says so, and no cell that would be taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([ITEM, *map(escape_formula, columns), VERDICT, NOTE])
    for code, each in rows:
        writer.writerow([code, *(escape_formula(each.shown.get(name, "")) for name in columns), "", ""])
    return text.getvalue().encode("utf-8-sig")


def _render_jsonl(columns: Sequence[str], rows: Sequence[tuple[str, Candidate]]) -> bytes:
    lines = (
        json.dumps({ITEM: code, **{name: each.shown.get(name, "") for name in columns}, VERDICT: "", NOTE: ""},
                   ensure_ascii=False)
        for code, each in rows
    )  # fmt: skip
    return "".join(line + "\n" for line in lines).encode()
