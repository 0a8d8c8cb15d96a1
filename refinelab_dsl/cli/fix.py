"""`refinec fix`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from refinelab_dsl import compiler, syntax
from refinelab_dsl.cli import inputs, rewrite, terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.diagnostics.diagnostic import Diagnostics
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.diagnostics.fix import Choice, Repair, fix, is_fixable
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import find_project
from refinelab_dsl.source import Source


@click.command("fix")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@shared_options("text", "json", spec=True)
@click.option("--select", metavar="CODE", multiple=True, help="Only these errors: RF1008, or RF10 for all like it.")
@click.option("--unsafe", is_flag=True, help="Follow suggestions, too, that a person should look at afterwards.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
def fix_command(settings: Settings, paths: tuple[str, ...], select: tuple[str, ...], unsafe: bool, diff: bool) -> int:
    """Repair what has one sure way out, in the specs and in what they import.

    PATH is a spec, a folder of specs, or `-` for standard input, whose text goes to standard output; default: the
    specs in this folder and below. Each suggestion is tried first, and dropped where it mends nothing or makes another
    error. Exit code 1 if errors are left.
    """
    options = replace(inputs.build_options(settings), library=True)
    desk = _Desk(options, parse_codes(select), unsafe)
    for original in rewrite.read_originals(paths):
        desk.repair(original)
    is_stdin = paths == ("-",)
    left = desk.find_left() if diff or is_stdin else desk.find_left().with_(desk.save())
    files = [_describe(desk, path, diff=diff) for path in desk.changed]
    document = terminal.document(
        left, fixed=[_list(repair) for repair in desk.repairs], rejected=[_list(repair) for repair in desk.rejected],
        files=files,
    )  # fmt: skip
    if settings.is_json:
        terminal.write_json(document)
    elif diff:
        rewrite.write_diff(settings, "".join(file["diff"] for file in files))
    elif is_stdin:
        terminal.write_exact("".join(desk.read(_key(source)) for source in desk.specs))
    if not settings.is_json and desk.repairs:
        listed = "".join(f"{_place(repair)}: {repair.code}: {escape(repair.message)}\n" for repair in desk.repairs)
        if diff or is_stdin:
            terminal.say(settings, listed.rstrip("\n"))
        else:
            terminal.write(listed)
    terminal.save_json(settings, document)
    terminal.report(settings, left)
    for repair in desk.rejected:
        why = f"it would bring {', '.join(repair.made)}" if repair.made else "the error would stay"
        terminal.say(settings, f"{_place(repair)}: {repair.code}: not done ({escape(repair.message)}): {why}")
    terminal.say(settings, summarise(len(desk.repairs), left, wrote=not diff, unsafe=unsafe))
    return ExitCode.SPEC if left.has_errors else ExitCode.DONE


def parse_codes(select: Iterable[str]) -> tuple[str, ...]:
    """Codes and their beginnings, as `--select RF1008,rf20` gives them.

    Raises:
        click.UsageError: no error has such a code.
    """
    from refinelab_dsl.diagnostics.meanings import load_meanings

    codes = tuple(code.strip().upper() for group in select for code in group.split(","))
    known = sorted(load_meanings()) if codes else []
    for code in codes:
        if not code.startswith("RF") or not any(each.startswith(code) for each in known):
            raise click.UsageError(f"--select: no error is called {code!r}")
    return codes


def summarise(fixed: int, left: Diagnostics, *, wrote: bool, unsafe: bool) -> str:
    """`fixed 3; 1 error left, 1 of them fixable with --unsafe`."""
    parts = [f"{'fixed' if wrote else 'would fix'} {fixed}"]
    errors = len(left.errors)
    if errors:
        risky = 0 if unsafe else sum(is_fixable(entry, unsafe=True) for entry in left.errors)
        hint = f", {risky} of them fixable with --unsafe" if risky else ""
        parts.append(f"{errors} error{'' if errors == 1 else 's'} left{hint}")
    else:
        parts.append("no errors left")
    return "; ".join(parts)


@dataclass
class _Desk:
    """The files at hand, and what has become of them. Keys are resolved paths, standard input's is `-`."""

    options: compiler.Options
    codes: tuple[str, ...]
    unsafe: bool
    originals: dict[Path, rewrite.Original] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    repairs: list[Repair] = field(default_factory=list)
    rejected: list[Repair] = field(default_factory=list)
    specs: list[Source] = field(default_factory=list)
    refused: Diagnostics = field(default_factory=Diagnostics)

    @property
    def changed(self) -> list[Path]:
        return [path for path, text in self.texts.items() if text != self.originals[path].source.text]

    def repair(self, original: rewrite.Original) -> None:
        """Mends one spec and what it imports, on top of what was mended before."""
        source = original.source
        if original.found.has_errors:
            self.refused = self.refused.with_(original.found)
            return
        self.specs.append(source)
        self.originals.setdefault(_key(source), original)
        self.texts.setdefault(_key(source), source.text)
        project = find_project(source.path.parent if source.path is not None else Path.cwd())
        keys: dict[str, Path] = {}  # of the files by the names that this spec gives them

        def analyze(texts: Mapping[str, str]) -> Diagnostics:
            found = self.analyze(source, {keys[name]: text for name, text in texts.items()})
            keys.update((name, _key(each)) for name, each in found.sources.items())
            return found

        def may_edit(each: Source) -> bool:
            inside = each.path is not None and project.contains(each.path)
            return each.name == source.name or (inside and self._open(each))

        fixed = fix(analyze, Choice(self.codes, self.unsafe, may_edit))
        self.texts |= {keys[name]: text for name, text in fixed.texts.items()}
        self.repairs += fixed.repairs
        self.rejected += fixed.rejected

    def analyze(self, source: Source, texts: Mapping[Path, str]) -> Diagnostics:
        """What is wrong with a spec where files hold what was mended before, or `texts`."""
        unsaved = {**self.texts, **texts}
        given = Source(source.name, unsaved[_key(source)], source.path)
        return compiler.analyze(given, replace(self.options, unsaved=unsaved)).diagnostics

    def find_left(self) -> Diagnostics:
        """What is wrong in the end, each complaint once: a file that several specs import is read with each."""
        left = self.refused
        for source in self.specs:
            left = left.with_(self.analyze(source, {}))
        return Diagnostics(tuple(dict.fromkeys(left)), left.sources)

    def _open(self, source: Source) -> bool:
        """Whether an imported file can be edited: it holds the text that was read, and is a spec."""
        assert source.path is not None
        key = _key(source)
        if key not in self.originals:
            data, loaded, found = syntax.load(source.path)
            self.originals[key] = rewrite.Original(data, Source(source.name, loaded.text, source.path), found)
        original = self.originals[key]
        return not original.found.has_errors and (key in self.texts or original.source.text == source.text)

    def save(self) -> Diagnostics:
        """Writes what has changed; what the operating system has against it."""
        refused = []
        for path in self.changed:
            refusal = rewrite.save(self.originals[path], self.read(path))
            refused += [refusal] if refusal is not None else []
        return Diagnostics(tuple(refused))

    def read(self, path: Path) -> str:
        """The text of a file as it is to be written, with the byte-order mark that it had."""
        return ("\ufeff" if self.originals[path].text.startswith("\ufeff") else "") + self.texts[path]


def _key(source: Source) -> Path:
    return source.path.resolve() if source.path is not None else Path(source.name)


def _describe(desk: _Desk, path: Path, *, diff: bool) -> dict[str, Any]:
    original, text = desk.originals[path], desk.read(path)
    described: dict[str, Any] = {"path": original.source.name}
    if original.source.path is None:
        described["text"] = text
    if diff:
        described["diff"] = rewrite.render_diff(original.source.name, original.text, text)
    return described


def _list(repair: Repair) -> dict[str, Any]:
    listed = {"code": repair.code, "file": repair.file, "line": repair.line, "message": repair.message}
    brought = {"would_bring": list(repair.made)} if repair.made else {}
    return {**listed, "applicability": repair.applicability, **brought}


def _place(repair: Repair) -> str:
    return f"{escape(repair.file)}:{repair.line}"
