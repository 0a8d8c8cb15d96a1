"""Where a project stands on disk: its root, and its state under `.refine/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOCK = "refine.lock"
MARKERS = (LOCK, ".git", ".refine")


@dataclass(frozen=True, slots=True)
class Project:
    """`root` is the nearest folder with `refine.lock`, `.git` or `.refine`, else the spec's own; `base` is the
    folder of the spec, against which the paths in it are resolved."""

    root: Path
    base: Path

    @property
    def state(self) -> Path:
        return self.root / ".refine"

    @property
    def lock(self) -> Path:
        """What pins the inputs of the project's specs."""
        return self.root / LOCK

    @property
    def store(self) -> Path:
        return self.state / "store.db"

    @property
    def runs(self) -> Path:
        return self.state / "runs"

    def seen_from(self, spec_path: str) -> Project:
        """The same project from the folder of a spec; `spec_path` is relative to the root, as plans name it."""
        return Project(self.root, (self.root / spec_path).parent)

    def contains(self, path: Path) -> bool:
        """Whether `path`, links resolved, stays in the root."""
        return path.resolve().is_relative_to(self.root.resolve())


def find_project(base: Path) -> Project:
    """The project that the folder `base` belongs to."""
    base = base.resolve()
    for folder in (base, *base.parents):
        if any((folder / marker).exists() for marker in MARKERS):
            return Project(folder, base)
    return Project(base, base)
