"""What refinec and its peers do on a bad or an ordinary day: one counting endpoint on this machine, one go.

    python benchmarks/probes.py [--rows 400] [--peers data-designer,docetl,…] [--minutes 6] [--no-install] [--json FILE]

Each tool has an environment of its own under the user's cache folder (`refinec-probes`), with the version pinned below;
a tool that cannot be installed in the given minutes, or imported, is listed with what it said. A peer is driven by its
adapter in `peers/`; one without an adapter is told as `not probed`. The endpoint answers each request at once by rule
and counts; all figures are counts, none is a time. Results of one run stand in `probes.md`.

Of refinec the calls of the repeat rows are a pilot's, one classification per item; of a peer, one text per row.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from refinelab_dsl.providers.endpoint import Simulation, answer_body  # noqa: E402
from tests.harness.openai_server import Behaviour, Fault, ThreadServer  # noqa: E402

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "refinec-probes"
PEERS = {
    "data-designer": ("0.9.7", "import data_designer.interface"),
    "docetl": ("0.3.0", "import docetl"),
    "bespokelabs-curator": ("0.1.31", "from bespokelabs import curator"),
    "distilabel": ("1.5.3", "import distilabel.pipeline, distilabel.models"),
}
ROWS = (
    "clean install", "hard cap", "SIGKILL in a run, run again: requests paid", "one row added: requests",
    "rows reversed: requests", "a flag without meaning for results: requests", "unknown key", "every row fails",
    "no internet, local endpoint", "70/30 of the rows",
)  # fmt: skip
FAILING = Behaviour(chances=((Fault("wrong_schema"), 1.0),))

SPEC = """edition = 1
seed = 3
dataset items {{ task = mcq, source = "items.jsonl" }}
measure subject {{ kind = classify, model = small, labels = [algebra, geometry] }}
measure level {{ kind = column, column = "level" }}
dimension topic {{ from = subject }}
dimension difficulty {{
  from = level, order = [easy, hard], target = {{ easy = 30%, hard = 70% }}, on_new = assume
}}
model small {{ provider = openai, id = "small", base_url = "{base_url}", limits = {{ concurrency = {concurrency} }} }}
validator sound {{ kind = format }}
operator harden {{
  kind = rewrite, model = small, moves = {{ difficulty = +1 }}, checks = [sound], prior = {{ success = 90% }}
}}
pilot {{ items = {rows}, budget = 40M }}
budget {{ tokens = {tokens} }}
output refined {{ path = "out.jsonl", provenance = "out.prov.jsonl" }}
"""


@dataclass
class Column:
    """What one tool did: row of the table -> what was seen."""

    title: str
    seen: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)


def run(words: Sequence[str], cwd: Path, seconds: float = 600) -> subprocess.CompletedProcess[str]:
    """A program to its end; 124 where it takes longer."""
    try:
        return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(words, 124, "", f"did not end in {late.timeout:.0f} s")


def kill_half_way(words: Sequence[str], cwd: Path, server: ThreadServer, count: int) -> None:
    """Starts a program and ends it by SIGKILL once `count` requests have come."""
    before = server.tally.asked.total()
    process = subprocess.Popen(words, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while process.poll() is None and server.tally.asked.total() - before < count and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(SIGKILL)
    process.wait(30)


def write_rows(path: Path, rows: int, *, reverse: bool = False) -> None:
    items = [
        {"question": f"Item {at}: how much is {at} times {at + 3}?", "choices": [f"{letter}{at}" for letter in "abcd"],
         "answer": f"b{at}", "level": ("easy", "hard")[at % 2]}
        for at in range(rows)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in (reversed(items) if reverse else items)))


def count(server: ThreadServer, work: Callable[[], Any]) -> int:
    """Requests that the endpoint sees meanwhile."""
    before = server.tally.asked.total()
    work()
    return server.tally.asked.total() - before


def first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160].replace("|", "/") if lines else "nothing said"


def install(name: str, requirement: str, minutes: float) -> tuple[Path, str | None]:
    """The interpreter of a tool's environment, and why it has none."""
    folder = CACHE / name
    python = folder / "bin/python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not python.exists():
        run([sys.executable, "-m", "venv", str(folder)], ROOT)
    made = run([str(python), "-m", "pip", "install", "-q", "--prefer-binary", requirement], ROOT, minutes * 60)
    return python, None if made.returncode == 0 else first_line(made.stderr)


# ---- refinec ---------------------------------------------------------------------------------------------------------


