"""`refinec diff`: two specs, two revisions of a spec, or two saved plans, by meaning."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from refinelab_dsl import compiler, syntax
from refinelab_dsl.artifacts.plan_file import PlanFile
from refinelab_dsl.cli import changes, inputs, revisions, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.ir.diff import Change, Subject, compare
from refinelab_dsl.scratch import Scratch
from refinelab_dsl.source import Source, Sources


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared: a file, or where `commit` is set a spec in a commit. `shown` is its name in messages."""

    shown: str
    path: Path
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """An argument, read: a file, a revision, or a file at a revision."""

    path: Path | None = None
    revision: str | None = None
    commit: str | None = None


@click.command("diff")
@click.argument("what", nargs=-1, metavar="[A] [B] [SPEC]")
@shared_options("text", "json", "markdown", spec=True)
@click.option("--docs", is_flag=True, help="Compare `##` comments, too.")
@click.option("--exit-code", is_flag=True, help="Exit with 10 if there is a difference.")
def diff_command(settings: Settings, what: tuple[str, ...], docs: bool, exit_code: bool) -> int:
    """Compare two specs, or git revisions of one, by meaning.

    \b
    refinec diff                         the spec of this folder: the last commit, and now
    refinec diff SPEC                    the same for this spec
    refinec diff HEAD~3 [SPEC]           a revision, and now
    refinec diff main feature [SPEC]     two revisions; also main..feature, main...feature
    refinec diff OLD NEW                 two files, each a file or REVISION:FILE
    refinec diff a.refplan b.refplan     two saved plans

    Layout, comments, the order of declarations and how a value is spelled do not count. At a revision the files of a
    spec (imports, prompts, tables) are those of the revision.
    """
    old, new = find_sides(what)
    plans = [side.commit is None and inputs.is_plan(side.path) for side in (old, new)]
    if plans[0] != plans[1]:
        raise click.UsageError("a saved plan can be compared with another one, and a spec with a spec")
    found, sources, problems = (
        compare_plans(old, new) if plans[0] else compare_specs(settings, old, new, docs=docs)
    )
    if problems.has_errors:
        terminal.refuse(settings, problems)
        return ExitCode.SPEC
    document = changes.render_json(found, sources, old.shown, new.shown)
    terminal.save_json(settings, document)
    if settings.is_json:
        terminal.write_json(document)
    elif settings.format == "markdown":
        terminal.write(changes.render_markdown(found, sources, old.shown, new.shown))
    else:
        color = terminal.wants_color(settings, sys.stdout)
        terminal.write(changes.render_text(found, sources, old.shown, new.shown, color=color))
    return ExitCode.WORK if exit_code and found else ExitCode.DONE


def compare_specs(
    settings: Settings, old: Side, new: Side, *, docs: bool
) -> tuple[tuple[Change, ...], Sources, Diagnostics]:
    """The changes, the texts that their places are in, and what is wrong with either side."""
    options = inputs.build_options(settings)
    declared: set[str] = set()
    analyses: list[compiler.Analysis] = []
    renames: list[revisions.Names] = []
    problems = Diagnostics()
    with Scratch() as folder:
        for name, side in (("old", old), ("new", new)):
            place = Path(folder, name)
            place.mkdir()
            source, found = read_spec(side, place, options)
            if not found.has_errors:
                known = find_variables(source)
                declared |= known
                given = {name: text for name, text in options.variables.items() if name in known}
                analysis = compiler.analyze(source, replace(options, variables=given))
                analyses.append(analysis)
                found = analysis.diagnostics
            names = revisions.Names(side.shown, place)
            problems = problems.with_(names.settle(found.errors), names.settle_sources(found.sources))
            renames.append(names)
    unknown = sorted(options.variables.keys() - declared)
    if unknown and not problems.has_errors:
        raise click.UsageError(f"neither side has a variable `{unknown[0]}`")
    if problems.has_errors:
        return (), Sources(), problems
    subjects = [
        Subject(each.program, each.bindings)
        for each in analyses
        if each.program is not None and each.bindings is not None
    ]
    found_changes = tuple(
        replace(each, old_span=renames[0].settle(each.old_span), new_span=renames[1].settle(each.new_span))
        for each in compare(subjects[0], subjects[1], docs=docs)
    )
    return found_changes, problems.sources, problems


def compare_plans(old: Side, new: Side) -> tuple[tuple[Change, ...], Sources, Diagnostics]:
    """The same for two saved plans, whose changes have no places."""
    from refinelab_dsl.plan.diff import compare_plans as compare_headers

    headers = []
    problems = Diagnostics()
    for side in (old, new):
        plan, found = PlanFile.open(side.path)
        problems = problems.with_(found)
        if plan is not None:
            headers.append(plan.header)
    if problems.has_errors:
        return (), Sources(), problems
    return compare_headers(headers[0], headers[1]), Sources(), problems


