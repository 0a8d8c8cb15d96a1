"""What hostile programs try, at both levels: each ends as a value, and nothing of the machine is seen or changed."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from refinelab_dsl.effects import Execute, Level, Outcome
from refinelab_dsl.sandbox import LEVELS, Limits, Sandbox
from tests.sandbox.levels import need, open_levels

SECRET = "planted_secret_8731"
MARK = Path("/tmp/refinec-escape")

pytestmark = pytest.mark.parametrize("level", LEVELS)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from open_levels()


@pytest.fixture(scope="module")
def patient() -> Iterator[Sandbox]:
    """Where memory is what gives out first, on a busy machine too."""
    yield from open_levels(Limits(seconds=30, waiting=60, memory=64_000_000, output=10_000))


def run(sandbox: Sandbox, level: Level, code: str, answer: str | None = None) -> Outcome:
    need(sandbox, level)
    outcome = sandbox.run(Execute(code, level, answer))
    if level == "embedded":  # its workers have one owner: whatever a program did, the next one runs as if nothing was
        assert sandbox.run(Execute("answer = 6 * 7", level, "answer")) == Outcome("ok", "42")
    return outcome


LOOPS = {
    "that catches all": "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
    "of large numbers": "x = 3 ** 100000\nwhile True: x = x * x % (7 ** 100000)",
    "in the value": "class Slow:\n  def __str__(self):\n    while True: pass\nanswer = Slow()",
}


@pytest.mark.parametrize("code", LOOPS.values(), ids=LOOPS)
def test_an_endless_loop_ends(sandbox: Sandbox, level: Level, code: str) -> None:
    outcome = run(sandbox, level, code, "answer" if "answer" in code else None)
    assert (outcome.status, outcome.value) == ("timeout", None)


def test_a_sleep_does_not_hold(sandbox: Sandbox, level: Level) -> None:
    """What computes nothing is bounded by the clock; the embedded level does not sleep at all."""
    outcome = run(sandbox, level, "import time\ntime.sleep(1000)\nanswer = 1", "answer")
    assert outcome.status == ("ok" if level == "embedded" else "timeout")


BOMBS = {
    "list": "x = []\nwhile True: x.append('a' * 100000)",
    "text": "x = 'a' * 10 ** 11",
    "format": "x = '{:>30000000000}'.format(3)",
    "join": "x = ','.join(['a' * 10 ** 6] * 10 ** 5)",
    "range": "x = list(range(10 ** 10))",
}


@pytest.mark.parametrize("code", BOMBS.values(), ids=BOMBS)
def test_a_memory_bomb_is_defused(patient: Sandbox, level: Level, code: str) -> None:
    assert run(patient, level, code).status == "memory"


FORKS = {
    "os.fork": "import os\nwhile True: os.fork()",
    "subprocess": "import subprocess\nsubprocess.Popen(['/usr/bin/python3', '-c', 'while True: pass'])",
    "thread": "import threading\nfor i in range(100000): threading.Thread(target=print).start()",
    "system": "import os\nassert os.system('true') == 0",
}


@pytest.mark.parametrize("code", FORKS.values(), ids=FORKS)
def test_no_process_is_started(sandbox: Sandbox, level: Level, code: str) -> None:
    assert run(sandbox, level, code).status in ("failed", "unsupported")


def test_files_are_not_read(sandbox: Sandbox, level: Level, tmp_path: Path) -> None:
    planted = tmp_path / "planted.txt"
    planted.write_text(SECRET, encoding="utf-8")
    for path in (planted, "/etc/passwd", "/proc/self/environ", __file__):
        outcome = run(sandbox, level, f"answer = open({str(path)!r}).read()", "answer")
        assert outcome.status in ("failed", "unsupported")
        assert outcome.value is None
        assert SECRET not in str(outcome)


def test_nothing_is_written(sandbox: Sandbox, level: Level, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for path in (tmp_path / "x", MARK, Path("/dev/shm/refinec-escape")):
        outcome = run(sandbox, level, f"open({str(path)!r}, 'w').write('x')")
        assert outcome.status in ("failed", "unsupported")
        assert not path.exists()


def test_no_connection_is_made(sandbox: Sandbox, level: Level) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        code = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1).send(b'hello')"
        assert run(sandbox, level, code).status in ("failed", "unsupported")
        with pytest.raises(BlockingIOError):
            server.accept()


def test_no_socket_of_any_family_is_had(sandbox: Sandbox, level: Level) -> None:
    """Those to the machine under a virtual one (family 40) are in no namespace."""
    for family in (1, 2, 16, 40):
        outcome = run(sandbox, level, f"import socket\nsocket.socket({family}, socket.SOCK_STREAM)")
        assert outcome.status in ("failed", "unsupported")


KERNEL = """
import ctypes
library = ctypes.CDLL(None, use_errno=True)
answer = [library.unshare(0x10000000), ctypes.get_errno(), library.ptrace(0, 0, 0, 0), ctypes.get_errno()]
answer += [library.mount(0, b"/", b"tmpfs", 0, 0), ctypes.get_errno(), library.syscall(0x40000000 + 39)]
answer += [library.prctl(39, 0, 0, 0, 0)]
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter of system calls is for x86_64")
def test_the_kernel_refuses_what_no_program_needs(sandbox: Sandbox, level: Level) -> None:
    """Namespaces, tracing, mounts, the other call table: refused; and no more rights can be had."""
    outcome = run(sandbox, level, KERNEL, "answer")
    assert outcome.status == "unsupported" or outcome.value == "[-1, 1, -1, 1, -1, 1, -1, 1]"


