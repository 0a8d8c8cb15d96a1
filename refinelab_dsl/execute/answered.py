"""What a run was told before it was interrupted, read from its journal where it is asked for."""

from __future__ import annotations

from refinelab_dsl.execute.journal import Entry, Journal


class Answered:
    """Replies by step and part, of the entries that the journal held when it was opened; they are not kept in memory,
    since there may be millions."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._added: dict[tuple[int, int], str] = {}  # found in the store, or in a batch, since

    def find(self, step: int, part: int) -> str | None:
        """The hash of the reply to a step's call; None where there was none.

        Raises:
            JournalError: the journal cannot be read.
        """
        return self._added.get((step, part)) or self._journal.find_reply(step, part)

    def add(self, entry: Entry, reply: str) -> None:
        """What came of an entry that had no reply is known now."""
        self._added[entry.step, entry.part] = reply
