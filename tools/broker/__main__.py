"""Runs a broker node in the foreground until SIGTERM or SIGINT: `python -m tools.broker --data-dir DIR`."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from tools.broker import BrokerFailed, BrokerMissing, BrokerNode


async def run(data_dir: Path, *, port: int | None) -> None:
    """Start a node, print its URL on the first line, and stop it on SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with await BrokerNode.start(data_dir, port=port) as node:
        print(node.url, flush=True)
        await stopped.wait()


def main() -> None:
    """Read the command line; exit with 1 and an error message when the node cannot run."""
    parser = argparse.ArgumentParser(prog="python -m tools.broker", description="Run a private RabbitMQ node.")
    parser.add_argument("--data-dir", type=Path, required=True, help="the folder for all of the node's files")
    parser.add_argument("--port", type=int, help="the AMQP port on 127.0.0.1 (default: any free one)")
    given = parser.parse_args()
    try:
        asyncio.run(run(given.data_dir, port=given.port))
    except (BrokerFailed, BrokerMissing) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
