"""The card beside the data of a folder for the hub: what loads it, what it holds, and who made which part of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from refinelab_dsl.data.column_types import NULL, ColumnType
from refinelab_dsl.data.sinks import Files, OutputDigest, Parquet, Part, Row
from refinelab_dsl.declarations import Dataset
from refinelab_dsl.diagnostics.markdown import code_span

if TYPE_CHECKING:
    from refinelab_dsl.data.layout import OutputRow

_CATEGORIES: Final[Mapping[str, str]] = {
    "mcq": "multiple-choice", "qa": "question-answering", "math": "question-answering", "code": "text-generation",
    "chat": "text-generation",
}  # fmt: skip
_SIZES: Final = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)  # fmt: skip
_WORDS: Final[Mapping[str, str]] = {
    "null": "text", "bool": "true or false", "integer": "whole number", "long": "whole number", "number": "number",
    "text": "text",
}  # fmt: skip
_ORIGINS: Final = (
    ("original", "as they came in"), ("changed", "changed by an operator"), ("added", "added by an operator"),
)  # fmt: skip


class Card(Part):
    """`README.md`, whose header tells the hub's loader where the rows are. Its rows are `table`'s; it has none."""

    format = "card"

    def __init__(self, files: Files, name: str, file: str, target: Path, *, dataset: Dataset, table: Parquet) -> None:
        super().__init__(files, name, file, target)
        self._dataset = dataset
        self._table = table
        self._origins: Counter[str] = Counter()
        self._simulated = 0

    def count(self, row: OutputRow) -> None:
        """Takes account of a row of the table."""
        self._origins[row.origin] += 1
        self._simulated += row.simulated

    def put(self, row: Row) -> None:
        """No row stands in a card."""
        raise AssertionError("a card holds no rows")

    def finish(self) -> OutputDigest:
        size = self._origins.total()
        self._write((self._lay_header(size) + self._lay_body(size)).encode())
        return super().finish()

    def _lay_header(self, size: int) -> str:
        """The metadata, in YAML; a text of JSON is one of YAML."""
        license = self._dataset.meta.get("license")
        category = next((name for limit, name in _SIZES if size < limit), "n>100M")
        lines = [
            "---",
            f"pretty_name: {_json(self._dataset.name)}",
            *([f"license: {_json(license.lower())}"] if isinstance(license, str) else []),
            "task_categories:",
            f"- {_CATEGORIES[self._dataset.item_task]}",
            "size_categories:",
            f"- {category}",
            "configs:",
            "- config_name: default",
            "  data_files:",
            "  - split: train",
            "    path: data/train-*.parquet",
            "---",
        ]
        return "\n".join(lines) + "\n"

    def _lay_body(self, size: int) -> str:
        lines = ["", f"# {self._dataset.name}", "", f"{_count(size)}, refined with refinec.", ""]
        lines += ["| rows | |", "|---:|---|"]
        lines += [f"| {self._origins[origin]:,} | {words} |" for origin, words in _ORIGINS]
        if self._simulated:
            made = f"{_count(self._simulated)} of these: the work of a simulated model"
            lines += ["", f"**{made}**, good for trying a spec, and for nothing else. They have `_simulated`."]
        lines += ["", "| column | holds |", "|---|---|"]
        lines += [f"| {code_span(name)} | {_describe(type)} |" for name, type in self._table.columns]
        return "\n".join(lines) + "\n"


def _describe(type: ColumnType) -> str:
    if type.kind == "list":
        return f"list: {_describe(type.of or NULL)}"
    if type.kind == "map":
        return f"map of {', '.join(map(code_span, type.keys))}"
    return _WORDS[type.kind]


def _count(size: int) -> str:
    return "1 row" if size == 1 else f"{size:,} rows"


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()
