"""What a situation needs around it that a user's files and commands do not bring: a server that fails in a certain
way, a user without rights, a machine without a program, another version of refinec."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from pyomo.common import Executable

from refinelab_dsl import compiler
from refinelab_dsl.artifacts.plan import Candidate, Header, Step
from refinelab_dsl.artifacts.plan_file import write_plan
from refinelab_dsl.data.corpora import WIKIPEDIA_VARIABLE
from refinelab_dsl.provenance.rows import iterate_rows
from refinelab_dsl.providers.endpoint import Simulation
from refinelab_dsl.serving import calls
from tests.harness.mediawiki_server import ThreadWiki, WikiServer
from tests.harness.openai_server import Behaviour, ThreadServer
from tests.harness.situations import SPEC, Place, lay_out
from tests.harness.warm import import_everything

Stage = Callable[[Place, dict[str, str]], AbstractContextManager[Place]]
"""Lays the files of a situation out and gives the place that it is run in."""

Body = list[Candidate | Step]
Change = Callable[[Header, Body], tuple[Header, Body]]

GOOD = Behaviour(Simulation(success=1.0))


@contextmanager
def plain(place: Place, files: dict[str, str]) -> Iterator[Place]:
    """Nothing around it."""
    lay_out(files, place)
    yield place


def served(behaviour: Behaviour, meddle: Callable[[ThreadServer, Path], None] | None = None) -> Stage:
    """Beside a local endpoint. meddle: what happens meanwhile, in a thread of its own."""

    @contextmanager
    def stage(place: Place, files: dict[str, str]) -> Iterator[Place]:
        with ThreadServer(behaviour) as server:
            place = replace(place, base_url=server.base_url)
            lay_out(files, place)
            if meddle is None:
                yield place
                return
            ended = threading.Event()
            thread = threading.Thread(target=_once_asked, args=(server, place.folder, meddle, ended))
            thread.start()
            try:
                yield place
            finally:
                ended.set()
                thread.join(10)

    return stage


def beside_wiki(*script: str) -> Stage:
    """Beside a wiki on this machine, which takes the place of Wikipedia. script: as `WikiServer`."""

    @contextmanager
    def stage(place: Place, files: dict[str, str]) -> Iterator[Place]:
        pages = {"Hexagon": "A hexagon has six sides.", "Square": "A square of side nine has an area of 81."}
        with ThreadWiki(WikiServer(pages, script)) as wiki:
            place = replace(place, environ={**place.environ, WIKIPEDIA_VARIABLE: wiki.address})
            lay_out(files, place)
            yield place

    return stage


def _once_asked(
    server: ThreadServer, folder: Path, meddle: Callable[[ThreadServer, Path], None], ended: threading.Event
) -> None:
    while not (server.tally.asked or server.tally.outcomes["polled"]):
        if ended.wait(0.002):
            return  # nobody ever asked
    meddle(server, folder)


def interrupt(server: ThreadServer, folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def overwrite_data(server: ThreadServer, folder: Path) -> None:
    (folder / "data/items.jsonl").write_text("moved to another place\n", encoding="utf-8")


@contextmanager
def unprivileged(place: Place, files: dict[str, str]) -> Iterator[Place]:
    """As a user to whom permissions apply, in a folder of that user's."""
    import_everything()  # while its files can be read
    with tempfile.TemporaryDirectory(prefix="situation-", ignore_cleanup_errors=True) as folder:
        home = Path(folder, "home")
        home.mkdir()
        place = replace(place, folder=home, unprivileged=True)
        lay_out(files, place)
        if os.geteuid() == 0:
            os.chmod(folder, 0o755)
            for path in (home, *home.rglob("*")):
                os.chown(path, 65534, 65534)
        yield place
        for path in home.rglob("*"):
            path.chmod(0o700)


def patched(patch: Callable[[], Any], around: Stage = plain) -> Stage:
    """With a part of refinec, or of what it stands on, replaced."""

    @contextmanager
    def stage(place: Place, files: dict[str, str]) -> Iterator[Place]:
        with around(place, files) as inner:
            replacement = patch()
            replacement.start()
            try:
                yield inner
            finally:
                replacement.stop()

    return stage


