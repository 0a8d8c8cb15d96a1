"""`refinec check --watch`, in a process of its own, while its files change."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refinelab_dsl.exit_codes import ExitCode
from tests.cli.command import clean_environment, refinec

SPEC = b'edition = 1\nimport "lib.refine" as lib\nmeasure size { kind = length }\n'
LIBRARY = b"edition = 1\nmodel small { provider = simulated }\n"


class Watching:
    """The lines that the process writes, as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def report(self) -> str:
        """All lines up to the one that says that it is waiting."""
        lines: list[str] = []
        while not lines or not lines[-1].startswith("watching "):
            lines.append(self._lines.get(timeout=120))
        return "".join(lines)

    def wait_for(self, text: str) -> str:
        """The next report that says so. A file that is being written may be checked twice."""
        while text not in (report := self.report()):
            pass
        return report


@contextmanager
def watching(folder: Path, *arguments: str) -> Iterator[Watching]:
    process = subprocess.Popen(
        [sys.executable, "-m", "refinelab_dsl.cli.main", "check", "--watch", *arguments],
        cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield Watching(process)
    finally:
        process.kill()
        process.wait()


def test_every_change_is_checked(tmp_path: Path) -> None:
    spec, library = tmp_path / "a.refine", tmp_path / "lib.refine"
    spec.write_bytes(SPEC)
    with watching(tmp_path, "a.refine") as process:
        first = process.report()
        assert "RF2075" in first  # the library is not there
        assert "\x1b" not in first
        assert first.endswith("watching 3 files; Ctrl-C ends it\n")
        library.write_bytes(LIBRARY)
        process.wait_for("checked 1 spec: 1 warning\n")
        library.write_bytes(LIBRARY.replace(b"=", b":"))
        process.wait_for("error[RF10")
        library.write_bytes(LIBRARY)
        process.wait_for("checked 1 spec: 1 warning\n")
        spec.write_bytes(SPEC + b"measure size { kind = length }\n")
        process.wait_for("error[RF2005]")
        spec.unlink()
        process.wait_for("no such file: a.refine")
        spec.write_bytes(SPEC)
        process.wait_for("checked 1 spec: 1 warning\n")
        process.process.send_signal(signal.SIGINT)
        assert process.process.wait(timeout=120) == ExitCode.INTERRUPTED


def test_a_new_spec_of_a_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.refine").write_bytes(LIBRARY)
    with watching(tmp_path) as process:
        assert "checked 1 spec: " in process.report()
        (tmp_path / "b.refine").write_bytes(LIBRARY)
        process.wait_for("checked 2 specs: ")


def test_what_cannot_be_watched_is_wrong_use(tmp_path: Path) -> None:
    assert refinec("check", "--watch", "-", cwd=tmp_path).code == ExitCode.USAGE
    assert refinec("check", "--watch", "absent.refine", cwd=tmp_path).code == ExitCode.USAGE
