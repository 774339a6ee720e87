"""A sender dies while it passes a file on: nobody takes half a file for a whole one, and the link opens again."""

import asyncio
import random

import aiohttp
import pytest

from tests.chaos.conftest import Environment
from tests.e2e import scenarios
from tests.e2e.pbx import running_pbx
from tests.e2e.test_customer_files import a_file, fetched
from tools.simulator.webhook_payloads import media_bytes_of

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.long]

SIZE = 16 * 1024 * 1024
KILLS = 3
CUT = (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


async def rest_of(response: aiohttp.ClientResponse) -> tuple[int, bool]:
    """How much more arrives, and whether it ends as a whole file does."""
    read = 0
    try:
        async for piece in response.content.iter_any():
            read += len(piece)
    except CUT:
        return read, False
    return read, True


async def test_a_sender_killed_during_a_download_leaves_no_file_that_looks_whole(
    environment: Environment, seed: int, chance: random.Random
) -> None:
    gateway, senders = environment.gateway, environment.gateway.stack.services["sender"]
    await gateway.whatsapp.configure(media={"size": SIZE, "pause": 0.02})
    received: list[int] = []
    try:
        async with running_pbx() as pbx:
            integration, part, _ = await a_file(gateway, pbx)
            token = part["media"]["url"].rsplit("/", 1)[1]
            links = [f"{url}/media/{token}" for url in gateway.stack.media_urls]
            for number in range(KILLS):
                victim, url = senders[number % 2], links[number % 2]
                async with gateway.http.get(url) as response:
                    taken = len(await response.content.readexactly(chance.randrange(1, SIZE // 2)))
                    victim.kill()
                    rest, whole = await rest_of(response)
                    assert not whole
                received.append(taken + rest)
                other = await fetched(gateway, links[(number + 1) % 2])
                assert other == (200, media_bytes_of(part["id"], SIZE))
                victim.start()
                await victim.wait_until_ready()
            again = await asyncio.gather(*(fetched(gateway, url) for url in links))
            records = await gateway.wait_for_records(KILLS + 2, integration_id=integration.id, type="media.fetched")
    finally:
        await gateway.whatsapp.configure(media={"size": None, "pause": 0.0})

    outcomes = [record["details"]["outcome"] for record in records]
    figures = {"kills": KILLS, "bytes before each cut": received, "whole files": outcomes.count("delivered")}
    passed = outcomes == ["delivered"] * (KILLS + 2) and all(taken < SIZE for taken in received)
    scenarios.report("kill -9 of senders during downloads", seed=seed, passed=passed, **figures)
    assert {status for status, _ in again} == {200}
    assert outcomes == ["delivered"] * (KILLS + 2)
    assert all(taken < SIZE for taken in received)
