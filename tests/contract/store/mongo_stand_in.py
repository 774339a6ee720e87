"""A stand-in for MongoDB as a process of its own: prints its URL, and ends with its standard input, so with its parent.

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
