"""What the tests of links to files share."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import aiohttp

from tests.media_world import MediaWorld

OTHER_KEYS = "k1:" + base64.b64encode(b"x" * 32).decode()


CUT = (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


MEGABYTE = 1024 * 1024


async def opened(
    world: MediaWorld, url: str, method: str = "GET", **options: Any
) -> tuple[aiohttp.ClientResponse, bytes]:
    async with world.session.request(method, url, **options) as response:
        return response, await response.read()


async def until(condition: Callable[[], Any]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
