"""Calls per second through one endpoint of 200 ms: by hand, and by `refinec apply` with all that it keeps.

    python benchmarks/throughput.py [--calls 1000] [--repeats 3] [--concurrency 50 200 500] [--workers 1 2]
                                     [--peers FOLDER]

The endpoint is a bare aiohttp server in a process of its own, since `refinec serve-simulated` composes its replies and
would be the limit: it answers each request after 200 ms with another item. The prompts
are those of a plan, so every way sends the same bodies but for what its library adds. The ways take turns, each in a
process of its own:

- `bare`: aiohttp, one session, the body and the reply through `json` and nothing else;
- `sdk`, `sdk-aiohttp`: the openai SDK by hand, on its default transport and on `DefaultAioHttpClient`;
- `refinec`: `refinec apply` of the plan, with ledger, journal, store and provenance;
- `refinec-workers`: the same with `--workers N`, one row for each number of `--workers` (2, where nothing is said);
- peers, where `--peers` names a folder of environments (those of `probes.py` will do): FOLDER/NAME/bin/python runs
  benchmarks/peers/with_NAME.py (`_` for `-`) with `--base-url URL --bodies FILE --concurrency N`, which asks with the
  user's text of each body of FILE (one JSON object per line, as of a chat completion), through all that the peer keeps,
  and prints a line of JSON at its end: {"calls": 1000, "versions": {...}}.

Seconds begin with the first call and end with the last reply (of refinec by its journal, of peers by the endpoint), so
start-up and imports count for nobody; `whole s` is what a shell waits for the process, `cpu s` what it uses of the
processor, both with start-up. Figures are medians, with the least and the most, and hold beside each other in this one
run: machines differ.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import os
import platform
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LATENCY = 0.2
WAYS = ("bare", "sdk", "sdk-aiohttp", "refinec", "refinec-workers")
MEASURED = ("aiohttp", "httpx2", "openai", "refinec")
PATIENCE = 900  # seconds that one way may take

SPEC = """\
edition = 1
seed = 3

dataset questions {{
  task = qa
  source = "rows.jsonl"
  fields = {{ question = column("question"), answer = column("answer"), topic = column("topic") }}
}}

measure subject {{ kind = column, column = "topic" }}

dimension topic {{
  from = subject
  target = uniform()
}}

model endpoint {{
  provider = openai
  id = "fixed"
  base_url = "{base_url}"
  price = {{ input = $0.15 / 1M, output = $0.60 / 1M, as_of = "2026-11-01" }}
  limits = {{ concurrency = {concurrency} }}
}}

operator author {{
  kind = generate
  model = endpoint
  moves = {{ topic = any }}
  checks = [well_formed]
  prior = {{ success = 100%, input_tokens = 400, output_tokens = 100 }}
}}

validator well_formed {{ kind = format }}

constraints {{
  size = {size}
  max_removed = 0%
}}

budget {{ cost = ${usd} }}

output refined {{
  path = "out/refined.jsonl"
  provenance = "out/refined.prov.jsonl"
}}
"""


@dataclass
class Figures:
    """What the repeats of one way at one concurrency came to. rates: calls per second. whole: seconds of the process;
    cpu: those it used. versions: of a peer's packages."""

    rates: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    fault: str = ""
    versions: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[50, 200, 500])
    parser.add_argument("--workers", type=int, nargs="+", default=[2], help="of the way refinec-workers")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="of environments, one per peer")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="of the last run of refinec, for pstats")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--client", choices=("bare", "sdk", "sdk-aiohttp"), help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    parser.add_argument("--bodies", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve())
    elif arguments.client:
        print(json.dumps(run_client(arguments)))
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """All ways in turns."""
    ways = [
        name for way in arguments.only
        for name in ([f"{way} {count}" for count in arguments.workers] if way == "refinec-workers" else [way])
    ]
    peers = find_peers(arguments.peers)
    described = ", ".join(f"{name} {version(name)}" for name in MEASURED)
    print(f"Python {platform.python_version()}, {described}; {os.cpu_count()} cores")
    print(f"{arguments.calls:,} calls of {1000 * LATENCY:.0f} ms, {arguments.repeats} repeats\n")
    with tempfile.TemporaryDirectory(prefix="throughput-") as name, open_server() as base_url:
        for concurrency in arguments.concurrency:
            folder = Path(name) / str(concurrency)
            build_project(folder, base_url, arguments.calls, concurrency)
            found = {way: Figures() for way in (*ways, *peers)}
            for _ in range(arguments.repeats):
                for way, figures in found.items():
                    measure_way(way, figures, folder, base_url, concurrency, peers, arguments.profile)
            print_table(concurrency, found)


# ---- the endpoint ----------------------------------------------------------------------------------------------------


