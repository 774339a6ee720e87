"""Limits of links to files, callers who go away, and a record that cannot be written."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.integration.media_links.links import CUT, MEGABYTE, opened, until
from tests.media_world import MediaWorld, a_media_world
from tools.simulator.webhook_payloads import media_bytes_of


async def test_one_address_opens_so_many_links_a_minute(tmp_path: Path) -> None:
    async with a_media_world(tmp_path, media_requests_per_minute=3, trusted_proxies="127.0.0.0/8") as world:
        url = await world.received()
        one, other = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "203.0.113.10"}

        answers = [(await opened(world, url, headers=one))[0].status for _ in range(3)]
        refused, _ = await opened(world, f"{world.url}/media/forged", headers=one)
        elsewhere, _ = await opened(world, url, headers=other)

        # Where a minute of the clock ended in between, the budget began anew.
        assert answers == [200] * 3
        assert refused.status == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 61
        assert elsewhere.status == 200
        assert world.broker.fetched[0].address == "203.0.113.9"


async def test_a_caller_without_a_trusted_proxy_does_not_choose_its_address(world: MediaWorld) -> None:
    url = await world.received()

    await opened(world, url, headers={"X-Forwarded-For": "203.0.113.9"})

    assert world.broker.fetched[0].address == "127.0.0.1"


async def test_one_integration_gets_so_many_files_at_once(tmp_path: Path) -> None:
    async with a_media_world(tmp_path, media_streams=2) as world:
        await world.plan(size=4 * MEGABYTE, pause=0.05)
        url = await world.received()
        async with world.session.get(url) as first, world.session.get(url) as second:
            third, _ = await opened(world, url)

            assert (first.status, second.status, third.status) == (200, 200, 429)
        await world.plan(size=4 * MEGABYTE, pause=0)

        async def free() -> bool:
            return (await opened(world, url))[0].status == 200

        async with asyncio.timeout(20):
            while not await free():
                await asyncio.sleep(0.05)


async def test_a_caller_who_goes_away_frees_the_file(world: MediaWorld) -> None:
    await world.plan(size=32 * MEGABYTE)
    url = await world.received()

    async with aiohttp.ClientSession() as caller:
        response = await caller.get(url)
        await response.content.readexactly(10)
        response.close()

    await until(lambda: bool(world.broker.fetched))
    assert world.broker.fetched[0].outcome == "caller_gone"


async def test_nobody_gets_a_whole_file_while_the_record_cannot_be_written(world: MediaWorld) -> None:
    url = await world.received()
    world.broker.away = True
    short, _ = await opened(world, url)

    await world.plan(size=2 * MEGABYTE)
    long = await world.received()
    with pytest.raises(CUT):
        await opened(world, long)

    assert short.status == 503
    assert world.broker.fetched == []


async def test_other_methods_and_paths_are_refused(world: MediaWorld) -> None:
    posted, _ = await opened(world, world.link(), "POST", data=b"x")
    elsewhere, _ = await opened(world, f"{world.url}/metrics")

    assert (posted.status, posted.headers["Allow"]) == (405, "GET, HEAD")
    assert elsewhere.status == 404


def test_the_stand_in_repeats_its_content() -> None:
    assert media_bytes_of("5", 20) == (b"media 5" * 3)[:20]
