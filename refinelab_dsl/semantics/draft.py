"""A spec with its values settled and its expressions still as written: what `check` looks at and `lower` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from refinelab_dsl import syntax
from refinelab_dsl.builtins import MeasureKind, OperatorKind, ValidatorKind
from refinelab_dsl.semantics.schema import Row
from refinelab_dsl.source import Span


@dataclass(frozen=True)
class Use:
    """Something that the language has and no plan can execute yet: what, and where it is used."""

    what: str
    span: Span


@dataclass(frozen=True)
class Declared:
    """One block, evaluated.

    values: attribute -> value, defaults filled in. An attribute whose value was wrong is in `written` and not here.
        Expressions over items are syntax still.
    written: attribute -> how it stands in the file.
    row: what its `kind` is, where it has one.
    name: qualified: what the spec itself declares has its bare name, what it imports that of its namespace, too.
    namespace: of the file that it stands in. later: what of it no plan can execute yet.
    """

    kind: str
    name: str
    block: syntax.Block
    values: Mapping[str, Any]
    written: Mapping[str, syntax.Attribute]
    row: Row | None
    namespace: str = ""
    later: tuple[Use, ...] = ()

    @property
    def title(self) -> str:
        """How messages call it: ``dimension `topic` ``."""
        return f"{self.kind} `{self.name}`" if self.name else f"`{self.kind}`"

    def get(self, name: str) -> Any:
        """The value of an attribute, None where it has none."""
        return self.values.get(name)

    def span(self, name: str) -> Span:
        """The value of an attribute in the file, the block's header where it is not written."""
        attribute = self.written.get(name)
        return self.block.header_span if attribute is None else attribute.value.span

    def is_broken(self, *names: str) -> bool:
        """Whether an attribute is written and was wrong: what depends on it is not complained about."""
        return any(name in self.written and name not in self.values for name in names)

    @property
    def measure(self) -> MeasureKind | None:
        return self.row if isinstance(self.row, MeasureKind) else None

    @property
    def operator(self) -> OperatorKind | None:
        return self.row if isinstance(self.row, OperatorKind) else None

    @property
    def validator(self) -> ValidatorKind | None:
        return self.row if isinstance(self.row, ValidatorKind) else None


@dataclass(frozen=True)
class Draft:
    """top: the attributes of the spec itself. blocks: the first of each name, what is imported before what imports it,
    else in the order of the file."""

    top: Mapping[str, Any]
    blocks: tuple[Declared, ...]

    @property
    def later(self) -> tuple[Use, ...]:
        """What no plan can execute yet."""
        return tuple(dict.fromkeys(use for block in self.blocks for use in block.later))

    @cached_property
    def _index(self) -> Mapping[str, Mapping[str, Declared]]:
        index: dict[str, dict[str, Declared]] = {}
        for block in self.blocks:
            index.setdefault(block.kind, {}).setdefault(block.name or f"({len(index[block.kind])})", block)
        return index

    def all(self, kind: str) -> Iterator[Declared]:
        """The blocks of a kind."""
        return iter(self._index.get(kind, {}).values())

    def one(self, kind: str) -> Declared | None:
        """The block of a kind that stands once."""
        return next(self.all(kind), None)

    def named(self, kind: str, name: str | None) -> Declared | None:
        """The declaration of a name."""
        return self._index.get(kind, {}).get(name or "")

    @property
    def dataset(self) -> Declared | None:
        """The main dataset."""
        return next((block for block in self.all("dataset") if block.get("role") == "main"), None)
