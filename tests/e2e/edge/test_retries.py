"""Another replica is tried when the connection could not be made, and never after the request was sent."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.edge.certificates import Certificates
from tests.e2e.edge.proxies import Edge, Program
from tests.e2e.edge.replicas import Manner, probes, stand_ins, unreachable
from tests.e2e.raw import RawAnswer

PATH = "/integrations/3cx/webhook/int_1"
REQUESTS = 12


async def sent(edge: Edge, method: str = "POST") -> list[RawAnswer]:
    """Requests that can be told apart, each on a connection of its own."""

    async def send(number: int) -> RawAnswer:
        async with edge.connection() as connection:
            return await connection.exchange(method, PATH, [], f"request {number}".encode())

    return await asyncio.gather(*(send(number) for number in range(REQUESTS)))


@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "is silent, as a crashed node"])
async def test_a_replica_that_cannot_be_reached_costs_no_request(
    program: Program, certificates: Certificates, tmp_path: Path, *, silent: bool
) -> None:
    async with (
        probes() as healthy,
        stand_ins(Manner.ANSWERS) as [good],
        unreachable(silent=silent, probes=healthy) as away,
        Edge.before([away, good.at(healthy)], certificates, tmp_path, program) as edge,
    ):
        answers = await sent(edge)

        assert [answer.status for answer in answers] == [200] * REQUESTS
        assert sorted(good.requests) == sorted(f"request {number}".encode() for number in range(REQUESTS))
        assert _retries(edge) > 0


def _retries(edge: Edge) -> int:
    """How many requests were sent to another replica than the first chosen."""
    return sum(
        1 for line in edge.log.read_text("utf-8").splitlines() if line.endswith("retries=+1") or ", 127.0.0.1" in line
    )


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("manner", [Manner.RESETS, Manner.CLOSES], ids=lambda manner: manner.value)
async def test_a_request_that_was_sent_is_not_repeated(
    program: Program, certificates: Certificates, tmp_path: Path, manner: Manner, method: str
) -> None:
    """Nor a GET: with a token in its path it sends a message too."""
    async with (
        probes() as healthy,
        stand_ins(manner, Manner.ANSWERS) as [bad, good],
        Edge.before([bad.at(healthy), good.at(healthy)], certificates, tmp_path, program) as edge,
    ):
        answers = await sent(edge, method)

        taken = bad.requests + good.requests
        assert Counter(answer.status for answer in answers) == {200: len(good.requests), 502: len(bad.requests)}
        assert bad.requests
        assert sorted(taken) == sorted(f"request {number}".encode() for number in range(REQUESTS))


async def test_nor_is_one_that_met_the_end_of_a_kept_connection(
    program: Program, certificates: Certificates, tmp_path: Path
) -> None:
    """What a keep-alive time below the edge's idle time leads to: hence the order of the two."""
    async with (
        probes() as healthy,
        stand_ins(Manner.ANSWERS_ONE, Manner.ANSWERS_ONE) as [first, second],
        Edge.before([first.at(healthy), second.at(healthy)], certificates, tmp_path, program) as edge,
        edge.connection() as connection,
    ):
        opening = [await connection.exchange("POST", PATH, [], f"request {number}".encode()) for number in range(2)]
        kept = await connection.exchange("POST", PATH, [], b"request 2")

        # HAProxy as shipped keeps no connection, so there is none whose end could be met.
        assert [answer.status for answer in opening] == [200, 200]
        assert kept.status == (502 if program is Program.NGINX else 200)
        assert sorted(first.requests + second.requests) == [b"request 0", b"request 1", b"request 2"]
