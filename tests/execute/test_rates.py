"""How near calls come to what an endpoint permits, and how few it refuses: simulated limits, in virtual time."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from refinelab_dsl.declarations import Limits
from refinelab_dsl.execute.breaker import FIRST_PROBES, OPENS_AFTER, PROBES, Breaker
from refinelab_dsl.execute.halt import Halt
from refinelab_dsl.execute.learnt import LearntRate
from refinelab_dsl.execute.limits import Pace
from refinelab_dsl.providers.quotas import Quota, Quotas
from refinelab_dsl.serving.limits import RateLimits
from tests.harness.rates import Endpoint, run_in_virtual_time

RPM, TPM = 240, 60_000
MOST = 1_000  # tokens that a call may take; it takes 150 to 350
BUCKET, SMALL_BUCKET, MINUTE, TEN_SECONDS = {"burst": 60.0}, {"burst": 2.0}, {"window": 60.0}, {"window": 10.0}


def drive(endpoint: Endpoint, limits: Limits, minutes: float, taken: tuple[int, int] = (150, 350)) -> Pace:
    """Makes calls for so long, as many as the pace lets out. taken: tokens of a call, at least and at most."""

    async def scene() -> Pace:
        loop = asyncio.get_running_loop()
        pace, halt, random = Pace(limits, clock=loop.time), Halt(), Random(0)

        async def work() -> None:
            while loop.time() < 60 * minutes:
                tokens = random.randint(*taken)
                ticket = await pace.admit(MOST, halt)
                assert ticket is not None
                is_let_in, retry_after, quotas = endpoint.ask(tokens, MOST, loop.time())
                if is_let_in:
                    endpoint.running += 1
                    await asyncio.sleep(random.uniform(0.3, 0.9))
                    endpoint.running -= 1
                else:
                    await asyncio.sleep(0.05)
                if quotas is not None:
                    pace.hear(quotas)
                if is_let_in:
                    pace.answer(ticket, tokens)
                else:
                    pace.refuse(ticket, retry_after)

        await asyncio.gather(*(work() for _ in range(limits.concurrency)))
        return pace

    return run_in_virtual_time(scene)


@pytest.mark.parametrize("kind", [BUCKET, SMALL_BUCKET, MINUTE, TEN_SECONDS], ids=["bucket", "small", "minute", "ten"])
@pytest.mark.parametrize("headers", [True, False], ids=["headers", "no_headers"])
def test_declared_requests_are_used_and_none_is_refused(kind: dict[str, float], headers: bool) -> None:
    endpoint = Endpoint(RateLimits(rpm=RPM, headers=headers, **kind))
    drive(endpoint, Limits(rpm=RPM, concurrency=24), 3)
    assert endpoint.share(60, 180) >= 0.95
    assert endpoint.refused(0, 180) == 0


@pytest.mark.parametrize("kind", [BUCKET, MINUTE], ids=["bucket", "minute"])
@pytest.mark.parametrize("headers", [True, False], ids=["headers", "no_headers"])
def test_declared_tokens_are_used_and_none_is_refused(kind: dict[str, float], headers: bool) -> None:
    endpoint = Endpoint(RateLimits(tpm=TPM, headers=headers, **kind))
    drive(endpoint, Limits(tpm=TPM, concurrency=24), 3)
    assert endpoint.share(60, 180) >= 0.95
    assert endpoint.refused(0, 180) == 0


@pytest.mark.parametrize(
    ("limits", "charge"),
    [
        (RateLimits(rpm=RPM), "actual"),
        (RateLimits(rpm=RPM, window=60), "actual"),
        (RateLimits(rpm=RPM, window=10), "actual"),
        (RateLimits(rpm=5 * RPM, window=1), "actual"),
        (RateLimits(tpm=TPM), "actual"),
        (RateLimits(tpm=TPM), "most"),
        (RateLimits(tpm=TPM, window=60), "actual"),
        (RateLimits(tpm=TPM, window=60), "most"),
        (RateLimits(rpm=RPM, tpm=TPM / 2), "actual"),
        (RateLimits(rpm=RPM / 2, tpm=TPM, window=60), "actual"),
    ],
    ids=lambda value: f"rpm={value.rpm},tpm={value.tpm},window={value.window}" if value != value else None,
)
@pytest.mark.parametrize("retry_after", [True, False], ids=["retry_after", "no_retry_after"])
def test_what_headers_tell_is_used_and_hardly_a_call_is_refused(
    limits: RateLimits, charge: str, retry_after: bool
) -> None:
    told = RateLimits(limits.rpm, limits.tpm, limits.burst, limits.window, True, retry_after)
    endpoint = Endpoint(told, "actual" if charge == "actual" else "most")
    drive(endpoint, Limits(concurrency=24), 5)
    assert endpoint.share(60, 300) >= 0.95
    assert endpoint.refused(60, 300) < 0.01
    assert endpoint.count_refused(0, 60) <= 4  # before it is known what a call costs there


@pytest.mark.parametrize("charge", ["actual", "most"])
@pytest.mark.parametrize("retry_after", [True, False], ids=["retry_after", "no_retry_after"])
def test_what_calls_cost_in_a_small_bucket_is_learnt_from_its_headers(charge: str, retry_after: bool) -> None:
    endpoint = Endpoint(RateLimits(tpm=10 * TPM, retry_after=retry_after, **SMALL_BUCKET), charge)
    drive(endpoint, Limits(concurrency=64), 4, taken=(60, 140))
    assert endpoint.share(60, 240) >= 0.95
    assert endpoint.refused(60, 240) < 0.01
    assert endpoint.refused(0, 240) < 0.01


@pytest.mark.parametrize("kind", [BUCKET, SMALL_BUCKET, MINUTE, TEN_SECONDS], ids=["bucket", "small", "minute", "ten"])
@pytest.mark.parametrize("retry_after", [True, False], ids=["retry_after", "no_retry_after"])
def test_a_limit_that_nobody_tells_is_learnt_from_refusals(kind: dict[str, float], retry_after: bool) -> None:
    endpoint = Endpoint(RateLimits(rpm=RPM, headers=False, retry_after=retry_after, **kind))
    drive(endpoint, Limits(concurrency=24), 12)
    assert endpoint.refused(0, 120) > 0  # the first refusals are how it is learnt
    assert endpoint.share(120, 720) >= 0.95
    assert endpoint.refused(120, 720) < 0.01


@pytest.mark.parametrize(
    "limits",
    [RateLimits(rpm=2.5 * RPM), RateLimits(tpm=TPM), RateLimits(tpm=2.5 * TPM)],
    ids=["rpm=600", "tpm=60_000", "tpm=150_000"],
)
def test_when_a_window_opens_of_which_nobody_tells_is_taken_for_between_two_tries(limits: RateLimits) -> None:
    endpoint = Endpoint(RateLimits(limits.rpm, limits.tpm, window=60, headers=False, retry_after=False))
    drive(endpoint, Limits(concurrency=60 if limits.tpm != TPM else 24), 12)
    assert endpoint.share(120, 720) >= 0.95
    assert endpoint.refused(120, 720) < 0.01


def test_a_rate_that_was_tried_below_one_call_at_a_time_comes_back() -> None:
    now, learnt = 100.0, LearntRate(0.0, is_declared=False)

    def make_calls(count: int, apart: float) -> None:
        nonlocal now
        for _ in range(count):
            learnt.delay(now)
            learnt.take(now)
            now += apart
            learnt.answer(0.5, now)

    make_calls(60, 0.25)  # 4 a second
    for apart in (0.25, 0.5):
        learnt.stop(now)
        learnt.resume(now + 0.5, now + 0.5, 0.5, is_sure=False, is_told=False)
        now += 0.5
        if apart == 0.25:
            make_calls(20, apart)
    assert learnt.rate is not None
    assert learnt.rate < 2
    make_calls(1_000, 0.25)
    assert learnt.rate > 3


def test_the_calls_at_a_time_that_an_endpoint_takes_are_learnt() -> None:
    endpoint = Endpoint(concurrency=6)
    drive(endpoint, Limits(concurrency=24), 10)
    let_in = sum(is_let_in for now, is_let_in, _ in endpoint.told if 120 <= now < 600)
    assert let_in / 480 >= 0.6 * 6 / 0.6  # of 0.6 s each; it is taken for a rate, too, so not all is used
    assert endpoint.refused(120, 600) < 0.01


def test_refusals_that_have_nothing_to_do_with_rates_do_not_stop_a_run() -> None:
    async def scene() -> int:
        loop = asyncio.get_running_loop()
        pace, halt, random, answered = Pace(Limits(), clock=loop.time), Halt(), Random(0), 0
        while loop.time() < 600:
            ticket = await pace.admit(MOST, halt)
            assert ticket is not None
            await asyncio.sleep(0.5)
            if random.random() < 0.1:
                pace.refuse(ticket, None)
            else:
                pace.answer(ticket, 200)
                answered += 1
        return answered

    assert run_in_virtual_time(scene) > 0.5 * 600 / 0.5


def test_one_call_at_a_time_goes_to_an_endpoint_that_fails_and_nearly_as_many_as_before_when_it_is_back() -> None:
    async def scene() -> list[int]:
        loop = asyncio.get_running_loop()
        pace, halt, most = Pace(Limits(concurrency=12), clock=loop.time), Halt(), [0, 0, 0]

        async def work() -> None:
            while loop.time() < 60:
                ticket = await pace.admit(0, halt)
                assert ticket is not None
                now = loop.time()
                phase = 0 if now < 20 else 1 if now < 25 else 2
                if not 20 <= now < 21:  # it takes a moment to be noticed
                    most[phase] = max(most[phase], pace.running)
                await asyncio.sleep(0.5)
                if phase == 1:
                    pace.fail(ticket, "server", None)
                else:
                    pace.answer(ticket, 0)

        await asyncio.gather(*(work() for _ in range(12)))
        return most

    before, during, after = run_in_virtual_time(scene)
    assert before == 12
    assert during == 1
    assert after >= 10


def test_a_breaker_lets_one_probe_out_at_a_time_and_closes_with_an_answer() -> None:
    async def scene() -> tuple[list[float], str, str]:
        loop = asyncio.get_running_loop()
        pace, halt = Pace(Limits(), clock=loop.time), Halt()
        tickets = [await pace.admit(0, halt) for _ in range(8)]
        first = tickets.pop()
        assert first is not None
        pace.answer(first, 0)
        for ticket in tickets:
            assert ticket is not None
            pace.fail(ticket, "server", None)
        state, probes = pace.state, []
        waiting = [asyncio.create_task(pace.admit(0, halt)) for _ in range(5)]
        for fails in (True, True, True, False):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            out = [task for task in waiting if task.done()]
            assert len(out) == 1  # the others wait for what becomes of it
            waiting.remove(out[0])
            probes.append(loop.time())
            probe = out[0].result()
            assert probe is not None
            if fails:
                pace.fail(probe, "connection", None)
            else:
                pace.answer(probe, 0)
        await asyncio.wait(waiting)
        return probes, state, pace.state

    probes, opened, closed = run_in_virtual_time(scene)
    assert probes == pytest.approx([0.5, 1.5, 3.5, 7.5], abs=0.01)
    assert (opened, closed) == ("down", "open")


@pytest.mark.parametrize(("has_answered", "probes"), [(True, PROBES), (False, FIRST_PROBES)])
def test_a_model_that_does_not_come_back_is_given_up(has_answered: bool, probes: int) -> None:
    breaker, now = Breaker(0.5), 0.0
    if has_answered:
        breaker.answer(breaker.let_out())
    for _ in range(OPENS_AFTER):
        assert breaker.cause is None
        breaker.fail(breaker.let_out(), breaker.epoch, None, now)
    for number in range(probes):
        assert not breaker.is_given_up
        now += breaker.delay(now)
        assert breaker.let_out()
        assert breaker.delay(now) == float("inf")
        breaker.fail(True, breaker.epoch, None, now)
        assert breaker.probes == number + 1
    assert breaker.is_given_up
    assert now == sum(min(60, 0.5 * 2**number) for number in range(probes))


def test_what_calls_tell_that_went_out_before_a_breaker_closed_is_old() -> None:
    breaker = Breaker(0.5)
    old = breaker.epoch
    assert breaker.refuse(False, old, 3.0, 10.0)
    assert not breaker.refuse(False, old, 5.0, 10.5)  # of the same moment: it asks for more, which counts
    assert breaker.delay(10.5) == 5.0
    breaker.let_out()
    assert breaker.answer(True)
    assert not breaker.refuse(False, old, 9.0, 16.0)
    assert breaker.delay(16.0) == 0


def test_a_run_that_stops_lets_nobody_out() -> None:
    async def scene() -> object:
        loop = asyncio.get_running_loop()
        pace, halt = Pace(Limits(rpm=1), clock=loop.time), Halt()
        assert await pace.admit(0, halt) is not None
        waiting = [asyncio.create_task(pace.admit(0, halt)) for _ in range(3)]
        await asyncio.sleep(1)
        halt.stop("budget")
        found = await asyncio.gather(*waiting)
        assert loop.time() < 1.1
        return found

    assert run_in_virtual_time(scene) == [None, None, None]


def test_an_endpoint_that_says_nothing_sensible_is_not_waited_for() -> None:
    async def scene() -> float:
        loop = asyncio.get_running_loop()
        pace, halt = Pace(Limits(), clock=loop.time), Halt()
        for _ in range(100):
            ticket = await pace.admit(MOST, halt)
            assert ticket is not None
            await asyncio.sleep(0.1)
            pace.hear(Quotas(Quota(None, 0), Quota(None, 0)))
            pace.answer(ticket, 200)
        return loop.time()

    assert run_in_virtual_time(scene) == pytest.approx(10)