@contextmanager
def broken_glpk(place: Place, files: dict[str, str]) -> Iterator[Place]:
    """With a `glpsol` that ends without an answer."""
    programs = place.folder / "bin"
    programs.mkdir()
    program = programs / "glpsol"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    lay_out(files, place)
    with mock.patch.dict(os.environ, {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}):
        Executable("glpsol").rehash()  # Pyomo remembers where a program is
        yield place
    Executable("glpsol").rehash()


NO_GLPK = {"PATH": "/nowhere", "PYTHONPATH": str(Path(__file__).parent / "no_glpk")}
"""The environment of a process that finds neither `glpsol` nor `swiglpk`."""


@contextmanager
def without_glpk(place: Place, files: dict[str, str]) -> Iterator[Place]:
    """With neither GLPK's program nor its library."""
    lay_out(files, place)
    library = sys.modules.pop("swiglpk", None)
    sys.modules["swiglpk"] = None  # type: ignore[assignment]
    try:
        yield replace(place, environ={"PATH": "/nowhere"})
    finally:
        del sys.modules["swiglpk"]
        if library is not None:
            sys.modules["swiglpk"] = library


def with_plan(name: str, change: Change) -> Stage:
    """With a saved plan of the spec that was changed and hashed again."""

    @contextmanager
    def stage(place: Place, files: dict[str, str]) -> Iterator[Place]:
        lay_out(files, place)
        here = Path.cwd()
        os.chdir(place.folder)
        try:
            planned = compiler.plan(Path(SPEC))
        finally:
            os.chdir(here)
        plan = planned.plan
        assert plan is not None
        header, body = change(plan.header, [*plan.candidates(), *plan.steps()])
        write_plan(place.folder / name, header, body)
        yield place

    return stage


def of_an_older_version(header: Header, body: Body) -> tuple[Header, Body]:
    return header.model_copy(update={"compiler": "0.0.9"}), body


def with_unknown_check(header: Header, body: Body) -> tuple[Header, Body]:
    operators = tuple(
        each.model_copy(update={"checks": ("novel",)}) if each.kind == "generate" else each for each in header.operators
    )
    return header.model_copy(update={"operators": operators}), body


def with_unknown_item(header: Header, body: Body) -> tuple[Header, Body]:
    return header, [
        each.model_copy(update={"items": ("0123456789abcdef",)}) if isinstance(each, Step) else each for each in body
    ]


def one_choice_more(body: Any, simulation: Simulation) -> dict[str, Any]:
    reply = _answer_body(body, simulation)
    message = reply["choices"][0]["message"]
    item = json.loads(message["content"])
    message["content"] = json.dumps({**item, "choices": [*item["choices"], "none of these"]})
    return reply


_answer_body = calls.answer_body


def in_reverse(*arguments: Any) -> Iterator[Any]:
    return reversed(list(iterate_rows(*arguments)))



def leave_no_rest(spec: Any, paid: Any, learnt: Any, options: compiler.Options, destination: Path) -> compiler.Planned:
    """In the place of `compiler.plan_rest`: nothing can be planned any more."""
    return compiler.plan(spec.with_name("gone.refine"), options, destination)


def crash(*_: object, **__: object) -> None:
    raise ValueError("a case that nobody thought of")


def run_out_of_memory(*_: object, **__: object) -> None:
    raise MemoryError


def without_package(name: str, *loaded: str) -> Callable[[], Any]:
    """A package that cannot be imported; loaded: modules of ours that hold it already."""

    class Absent:
        def start(self) -> None:
            # What is imported meanwhile stays: a second import of pyomo would not be the same pyomo.
            self.kept = {each: sys.modules.pop(each) for each in (name, *loaded) if each in sys.modules}
            sys.modules[name] = None  # type: ignore[assignment]

        def stop(self) -> None:
            del sys.modules[name]
            sys.modules.update(self.kept)

    return Absent