def probe_refinec(rows: int, column: Column) -> None:
    # A pilot asks for labels and tries operators that cost something; a run only tries operators.
    harden = SPEC[SPEC.index("validator sound"):SPEC.index("pilot")]
    only_labels = SPEC.replace(harden, "operator drop {{ kind = remove }}\n")
    no_labels = "".join(line + "\n" for line in SPEC.splitlines() if "subject" not in line and "pilot" not in line)
    refinec = [sys.executable, "-m", "refinelab_dsl.cli.main"]
    os.environ["PYTHONPATH"] = str(ROOT)
    seen = column.seen

    def write(
        folder: Path, server: ThreadServer, concurrency: int = 8, tokens: str = "40M", more: int = 0,
        spec: str = only_labels,
    ) -> None:  # fmt: skip
        folder.mkdir(exist_ok=True)
        (folder / "spec.refine").write_text(spec.format(
            base_url=server.base_url, concurrency=concurrency, tokens=tokens, rows=rows + more
        ))  # fmt: skip

    def pilot(folder: Path) -> subprocess.CompletedProcess[str]:
        answer = run([*refinec, "pilot", "--auto-approve"], folder)
        if answer.returncode:
            column.log.append(f"pilot: exit {answer.returncode}: {answer.stderr[-800:]}")
        return answer

    with tempfile.TemporaryDirectory() as scratch, ThreadServer(Behaviour(latency=(0.02, 0.02))) as server:
        place = Path(scratch) / "a"
        write(place, server)
        write_rows(place / "items.jsonl", rows)
        paid = count(server, lambda: kill_half_way([*refinec, "pilot", "--auto-approve"], place, server, rows // 2))
        paid += count(server, lambda: pilot(place))
        seen[ROWS[2]] = f"{paid} ({len(server.tally.asked)} different, at most 8 in flight)"
        write(place, server, more=1)
        write_rows(place / "items.jsonl", rows + 1)
        seen[ROWS[3]] = str(count(server, lambda: pilot(place)))
        write_rows(place / "items.jsonl", rows + 1, reverse=True)
        seen[ROWS[4]] = str(count(server, lambda: pilot(place)))
        write(place, server, concurrency=7, more=1)
        seen[ROWS[5]] = str(count(server, lambda: pilot(place)))
        place = Path(scratch) / "b"
        write(place, server, spec=no_labels)
        write_rows(place / "items.jsonl", rows)
        applied = run([*refinec, "apply", "--auto-approve", "--format", "json"], place)
        made = [json.loads(line) for line in (place / "out.jsonl").open()] if (place / "out.jsonl").exists() else []
        hard = sum(row["level"] == "hard" for row in made)
        seen[ROWS[9]] = f"{hard}/{len(made) - hard} of {len(made)} (exit {applied.returncode})"
        seen[ROWS[8]] = "works" if made else f"exit {applied.returncode}: {first_line(applied.stderr)}"
        text = (place / "spec.refine").read_text()
        (place / "spec.refine").write_text(text.replace("prior =", "priors ="))
        said = run([*refinec, "check", "spec.refine"], place)
        helped = next((line.strip() for line in said.stdout.splitlines() if line.startswith("help")), "")
        where = next((line.strip() for line in said.stdout.splitlines() if "spec.refine:" in line), "")
        seen[ROWS[6]] = f"exit {said.returncode}: `{where}` {helped}"

    with tempfile.TemporaryDirectory() as scratch, ThreadServer(Behaviour(Simulation(success=0.7))) as server:
        place = Path(scratch) / "a"
        limit = 30_000
        write(place, server, tokens=str(limit), spec=no_labels)
        write_rows(place / "items.jsonl", rows)
        answer = run([*refinec, "apply", "--auto-approve"], place)
        spent = sum(body_tokens(body) for body in server.tally.bodies)
        seen[ROWS[1]] = f"{spent:,} tokens of {limit:,}, exit {answer.returncode}, overshoot {max(0, spent - limit)}"

    with tempfile.TemporaryDirectory() as scratch, ThreadServer(FAILING) as server:
        place = Path(scratch) / "a"
        write(place, server, spec=no_labels)
        write_rows(place / "items.jsonl", 40)
        answer = run([*refinec, "apply", "--auto-approve"], place)
        rejected = run([*refinec, "logs", "1", "--rejected"], place)
        kept = len(list((place / "out.jsonl").open())) if (place / "out.jsonl").exists() else 0
        lines = len(rejected.stdout.splitlines())
        seen[ROWS[7]] = f"exit {answer.returncode}, {kept} rows kept, rejected attempts with reasons in {lines} lines"


def body_tokens(body: dict[str, Any]) -> int:
    """What the endpoint of the first probe charges for a request."""
    usage = answer_body(body, Simulation(success=0.7))["usage"]
    return int(usage["prompt_tokens"]) + int(usage["completion_tokens"])


# ---- peers -----------------------------------------------------------------------------------------------------------


def probe_data_designer(python: Path, rows: int, column: Column) -> None:
    seen = column.seen
    seen[ROWS[1]] = "none: no limit of tokens or money can be set"

    def words(folder: Path, base_url: str, data: Path, resume: str, *options: str) -> list[str]:
        script = ROOT / "benchmarks/peers/with_data_designer.py"
        return [str(python), str(script), str(folder), base_url, str(data), resume, *options]

    with tempfile.TemporaryDirectory() as scratch, ThreadServer(Behaviour(latency=(0.02, 0.02))) as server:
        place = Path(scratch)
        data, more, back = place / "rows.jsonl", place / "more.jsonl", place / "back.jsonl"
        write_rows(data, rows)
        write_rows(more, rows + 1)
        write_rows(back, rows + 1, reverse=True)

        def go(path: Path, resume: str, *options: str, folder: str = "a") -> subprocess.CompletedProcess[str]:
            answer = run(words(place / folder, server.base_url, path, resume, *options), place)
            if answer.returncode:
                column.log.append(f"{path.name} {resume} {options}: {first_line(answer.stderr)}")
            return answer

        paid = count(
            server, lambda: kill_half_way(words(place / "a", server.base_url, data, "never"), place, server, rows // 2)
        )
        paid += count(server, lambda: go(data, "always"))
        seen[ROWS[2]] = f"{paid} (resume = always; rows in groups of 100)"
        seen[ROWS[3]] = str(count(server, lambda: go(more, "if_possible")))
        seen[ROWS[4]] = str(count(server, lambda: go(back, "if_possible")))
        seen[ROWS[5]] = str(count(server, lambda: go(back, "if_possible", "concurrency=7")))
        answer = go(data, "never", "unknown=1", folder="b")
        seen[ROWS[6]] = f"exit {answer.returncode}: {first_line(answer.stderr)}"
        answer = go(data, "never", "sampled=1", folder="c")
        said = json.loads(answer.stdout.splitlines()[-1]) if answer.returncode == 0 else {}
        hard, made = said.get("hard", 0), said.get("rows", 0)
        seen[ROWS[9]] = f"{hard}/{made - hard} of {made} (sampled)"
        seen[ROWS[8]] = "works" if made else f"exit {answer.returncode}"
    with tempfile.TemporaryDirectory() as scratch, ThreadServer(
        Behaviour(chances=((Fault("invalid_json"), 1.0),))
    ) as server:  # fmt: skip
        data = Path(scratch) / "rows.jsonl"
        write_rows(data, 40)
        answer = run(words(Path(scratch) / "a", server.base_url, data, "never"), Path(scratch), 300)
        seen[ROWS[7]] = f"exit {answer.returncode}: {first_line(answer.stderr)}"


ADAPTERS: dict[str, Callable[[Path, int, Column], None]] = {"data-designer": probe_data_designer}


def probe_peer(name: str, options: argparse.Namespace) -> Column:
    version, statement = PEERS[name]
    column = Column(f"{name} {version}")
    python, problem = CACHE / name / "bin/python", None
    if not options.no_install:
        python, problem = install(name, f"{name}=={version}", options.minutes)
    if problem is None:
        tried = run([str(python), "-c", statement], CACHE, 180) if python.exists() else None
        if tried is None or tried.returncode:
            problem = f"import fails: {first_line(tried.stderr)}" if tried is not None else "not installed"
    column.seen[ROWS[0]] = "works" if problem is None else problem
    if problem is None and name in ADAPTERS:
        ADAPTERS[name](python, options.rows, column)
    return column


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--minutes", type=float, default=6, help="for an installation")
    parser.add_argument("--no-install", action="store_true", help="take the environments as they are")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    ours = Column("refinec")
    if options.no_install:
        ours.seen[ROWS[0]] = "not tried"
    else:
        _, problem = install("refinec", str(ROOT), options.minutes)
        ours.seen[ROWS[0]] = problem or "works"
    probe_refinec(options.rows, ours)
    print_table([ours])
    columns = [ours, *(probe_peer(name, options) for name in options.peers.split(",") if name)]
    print_table(columns)
    for column in columns:
        for line in column.log:
            print(f"{column.title}: {line}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps({each.title: each.seen for each in columns}, indent=2) + "\n")
    return 0


def print_table(columns: Sequence[Column]) -> None:
    print("\n| probe | " + " | ".join(column.title for column in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for row in ROWS:
        print(f"| {row} | " + " | ".join(column.seen.get(row, "not probed") for column in columns) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
