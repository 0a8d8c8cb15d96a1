"""Which texts may be alike, by MinHash: candidates whose likeness is then taken exactly.

Candidates are those that MinHash banding proposes (Broder 1997; 24 bands of 4 rows over character 5-grams): two texts
of which 70% of the 5-grams agree are found with a chance of 99.8%, and of which half agree with 79%. All hashing is
fixed arithmetic: the same texts give the same candidates on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.embeddings.letters import mix, odd_numbers

BANDS: Final = 24
CANDIDATES: Final = 256
"""How many are compared exactly with one text at most: those with the most equal bands."""

_ROWS: Final = 4
_SHINGLE: Final = 5
_POINTS: Final = 200_000  # letters that are hashed at a time
_FEW: Final = 4_000  # of which all rows are taken at once: a text by itself in an eighth of the time

_SHINGLE_FACTORS: Final = odd_numbers(_SHINGLE, "shingle")
_ROW_FACTORS: Final = odd_numbers(BANDS * _ROWS, "row")
_BAND_FACTORS: Final = odd_numbers(_ROWS, "band")


def sign(texts: Sequence[str]) -> NDArray[np.uint32]:
    """(texts, bands), keys below 2^31: texts that share one in the same band are candidates."""
    signatures = np.empty((len(texts), BANDS), np.uint32)
    start = letters = 0
    for stop, text in enumerate(texts, start=1):
        letters += max(_SHINGLE, len(text))
        if letters >= _POINTS or stop == len(texts):
            signatures[start:stop] = _sign_some(texts[start:stop])
            start, letters = stop, 0
    return signatures


def _sign_some(texts: Sequence[str]) -> NDArray[np.uint32]:
    padded = [text.ljust(_SHINGLE) for text in texts]
    points = np.frombuffer("".join(padded).encode("utf-32-le", "replace"), dtype="<u4").astype(np.uint64)
    lengths = np.array([len(text) for text in padded])
    ends = np.cumsum(lengths)
    with np.errstate(over="ignore"):
        windows = np.zeros(len(points) - _SHINGLE + 1, np.uint64)
        for place, factor in enumerate(_SHINGLE_FACTORS):
            windows += points[place : place + len(windows)] * factor
        within = np.ones(len(windows), np.bool_)  # not from one text into the next
        within[(ends[:-1, None] - np.arange(1, _SHINGLE)).ravel()] = False
        shingles = mix(windows[within])
        starts = np.concatenate([[0], np.cumsum(lengths - _SHINGLE + 1)[:-1]])
        # An odd factor permutes what is mixed already.
        if len(shingles) <= _FEW:
            least = np.minimum.reduceat(np.multiply.outer(_ROW_FACTORS, shingles), starts, axis=1).T
        else:
            least = np.empty((len(texts), BANDS * _ROWS), np.uint64)
            for row, factor in enumerate(_ROW_FACTORS):
                least[:, row] = np.minimum.reduceat(shingles * factor, starts)
        bands = mix((least.reshape(len(texts), BANDS, _ROWS) * _BAND_FACTORS).sum(axis=2, dtype=np.uint64))
    return (bands >> np.uint64(33)).astype(np.uint32)  # 31 bits: the key after the last is a number too


def propose_pairs(signatures: NDArray[np.uint32], kin: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """The candidate pairs (earlier, later) among texts of one kin, in the order of the later one.

    signatures: (texts, bands). kin: (texts,), below 2^32: only texts with the same number may be pairs. No text is
    paired with more than `CANDIDATES` before it.
    """
    count = len(signatures)
    crowded = np.zeros(count, np.bool_)
    found = [np.zeros(0, np.int64)]
    for band in range(BANDS):
        keys = (kin.astype(np.uint64) << np.uint64(31)) | signatures[:, band]
        order = np.argsort(keys, kind="stable")
        edges = np.flatnonzero(np.diff(keys[order])) + 1
        starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [count]])
        twos, more = ends - starts == 2, ends - starts > 2
        found.append(order[starts[twos]] + order[starts[twos] + 1] * count)
        for start, end in zip(starts[more].tolist(), ends[more].tolist(), strict=True):
            run = order[start:end].astype(np.int64)
            if len(run) > CANDIDATES:
                crowded[run] = True
                continue
            later, earlier = np.tril_indices(len(run), -1)
            found.append(run[earlier] + run[later] * count)
    pairs = np.unique(np.concatenate(found))
    later, earlier = np.divmod(pairs, count)
    keep = ~crowded[later]
    plain = zip(earlier[keep].tolist(), later[keep].tolist(), strict=True)
    pending = next(plain, None)
    for place in range(count):
        if crowded[place]:
            yield from ((each, place) for each in _find_nearest(signatures, kin, place))
        while pending is not None and pending[1] == place:
            yield pending
            pending = next(plain, None)


def _find_nearest(signatures: NDArray[np.uint32], kin: NDArray[np.int64], place: int) -> list[int]:
    """The earlier texts with the most equal bands, where very many have one."""
    equal = (signatures[:place] == signatures[place]).sum(axis=1)
    equal[kin[:place] != kin[place]] = 0
    places = np.flatnonzero(equal)
    nearest = places[np.lexsort((places, -equal[places]))][:CANDIDATES]
    return [int(each) for each in nearest]
