"""Small file systems of their own, for what a full or a read-only disk does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mount_small(place: Path, kilobytes: int) -> Iterator[Path]:
    """An empty disk of so many kilobytes at `place`; the test is skipped where none can be mounted."""
    place.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here, so a full one is not tried: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Nothing below `place` can be written: by its mode, and for root by a mount."""
    if os.geteuid() != 0:
        modes = {path: path.stat().st_mode for path in (place, *place.rglob("*"))}
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        try:
            yield
        finally:
            for path, mode in modes.items():
                path.chmod(mode)
        return
    for words in (["--bind", str(place), str(place)], ["-o", "remount,bind,ro", str(place)]):
        done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            subprocess.run(["umount", str(place)], capture_output=True, check=False)
            pytest.skip(f"nothing can be mounted here, so a read-only folder is not tried: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
