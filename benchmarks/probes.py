"""What refinec and its peers do on a bad or an ordinary day: one counting endpoint on this machine, one go.

    python benchmarks/probes.py [--rows 400] [--peers docetl,…] [--minutes 25] [--no-install] [--at-once 2]

Each tool has an environment of its own under the user's cache folder (`refinec-probes`), with the version pinned below,
installed by `uv` where it is there and else by pip; a tool that cannot be installed in the given minutes, or imported,
is listed with what it said. A peer is driven by its adapter in `peers/`. The endpoint answers each request at once by
rule and counts; all figures are counts, none is a time. Results of one run stand in `probes.md`.

Nobody reaches the internet: what is not on this machine is sent to a proxy that is not there. A peer whose run fails
for that (row `no internet`) gets, for the other rows, the tokenizers that LiteLLM ships in its own package.

Of refinec the calls of the repeat rows are a pilot's, one classification per item; of a peer, one text per row.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from refinelab_dsl.providers.endpoint import Simulation, answer_body  # noqa: E402
from tests.harness.openai_server import Behaviour, Fault, ThreadServer  # noqa: E402

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "refinec-probes"
NOT_TOLD = "none: no limit of tokens or money can be set"
WRONG, UNREADABLE = Fault("wrong_schema"), Fault("invalid_json")
NO_INTERNET = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
    "PYTHONDONTWRITEBYTECODE": "",  # peers import for a minute where nothing is kept
}


@dataclass(frozen=True)
class Peer:
    """What is known of one before it runs. statement: imports of its first example. fault: what each of its rows fails
    by. toggled: its flag without meaning. cap, sampled: whether it takes a limit of tokens, and shares.
    """

    version: str
    statement: str
    fault: Fault = WRONG
    toggled: str = ""
    cap: bool = False
    sampled: bool = False


PEERS = {
    "data-designer": Peer(
        "0.9.7", "import data_designer.interface", UNREADABLE, "disable_early_shutdown", sampled=True
    ),
    "docetl": Peer("0.3.0", "import docetl", toggled="enable_observability"),
    "bespokelabs-curator": Peer("0.1.31", "from bespokelabs import curator", UNREADABLE, "request_timeout"),
    "distilabel": Peer("1.5.3", "import distilabel.pipeline, distilabel.models"),
    "lotus-ai": Peer("1.2.4", "import lotus", UNREADABLE, "safe_mode", cap=True),
    "palimpzest": Peer("0.9.0", "import palimpzest"),
}
ROWS = (
    "clean install", "hard cap", "SIGKILL in a run, run again: requests paid", "one row added: requests",
    "rows reversed: requests", "a flag without meaning for results: requests", "unknown key", "every row fails",
    "no internet, local endpoint", "70/30 of the rows",
)  # fmt: skip
QUICK = Behaviour(latency=(0.02, 0.02))
CAPPED = Simulation(success=0.7)
FAILING = Behaviour(chances=((WRONG, 1.0),))

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


def run(
    words: Sequence[str], cwd: Path, seconds: float = 600, more: Mapping[str, str] = NO_INTERNET
) -> subprocess.CompletedProcess[str]:
    """A program to its end; 124 where it takes longer. more: of its environment."""
    try:
        return subprocess.run(
            words, cwd=cwd, env={**os.environ, **more}, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(words, 124, "", f"did not end in {late.timeout:.0f} s")


def kill_half_way(words: Sequence[str], cwd: Path, server: ThreadServer, count: int, more: Mapping[str, str]) -> None:
    """Starts a program and ends it by SIGKILL once `count` requests have come."""
    before = server.tally.asked.total()
    process = subprocess.Popen(
        words, cwd=cwd, env={**os.environ, **more}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
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


def last_line(text: str) -> str:
    lines = [plain for line in text.splitlines() if (plain := line.strip(" │╭╰─╮╯\t"))]
    return lines[-1][:160].replace("|", "/") if lines else "nothing said"


def install(name: str, requirement: str, minutes: float) -> tuple[Path, str | None]:
    """The interpreter of a tool's environment, and why it has none."""
    folder = CACHE / name
    python = folder / "bin/python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not python.exists():
        run([sys.executable, "-m", "venv", str(folder)], ROOT)
    uv = shutil.which("uv")
    installer = (
        [uv, "pip", "install", "--python", str(python)] if uv is not None
        else [str(python), "-m", "pip", "install", "--prefer-binary"]
    )  # fmt: skip
    made = run([*installer, "-q", requirement], ROOT, minutes * 60, {})
    return python, None if made.returncode == 0 else last_line(made.stderr)


