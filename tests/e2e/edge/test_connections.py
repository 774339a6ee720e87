"""Idle connections end from the outside to the inside, and slow callers meet the gateway's own time limits."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.e2e.driver import Gateway, Integration
from tests.e2e.edge.conftest import TEST, authenticated
from tests.e2e.edge.proxies import Connection, Edge, Program, request_head
from tests.e2e.raw import RawAnswer, read_answer

pytestmark = pytest.mark.asyncio(loop_scope="session")

EDGE_IDLE, KEEP_ALIVE = 5.0, 10.0
AROUND = 0.4
CONNECTIONS = 40
KEEPER = "127.0.0.7"
"""Who keeps connections: an address of its own, since the edge limits requests by address."""
SLOW = 50
STOPPED = {Program.HAPROXY: "400 invalid_json", Program.NGINX: "closed"}
"""nginx passes no body on that has not arrived whole, so a caller that stops in it is nginx's own matter."""
SILENT = {Program.HAPROXY: b"HTTP/1.1 408", Program.NGINX: b""}


@dataclass(frozen=True, slots=True)
class SlowCallers:
    """What callers got that sent slowly, and those who sent at once beside them."""

    stopped: set[str]
    silent: set[bytes]
    patient: int
    prompt: set[int]
    prompt_came_first: bool


@dataclass(frozen=True, slots=True)
class Waits:
    """Connections of several callers, most of whom wait for a limit of the edge or of ingress."""

    kept: asyncio.Task[Counter[str]]
    slow: asyncio.Task[SlowCallers]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def waits(gateway: Gateway, edge: Edge) -> AsyncIterator[Waits]:
    """All of them at the same time: together they take as long as the longest."""
    kept = asyncio.create_task(_kept_connections(gateway, edge))
    slow = asyncio.create_task(_slow_ones(gateway, edge))
    try:
        yield Waits(kept, slow)
    finally:
        for task in (kept, slow):
            task.cancel()
        await asyncio.gather(kept, slow, return_exceptions=True)


async def test_no_request_on_a_kept_connection_fails_around_an_idle_limit(waits: Waits) -> None:
    """A caller may find the connection closed, before it sends, and then opens another; a 502 it never gets."""
    outcomes = await waits.kept

    assert set(outcomes) <= {"200", "closed"}
    assert outcomes["200"] >= 2 * CONNECTIONS + 4 * 4  # each first request, and all of those that came in time


async def _kept_connections(gateway: Gateway, edge: Edge) -> Counter[str]:
    integrations = [await gateway.create_integration() for _ in range(4)]
    pauses = [
        limit - AROUND + 2 * AROUND * number / CONNECTIONS
        for limit in (EDGE_IDLE, KEEP_ALIVE)
        for number in range(CONNECTIONS)
    ]
    found = await asyncio.gather(
        *(_twice(edge, integrations[number % 4], pause) for number, pause in enumerate(pauses)),
        *(_often(edge, integration) for integration in integrations),
    )
    return Counter(outcome for each in found for outcome in each)


async def _twice(edge: Edge, integration: Integration, pause: float) -> list[str]:
    async with edge.connection(source=KEEPER) as connection:
        first = await _outcome(connection, integration)
        await asyncio.sleep(pause)
        return [first, await _outcome(connection, integration)]


async def _often(edge: Edge, integration: Integration) -> list[str]:
    """A connection that is used for longer than ingress keeps an idle one."""
    async with edge.connection(source=KEEPER) as connection:
        found = []
        for _ in range(4):
            found.append(await _outcome(connection, integration))
            await asyncio.sleep(EDGE_IDLE - 2)
        return found


async def _outcome(connection: Connection, integration: Integration) -> str:
    try:
        answer = await connection.exchange("POST", integration.path, authenticated(integration), TEST)
    except (asyncio.IncompleteReadError, ConnectionError):
        return "closed"
    return str(answer.status)


async def test_slow_callers_keep_nobody_waiting_and_get_the_gateways_answer(edge: Edge, waits: Waits) -> None:
    answers = await waits.slow

    assert answers.prompt_came_first
    assert answers.prompt == {200}
    assert answers.stopped == {STOPPED[edge.program]}
    assert answers.silent == {SILENT[edge.program]}
    assert answers.patient == 200


async def _slow_ones(gateway: Gateway, edge: Edge) -> SlowCallers:
    integration, other = await gateway.create_integration(), await gateway.create_integration()

    async with asyncio.TaskGroup() as group:
        stopped = [group.create_task(_stop_in_the_body(edge, integration)) for _ in range(SLOW)]
        silent = [group.create_task(_stop_in_the_headers(edge, integration)) for _ in range(SLOW)]
        patient = group.create_task(_send_slowly(edge, other))
        prompt = [await edge.post(other.path, authenticated(other), TEST) for _ in range(20)]
        in_time = not any(task.done() for task in (*stopped, *silent))

    return SlowCallers(
        stopped={task.result() for task in stopped},
        silent={task.result() for task in silent},
        patient=patient.result().status,
        prompt={answer.status for answer in prompt},
        prompt_came_first=in_time,
    )


async def _stop_in_the_body(edge: Edge, integration: Integration) -> str:
    async with edge.connection() as connection:
        headers = [*authenticated(integration), ("Content-Length", str(len(TEST)))]
        await connection.send(request_head("POST", integration.path, headers) + TEST[:5])
        try:
            answer = await read_answer(connection.reader)
        except asyncio.IncompleteReadError:
            return "closed"
        return f"{answer.status} {answer.result}"


async def _stop_in_the_headers(edge: Edge, integration: Integration) -> bytes:
    async with edge.connection() as connection:
        await connection.send(request_head("POST", integration.path, authenticated(integration))[:-2])
        return (await connection.reader.read())[:12]


async def _send_slowly(edge: Edge, integration: Integration) -> RawAnswer:
    async with edge.connection() as connection:
        headers = [*authenticated(integration), ("Content-Length", str(len(TEST)))]
        await connection.send(request_head("POST", integration.path, headers))
        for byte in TEST:
            await connection.send(bytes([byte]))
            await asyncio.sleep(0.2)
        return await read_answer(connection.reader)


async def test_an_answer_that_takes_as_long_as_ingress_waits_comes_through(gateway: Gateway, edge: Edge) -> None:
    """The edge's limit for an answer stands above `GATEWAY_REPLY_TIMEOUT`."""
    integration = await gateway.create_integration()
    [policy] = gateway.stack.services["policy"]
    os.kill(policy.pid, signal.SIGSTOP)
    try:
        answer = await edge.post(integration.path, authenticated(integration), TEST)
    finally:
        os.kill(policy.pid, signal.SIGCONT)

    assert (answer.status, answer.result) == (202, "pending")
