"""Keys that are not shown."""

from __future__ import annotations

from typing import Final, NoReturn

_ECHO: Final = 12  # characters of a key in a row that an endpoint's message may not repeat


class Secret:
    """A key. Its text is in none of its representations."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def redact(self, message: str) -> str:
        """`message`, or less where it repeats the key or a part of it."""
        size = min(_ECHO, len(self._text))
        parts = (self._text[start : start + size] for start in range(len(self._text) - size + 1))
        return "(message withheld: it repeats the key)" if any(part in message for part in parts) else message

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")
