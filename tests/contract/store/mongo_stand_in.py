"""A MongoDB stand-in as a separate process: prints its URL, and exits when its standard input closes.

It keeps everything in memory and speaks MongoDB's wire protocol on a loopback port.
"""

import asyncio
import sys

from mongoeco.wire import AsyncMongoEcoProxyServer


async def serve() -> None:
    async with AsyncMongoEcoProxyServer() as server:
        print(server.address.uri, flush=True)  # noqa: T201 -- what the parent reads
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