# ---- refinec ---------------------------------------------------------------------------------------------------------


def probe_refinec(rows: int, column: Column) -> None:
    # A pilot asks for labels and tries operators that cost something; a run only tries operators.
    harden = SPEC[SPEC.index("validator sound"):SPEC.index("pilot")]
    only_labels = SPEC.replace(harden, "operator drop {{ kind = remove }}\n")
    no_labels = "".join(line + "\n" for line in SPEC.splitlines() if "subject" not in line and "pilot" not in line)
    refinec = [sys.executable, "-m", "refinelab_dsl.cli.main"]
    environment = {**NO_INTERNET, "PYTHONPATH": str(ROOT)}
    seen = column.seen

    def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return run([*refinec, *words], folder, more=environment)

    def write(
        folder: Path, server: ThreadServer, concurrency: int = 8, tokens: str = "40M", more: int = 0,
        spec: str = only_labels, toggled: str = "",
    ) -> None:  # fmt: skip
        folder.mkdir(exist_ok=True)
        text = spec.format(base_url=server.base_url, concurrency=concurrency, tokens=tokens, rows=rows + more)
        (folder / "spec.refine").write_text(text.replace("limits = {", toggled + "limits = {"))

    def pilot(folder: Path) -> None:
        answer = call(folder, "pilot", "--auto-approve")
        if answer.returncode:
            column.log.append(f"pilot: exit {answer.returncode}: {answer.stderr[-800:]}")

    with tempfile.TemporaryDirectory() as scratch, ThreadServer(QUICK) as server:
        place = Path(scratch) / "a"
        write(place, server)
        write_rows(place / "items.jsonl", rows)
        words = [*refinec, "pilot", "--auto-approve"]
        paid = count(server, lambda: kill_half_way(words, place, server, rows // 2, environment))
        paid += count(server, lambda: pilot(place))
        seen[ROWS[2]] = f"{paid} ({len(server.tally.asked)} different, at most 8 in flight)"
        write(place, server, more=1)
        write_rows(place / "items.jsonl", rows + 1)
        seen[ROWS[3]] = str(count(server, lambda: pilot(place)))
        write_rows(place / "items.jsonl", rows + 1, reverse=True)
        seen[ROWS[4]] = str(count(server, lambda: pilot(place)))
        write(place, server, concurrency=7, more=1)
        flagged = count(server, lambda: pilot(place))
        write(place, server, more=1, toggled="timeout = 500s, ")
        seen[ROWS[5]] = f"{flagged} (`concurrency`), {count(server, lambda: pilot(place))} (`timeout`)"
        place = Path(scratch) / "b"
        write(place, server, spec=no_labels)
        write_rows(place / "items.jsonl", rows)
        applied = call(place, "apply", "--auto-approve", "--format", "json")
        made = [json.loads(line) for line in (place / "out.jsonl").open()] if (place / "out.jsonl").exists() else []
        hard = sum(row["level"] == "hard" for row in made)
        seen[ROWS[9]] = f"{hard}/{len(made) - hard} of {len(made)} (exit {applied.returncode})"
        seen[ROWS[8]] = "works" if made else f"exit {applied.returncode}: {last_line(applied.stderr)}"
        text = (place / "spec.refine").read_text()
        (place / "spec.refine").write_text(text.replace("prior =", "priors ="))
        said = call(place, "check", "spec.refine")
        helped = next((line.strip() for line in said.stdout.splitlines() if line.startswith("help")), "")
        where = next((line.strip(" ->") for line in said.stdout.splitlines() if "spec.refine:" in line), "")
        seen[ROWS[6]] = f"exit {said.returncode}, `{where}`, {helped}"

    with tempfile.TemporaryDirectory() as scratch, ThreadServer(Behaviour(CAPPED)) as server:
        place = Path(scratch) / "a"
        limit = 75 * rows
        write(place, server, tokens=str(limit), spec=no_labels)
        write_rows(place / "items.jsonl", rows)
        answer = call(place, "apply", "--auto-approve")
        spent = count_tokens(server, CAPPED)
        seen[ROWS[1]] = f"{spent:,} tokens of {limit:,}, exit {answer.returncode}, overshoot {max(0, spent - limit):,}"

    with tempfile.TemporaryDirectory() as scratch, ThreadServer(FAILING) as server:
        place = Path(scratch) / "a"
        write(place, server, spec=no_labels)
        write_rows(place / "items.jsonl", 40)
        answer = call(place, "apply", "--auto-approve")
        rejected = call(place, "logs", "1", "--rejected")
        kept = len(list((place / "out.jsonl").open())) if (place / "out.jsonl").exists() else 0
        lines = len(rejected.stdout.splitlines())
        seen[ROWS[7]] = f"exit {answer.returncode}, {kept} rows kept, rejected attempts with reasons in {lines} lines"


def install_refinec(minutes: float) -> str:
    """What comes of installing this checkout, and of the first commands of its README."""
    python, problem = install("refinec", str(ROOT), minutes)
    if problem is not None:
        return problem
    refinec = str(python.with_name("refinec"))
    with tempfile.TemporaryDirectory() as scratch:
        for words in (["init", "quiz"], ["plan", "--chdir", "quiz"], ["apply", "--chdir", "quiz", "--auto-approve"]):
            said = run([refinec, *words], Path(scratch))
            if said.returncode:
                return f"`{words[0]}` ends with {said.returncode}: {last_line(said.stderr)}"
    return "works: `init`, `plan`, `apply`"


def count_tokens(server: ThreadServer, simulation: Simulation) -> int:
    """What the endpoint charges for all that it was asked."""
    usages = (answer_body(body, simulation)["usage"] for body in server.tally.bodies if body.get("messages"))
    return sum(int(usage["total_tokens"]) for usage in usages)


# ---- peers -----------------------------------------------------------------------------------------------------------


def probe_adapter(name: str, python: Path, rows: int, column: Column) -> None:
    """All rows of a peer that has an adapter in `peers/`."""
    peer, seen = PEERS[name], column.seen
    script = ROOT / f"benchmarks/peers/with_{name.replace('-', '_')}.py"
    packages = (python.parents[1] / "lib").glob("python*/site-packages")
    tokenizers = [each for path in packages if (each := path / "litellm/litellm_core_utils/tokenizers").exists()]
    environment = {**NO_INTERNET, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_COLOR": "1", "COLUMNS": "400"}

    with tempfile.TemporaryDirectory() as scratch, ThreadServer(QUICK) as server:
        place = Path(scratch)
        data, more, back, few = (place / f"{each}.jsonl" for each in ("data", "more", "back", "few"))
        write_rows(data, rows)
        write_rows(more, rows + 1)
        write_rows(back, rows + 1, reverse=True)
        write_rows(few, 20)

        def words(folder: str, path: Path, *options: str, at: ThreadServer = server) -> list[str]:
            return [str(python), str(script), str(place / folder), at.base_url, str(path), *options]

        def go(folder: str, path: Path, *options: str, at: ThreadServer = server) -> tuple[int, str, dict[str, Any]]:
            answer = run(words(folder, path, *options, at=at), place, more=environment)
            if answer.returncode:
                column.log.append(f"{folder} {path.name} {options}: {answer.stderr[-1500:]}")
                return answer.returncode, last_line(answer.stderr), {}
            return 0, "", json.loads(answer.stdout.splitlines()[-1])

        def repeat(path: Path, *options: str) -> str:
            before = server.tally.asked.total()
            code, said, result = go("a", path, *options)
            wrong = f", exit {code}: {said}" if code else fault_of(result, path)
            return f"{server.tally.asked.total() - before}{wrong}"

        code, said, _ = go("plain", few)
        seen[ROWS[8]] = "works" if code == 0 else f"fails: {said}"
        if code and tokenizers:
            environment["TIKTOKEN_CACHE_DIR"] = str(tokenizers[0])
        paid = count(server, lambda: kill_half_way(words("a", data), place, server, rows // 2, environment))
        again = repeat(data)
        seen[ROWS[2]] = f"{paid + int(again.split(',')[0])}{again.lstrip('0123456789')}"
        seen[ROWS[3]] = repeat(more)
        seen[ROWS[4]] = repeat(back)
        fewer = repeat(back, "concurrency=7")
        seen[ROWS[5]] = f"{fewer} (concurrency), {repeat(back, 'toggled=1')} (`{peer.toggled}`)"
        code, said, _ = go("unknown", few, "unknown=1")
        seen[ROWS[6]] = f"exit {code}: {said}" if code else "accepted, exit 0"
        seen[ROWS[9]] = "cannot be asked for"
        if peer.sampled:
            code, said, result = go("sampled", data, "sampled=1")
            made, hard = len(result.get("questions", ())), result.get("hard", 0)
            seen[ROWS[9]] = f"{hard}/{made - hard} of {made} (sampled)" if code == 0 else f"exit {code}: {said}"
        with ThreadServer(Behaviour(chances=((peer.fault, 1.0),))) as failing:
            code, said, result = go("failing", few, "text=1", at=failing)
            seen[ROWS[7]] = f"exit {code}: {said}" if code else f"exit 0, {len(result['questions'])} rows of 20"
            seen[ROWS[7]] += f" ({failing.tally.asked.total()} requests, fault `{peer.fault.kind}`)"
        seen[ROWS[1]] = NOT_TOLD
        if peer.cap:
            limit = 75 * rows
            with ThreadServer(Behaviour()) as capped:
                code, said, result = go("capped", data, f"cap={limit}", at=capped)
                spent = count_tokens(capped, Simulation())
                came = f"exit {code}: {said}" if code else f"exit 0, {len(result['questions'])} rows"
                seen[ROWS[1]] = f"{spent:,} tokens of {limit:,}, overshoot {max(0, spent - limit):,}, {came}"


def fault_of(result: dict[str, Any], path: Path) -> str:
    """What is wrong with a result where it is not one row for each of a file, in its order."""
    wanted = [json.loads(line)["question"] for line in path.read_text().splitlines()]
    got = result["questions"]
    if got == wanted:
        return ""
    if sorted(got) == sorted(wanted):
        return ", rows in another order than the data's"
    return f", result is not of these data: {len(got)} rows of {len(wanted)}"


def probe_peer(name: str, options: argparse.Namespace) -> Column:
    peer = PEERS[name]
    column = Column(f"{name} {peer.version}")
    python, problem = CACHE / name / "bin/python", None
    if not options.no_install:
        python, problem = install(name, f"{name}=={peer.version}", options.minutes)
    if problem is None:
        tried = run([str(python), "-c", peer.statement], CACHE, 300) if python.exists() else None
        if tried is None or tried.returncode:
            problem = f"import fails: {last_line(tried.stderr)}" if tried is not None else "not installed"
    column.seen[ROWS[0]] = "works" if problem is None else problem
    if problem is None:
        probe_adapter(name, python, options.rows, column)
    return column


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--minutes", type=float, default=25, help="for an installation")
    parser.add_argument("--no-install", action="store_true", help="take the environments as they are")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="peers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    ours = Column("refinec")
    if options.no_install:
        ours.seen[ROWS[0]] = "not tried"
    else:
        ours.seen[ROWS[0]] = install_refinec(options.minutes)
    probe_refinec(options.rows, ours)
    print_table([ours])
    with ThreadPoolExecutor(options.at_once) as pool:  # counts do not depend on what else runs
        peers = pool.map(lambda name: probe_peer(name, options), filter(None, options.peers.split(",")))
        columns = [ours, *peers]
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
