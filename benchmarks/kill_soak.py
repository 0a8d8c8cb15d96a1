"""Is a run that is killed again and again the run that nobody disturbed?

    python benchmarks/kill_soak.py [--kills 200] [--seed 1] [--json FILE]

`refinec apply` runs against a local OpenAI-shaped endpoint whose reply is a function of the request, and is ended by
SIGKILL at random moments: while it plans, while calls are in flight, while the rest is planned again (`replan`), at the
first sight of a temporary file, while outputs are written. After each kill it is resumed as a user resumes it, until it
is done; then the next project begins, until there were so many kills. Four kinds of project take turns:

    replan   its rest is solved again after each 10% of the budget
    settled  one plan to the end
    tight    its budget is used up by what the kills lost, so that it may end there (exit 5)
    workers  one plan, its calls made by two worker processes, of which one may be killed alone: the run goes on

Told are, for each kind: what was asked for (`asked`), how many of these calls were bought more than once and how many
were in flight at a kill (by the journal), what the endpoint counted as spent beside the budget, and every fault:
another output, plan or provenance log than the undisturbed run's, a call that it did not make, a reply that was bought
again without having been in flight, spend above the budget, a file that is left over, a worker that outlives its run, a
lock that does not heal, a traceback. Ends with 1 where there was a fault. Figures of one run stand in `kill_soak.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from refinelab_dsl.execute.journal import read_entries
from refinelab_dsl.execute.lock import read_holder
from refinelab_dsl.execute.runs import RunFolder, current_status, find_runs
from refinelab_dsl.exit_codes import ExitCode
from refinelab_dsl.project import Project
from refinelab_dsl.providers.endpoint import Simulation, answer_body
from tests.cli.command import fork_refinec, refinec
from tests.harness.openai_server import Behaviour, ThreadServer
from tests.harness.warm import Forked

CONCURRENCY = 8
MOMENTS = ("calls", "calls", "calls", "start", "rest", "finish", "file")
SIMULATION = Simulation(success=0.6, malformed=0.1)

SPEC = """edition = 1
seed = {seed}
dataset items {{ task = mcq, source = "items.jsonl" }}
measure subject {{ kind = column, column = "subject" }}
dimension topic {{ from = subject, target = uniform() }}
measure level {{ kind = column, column = "level" }}
dimension difficulty {{
  from = level, order = [easy, hard], target = {{ easy = 30%, hard = 70% }}, on_new = assume
}}
model small {{
  provider = openai, id = "small", base_url = "{base_url}", limits = {{ concurrency = {concurrency} }}
  price = {{ input = $1 / 1M, output = $4 / 1M, as_of = "2026-11-01" }}
}}
validator fresh {{ kind = duplicate, against = [originals, output] }}
validator sound {{ kind = format }}
operator drop {{ kind = remove }}
operator author {{
  kind = generate, model = small, moves = {{ topic = any }}, checks = [sound, fresh], prior = {{ success = 70% }}
}}
operator harden {{
  kind = rewrite, model = small, moves = {{ difficulty = +1 }}, checks = [sound], prior = {{ success = 70% }}
}}
constraints {{ max_removed = 20% }}
budget {{ tokens = {tokens}, cost = $5 }}
solve {{ replan = {replan} }}
output refined {{ path = "out.jsonl", provenance = "out.prov.jsonl" }}
"""


@dataclass(frozen=True)
class Kind:
    """tokens: the budget. bytes_hold: no kill may show in what the run leaves."""

    name: str
    replan: str
    tokens: int
    bytes_hold: bool = True
    workers: int = 0

    @property
    def moments(self) -> tuple[str, ...]:
        return MOMENTS + ("worker",) * self.workers


@dataclass
class Figures:
    """What was seen of a kind of project."""

    runs: int = 0
    kills: int = 0
    steps: int = 0
    asked: int = 0
    again: int = 0
    lost: int = 0
    most_spent: float = 0.0  # the greatest share of a budget that the endpoint counted
    moments: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Calm:
    """An undisturbed run: what it leaves, and the calls it made."""

    content: Mapping[str, bytes]
    asked: frozenset[str]


def write_project(folder: Path, kind: Kind, seed: int, base_url: str) -> Project:
    folder.mkdir()
    text = SPEC.format(seed=seed, base_url=base_url, concurrency=CONCURRENCY, tokens=kind.tokens, replan=kind.replan)
    (folder / "spec.refine").write_text(text)
    rows = [
        {"question": f"Item {at}: how much is {at} times {at + seed}?",
         "choices": [f"{letter}{at}" for letter in "abcd"], "answer": f"b{at}",
         "subject": "organic" if at % 5 < 4 else "physical", "level": ("easy", "hard")[at % 3 == 0]}
        for at in range(480)
    ]  # fmt: skip
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Project(folder, folder)


def read_content(folder: Path) -> dict[str, bytes]:
    """All that may not depend on when replies arrive, or on kills: plans, logs, outputs."""
    paths = [path for path in (folder / "out.jsonl", folder / "out.prov.jsonl") if path.exists()]
    for leg in sorted((folder / ".refine/runs").iterdir()):
        paths += [path for name in ("plan.refplan", "provenance.jsonl") if (path := leg / name).exists()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def find_left_over(folder: Path) -> list[str]:
    """Files and folders that only a process at work may need."""
    known = {".refine", ".gitignore", ".gitattributes"}
    return [
        str(path.relative_to(folder)) for path in sorted(folder.rglob("*"))
        if (path.name.startswith(".") and path.name not in known) or path.suffix in {".tmp", ".partial"}
    ]  # fmt: skip


class Life:
    """`refinec apply` from its start to its kill, or to its end."""

    def __init__(self, project: Project, temporary: Path, workers: int) -> None:
        self.folder = project.base
        folders = find_runs(project)
        words = ("apply", "--resume" if folders else "--auto-approve", "--workers", str(workers))
        self._streams = (tempfile.TemporaryFile(), tempfile.TemporaryFile(), tempfile.TemporaryFile())  # noqa: SIM115
        self._process: Forked = fork_refinec(
            *words, cwd=self.folder, environ={"TMPDIR": str(temporary)},
            descriptors=[stream.fileno() for stream in self._streams],
        )  # fmt: skip

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.send_signal(SIGKILL)
        self._process.wait(30)

    @property
    def workers(self) -> list[int]:
        """The ids of its worker processes."""
        pid = self._process.pid
        try:
            return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []

    def end(self) -> tuple[int, str]:
        """Its exit code and all that it said."""
        code = self._process.wait(600)
        said = ""
        for stream in self._streams[1:]:
            stream.seek(0)
            said += stream.read().decode()
        for stream in self._streams:
            stream.close()
        return code, said


def wait_until(life: Life, holds: Callable[[], bool], seconds: float = 60) -> None:
    """Until it holds, or the life is over, or it has lasted so long."""
    deadline = time.monotonic() + seconds
    while not life.is_over and not holds() and time.monotonic() < deadline:
        time.sleep(0.002)


def wait_for(moment: str, life: Life, server: ThreadServer, calm: Calm, draw: random.Random) -> None:
    """Until a moment of this kind has come."""
    asked = server.tally.asked
    match moment:
        case "calls" | "worker":
            goal = asked.total() + draw.randint(1, 10)
            wait_until(life, lambda: asked.total() >= goal)
            pause = draw.random() * 0.04
        case "start":
            pause = draw.random() * 1.2
        case "rest":
            before = count_records(life.folder, "replanned")
            wait_until(life, lambda: count_records(life.folder, "replanned") > before)
            pause = draw.random() * 0.6
        case "finish":
            left = draw.randint(0, 3)
            wait_until(life, lambda: len(asked) >= len(calm.asked) - left)
            pause = draw.random() * 0.25
        case _:
            skipped = draw.randint(0, 20)
            seen: set[str] = set()

            def is_seen() -> bool:
                seen.update(list_temporary(life.folder))
                return len(seen) > skipped

            wait_until(life, is_seen, 1.5)
            pause = 0.0
    wait_until(life, lambda: False, pause)


def count_records(folder: Path, status: str) -> int:
    found = 0
    for path in (folder / ".refine/runs").glob("*/run.json"):
        try:
            found += f'"status": "{status}"' in path.read_text()
        except OSError:
            continue
    return found


def list_temporary(folder: Path) -> Iterator[str]:
    for place in (folder, folder / ".refine/runs", *(folder / ".refine/runs").glob("[0-9]*")):
        try:
            yield from (entry.name for entry in place.iterdir() if entry.suffix in {".tmp", ".partial"})
        except OSError:
            continue


def run_calm(folder: Path, kind: Kind, seed: int, server: ThreadServer) -> Calm:
    write_project(folder, kind, seed, server.base_url)
    forget(server)
    answer = refinec("apply", "--auto-approve", "--workers", str(kind.workers), cwd=folder)
    assert answer.code in (ExitCode.DONE, ExitCode.BUDGET, ExitCode.INCOMPLETE), answer.err
    return Calm(read_content(folder), frozenset(server.tally.asked))


def forget(server: ThreadServer) -> None:
    server.tally.asked.clear()
    server.tally.delivered.clear()
    server.tally.bodies.clear()
    server.tally.headers.clear()


def soak(folder: Path, kind: Kind, seed: int, server: ThreadServer, figures: Figures, most: int) -> None:
    """One project, killed until it is done or there were `most` kills, then left alone."""
    draw = random.Random(seed)
    calm = run_calm(folder / "calm", kind, seed, server)
    forget(server)
    project = write_project(folder / "rough", kind, seed, server.base_url)
    temporary = folder / "tmp"
    temporary.mkdir()
    kills, workers = 0, set[int]()

    def complain(what: str) -> None:
        figures.faults.append(f"{kind.name}, seed {seed}, after {kills} kills: {what}")

    while True:
        if any(current_status(project, each) in ("complete", "partial") for each in find_runs(project)):
            break  # the kill came between the end of the run and that of its process
        life = Life(project, temporary, kind.workers)
        moment = ""
        while kills < most and not life.is_over:
            moment = draw.choice(kind.moments)
            wait_for(moment, life, server, calm, draw)
            mine = life.workers
            workers.update(mine)
            if life.is_over or (moment == "worker" and not mine):
                continue
            kills += 1
            figures.moments[moment] += 1
            if moment == "worker":
                os.kill(draw.choice(mine), SIGKILL)
            else:
                life.kill()
                break
        code, said = life.end()
        if code == -SIGKILL:
            continue
        if "Traceback" in said:
            complain(said)
        if code in (ExitCode.DONE, ExitCode.INCOMPLETE) or (code == ExitCode.BUDGET and not kind.bytes_hold):
            break
        complain(f"exit {code}: {said}")
        return
    left = wait_for_ends(workers)
    if left:
        complain(f"{len(left)} worker processes have outlived their runs")
    check(project, kind, calm, server, figures, kills, complain)


def wait_for_ends(workers: Collection[int], seconds: float = 10) -> list[int]:
    """Those of these processes that are still there after so long. An id may be another program's by then."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in workers if is_worker(pid)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left


