"""Hostile input: poison on a queue, the same webhook many times over, and thousands of slow connections."""

import asyncio
import random
import time
from urllib.parse import urlsplit

import aio_pika
import orjson
import psutil
import pytest

from libs.chassis.topology import EXCHANGE, RECORDS, WEBHOOKS
from tests.chaos.conftest import Stage
from tests.chaos.load import NO_ANSWER, Load, beside
from tests.e2e import scenarios
from tests.e2e.driver import SECRET, Answer, Gateway, Line, all_of, outbound
from tests.e2e.ledger_check import ledger_check

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEGABYTE = 1_000_000
GOOD = {"reply_to": "ingress-1", "payload": {"event_type": "test"}}
POISON: dict[str, tuple[bytes, dict[str, object]]] = {
    "a megabyte of garbage": (random.Random(7).randbytes(MEGABYTE), {"type": "webhook.received"}),
    "no JSON": (b"{", {"type": "webhook.received"}),
    "another schema version": (orjson.dumps(GOOD), {"type": "webhook.received", "headers": {"x-version": 99}}),
    "an unknown event": (orjson.dumps(GOOD), {"type": "webhook.exploded"}),
    "no type": (orjson.dumps(GOOD), {}),
    "a field of a wrong type": (orjson.dumps(GOOD | {"payload": 5}), {"type": "webhook.received"}),
    "no time": (orjson.dumps(GOOD), {"type": "webhook.received", "headers": {"x-at": "yesterday"}}),
}


async def poisoned(stage: Stage) -> dict[str, str]:
    """Put the poison where webhooks go; the message ids and what each is."""
    ids: dict[str, str] = {}
    async with await aio_pika.connect(stage.node.url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EXCHANGE)
        for number, (name, (body, fields)) in enumerate(POISON.items()):
            id_ = f"00000000-0000-4000-8000-{number:012d}"
            ids[id_] = name
            message = aio_pika.Message(body, message_id=id_, delivery_mode=2, **fields)  # type: ignore[arg-type]  # a table
            await exchange.publish(message, WEBHOOKS.bindings[0])
    return ids


async def reasons_in(stage: Stage, queue: str) -> dict[str, str]:
    """The dead letters of a work queue: message id and reason."""
    page = await stage.gateway.done("GET", "/dead-letters", queue=queue, limit=200)
    return {str(letter["message_id"]): str(letter["reason"]) for letter in page["items"]}


async def test_poison_is_set_aside_with_its_reason_and_the_good_go_on(
    stage: Stage, seed: int, chance: random.Random
) -> None:
    load = await Load.prepared(stage.gateway, chance)
    poison: dict[str, str] = {}

    async def in_between() -> None:
        await load.until_told(60)
        poison.update(await poisoned(stage))

    await beside(load, 200, in_between())
    findings, ends = await load.check()
    dead = {queue: await reasons_in(stage, queue) for queue in (WEBHOOKS.name, RECORDS.name)}

    passed = findings.holds and ends == {"sent": 200} and all(dead[WEBHOOKS.name].values())
    scenarios.tell("12 poison", seed=seed, passed=passed, poison=len(poison), **findings.figures)
    assert findings.holds, findings.faults
    assert ends == {"sent": 200}
    assert set(dead[WEBHOOKS.name]) == set(poison)
    assert all(reason.startswith("unreadable: ") for queue in dead.values() for reason in queue.values())
    assert set(dead[RECORDS.name]) <= set(poison)
    assert all(p.running for p in stage.gateway.stack.processes)


