"""`refine.lock`: what the specs of a project depend on, pinned. TOML, version 1.0, one pin a line, sorted.

It stands at the project's root, under git. It holds hashes, counts, ids of models, dated prices and roots of logs; no
text of a dataset, no secret, no path of a machine. The same pins give the same bytes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from refinelab_dsl.declarations import Exact, Price
from refinelab_dsl.diagnostics.catalog import lock as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.project import Project

FORMAT_VERSION: Final = "1.0"
MAX_BYTES: Final = 32 * 2**20
HEADING: Final = "# Written by `refinec lock`. Keep it under git; after a conflict take either side and lock again.\n"

_MILLION: Final = 10**6
_CONFLICT: Final = re.compile(r"^(<{7}|={7}|>{7})(\s|$)", re.M)
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")

Dollars = Annotated[Exact, Field(ge=0, allow_inf_nan=False)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataPin(Record):
    """A file of a dataset. rows: items that `explode` takes a row apart into count each; None in locks of versions that
    could not read its format."""

    sha256: Digest
    bytes: int
    rows: int | None = None


class ModelPin(Record):
    """Who is asked. price: as the spec writes it, None where it has none."""

    provider: str
    id: str
    base_url: str | None = None
    price: str | None = None


class PromptPin(Record):
    """The texts that an operator's calls are made of. source: the spec's prompt, or `built-in`."""

    sha256: Digest
    source: str


class SpecPins(Record):
    """What one spec depends on. data: dataset -> file -> pin; files: imports, prompts, tables -> SHA-256 of the text;
    prompts: by operator. Files are named relative to the spec's folder."""

    edition: int = 1
    data: dict[str, dict[str, DataPin]] = {}
    files: dict[str, Digest] = {}
    models: dict[str, ModelPin] = {}
    prompts: dict[str, PromptPin] = {}


class PricePin(Record):
    """Dollars per million tokens of a model whose spec states no price, from a list of prices."""

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None
    as_of: str
    source: str

    @property
    def price(self) -> Price:
        """The price as a model has it: per token."""
        cached = None if self.cached_input is None else self.cached_input / _MILLION
        return Price(
            input=self.input / _MILLION, output=self.output / _MILLION, cached_input=cached, as_of=self.as_of,
            locked=True,
        )  # fmt: skip

    @property
    def figures(self) -> tuple[Decimal, Decimal, Decimal | None]:
        """The price without its date."""
        return self.input, self.output, self.cached_input

    def describe(self) -> str:
        """`$0.15 / 1M in, $0.60 / 1M out (2026-11-26, genai-prices 0.2.3)`."""
        figures = f"{_per_million(self.input)} in, {_per_million(self.output)} out"
        return f"{figures} ({self.as_of}, {self.source})"

    def spell(self) -> str:
        """The price as a spec states it."""
        cached = "" if self.cached_input is None else f", cached_input = {_per_million(self.cached_input)}"
        figures = f"input = {_per_million(self.input)}, output = {_per_million(self.output)}{cached}"
        return f'{{ {figures}, as_of = "{self.as_of}" }}'


class RootPin(Record):
    """The root of a published provenance log."""

    root: Digest
    run: int


class Lock(Record):
    """specs: by path; prices: by `price_key`; runs: by the path of the log. Paths are relative to the root."""

    format_version: str = FORMAT_VERSION
    refinec: str = ""
    specs: dict[str, SpecPins] = {}
    prices: dict[str, PricePin] = {}
    runs: dict[str, RootPin] = {}

    def list_prices(self) -> dict[str, Price]:
        """The prices by `price_key`, per token."""
        return {name: pin.price for name, pin in self.prices.items()}


def load_lock(path: Path) -> tuple[Lock | None, tuple[Diagnostic, ...]]:
    """The lock in `path`; None with nothing to complain of where there is none. An empty file is an empty lock: it
    marks a project's root."""
    name = path.name
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        text = data.decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None, ()
    except UnicodeDecodeError:
        return None, (faults.lock_damaged(name, None, "it is not UTF-8 text"),)
    except OSError as error:
        return None, (faults.lock_unreadable(name, error.strerror or type(error).__name__),)
    if len(data) > MAX_BYTES:
        return None, (faults.lock_damaged(name, None, f"it is larger than {MAX_BYTES:_} bytes"),)
    if (mark := _CONFLICT.search(text)) is not None:
        return None, (faults.lock_in_conflict(name, text.count("\n", 0, mark.start()) + 1),)
    import tomllib  # most specs have no lock

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        reason = re.sub(r" \(at .*\)$", "", str(error))
        return None, (faults.lock_damaged(name, int(found[1]) if found else None, reason),)
    except RecursionError:
        return None, (faults.lock_damaged(name, None, "it is nested too deeply"),)
    if not document:
        return Lock(), ()
    version = document.get("format_version")
    if not isinstance(version, str) or version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        return None, (faults.lock_version(name, str(version or "none"), FORMAT_VERSION),)
    try:
        return Lock.model_validate(document), ()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return None, (faults.lock_damaged(name, None, f"at `{where}`: {first['msg'].lower()}"),)


def dump_lock(lock: Lock) -> bytes:
    """The file's bytes: a pure function of the pins. Tables and keys are sorted; each pin has a line."""
    lines = [HEADING.rstrip("\n"), f"format_version = {_text(lock.format_version)}", f"refinec = {_text(lock.refinec)}"]
    for spec, pins in sorted(lock.specs.items()):
        table = f"specs.{_key(spec)}"
        lines += ["", f"[{table}]", f"edition = {pins.edition}"]
        for dataset, files in sorted(pins.data.items()):
            lines += _table(f"{table}.data.{_key(dataset)}", files)
        lines += _table(f"{table}.files", pins.files)
        lines += _table(f"{table}.models", pins.models)
        lines += _table(f"{table}.prompts", pins.prompts)
    if lock.prices:
        lines += ["", "# dollars per million tokens, for models whose spec states no price"]
        lines += _table("prices", lock.prices)[1:]
    lines += _table("runs", lock.runs)
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def save_lock(path: Path, lock: Lock) -> None:
    """Writes the file whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(dump_lock(lock))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _table(name: str, pins: Mapping[str, Record | str]) -> list[str]:
    if not pins:
        return []
    return ["", f"[{name}]", *(f"{_key(key)} = {_pin(pin)}" for key, pin in sorted(pins.items()))]


def _pin(pin: Record | str) -> str:
    if isinstance(pin, str):
        return _text(pin)
    members = pin.model_dump(exclude_none=True)
    return f"{{ {', '.join(f'{key} = {_scalar(value)}' for key, value in members.items())} }}"


def _scalar(value: Any) -> str:
    return str(value) if isinstance(value, int) else _text(str(value))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    """A basic string of TOML: JSON's, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def name_log(path: Path, project: Project) -> str | None:
    """A log as the lock names it: relative to the root; None for one outside of it."""
    place, root = path.resolve(), project.root.resolve()
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else None


def price_key(base_url: str | None, model: str) -> str:
    """What a pinned price is found by: `gpt-4o-mini`, and at another endpoint `api.mistral.ai/mistral-small`."""
    host = urlsplit(base_url).hostname if base_url else None
    return model if host is None else f"{host}/{model}"


def _per_million(value: Decimal) -> str:
    text = format(value.normalize(), "f")
    return f"${text}0 / 1M" if re.fullmatch(r"\d+\.\d", text) else f"${text} / 1M"
