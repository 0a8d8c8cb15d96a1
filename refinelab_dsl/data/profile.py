"""What the compiler knows of a dataset: columns of labels and flags, one entry per item; never the items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Corpus


@dataclass(frozen=True)
class FileDigest:
    """One file of a dataset: its name as found (relative to the spec's folder) and the SHA-256 of its bytes."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Originals:
    """What the vectors of all items take by an embedding that an endpoint is asked for. texts: different ones; calls:
    requests; tokens: expected, and most: at the most."""

    texts: int
    calls: int
    tokens: int
    most: int


@dataclass(frozen=True)
class Profile:
    """Columns over the N items of the main dataset, in reading order.

    labels: dimension name -> int32 array of length N, an index into `label_names[dimension]`, -1 for unknown.
    eligible: operator name -> bool array of length N (its `where` holds).
    preference: operator name -> float array of length N (`prefer`; larger is removed first).
    protected: bool array of length N.
    flagged: bool array of length N: under suspicion, a copy that a `deduplicate` may take out, or, where the spec does
        not say what is flagged, an answer that a `refine` may improve; None where the spec has none of these.
    samples: a few items per combination of labels, the smallest by seeded hash, for pricing prompts.
    dropped: items left out by `unknown = drop`; they are no part of N.
    skipped: bad rows under `on_bad_row = skip`.
    sha256: digest over the files' names and digests.
    signals: further dataset that was read (of signals, a corpus, or one that a target is like) -> its files.
    corpora: where passages come from, with the hash of what each holds.
    mixes: dimension -> the shares of the dataset that it is to be like, by label.
    recorded: measure that stands in signals or evidence, or comes of all items together -> its value of each item, by
        `Item.row` (dropped ones included).
    pending: paid measure -> items of which evidence has no value; measures without such items are left out.
    compared: measure whose clusters a pilot learns -> the digest of the items, as evidence names it.
    originals: embedding that is asked about all items -> what that takes.
    """

    size: int
    keys: Sequence[str]
    labels: Mapping[str, NDArray[np.int32]]
    label_names: Mapping[str, tuple[str, ...]]
    eligible: Mapping[str, NDArray[np.bool_]]
    preference: Mapping[str, NDArray[np.float64]]
    protected: NDArray[np.bool_]
    samples: tuple[Item, ...]
    files: tuple[FileDigest, ...]
    sha256: str
    dropped: int = 0
    skipped: int = 0
    flagged: NDArray[np.bool_] | None = None
    duplicates: int = 0  # items whose canonical fields occurred before
    notes: tuple[str, ...] = field(default=())
    signals: Mapping[str, tuple[FileDigest, ...]] = field(default_factory=dict)
    mixes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    corpora: tuple[Corpus, ...] = ()
    recorded: Mapping[str, Sequence[str | float | None]] = field(default_factory=dict)
    pending: Mapping[str, int] = field(default_factory=dict)
    compared: Mapping[str, str] = field(default_factory=dict)
    originals: Mapping[str, Originals] = field(default_factory=dict)

    def counts(self, dimension: str) -> dict[str, int]:
        """Items per label now; unknown ones are left out."""
        column = self.labels[dimension]
        tally = np.bincount(column[column >= 0], minlength=len(self.label_names[dimension]))
        return {name: int(count) for name, count in zip(self.label_names[dimension], tally, strict=True)}
