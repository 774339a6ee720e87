"""Readiness: yes only while every dependency says so, and never before the start or after the end."""

import asyncio
import importlib
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from libs.chassis import health, metrics
from libs.chassis.health import DependencyDown, Readiness, serve_health
from libs.chassis.version import VERSION


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


async def test_readiness_is_measured_although_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    working, readiness = True, Readiness()

    async def probe() -> bool:
        return working

    async def becomes(value: float) -> None:
        async with asyncio.timeout(5):
            while (measured("gateway_ready"), measured("gateway_dependency_up", dependency="store")) != (value, value):
                await asyncio.sleep(0.01)

    async with readiness.running():
        readiness.start(store=probe)
        await becomes(1)
        working = False
        await becomes(0)
        working = True
        await becomes(1)


async def test_a_dependency_that_does_not_decide_is_shown_and_measured() -> None:
    readiness = Readiness()
    readiness.start(dependencies_decide=False, broker=no)

    assert await readiness.check() == {"broker": False}
    assert readiness.ready
    assert (measured("gateway_ready"), measured("gateway_dependency_up", dependency="broker")) == (1, 0)
    readiness.stop()
    assert not readiness.ready


async def test_what_is_lost_and_found_is_logged_once_with_its_cause(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(health, "KEPT_SECONDS", 0.0)
    causes: list[str | None] = [None, "connection refused", "connection refused", "time-out", None, None]
    readiness = Readiness()

    async def probe() -> bool:
        if (cause := causes.pop(0)) is not None:
            raise DependencyDown(cause)
        return True

    readiness.start(broker=probe)
    while causes:
        await readiness.check()

    lines = [line for line in capsys.readouterr().out.splitlines() if "dependency" in line]
    assert len(lines) == 2
    assert "dependency lost" in lines[0]
    assert "connection refused" in lines[0]
    assert "dependency found" in lines[1]


async def test_a_cancellation_by_the_amqp_library_is_a_failed_probe() -> None:
    async def cancelled() -> bool:
        raise asyncio.CancelledError

    readiness = Readiness()
    readiness.start(broker=cancelled)

    assert await readiness.check() == {"broker": False}


async def test_the_loop_lag_is_how_late_a_task_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LAG_SECONDS", 0.01)
    before = measured("gateway_event_loop_lag_seconds_sum")

    measuring = asyncio.create_task(health.measure_loop_lag())
    await asyncio.sleep(0)
    time.sleep(0.1)  # what holds the loop
    await measuring

    assert measured("gateway_event_loop_lag_seconds_sum") - before >= 0.08


def measured(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def served() -> AsyncIterator[tuple[Readiness, str]]:
    readiness = Readiness()
    runner = await serve_health("127.0.0.1", 0, readiness)
    yield readiness, "http://{}:{}".format(*runner.addresses[0])
    await runner.cleanup()


async def test_a_process_whose_consumers_are_dead_is_not_alive(served: tuple[Readiness, str]) -> None:
    readiness, url = served
    alive = True
    readiness.watch_liveness(lambda: alive)
    async with aiohttp.ClientSession(url) as client:
        before = await client.get("/healthz")
        alive = False
        after = await client.get("/healthz")

    assert (before.status, after.status) == (200, 503)


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


@pytest.mark.parametrize(
    ("accept", "media_type", "has_exemplars"),
    [
        pytest.param(
            "application/openmetrics-text; version=1.0.0, text/plain;q=0.5", "openmetrics", True, id="Prometheus"
        ),
        pytest.param("text/plain", "text/plain", False, id="text"),
        pytest.param(None, "text/plain", False, id="a browser"),
    ],
)
async def test_exemplars_are_shown_to_who_asks_for_openmetrics(
    served: tuple[Readiness, str], accept: str | None, media_type: str, *, has_exemplars: bool
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    metrics.PUBLISH_SECONDS.observe(0.002, {"trace_id": trace_id})
    async with aiohttp.ClientSession(served[1]) as client:
        answer = await client.get("/metrics", headers={} if accept is None else {"Accept": accept})
        page = await answer.text()

    assert media_type in answer.headers["Content-Type"]
    assert (trace_id in page) is has_exemplars
    assert page.rstrip().endswith("# EOF") is has_exemplars
    assert f'version="{VERSION}"' in page
    assert "_created" not in page


def test_the_metrics_of_every_service_can_be_read_as_openmetrics() -> None:
    for service in ("ingress", "policy", "sender", "audit", "console"):
        importlib.import_module(f"services.{service}.metrics")
    encode, _ = choose_encoder("application/openmetrics-text; version=1.0.0")

    families = list(text_string_to_metric_families(encode(REGISTRY).decode()))  # type: ignore[no-untyped-call]  # of the library

    names = {family.name for family in families}
    assert {
        "gateway_build_info",
        "gateway_webhooks",
        "gateway_record_sound",
        "gateway_decision_duration_seconds",
    } <= names