def is_worker(pid: int) -> bool:
    try:
        return b"refinelab_dsl.exchange" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def check(
    project: Project, kind: Kind, calm: Calm, server: ThreadServer, figures: Figures, kills: int,
    complain: Callable[[str], None],
) -> None:  # fmt: skip
    folders = find_runs(project)
    content = read_content(project.base)
    if kind.bytes_hold:
        for name in sorted(content.keys() | calm.content.keys()):
            if content.get(name) != calm.content.get(name):
                complain(f"{name} is not that of the undisturbed run")
        if frozenset(server.tally.asked) != calm.asked:
            complain("it asked for other things than the undisturbed run")
    states = Counter(entry.state for each in folders if each.journal.exists() for entry in read_entries(each.journal))
    again = server.tally.asked.total() - len(server.tally.asked)
    lost = states["lost"] + states["open"]
    if again > lost:
        complain(f"{again} replies were bought again, but {lost} were in flight")
    if lost > kills * CONCURRENCY:
        complain(f"{lost} calls were lost by {kills} kills of at most {CONCURRENCY} in flight")
    spent = sum(count_tokens(body) for body in server.tally.bodies)
    if spent > kind.tokens:
        complain(f"{spent} tokens were spent of {kind.tokens}")
    complain_of_files(project, folders, complain)
    figures.runs += 1
    figures.kills += kills
    figures.steps += sum(1 for line in content.get("out.prov.jsonl", b"").splitlines() if b'"commit"' in line)
    figures.asked += len(server.tally.asked)
    figures.again += again
    figures.lost += lost
    figures.most_spent = max(figures.most_spent, spent / kind.tokens)


