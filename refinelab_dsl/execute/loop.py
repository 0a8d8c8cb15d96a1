"""The event loop of a run, and the signals that end it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.execute.halt import SIGNALLED, Halt


@contextmanager
def heed_signals(halt: Halt, abandon: Callable[[], None], describe: Callable[[str], Diagnostic]) -> Iterator[None]:
    """While it lasts, the first SIGINT, SIGTERM or SIGHUP stops the run gently, and the next one at once; not SIGHUP,
    which a terminal that is closed sends more than once. Only the main thread of a process hears of signals; elsewhere
    this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def hear(number: signal.Signals) -> None:
        if halt.reasons.keys() & SIGNALLED.keys():
            if number not in hangups():
                abandon()
            return
        halt.stop("interrupt" if number == signal.SIGINT else "terminate", describe(number.name))

    numbers = (signal.SIGINT, signal.SIGTERM, *hangups())
    for number in numbers:
        loop.add_signal_handler(number, hear, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def hangups() -> tuple[signal.Signals, ...]:
    """What a terminal that is closed sends; not where it is ignored, as `nohup` has it, or unknown."""
    hangup = getattr(signal, "SIGHUP", None)
    return () if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN else (hangup,)


def run_loop(interpret: Callable[[], Any]) -> Any:
    """Runs a coroutine function to its end, also where the caller's thread has an event loop already (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(interpret())
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: asyncio.run(interpret())).result()
