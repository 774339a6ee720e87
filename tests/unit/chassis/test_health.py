"""Readiness: yes only while every dependency says so, and never before the start or after the end."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from libs.chassis import health
from libs.chassis.health import Readiness, serve_health


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def broken() -> bool:
    raise ConnectionError


async def silent() -> bool:
    await asyncio.sleep(60)
    return True


async def test_a_service_is_not_ready_before_it_has_begun() -> None:
    assert await Readiness().check() == {"started": False}


@pytest.mark.parametrize(
    ("probe", "state"),
    [
        pytest.param(yes, True, id="says yes"),
        pytest.param(no, False, id="says no"),
        pytest.param(broken, False, id="fails"),
    ],
)
async def test_a_dependency_is_what_its_probe_says(probe: health.Probe, *, state: bool) -> None:
    readiness = Readiness()

    readiness.start(store=yes, broker=probe)

    assert await readiness.check() == {"store": True, "broker": state}


async def test_a_probe_that_hangs_is_a_no_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_TIMEOUT", 0.05)
    readiness = Readiness()
    readiness.start(store=silent)

    async with asyncio.timeout(2):
        assert await readiness.check() == {"store": False}


async def test_many_questions_at_once_load_the_dependency_once_a_second() -> None:
    asked = 0

    async def counted() -> bool:
        nonlocal asked
        asked += 1
        return True

    readiness = Readiness()
    readiness.start(store=counted)

    for _ in range(50):
        await readiness.check()

    assert asked == 1


async def test_a_service_that_ends_is_not_ready_whatever_its_probes_say() -> None:
    readiness = Readiness()
    readiness.start(store=yes)

    readiness.stop()

    assert await readiness.check() == {"running": False}


async def test_an_end_during_a_question_is_not_forgotten() -> None:
    readiness, go_on = Readiness(), asyncio.Event()

    async def slow() -> bool:
        await go_on.wait()
        return True

    readiness.start(store=slow)
    asking = asyncio.create_task(readiness.check())
    await asyncio.sleep(0)

    readiness.stop()
    go_on.set()
    await asking

    assert await readiness.check() == {"running": False}


@pytest.fixture
async def served() -> AsyncIterator[tuple[Readiness, str]]:
    readiness = Readiness()
    runner = await serve_health("127.0.0.1", 0, readiness)
    yield readiness, "http://{}:{}".format(*runner.addresses[0])
    await runner.cleanup()


async def test_kubernetes_and_prometheus_are_answered(served: tuple[Readiness, str]) -> None:
    readiness, url = served
    async with aiohttp.ClientSession(url) as client:
        early = await client.get("/readyz")
        readiness.start(store=yes)
        ready = await client.get("/readyz")
        alive = await client.get("/healthz")
        metrics = await client.get("/metrics")

        assert (early.status, ready.status, alive.status, metrics.status) == (503, 200, 200, 200)
        assert await ready.json() == {"status": "ready", "checks": {"store": True}}
        assert "gateway_ready 1.0" in await metrics.text()
