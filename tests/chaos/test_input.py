"""Hostile input: poison messages, duplicate webhooks and thousands of slow connections."""

import asyncio
import random
import time
from urllib.parse import urlsplit

import aio_pika
import orjson
import psutil
import pytest

from libs.chassis.topology import EXCHANGE, RECORDS, WEBHOOKS
from tests.chaos.conftest import Environment
from tests.chaos.load import NO_ANSWER, Load, run_with
from tests.e2e import scenarios
from tests.e2e.driver import SECRET, Answer, Gateway, Integration, gather_answers, outbound
from tests.e2e.ledger_check import ledger_check
from tests.event_keys import signed_as

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

MEGABYTE = 1_000_000
GOOD = {"reply_to": "ingress-1", "payload": {"event_type": "test"}}
UNPROVEN = "an event that nobody proves to have published"
POISON: dict[str, tuple[bytes, dict[str, object]]] = {
    "a megabyte of garbage": (random.Random(7).randbytes(MEGABYTE), {"type": "webhook.received"}),
    "no JSON": (b"{", {"type": "webhook.received"}),
    "another schema version": (orjson.dumps(GOOD), {"type": "webhook.received", "headers": {"x-version": 99}}),
    "an unknown event": (orjson.dumps(GOOD), {"type": "webhook.exploded"}),
    "no type": (orjson.dumps(GOOD), {}),
    "a field of a wrong type": (orjson.dumps(GOOD | {"payload": 5}), {"type": "webhook.received"}),
    UNPROVEN: (orjson.dumps(GOOD), {"type": "webhook.received"}),
    "no time": (orjson.dumps(GOOD), {"type": "webhook.received", "headers": {"x-at": "yesterday"}}),
}


async def poisoned(environment: Environment) -> dict[str, str]:
    """Put the poison where webhooks go; the message ids and what each is."""
    ids: dict[str, str] = {}
    async with await aio_pika.connect(environment.node.url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EXCHANGE)
        for number, (name, (body, fields)) in enumerate(POISON.items()):
            id_ = f"00000000-0000-4000-8000-{number:012d}"
            ids[id_] = name
            message = aio_pika.Message(body, message_id=id_, delivery_mode=2, **fields)  # type: ignore[arg-type]  # a table
            if name != UNPROVEN:
                signed_as(message, "ingress", environment.gateway.stack.event_keys)
            await exchange.publish(message, WEBHOOKS.bindings[0])
    return ids


async def reasons_in(environment: Environment, queue: str) -> dict[str, str]:
    """The dead letters of a work queue: message id and reason."""
    page = await environment.gateway.done("GET", "/dead-letters", queue=queue, limit=200)
    return {str(letter["message_id"]): str(letter["reason"]) for letter in page["items"]}