def complain_of_files(project: Project, folders: tuple[RunFolder, ...], complain: Callable[[str], None]) -> None:
    left = find_left_over(project.base)
    if left:
        complain(f"left over: {', '.join(left)}")
    if read_holder(project.state) is not None:
        complain("the lock is held by nobody that lives")
    for words in (("verify", "out.prov.jsonl"), ("replay", str(folders[-1].number))):
        answer = refinec(*words, cwd=project.base)
        if answer.code != ExitCode.DONE:
            complain(f"{' '.join(words)}: exit {answer.code}: {answer.err}")


def count_tokens(body: Mapping[str, Any]) -> int:
    """What the endpoint charged for a request."""
    usage = answer_body(body, SIMULATION)["usage"]
    return int(usage["prompt_tokens"]) + int(usage["completion_tokens"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=40, help="kills of one project")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    kinds = (Kind("replan", "0.1", 800_000), Kind("settled", "never", 800_000), Kind("tight", "0.3", 200_000, False),
             Kind("workers", "never", 800_000, workers=2))
    table = {kind.name: Figures() for kind in kinds}
    began, seed = time.monotonic(), options.seed
    with (
        ThreadServer(Behaviour(simulation=SIMULATION, latency=(0.02, 0.05))) as server,
        tempfile.TemporaryDirectory(prefix="kill-soak-") as scratch,
    ):
        while (done := sum(figures.kills for figures in table.values())) < options.kills:
            kind = kinds[(seed - options.seed) % len(kinds)]
            place = Path(scratch) / f"{seed:04d}"
            place.mkdir()
            soak(place, kind, seed, server, table[kind.name], min(options.most, options.kills - done))
            figures = table[kind.name]
            print(f"{time.monotonic() - began:6.0f} s  {kind.name}: {figures}", file=sys.stderr, flush=True)
            if figures.faults and figures.runs == 0:
                break
            seed += 1
    print("| | runs | kills | calls asked for | bought again | in flight at a kill | most of a budget spent | faults |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, each in table.items():
        print(f"| {name} | {each.runs} | {each.kills} | {each.asked:,} | {each.again} | {each.lost} | "
              f"{each.most_spent:.0%} | {len(each.faults)} |".replace(",", " "))  # fmt: skip
    moments = sum((each.moments for each in table.values()), Counter[str]())
    print("\nKills by moment: " + ", ".join(f"{name} {count}" for name, count in sorted(moments.items())) + ".")
    faults = [fault for each in table.values() for fault in each.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps({name: vars(each) for name, each in table.items()}, indent=2) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
