"""The command of a loop: no shell, its words kept, its time bounded, and nothing that it started outlives it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from refinelab_dsl.execute.command import Ended, Terminated, run_command


def run(folder: Path, code: str, *arguments: str, timeout: float = 60) -> Ended:
    command = [sys.executable, "-c", code, *arguments]
    return run_command(command, folder, folder / "log", timeout, {"PATH": os.environ["PATH"], "TOLD": "yes"})


def is_gone(pid: int) -> bool:
    """Whether a process ends, which takes the kernel a moment."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_arguments_are_no_shell_words_and_the_folder_is_the_given_one(tmp_path: Path) -> None:
    ended = run(tmp_path, "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['TOLD'])", "$HOME; ls", "a b")
    assert ended.code == 0
    assert ended.last == (f"['$HOME; ls', 'a b'] {tmp_path.resolve()} yes",)


def test_what_it_prints_is_kept_in_order_with_its_end(tmp_path: Path) -> None:
    code = "import sys\nfor n in range(9): print(n, file=sys.stderr if n % 2 else sys.stdout, flush=True)\nsys.exit(3)"
    ended = run(tmp_path, code)
    assert (ended.code, ended.last) == (3, ("4", "5", "6", "7", "8"))
    assert (tmp_path / "log").read_text() == "".join(f"{n}\n" for n in range(9))


def test_a_signal_is_told(tmp_path: Path) -> None:
    assert run(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)").code == -signal.SIGKILL


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(other.pid, flush=True)\ntime.sleep(600)"
    )
    ended = run(tmp_path, code, timeout=1)
    assert ended.code is None
    assert is_gone(int(ended.last[0]))


def test_what_it_leaves_running_is_ended_too(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True)"
    )
    ended = run(tmp_path, code)
    assert ended.code == 0
    assert is_gone(int(ended.last[0]))


@pytest.mark.parametrize(
    ("sent", "heard"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated), (signal.SIGHUP, Terminated)],
)
def test_a_signal_ends_it(tmp_path: Path, sent: signal.Signals, heard: type[BaseException]) -> None:
    def interrupt() -> None:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), sent)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(600)"
    with pytest.raises(heard):
        run(tmp_path, code)
    thread.join()
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_it_does_not_outlive_a_refinec_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, subprocess, sys, time\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "pathlib.Path('pids').write_text(f'{os.getpid()} {other.pid}.')\ntime.sleep(600)"
    )
    parent = os.fork()
    if parent == 0:
        try:
            run(tmp_path, code)
        finally:
            os._exit(1)
    pids = tmp_path / "pids"
    while not pids.exists() or not pids.read_text().endswith("."):
        time.sleep(0.01)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert [is_gone(int(pid)) for pid in pids.read_text().rstrip(".").split()] == [True, True]


def test_what_is_no_program_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_command(["./nowhere.sh"], tmp_path, tmp_path / "log", 5, {})
