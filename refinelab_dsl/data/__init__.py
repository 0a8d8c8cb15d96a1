"""Data: files, rows, typed items, the profile of a dataset, outputs. Names are imported when they are used: the
measures stand between `items` and `build`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinelab_dsl.data.build import build_profile
    from refinelab_dsl.data.files import digest_dataset, digest_files, find_files
    from refinelab_dsl.data.items import Item
    from refinelab_dsl.data.profile import FileDigest, Profile
    from refinelab_dsl.data.read import BadRow, load_items, read_items
    from refinelab_dsl.data.tasks import item_hash

_HOMES = {
    "BadRow": "read",
    "FileDigest": "profile",
    "Item": "items",
    "Profile": "profile",
    "build_profile": "build",
    "digest_dataset": "files",
    "digest_files": "files",
    "find_files": "files",
    "item_hash": "tasks",
    "load_items": "read",
    "read_items": "read",
}

__all__ = [
    "BadRow",
    "FileDigest",
    "Item",
    "Profile",
    "build_profile",
    "digest_dataset",
    "digest_files",
    "find_files",
    "item_hash",
    "load_items",
    "read_items",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
