"""Trying a way out: the spec with its edits, through the whole front end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics import Diagnostic, Edit, Help
from refinelab_dsl.diagnostics.edits import apply_edits
from refinelab_dsl.diagnostics.ways_out import everywhere
from refinelab_dsl.source import Source, Span
from refinelab_dsl.syntax.reread import Part, reread

Judge: TypeAlias = Callable[[Source, syntax.Tree], Iterable[Diagnostic]]
"""What names, values and checks have to say of a tree."""


MOST_REPEATED: Final = 20
"""Places in which one fault of a statement is repaired at once."""


@dataclass
class Allowance:
    """Work that is left, in tokens read: what is tried never costs more than so many times the reading of the file."""

    left: int

    def take(self, cost: int) -> bool:
        """Whether there is so much left; takes it."""
        self.left -= cost
        return self.left >= 0


@dataclass(frozen=True)
class Choice:
    """Ways out of one kind, the likeliest first. `alone`: none of them is likelier, so that one counts only where no
    other is as good."""

    helps: Iterable[Help]
    alone: bool = False


Score: TypeAlias = tuple[int, int]
"""Errors that remain and warnings that are new; the less, the better."""


@dataclass(frozen=True)
class Trial:
    """Tries ways out of one diagnostic, all of them edits of one part of the spec.

    found: what was said of the spec. size: tokens of the whole spec.
    """

    tree: syntax.Tree
    part: Part
    found: Sequence[Diagnostic]
    entry: Diagnostic
    judge: Judge
    allowance: Allowance
    size: int
    seen: set[str] = field(default_factory=set)

    def choose(self, choices: Iterable[Choice]) -> Help | None:
        """The best way out: the first after which nothing is wrong any more, else the one that leaves least. None
        where each leaves the error or makes another."""
        best: tuple[Score, Help] | None = None
        for choice in choices:
            scored: list[tuple[Score, Help]] = []
            for help_ in choice.helps:
                score = self.score(help_)
                if score is None:
                    continue
                if score == (0, 0) and not choice.alone:
                    return help_
                scored.append((score, help_))
            scored.sort(key=lambda each: each[0])
            if not scored or (choice.alone and len(scored) > 1 and scored[0][0] == scored[1][0]):
                continue
            if scored[0][0] == (0, 0):
                return scored[0][1]
            if best is None or scored[0][0] < best[0]:
                best = scored[0]
        return None if best is None else best[1]

    def everywhere(self, help_: Help) -> Help:
        """A sure way out of a syntax error, with the edits for the same error further on: who writes one `:` for `=`
        writes more of them."""
        start, end = self.part.start, self.part.end
        edits = list(help_.edits)
        if help_.applicability != "machine" or not all(start <= edit.span.start <= end for edit in edits):
            return help_
        for _ in range(MOST_REPEATED):
            text = apply_edits(self.part.source.text[start:end], edits, start)
            if not self.allowance.take(len(self.part.tokens)):
                return help_
            read = reread(self.tree, self.part, text)
            if not isinstance(read, Diagnostic):
                return help_ if len(edits) == len(help_.edits) else everywhere(help_, edits)
            again = next(iter(read.help), None)
            if read.code != self.entry.code or again is None or again.applicability != "machine":
                return help_
            # Where the new text stands, and how much longer the edits before have made it.
            moved = len(self.part.source.text) + 1 - start
            for edit in again.edits:
                place = edit.span.start - moved
                shift = sum(
                    len(each.text) - (each.span.end - each.span.start) for each in edits if each.span.start < place
                )
                size = edit.span.end - edit.span.start
                edits.append(Edit(Span(edit.span.file, place - shift, place - shift + size), edit.text))
        return help_

    def score(self, help_: Help) -> Score | None:
        """How good a way out is; None where it does not help."""
        start, end = self.part.start, self.part.end
        if not all(start <= edit.span.start <= edit.span.end <= end for edit in help_.edits):
            return None
        text = apply_edits(self.part.source.text[start:end], help_.edits, start)
        if text in self.seen or not self.allowance.take(len(self.part.tokens)):
            return None
        self.seen.add(text)
        read = reread(self.tree, self.part, text)
        if isinstance(read, Diagnostic) or not self.allowance.take(self.size):
            return None
        before = Counter((each.code, each.message) for each in self.found)
        elsewhere = [each for each in self.found if each.code < "RF2" and not self._is_own(each)]
        after = [*elsewhere, *self.judge(*read)]
        counted = Counter((each.code, each.message) for each in after)
        errors = sum(each.is_error for each in after)
        key = (self.entry.code, self.entry.message)
        if counted[key] >= before[key] or errors > sum(each.is_error for each in self.found) - self.entry.is_error:
            return None
        if any(each.is_error and counted[each.code, each.message] > before[each.code, each.message] for each in after):
            return None
        news = sum(not each.is_error and (each.code, each.message) not in before for each in after)
        return None if news and not self.entry.is_error else (errors, news)

    def leads_nowhere(self, help_: Help) -> bool:
        """Whether a statement with these edits stops making sense on the very line on which they are."""
        start, end = self.part.start, self.part.end
        if not help_.edits or not all(start <= edit.span.start <= edit.span.end <= end for edit in help_.edits):
            return False
        text = apply_edits(self.part.source.text[start:end], help_.edits, start)
        if not self.allowance.take(len(self.part.tokens)):
            return False
        read = reread(self.tree, self.part, text)
        if not isinstance(read, Diagnostic) or read.span is None:
            return False
        place = read.span.start - len(self.part.source.text) - 1
        edited = help_.edits[0].span.start - start
        return "\n" not in text[min(place, edited) : max(place, edited)]

    def _is_own(self, entry: Diagnostic) -> bool:
        """Whether a diagnostic is about this part."""
        return entry.span is not None and self.part.start <= entry.span.start <= self.part.end
