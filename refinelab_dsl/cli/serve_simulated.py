"""`refinec serve-simulated`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from refinelab_dsl.cli import terminal
from refinelab_dsl.cli.options import Settings, shared_options
from refinelab_dsl.exit_codes import ExitCode

if TYPE_CHECKING:
    from refinelab_dsl.serving import Behaviour, Tally
    from refinelab_dsl.serving.server import SimulatedServer

_ENDS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
_READY = """\
Simulated OpenAI endpoint at {base_url}
  in a spec   model rehearsal {{ provider = openai, id = "{model}", base_url = "{base_url}"{key} }}
  elsewhere   OPENAI_BASE_URL={base_url} OPENAI_API_KEY={shown_key}
"""


class Latency(click.ParamType):  # type: ignore[type-arg]
    """`0.2`, `200ms`, or a range of both: `0.1-0.5`."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        low, dash, high = str(value).partition("-")
        try:
            bounds = _seconds(low), _seconds(high if dash else low)
        except ValueError:
            self.fail(f"{value!r} is no time: seconds like 0.2, milliseconds like 200ms, or a range like 0.1-0.5")
        if not 0 <= bounds[0] <= bounds[1] < float("inf"):
            self.fail(f"{value!r} is no range of times: it runs from the shorter to the longer one")
        return bounds


class Chance(click.ParamType):  # type: ignore[type-arg]
    """A fault and its share of the requests."""

    name = "kind=share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from refinelab_dsl.serving.faults import parse_chance

        try:
            return parse_chance(value)
        except ValueError as error:
            self.fail(str(error))