@contextmanager
def open_server() -> Iterator[str]:
    """The endpoint in a process of its own; gives its address."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


async def serve() -> None:
    """Answers chat completions until it is killed."""
    from aiohttp import web

    numbers = itertools.count()
    span: list[float] = []  # when each request came and each reply went, since it was asked for

    async def measure(_: web.Request) -> web.Response:
        told = {"calls": len(span) // 2, "seconds": max(span, default=0.0) - min(span, default=0.0)}
        span.clear()
        return web.json_response(told)

    async def answer(request: web.Request) -> web.Response:
        came = time.perf_counter()
        body = await request.read()
        mark = hashlib.sha256(str(next(numbers)).encode()).hexdigest()
        words = " ".join(mark[start : start + 8] for start in range(0, 64, 8))
        item = json.dumps({"question": f"Which of the rivers {words} is the longest?", "answer": mark[:12]})
        await asyncio.sleep(LATENCY)
        if len(body) > 200 or json.loads(body)["messages"]:  # some clients first ask nothing, for the headers
            span.extend((came, time.perf_counter()))
        return web.json_response({
            "id": f"chatcmpl-{mark[:24]}", "object": "chat.completion", "created": 1_760_000_000, "model": "fixed",
            "choices": [{
                "index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": item, "refusal": None},
            }],
            "usage": {"prompt_tokens": 180, "completion_tokens": 60, "total_tokens": 240},
        })  # fmt: skip

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    app.router.add_get("/v1/span", measure)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.Event().wait()


# ---- the project -----------------------------------------------------------------------------------------------------


def build_project(folder: Path, base_url: str, calls: int, concurrency: int) -> None:
    """Data of which one topic lacks `calls` items, a spec, its plan, and the bodies of the plan's calls."""
    folder.mkdir()
    (folder / "refine.toml").touch()
    few = 40
    with (folder / "rows.jsonl").open("w") as stream:
        for number in range(calls + 2 * few):
            mark = hashlib.sha256(str(number).encode()).hexdigest()
            topic = "rivers" if number < few else "mountains"
            row = {"question": f"Which of {mark[:8]} {mark[8:16]} {mark[16:24]} is it?", "answer": mark[:6]}
            stream.write(json.dumps({**row, "topic": topic}) + "\n")
    usd = max(1, calls // 1000) * 5  # no attempt has to wait for another's money
    (folder / "spec.refine").write_text(
        SPEC.format(base_url=base_url, concurrency=concurrency, usd=usd, size=2 * (calls + few))
    )
    run_refinec(folder, "plan", "spec.refine", "-o", "plan.refplan")
    with (folder / "bodies.jsonl").open("w") as stream:
        for body in compose_bodies(folder, calls):
            stream.write(json.dumps(body) + "\n")


def compose_bodies(folder: Path, calls: int) -> list[dict[str, Any]]:
    """What the plan's first steps ask."""
    from refinelab_dsl.artifacts.plan_file import PlanFile
    from refinelab_dsl.data import read_items
    from refinelab_dsl.data.items import Item
    from refinelab_dsl.project import Project
    from refinelab_dsl.prompts.steps import StepContext, compose_step
    from refinelab_dsl.providers.wire import Dialect, build_body

    plan, problems = PlanFile.open(folder / "plan.refplan")
    assert plan is not None, problems
    header = plan.header
    dataset = header.dataset.model_copy(update={"source": ("rows.jsonl",)})
    read = read_items(dataset, (folder / "rows.jsonl",), Project(folder, folder))
    items = {each.key: each for each in read if isinstance(each, Item)}
    context = StepContext.of_header(header)
    bodies: list[dict[str, Any]] = []
    for step in plan.steps():
        if len(bodies) == calls:
            break
        request = compose_step(context, step.operator, [items[key] for key in step.items], step.target, step.sample)
        bodies.append(build_body(request, Dialect()))
    assert len(bodies) == calls, f"the plan has {len(bodies)} steps"
    return bodies


# ---- the ways --------------------------------------------------------------------------------------------------------


def measure_way(
    way: str, figures: Figures, folder: Path, base_url: str, concurrency: int, peers: dict[str, list[str]],
    profile: Path | None,
) -> None:
    """One run of one way; what is wrong with it is said in the table."""
    began, used = time.perf_counter(), measure_cpu()
    try:
        if way.startswith("refinec"):
            calls, seconds = apply_plan(folder, profile, int(way.partition(" ")[2] or 0))
        else:
            command = peers.get(way) or [sys.executable, __file__, "--client", way]
            measure_span(base_url)
            output = subprocess.run(
                [*command, "--base-url", base_url, "--bodies", str(folder / "bodies.jsonl"), "--concurrency",
                 str(concurrency)],
                check=True, capture_output=True, text=True, timeout=PATIENCE,
            ).stdout
            told = json.loads(output.splitlines()[-1])
            calls, seconds = told["calls"], told.get("seconds") or measure_span(base_url)
            figures.versions = told.get("versions", {})
    except (subprocess.SubprocessError, ValueError, KeyError, IndexError) as error:
        said = getattr(error, "stderr", None) or str(error)
        figures.fault = (said.strip().splitlines() or [type(error).__name__])[-1][:100]
        return
    figures.whole.append(time.perf_counter() - began)
    figures.cpu.append(measure_cpu() - used)
    figures.rates.append(calls / seconds)


def measure_span(base_url: str) -> float:
    """Seconds from the first request to the last reply since this was asked the last time."""
    with urllib.request.urlopen(f"{base_url}/span") as reply:
        return float(json.load(reply)["seconds"])


def measure_cpu() -> float:
    """Seconds that the processes which have ended used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def apply_plan(folder: Path, profile: Path | None, workers: int) -> tuple[int, float]:
    """Applies the plan as if for the first time."""
    shutil.rmtree(folder / ".refine", ignore_errors=True)
    shutil.rmtree(folder / "out", ignore_errors=True)
    profiler = [] if profile is None else ["-m", "cProfile", "-o", str(profile.resolve())]
    run_refinec(
        folder, "apply", "plan.refplan", "--format", "json", "--workers", str(workers), profiler=profiler
    )
    with closing(sqlite3.connect(folder / ".refine" / "runs" / "0001" / "journal.db")) as journal:
        [row] = journal.execute("SELECT count(*), max(sent_at + seconds) - min(sent_at) FROM calls").fetchall()
    return row[0], row[1]


def run_refinec(folder: Path, *arguments: str, profiler: Sequence[str] = ()) -> str:
    """Its standard output."""
    command = [sys.executable, *profiler, "-m", "refinelab_dsl", *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=PATIENCE
    ).stdout


def find_peers(folder: Path | None) -> dict[str, list[str]]:
    """The command of each peer that has an environment."""
    if folder is None:
        return {}
    scripts = {
        script.stem.removeprefix("with_").replace("_", "-"): script
        for script in sorted((HERE / "peers").glob("with_*.py"))
    }
    return {
        name: [str(python), str(script)]
        for name, script in scripts.items()
        if (python := folder / name / "bin" / "python").exists()
    }


def run_client(arguments: argparse.Namespace) -> dict[str, Any]:
    """Sends all bodies; run in a process of its own."""
    bodies = [json.loads(line) for line in arguments.bodies.read_text().splitlines()]
    send = {"bare": send_bare}.get(arguments.client, send_by_sdk)
    seconds = asyncio.run(send(arguments.client, arguments.base_url, bodies, arguments.concurrency[0]))
    return {"calls": len(bodies), "seconds": seconds}


async def send_bare(_: str, base_url: str, bodies: list[Any], concurrency: int) -> float:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def ask(body: Any) -> None:
            async with session.post(f"{base_url}/chat/completions", json=body) as response:
                assert (await response.json())["choices"][0]["message"]["content"]

        return await share_out(bodies, ask, concurrency)


async def send_by_sdk(client: str, base_url: str, bodies: list[Any], concurrency: int) -> float:
    import httpx2
    import openai

    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    kind = openai.DefaultAioHttpClient if client == "sdk-aiohttp" else openai.DefaultAsyncHttpxClient
    async with openai.AsyncOpenAI(
        api_key="unused", base_url=base_url, max_retries=0, http_client=kind(limits=limits)
    ) as sdk:
        create = sdk.chat.completions.create

        async def ask(body: Any) -> None:
            assert (await create(**body)).choices[0].message.content

        return await share_out(bodies, ask, concurrency)


async def share_out(bodies: list[Any], ask: Callable[[Any], Awaitable[None]], concurrency: int) -> float:
    """Seconds until all are answered, `concurrency` at a time."""
    waiting = iter(bodies)

    async def work() -> None:
        for body in waiting:
            await ask(body)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(work())
    return time.perf_counter() - began


# ---- the table -------------------------------------------------------------------------------------------------------


def print_table(concurrency: int, found: dict[str, Figures]) -> None:
    """Rates with their ratios to the two yardsticks."""
    medians = {way: statistics.median(figures.rates) for way, figures in found.items() if figures.rates}
    print(f"{f'concurrency {concurrency}':<26} {'calls/s':>8} {'range':>15} {'of sdk-aiohttp':>15} {'of bare':>8} "
          f"{'whole s':>8} {'cpu s':>6}")  # fmt: skip
    for way, figures in found.items():
        if not figures.rates:
            print(f"{way:<26} failed: {figures.fault}")
            continue
        way_told = " ".join((way, *figures.versions.values()))
        ratios = [
            f"{medians[way] / medians[yardstick]:.2f}" if yardstick in medians else "-"
            for yardstick in ("sdk-aiohttp", "bare")
        ]
        spread = f"{min(figures.rates):,.0f} - {max(figures.rates):,.0f}"
        print(f"{way_told:<26} {medians[way]:>8,.0f} {spread:>15} {ratios[0]:>15} {ratios[1]:>8} "
              f"{statistics.median(figures.whole):>8.1f} {statistics.median(figures.cpu):>6.1f}")  # fmt: skip
    print(flush=True)


if __name__ == "__main__":
    main()