async def test_poison_messages_are_dead_lettered_with_a_reason_and_others_are_processed(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    load = await Load.create(environment.gateway, chance)
    poison: dict[str, str] = {}

    async def in_between() -> None:
        await load.wait_for_answers(60)
        poison.update(await poisoned(environment))

    await run_with(load, 200, in_between())
    findings, ends = await load.check()
    dead = {queue: await reasons_in(environment, queue) for queue in (WEBHOOKS.name, RECORDS.name)}

    passed = findings.holds and ends == {"sent": 200} and all(dead[WEBHOOKS.name].values())
    scenarios.report("12 poison", seed=seed, passed=passed, poison=len(poison), **findings.figures)
    assert findings.holds, findings.faults
    assert ends == {"sent": 200}
    assert set(dead[WEBHOOKS.name]) == set(poison)
    for id_, reason in (found for queue in dead.values() for found in queue.items()):
        assert reason == "unauthenticated" if poison[id_] == UNPROVEN else reason.startswith("unreadable: ")
    assert set(dead[RECORDS.name]) <= set(poison)
    assert all(p.running for p in environment.gateway.stack.processes)


async def test_duplicates_over_two_replicas_and_a_restart_are_one_message_each(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    gateway = environment.gateway
    integrations = [await gateway.create_integration() for _ in range(10)]
    bodies = [outbound(await gateway.a_customer_who_wrote(integration)) for integration in integrations]
    victim = gateway.stack.services["ingress"][1]

    async def repeated(times: int) -> list[tuple[int, Answer]]:
        async def one(index: int) -> tuple[int, Answer] | None:
            try:
                return index, await gateway.post(integrations[index], bodies[index], Idempotency_Key="only")
            except NO_ANSWER:
                return None  # the ingress was killed in between

        order = [index for index in range(len(integrations)) for _ in range(times)]
        chance.shuffle(order)
        answers = await asyncio.gather(*(one(index) for index in order))
        return [answer for answer in answers if answer is not None]

    async def killed() -> None:
        await asyncio.sleep(chance.uniform(0.02, 0.2))  # a random moment
        victim.kill()
        victim.start()

    [first, _] = await asyncio.gather(repeated(20), killed())
    await victim.wait_until_ready()
    again = await repeated(5)

    accepted = [answer for _, answer in first + again if answer.status in {200, 202}]
    finals = {i: await gateway.final_answer(integrations[i], a) for i, a in first + again if a.status in {200, 202}}
    findings = await ledger_check(gateway, integrations, {answer.event_id: answer for answer in finals.values()})
    passed = findings.holds and findings.figures["received"] == len(integrations)
    scenarios.report("18 duplicates", seed=seed, passed=passed, asked=250, answered=len(accepted), **findings.figures)
    assert findings.holds, findings.faults
    assert {answer.result for answer in finals.values()} == {"sent"}
    assert len({answer.event_id for answer in accepted}) == findings.figures["received"] == len(integrations)


ATTACKERS = 2_000
CLOSED_WITHIN = 30.0
P99_SECONDS = 2.0  # a caller that waited for an attacker would take ten; the rest is the machine's own load
GROWTH = 200 * MEGABYTE


async def attacker(gateway: Gateway, integration: Integration, kind: int) -> float:
    """A connection that sends its headers, or its body, a byte at a time, or nothing more; how long it was borne."""
    server = urlsplit(gateway.url(integration.path))
    reader, writer = await asyncio.open_connection(server.hostname, server.port)
    began = time.monotonic()
    start = f"POST {integration.path} HTTP/1.1\r\nHost: x\r\n"
    opening = (
        start.encode(),
        f"{start}{SECRET}: {integration.secret}\r\nContent-Length: 100000\r\n\r\n{{".encode(),
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
    return time.monotonic() - began


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"a")
        await asyncio.sleep(1.0)  # slowness is the attack


async def test_thousands_of_slow_connections_do_not_delay_other_callers(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    gateway = environment.gateway
    victim = await gateway.create_integration()
    integrations = [await gateway.create_integration() for _ in range(10)]
    ingresses = [psutil.Process(process.pid) for process in gateway.stack.services["ingress"]]
    before = [process.memory_info().rss for process in ingresses]

    attack = [asyncio.create_task(attacker(gateway, victim, number % 3)) for number in range(ATTACKERS)]
    times: list[float] = []
    while not all(task.done() for task in attack):
        answers = await gather_answers(
            *(gateway.post(integration, {"event_type": "test"}) for integration in integrations[:2])
        )
        times += [answer.seconds for answer in answers]
        assert {answer.status for answer in answers} <= {200, 429}
        integrations = integrations[2:] + integrations[:2]
        await asyncio.sleep(0.05)
    borne = await asyncio.gather(*attack)
    growth = [now.memory_info().rss - then for now, then in zip(ingresses, before, strict=True)]

    p99 = sorted(times)[int(len(times) * 0.99)]
    passed = max(borne) <= CLOSED_WITHIN and p99 <= P99_SECONDS and max(growth) <= GROWTH
    figures = {"connections": ATTACKERS, "borne_s": round(max(borne), 1), "p99_ms": round(p99 * 1000, 1)}
    figures |= {"growth_mb": round(max(growth) / MEGABYTE, 1), "asked": len(times)}
    findings = await ledger_check(gateway, [victim], {})
    scenarios.report("21 slow-loris", seed=seed, passed=passed, **figures)
    assert passed, figures
    assert findings.holds, findings.faults