class BatchChance(click.ParamType):  # type: ignore[type-arg]
    """A fault of a batch."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from refinelab_dsl.serving.batches import parse_batch_fault

        try:
            return parse_batch_fault(value)
        except ValueError as error:
            self.fail(str(error))


@click.command("serve-simulated")
@shared_options("text", "json")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Address to listen on; other machines reach it only where this one is not a loopback address.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of replies, latencies and faults.")
@click.option("--success", type=click.FloatRange(0, 1), default=1.0, show_default=True, metavar="SHARE",
              help="Share of replies that are good work.")
@click.option("--latency", type=Latency(), default="0", show_default=True, metavar="SECONDS",
              help="Time that an answer takes: 0.2, 200ms, or a range, 0.1-0.5.")
@click.option("--rpm", type=click.FloatRange(0, min_open=True), metavar="N", help="Requests per minute and model.")
@click.option("--tpm", type=click.FloatRange(0, min_open=True), metavar="N", help="Tokens per minute and model.")
@click.option("--burst", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True, metavar="SECONDS",
              help="Of both: the allowance that can be saved up.")
@click.option("--window", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="Of both: an allowance for each window of so many seconds, instead of one that comes back evenly.")
@click.option("--rate-headers/--no-rate-headers", default=True, help="Whether replies tell of the limits.")
@click.option("--retry-after/--no-retry-after", default=True, help="Whether a 429 for a limit says when to come back.")
@click.option("--fault", "faults", type=Chance(), multiple=True, metavar="KIND=SHARE",
              help="What goes wrong with some requests: 429=0.1, 503:2=0.05 (with Retry-After: 2), drop=0.02; "
                   "can be repeated.")
@click.option("--batches", type=Latency(), metavar="SECONDS",
              help="Serve files and batches, each done after so long.")
@click.option("--batch-fault", "batch_faults", type=BatchChance(), multiple=True, metavar="KIND",
              help="What goes wrong with the first batches, in order: expire, cancel, fail, missing, none; repeated.")
@click.option("--batch-queue", type=click.IntRange(min=1), metavar="TOKENS",
              help="How many tokens of batches may wait at a time.")
@click.option("--model", "models", multiple=True, metavar="ID", help="Answer this id alone. Can be repeated.")
@click.option("--key", metavar="TEXT", help="Answer 401 without this key.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Append a line of JSON for each request.")  # fmt: skip
def serve_simulated_command(
    settings: Settings, host: str, port: int, seed: int, success: float, latency: tuple[float, float],
    rpm: float | None, tpm: float | None, burst: float, window: float | None, rate_headers: bool, retry_after: bool,
    faults: tuple[Any, ...], batches: tuple[float, float] | None, batch_faults: tuple[Any, ...],
    batch_queue: int | None, models: tuple[str, ...], key: str | None, log: Path | None,
) -> int:  # fmt: skip
    """Serve the simulated model as an OpenAI-shaped endpoint.

    What it answers is a function of the request and the seed, and says that it is simulated. With latency, rate limits
    and faults it is a rehearsal of what a run meets at a real endpoint. It listens until Ctrl-C.

    Kinds of faults: a status (400 to 599), slow, hang, reset, drop, duplicate, doubled, invalid_json, not_utf8,
    no_body, wrong_schema, cut, refusal, filtered, empty, blank, wrong_model, no_usage, large_usage; of embeddings
    one_less, not_finite, narrow, zero, reordered. Which requests they hit follows from the seed, the request and how
    often it was made, so a retry can succeed.
    """
    from refinelab_dsl.providers.endpoint import Simulation
    from refinelab_dsl.serving import Behaviour, RateLimits
    from refinelab_dsl.serving.batches import BatchBehaviour

    if sum(share for _, share in faults) > 1 + 1e-9:
        raise click.UsageError("the shares of --fault add up to more than 1")
    behaviour = Behaviour(
        simulation=Simulation(seed=seed, success=success), latency=latency, chances=faults,
        limits=RateLimits(rpm, tpm, burst, window, rate_headers, retry_after), models=models, key=key, log=log,
        batches=None if batches is None else BatchBehaviour(
            polls=1, wait=max(20, int(batches[0] * 250)), seconds=batches[0], script=batch_faults,
            queue=batch_queue,
        ),
    )  # fmt: skip
    return asyncio.run(serve(settings, behaviour, host, port))


async def serve(settings: Settings, behaviour: Behaviour, host: str, port: int) -> int:
    """Listens until a signal; the exit code is the signal's.

    Raises:
        click.UsageError: the address cannot be had, or the log cannot be written.
    """
    from refinelab_dsl.serving.server import SimulatedServer

    ended: asyncio.Future[ExitCode] = asyncio.get_running_loop().create_future()
    for number, code in _ENDS.items():
        asyncio.get_running_loop().add_signal_handler(number, _settle, ended, code)
    if behaviour.log is not None:
        try:
            behaviour.log.open("a").close()
        except OSError as error:
            raise click.UsageError(f"cannot write --log {behaviour.log}: {error.strerror}") from None
    server = SimulatedServer(behaviour, port, host=host)
    try:
        async with server:
            announce(settings, server)
            code = await ended
    except OSError as error:
        if ended.done():
            raise
        reason = error.strerror or str(error)
        raise click.UsageError(f"cannot listen on {host}:{port}: {reason}") from None
    terminal.say(settings, render_tally(server.tally))
    return code


def announce(settings: Settings, server: SimulatedServer) -> None:
    """Says where it listens, to people and to programs that wait for it."""
    from refinelab_dsl.prompts.hosts import is_loopback

    behaviour = server.behaviour
    document = {
        "event": "ready", "base_url": server.base_url, "host": server.host, "port": server.port, "pid": os.getpid(),
        "models": list(behaviour.models), "simulated": True,
    }  # fmt: skip
    if settings.is_json:
        terminal.write(json.dumps(document) + "\n")
    else:
        key = ', api_key = env("SIMULATED_KEY")' if behaviour.key is not None else ""
        terminal.write(_READY.format(
            base_url=server.base_url, model=behaviour.models[0] if behaviour.models else "simulated-small", key=key,
            shown_key="the key of --key" if behaviour.key is not None else "any",
        ))  # fmt: skip
        terminal.say(settings, "Every reply says that it is simulated. Ctrl-C ends it.")
    terminal.save_json(settings, document)
    if not is_loopback(server.host):
        terminal.say(settings, f"warning: whoever reaches {server.host} can use it")


def render_tally(tally: Tally) -> str:
    """How many requests came, the tokens that they took, and what became of them."""
    total = tally.asked.total()
    parts = [f"{count} {name}" for name, count in sorted(tally.outcomes.items(), key=lambda pair: (-pair[1], pair[0]))]
    said = f"{total} {'request' if total == 1 else 'requests'}, {tally.billed} tokens"
    return f"{said}: {', '.join(parts)}" if parts else said


def _settle(ended: asyncio.Future[ExitCode], code: ExitCode) -> None:
    if not ended.done():
        ended.set_result(code)


def _seconds(text: str) -> float:
    return float(text.removesuffix("ms")) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))
