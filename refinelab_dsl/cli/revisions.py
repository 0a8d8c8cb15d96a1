"""Specs at a git revision: the spec and the files that it is made of, as they were committed.

Git is asked in a process of its own, without a shell; only objects are read, so that no hook and no filter of the
repository runs.
"""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import click

from refinelab_dsl import syntax
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics, Edit, Help, Label
from refinelab_dsl.project import MARKERS
from refinelab_dsl.semantics.written import find_calls
from refinelab_dsl.source import Place, Source, Sources, Span

T = TypeVar("T")

_MADE_OF = (("file",), ("load",))
_MAX_BYTES = syntax.MAX_BYTES + 1  # one byte more than any file of a spec may have: enough to be told so


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository; `top` is the folder of its working tree."""

    top: Path

    def find_commit(self, revision: str) -> str | None:
        """The commit that a revision names (`HEAD~1`, `main`, a hash); None where it names none."""
        if not revision or not revision.isprintable():
            return None
        answer = _ask(self.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return answer.decode().strip() if answer else None

    def find_base(self, first: str, second: str) -> str | None:
        """The commit from which two commits parted."""
        answer = _ask(self.top, "merge-base", first, second)
        return answer.decode().strip() if answer else None

    def path_of(self, path: Path) -> str:
        """A path of the working tree as git names it: relative to `top`, with `/`.

        Raises:
            click.UsageError: it lies outside of the repository.
        """
        place = Path(os.path.normpath(Path.cwd().resolve() / path))
        try:
            return place.relative_to(self.top).as_posix()
        except ValueError:
            raise click.UsageError(f"{path} lies outside of the git repository {self.top}") from None

    def read(self, commit: str, path: str) -> bytes | None:
        """The bytes of a file in a commit, links inside of the commit followed; None where there is none.

        No more than a spec or a file of one may have is read, and one byte.
        """
        if not path.isprintable():
            return None
        command = ["git", "-C", str(self.top), "cat-file", "--batch", "--follow-symlinks"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
        ) as git:
            assert git.stdin is not None
            assert git.stdout is not None
            git.stdin.write(f"{commit}:{path}\n".encode())
            git.stdin.close()
            head = git.stdout.readline().split()
            if len(head) != 3 or head[1] != b"blob":
                git.kill()
                return None
            data = git.stdout.read(min(int(head[2]), _MAX_BYTES))
            git.kill()
        return data


def open_repository(folder: Path) -> Repository:
    """The repository that a folder lies in.

    Raises:
        click.UsageError: there is none, or no git.
    """
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--show-toplevel"],
            capture_output=True, env=_environment(), check=False,
        )  # fmt: skip
    except OSError:
        raise click.UsageError("revisions need the program git, which is not there; name two files") from None
    top = answer.stdout.decode("utf-8", "surrogateescape").rstrip("\n")
    if answer.returncode or not top:
        reason = answer.stderr.decode("utf-8", "replace").strip().partition("\n")[0].removeprefix("fatal: ")
        what = f" ({reason})" if reason and "not a git repository" not in reason else ""
        raise click.UsageError(f"this folder lies in no git repository{what}; name two files to compare them")
    return Repository(Path(top))


def check_out(
    repository: Repository, commit: str, path: str, shown: str, into: Path, given: Iterable[str] = ()
) -> tuple[Source, Diagnostics] | None:
    """A spec of a commit with the files that it is made of (imports, prompts, tables), below the folder `into`.

    shown: the spec's name, `HEAD~1:specs/quiz.refine`; its texts have the names that `Names` settles. given: values of
    variables, which may be paths. None where the commit has no such file. A file of the spec that is missing there is
    missing below `into`.
    """
    data = repository.read(commit, path)
    if data is None:
        return None
    (into / ".git").mkdir()  # the same root as in the working tree
    folder = posixpath.dirname(path)
    while True:
        _copy(repository, commit, posixpath.join(folder, MARKERS[0]), into)
        if not folder:
            break
        folder = posixpath.dirname(folder)
    waiting = [path]
    seen = {path}
    while waiting:
        name = waiting.pop()
        content = _copy(repository, commit, name, into)
        if content is None or not (name == path or name.endswith(".refine")):
            continue
        for other in _named_in(name, content, given if name == path else ()):
            place = posixpath.normpath(posixpath.join(posixpath.dirname(name), other))
            if place not in seen and not place.startswith(("../", "/")) and place != "..":
                seen.add(place)
                waiting.append(place)
    return syntax.decode(_inside(shown), data, into / path)


@dataclass(frozen=True, slots=True)
class Names:
    """What the texts of one side are called. The compiler names imports, prompts and tables after the folder of the
    spec, so it is given a name with one, `HEAD~1:./quiz.refine`; people see git's own, `HEAD~1:quiz.refine`.

    shown: the spec's name. folder: where it was checked out, which no message shows.
    """

    shown: str
    folder: Path

    def settle(self, value: T) -> T:
        """A diagnostic, a span, or a tuple of these, under the names that people see."""
        match value:
            case str():
                return self.name(value).replace(f"{self.folder.resolve()}", ".")  # type: ignore[return-value]
            case tuple():
                return tuple(map(self.settle, value))  # type: ignore[return-value]
            case Diagnostic() | Label() | Help() | Edit() | Span() | Place():
                members = {each.name: self.settle(getattr(value, each.name)) for each in fields(value)}
                return replace(value, **members)
        return value

    def settle_sources(self, sources: Sources) -> Sources:
        """Texts under the names that people see."""
        return Sources([replace(each, name=self.name(each.name)) for each in sources.values()])

    def name(self, text: str) -> str:
        revision, colon, _ = self.shown.partition(":")
        return text.replace(f"{revision}:./", f"{revision}:") if colon else text


def _inside(shown: str) -> str:
    revision, _, path = shown.partition(":")
    return f"{revision}:./{path}"


def _copy(repository: Repository, commit: str, path: str, into: Path) -> bytes | None:
    data = repository.read(commit, path)
    if data is None:
        return None
    place = into / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return data


def _named_in(name: str, content: bytes, given: Iterable[str]) -> Iterator[str]:
    """The paths of files that a spec is made of, as written."""
    yield from given
    _, tree, _ = syntax.parse_bytes(name, content)
    for statement in tree.statements:
        match statement:
            case syntax.Import(path=path):
                yield path
            case syntax.Block():
                yield from _named_in_block(statement)


def _named_in_block(block: syntax.Block) -> Iterator[str]:
    for statement in block.body:
        if not isinstance(statement, syntax.Attribute):
            continue
        if block.kind == "variable":  # what a path may be set to
            yield from _texts([statement.value])
        for call in find_calls(statement.value):
            if call.function.parts in _MADE_OF:
                yield from _texts(argument.value for argument in call.arguments)


def _texts(expressions: Iterable[syntax.Expression]) -> Iterator[str]:
    for expression in expressions:
        if isinstance(expression, syntax.Literal) and isinstance(expression.value, str):
            yield expression.value


def _ask(folder: Path, *arguments: str) -> bytes | None:
    """What git answers; None where it fails."""
    answer = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, env=_environment(), check=False
    )
    return answer.stdout if answer.returncode == 0 else None


def _environment() -> dict[str, str]:
    """Nothing is fetched (a partial clone lacks objects), nothing is asked, no lock is taken."""
    return {**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