async def test_duplicates_over_two_replicas_and_a_restart_are_one_message_each(
    stage: Stage, seed: int, chance: random.Random
) -> None:
    gateway = stage.gateway
    lines = [await gateway.open_line() for _ in range(10)]
    bodies = [outbound(await gateway.a_writer(line)) for line in lines]
    victim = gateway.stack.services["ingress"][1]

    async def repeated(times: int) -> list[tuple[int, Answer]]:
        async def one(index: int) -> tuple[int, Answer] | None:
            try:
                return index, await gateway.post(lines[index], bodies[index], Idempotency_Key="only")
            except NO_ANSWER:
                return None  # the ingress was killed in between

        order = [index for index in range(len(lines)) for _ in range(times)]
        chance.shuffle(order)
        answers = await asyncio.gather(*(one(index) for index in order))
        return [answer for answer in answers if answer is not None]

    async def killed() -> None:
        await asyncio.sleep(chance.uniform(0.02, 0.2))  # a random moment
        victim.kill()
        victim.begin()

    [first, _] = await asyncio.gather(repeated(20), killed())
    await victim.ready()
    again = await repeated(5)

    told = [answer for _, answer in first + again if answer.status in {200, 202}]
    finals = {i: await gateway.final(lines[i], a) for i, a in first + again if a.status in {200, 202}}
    findings = await ledger_check(gateway, lines, {answer.event_id: answer for answer in finals.values()})
    passed = findings.holds and findings.figures["received"] == len(lines)
    scenarios.tell("18 duplicates", seed=seed, passed=passed, asked=250, answered=len(told), **findings.figures)
    assert findings.holds, findings.faults
    assert {answer.word for answer in finals.values()} == {"sent"}
    assert len({answer.event_id for answer in told}) == findings.figures["received"] == len(lines)


ATTACKERS = 2_000
CLOSED_WITHIN = 30.0
P99_SECONDS = 0.5
GROWTH = 200 * MEGABYTE


async def attacker(gateway: Gateway, line: Line, kind: int) -> float:
    """A connection that sends its headers, or its body, a byte at a time, or nothing more; how long it was borne."""
    server = urlsplit(gateway.url(line.path))
    reader, writer = await asyncio.open_connection(server.hostname, server.port)
    begun = time.monotonic()
    start = f"POST {line.path} HTTP/1.1\r\nHost: x\r\n"
    opening = (
        start.encode(),
        f"{start}{SECRET}: {line.secret}\r\nContent-Length: 100000\r\n\r\n{{".encode(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    )[kind]
    try:
        writer.write(opening)
        trickle = asyncio.create_task(_trickle(writer)) if kind < 2 else None
        async with asyncio.timeout(CLOSED_WITHIN + 5):
            while await reader.read(4096):
                pass
        if trickle is not None:
            trickle.cancel()
    except (ConnectionError, TimeoutError):
        pass
    finally:
        writer.transport.abort()
    return time.monotonic() - begun


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"a")
        await asyncio.sleep(1.0)  # slowness is the attack


async def test_thousands_of_slow_connections_slow_nobody_down(stage: Stage, seed: int, chance: random.Random) -> None:
    gateway = stage.gateway
    victim = await gateway.open_line()
    lines = [await gateway.open_line() for _ in range(10)]
    ingresses = [psutil.Process(process.pid) for process in gateway.stack.services["ingress"]]
    before = [process.memory_info().rss for process in ingresses]

    attack = [asyncio.create_task(attacker(gateway, victim, number % 3)) for number in range(ATTACKERS)]
    times: list[float] = []
    while not all(task.done() for task in attack):
        answers = await all_of(*(gateway.post(line, {"event_type": "test"}) for line in lines[:2]))
        times += [answer.seconds for answer in answers]
        assert {answer.status for answer in answers} <= {200, 429}
        lines = lines[2:] + lines[:2]
        await asyncio.sleep(0.05)
    borne = await asyncio.gather(*attack)
    growth = [now.memory_info().rss - then for now, then in zip(ingresses, before, strict=True)]

    p99 = sorted(times)[int(len(times) * 0.99)]
    passed = max(borne) <= CLOSED_WITHIN and p99 <= P99_SECONDS and max(growth) <= GROWTH
    figures = {"connections": ATTACKERS, "borne_s": round(max(borne), 1), "p99_ms": round(p99 * 1000, 1)}
    figures |= {"growth_mb": round(max(growth) / MEGABYTE, 1), "asked": len(times)}
    findings = await ledger_check(gateway, [victim], {})
    scenarios.tell("21 slow-loris", seed=seed, passed=passed, **figures)
    assert passed, figures
    assert findings.holds, findings.faults
