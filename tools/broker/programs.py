"""Runs RabbitMQ's programs and returns what they print."""

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class BrokerFailed(Exception):  # noqa: N818 -- a name that states the fact
    """The node did not start, or a command failed; the text ends with the node's last log lines."""


async def output_of(
    command: Sequence[str], *, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> str:
    """What a program prints. Raises BrokerFailed when it fails; the text is its exit code and its output."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise BrokerFailed(f"exit {process.returncode}:\n{output.decode()}")
    return output.decode()
