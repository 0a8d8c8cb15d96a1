"""How files and batches of the simulated endpoint behave, and what can go wrong with a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

BatchFaultKind = Literal[
    "expire", "fail", "cancel", "missing", "duplicate", "garbage", "status", "broken", "too_late", "slow",
    "lost_id", "dropped_id", "refused_id", "unmade", "late",
]


@dataclass(frozen=True)
class BatchFault:
    """What goes wrong with one batch.

    expire, cancel: only `share` of its requests are answered, the others stand in the file of errors. fail: the file is
    refused as a whole, with `message`. missing: `share` of the requests stand in neither file. status: `share` of them
    got this status. broken: their answers are no completions. duplicate: each line stands twice, the second time with
    another text. garbage: lines that are no answers stand between them, some with the same names. too_late: the files
    of answers are gone. slow: `factor` times as many polls. lost_id: the batch is made, and the reply that would say so
    never arrives; dropped_id: the connection closes instead; refused_id: a gateway answers 502. unmade: neither a batch
    nor a reply. late: what there is shows late: the batch is not found at first, then its end is told without its file
    of answers, which is not found, then empty, then half.
    """

    kind: BatchFaultKind
    share: float = 0.5
    status: int = 500
    message: str = "the file could not be validated"
    factor: int = 1_000


@dataclass(frozen=True)
class BatchBehaviour:
    """polls: times that a batch is asked about until it is done, and seconds: that it takes at least. wait:
    milliseconds that a client is told to let pass between two questions. script: faults of the first batches, in the
    order in which they are made; None is a good one. queue: tokens, by a quarter of the bytes, that may wait at a
    time; None: any number."""

    polls: int = 2
    wait: int = 5
    seconds: float = 0.0
    script: Sequence[BatchFault | None] = ()
    queue: int | None = None


def parse_batch_fault(text: str) -> BatchFault | None:
    """A kind of fault, or `none` for a batch without one.

    Raises:
        ValueError: there is no such kind; the message lists them.
    """
    if text == "none":
        return None
    if text not in get_args(BatchFaultKind):
        raise ValueError(f"there is no such fault of a batch; there are none, {', '.join(get_args(BatchFaultKind))}")
    return BatchFault(text)  # type: ignore[arg-type]