def test_the_environment_is_not_seen(sandbox: Sandbox, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    for code in (
        "import os\nanswer = dict(os.environ)",
        "import os\nanswer = os.getenv('OPENAI_API_KEY')",
        "import sys\nanswer = sys.argv",
    ):
        assert SECRET not in str(run(sandbox, level, code, "answer"))


def test_no_other_process_is_signalled(sandbox: Sandbox, level: Level) -> None:
    """Were one of these heard outside, this test would not end."""
    for call in (f"os.kill({os.getpid()}, 9)", "os.kill(os.getppid(), 9)", "os.kill(-1, 9)"):
        run(sandbox, level, f"import os\n{call}")


OUTPUTS = {
    "lines": "while True: print('x' * 1000)",
    "that catches all": "while True:\n  try:\n    while True: print('x' * 1000)\n  except BaseException: pass",
    "one text": "print('x' * 20_000_000)",
}


@pytest.mark.parametrize("code", OUTPUTS.values(), ids=OUTPUTS)
def test_huge_output_is_cut(sandbox: Sandbox, level: Level, code: str) -> None:
    outcome = run(sandbox, level, code)
    assert outcome.status == "output"
    assert len(outcome.stdout) <= 10_000


def test_a_huge_value_is_refused(sandbox: Sandbox, level: Level) -> None:
    outcome = run(sandbox, level, "answer = 'x' * 1_000_000", "answer")
    assert (outcome.status, outcome.value) == ("output", None)


IMPORTS = {
    "ctypes": f"import ctypes\nctypes.CDLL(None).system(b'touch {MARK}')\nassert False",
    "builtins": f"__import__('os').system('touch {MARK}')\nassert False",
    "subclasses": "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'Popen'][0](['touch'])",
    "site": "import numpy",
    "path": f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\nimport refinelab_dsl",
    "globals": "def f(): pass\nf.__globals__['__builtins__'].open('/etc/passwd')",
}


@pytest.mark.parametrize("code", IMPORTS.values(), ids=IMPORTS)
def test_tricks_with_imports_bring_nothing(sandbox: Sandbox, level: Level, code: str) -> None:
    assert run(sandbox, level, code).status in ("failed", "unsupported")
    assert not MARK.exists()


ENDINGS = {
    "os._exit": "import os\nos._exit(0)",
    "sys.exit": "import sys\nsys.exit(0)",
    "SystemExit": "raise SystemExit(0)",
    "a report of its own": "import os\nfor f in range(3, 20):\n  try: os.write(f, b'{\"value\": null}')\n"
    "  except OSError: pass\nos._exit(0)",
    "another program": "import os, sys\nos.execv(sys.executable, ['python', '-c', 'pass'])",
}


@pytest.mark.parametrize("code", ENDINGS.values(), ids=ENDINGS)
def test_ending_early_is_no_success(sandbox: Sandbox, level: Level, code: str) -> None:
    assert run(sandbox, level, code).status in ("failed", "crashed", "unsupported")


BROKEN = {
    "syntax": "def (:",
    "deep brackets": "(" * 5000 + ")" * 5000,
    "deep signs": "x = " + "-" * 200_000 + "1",
    "deep calls": "def f(n): return f(n + 1)\nf(0)",
    "deep value": "x = []\nfor i in range(200000): x = [x]\nassert x == 1",
    "null": "x = 1\0",
    "half a pair": "x = '\ud800'\nassert x == 1",
    "too long": "x = 1\n" * 200_001,
}


@pytest.mark.parametrize("code", BROKEN.values(), ids=BROKEN)
def test_text_that_is_no_program(sandbox: Sandbox, level: Level, code: str) -> None:
    outcome = run(sandbox, level, code)
    assert outcome.status in ("failed", "memory", "crashed")
    assert len(outcome.detail) <= 200


def test_a_program_cannot_write_into_a_log(sandbox: Sandbox, level: Level) -> None:
    """`message` is ours."""
    outcome = run(sandbox, level, f"class {SECRET}(Exception): pass\nraise {SECRET}('{SECRET}')")
    assert outcome.status in ("failed", "unsupported")
    assert "planted" not in outcome.message


def test_nothing_is_left_running(sandbox: Sandbox, level: Level) -> None:
    need(sandbox, level)
    sandbox.run(Execute("while True: pass", level))
    for _ in range(50):
        left = [command for command in find_descendants() if "bwrap" in command or "inside" in command]
        if not left:
            break
        time.sleep(0.05)
    assert left == []


def find_descendants() -> list[str]:
    """The commands of the processes that descend from this one."""
    parents: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        parents[int(folder.name)] = (int(stat.rpartition(")")[2].split()[1]), command)
    found = []
    for pid, (parent, command) in parents.items():
        while parent not in (0, os.getpid()):
            parent = parents.get(parent, (0, ""))[0]
        if parent == os.getpid() and command:
            found.append(f"{pid} {command}")
    return found
