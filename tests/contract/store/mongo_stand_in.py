"""A MongoDB stand-in as a separate process: prints its URL, and exits when its standard input closes.

It keeps everything in memory and speaks MongoDB's wire protocol, on a loopback port or on the address and port that
are its arguments.
"""

import asyncio
import sys

from mongoeco.wire import AsyncMongoEcoProxyServer


async def serve(host: str = "127.0.0.1", port: str = "0") -> None:
    async with AsyncMongoEcoProxyServer(host=host, port=int(port)) as server:
        print(server.address.uri, flush=True)  # noqa: T201 -- what the parent reads
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
