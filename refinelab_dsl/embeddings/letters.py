"""Texts as they are compared, letter by letter, and hashes of their letters: fixed arithmetic, the same everywhere."""

from __future__ import annotations

import hashlib
import unicodedata

import numpy as np
from numpy.typing import NDArray


def normalise(text: str) -> str:
    """A text as it is compared: NFKC, case folded, white space joined."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def odd_numbers(count: int, name: str) -> NDArray[np.uint64]:
    """Fixed odd 64-bit numbers, other ones for each name."""
    content = b"".join(hashlib.sha256(f"{name} {index}".encode()).digest()[:8] for index in range(count))
    return np.frombuffer(content, dtype="<u8").astype(np.uint64) | np.uint64(1)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