def read_spec(side: Side, place: Path, options: compiler.Options) -> tuple[Source, Diagnostics]:
    """The text of a side; of a commit it is written below `place` together with the files that it is made of.

    Raises:
        click.UsageError: the file is not there.
    """
    if side.commit is None:
        path = inputs.require_file(side.path)
        try:
            with path.open("rb") as stream:
                data = stream.read(syntax.MAX_BYTES + 1)
        except OSError as error:
            raise click.UsageError(f"{path}: {error.strerror}") from None
        return syntax.decode(side.shown, data, path)
    repository = revisions.open_repository(Path())
    path = side.path
    found = revisions.check_out(
        repository, side.commit, path.as_posix(), side.shown, place, options.variables.values()
    )
    if found is None:
        revision = side.shown.partition(":")[0]
        hint = f"; name the file that it was then: refinec diff {revision}:OLD {path.name}"
        if repository.read(side.commit, repository.path_of(path)) is not None:
            hint = f"; relative to this folder it is {revision}:./{path.as_posix()}"
        raise click.UsageError(f"there is no file {path.as_posix()} in {revision}{hint}")
    return found


def find_variables(source: Source) -> set[str]:
    """The names of the variables that a spec declares."""
    tree, _ = syntax.parse(source)
    blocks = (each for each in tree.statements if isinstance(each, syntax.Block) and each.kind == "variable")
    return {block.label for block in blocks if block.label is not None}


def find_sides(arguments: Sequence[str]) -> tuple[Side, Side]:
    """What is to be compared with what.

    Raises:
        click.UsageError: the arguments name nothing, too much, or what is not there.
    """
    words = [_read_word(text) for text in _split_range(arguments)]
    files = [word for word in words if word.commit is None]
    bare = [word for word in words if word.commit is not None and word.path is None]
    if len(words) > 3 or len(files) > 2 or (len(words) == 3 and (len(files) != 1 or len(bare) != 2)):
        raise click.UsageError("two sides are compared: OLD NEW, or REVISION REVISION SPEC")
    if not words:
        files = words = [Word(inputs.find_only_spec(Path()))]
    if len(words) == 1:
        return _against_now(words[0])
    if not bare:
        return _side(words[0]), _side(words[1])
    # A bare revision is one of the spec that the other words name.
    spec = next((word.path for word in words if word.path is not None), None)
    top_down = next((word.commit is not None for word in words if word.path is not None), False)
    if spec is None:
        spec = inputs.find_only_spec(Path())
    repository = revisions.open_repository(Path())
    path = spec if top_down else Path(repository.path_of(spec))
    sides = [
        _at(word, path) if word.path is None else _side(word)
        for word in words
        if word.path is None or len(words) == 2
    ]
    return sides[0], sides[1]


def _against_now(word: Word) -> tuple[Side, Side]:
    """One argument: the working tree is the other side."""
    repository = revisions.open_repository(Path())
    if word.commit is None:
        assert word.path is not None
        if inputs.is_plan(word.path):
            raise click.UsageError("a saved plan can be compared with another one: refinec diff A.refplan B.refplan")
        head = repository.find_commit("HEAD")
        if head is None:
            raise click.UsageError("there is no commit yet to compare with; name two files")
        old = _at(Word(None, "HEAD", head), Path(repository.path_of(word.path)))
        return old, _side(word)
    if word.path is not None:
        here = repository.top / word.path
        return _side(word), Side(terminal.near(here), here)
    spec = inputs.find_only_spec(Path())
    return _at(word, Path(repository.path_of(spec))), _side(Word(spec))


def _side(word: Word) -> Side:
    assert word.path is not None
    if word.commit is None:
        return Side(str(word.path), word.path)
    return _at(word, word.path)


def _at(word: Word, path: Path) -> Side:
    """A file in a commit, by its path from the repository's top, as git names it."""
    return Side(f"{word.revision}:{path.as_posix()}", path, word.commit)


def _split_range(arguments: Sequence[str]) -> list[str]:
    """`main..feature` is two revisions; in `main...feature` the first is where they parted."""
    if not arguments or Path(arguments[0]).exists():
        return list(arguments)
    first, *others = arguments
    found = re.fullmatch(r"(?P<left>[^:]*?)(?P<dots>\.{2,3})(?P<right>[^:.][^:]*|)", first)
    if found is None or not (found["left"] or found["right"]) or "/" in (found["left"][-1:], found["right"][:1]):
        return list(arguments)
    left, right = found["left"] or "HEAD", found["right"] or "HEAD"
    if found["dots"] == "..." and (repository := revisions.open_repository(Path())):
        commits = [repository.find_commit(each) for each in (left, right)]
        if commits[0] is not None and commits[1] is not None:
            left = (repository.find_base(commits[0], commits[1]) or commits[0])[:12]
    return [left, right, *others]


def _read_word(text: str) -> Word:
    """A file where one stands, else a revision, else a file at a revision, else a file that is not there now.

    Raises:
        click.UsageError: none of these.
    """
    path = Path(text)
    try:
        if path.is_dir():
            return Word(inputs.find_only_spec(path))
        if path.exists():
            return Word(path)
    except (OSError, ValueError):
        raise click.UsageError(f"no file and no revision can be called {text!r}") from None
    if text.endswith((".refine", ".refplan")) and ":" not in text:
        return Word(path)
    repository = revisions.open_repository(Path())
    if (commit := repository.find_commit(text)) is not None:
        return Word(None, text, commit)
    revision, colon, name = text.partition(":")
    if colon and (commit := repository.find_commit(revision or "HEAD")) is not None and name:
        here = name.startswith(("./", "../"))
        return Word(Path(repository.path_of(Path(name)) if here else name), revision or "HEAD", commit)
    what = f"git knows no revision {revision!r}" if colon else f"no such file, and git knows no revision {text!r}"
    raise click.UsageError(what)
