"""Items that are kept apart for measuring models, so that no result may come near to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from refinelab_dsl.data.files import digest_dataset, digest_files, find_files
from refinelab_dsl.data.items import Item
from refinelab_dsl.data.read import read_items
from refinelab_dsl.declarations import Dataset, Validator
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.project import Project
from refinelab_dsl.source import Span

PREFIX: Final = "heldout."
"""Under `heldout.NAME` a plan names a held-out dataset and the digest of its files, beside its seeds."""


def list_heldout(validators: Sequence[Validator]) -> tuple[str, ...]:
    """The held-out datasets that validators name."""
    return tuple(dict.fromkeys(name for each in validators for name in heldout_of(each)))


def heldout_of(validator: Validator) -> tuple[str, ...]:
    """The held-out datasets that a validator compares results with."""
    return tuple(str(name) for name in validator.options.get("heldout") or ())


def digest_heldout(
    dataset: Dataset, project: Project, *, allow_outside: bool = False, origins: Mapping[str, Span] | None = None
) -> str | Diagnostic:
    """SHA-256 (hex) of a held-out dataset's files, all rows of which can be read; or the first thing that is wrong."""
    found = _find(dataset, project, allow_outside, origins)
    if isinstance(found, Diagnostic):
        return found
    files, digest = found
    for entry in read_items(dataset, files, project):
        if not isinstance(entry, Item) and (entry.fatal or dataset.on_bad_row == "stop"):
            return entry.diagnostic
    return digest


def check_heldout(dataset: Dataset, sha256: str, project: Project, *, allow_outside: bool) -> Diagnostic | bool:
    """Whether a held-out dataset is what it was, or why it cannot be read."""
    found = _find(dataset, project, allow_outside, None)
    return found if isinstance(found, Diagnostic) else found[1] == sha256


def read_heldout(dataset: Dataset, project: Project, *, allow_outside: bool) -> Iterator[Item]:
    """The items of a held-out dataset, which was checked."""
    files, _ = find_files(dataset, project, allow_outside=allow_outside)
    return (entry for entry in read_items(dataset, files, project) if isinstance(entry, Item))


def _find(
    dataset: Dataset, project: Project, allow_outside: bool, origins: Mapping[str, Span] | None
) -> tuple[tuple[Path, ...], str] | Diagnostic:
    files, problems = find_files(dataset, project, allow_outside=allow_outside, origins=origins)
    if not problems:
        digests, problems = digest_files(files, project)
    return problems[0] if problems else (tuple(files), digest_dataset(digests))
