"""What a user may pick instead of the gateway, measured in the same run on the same broker: FastStream's defaults."""

import asyncio
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aio_pika
from aio_pika.exceptions import ChannelNotFoundEntity

from bench.gateway import Site
from bench.targets import Target
from tools.stack import Stack
from tools.stack.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
FASTSTREAM_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
"""Made by `make bench`; without it the rows are left out."""
PATH = "/webhook"
QUEUES = ("bench.faststream.policy", "bench.faststream.sender")
"""As bench/faststream_app.py names them, which only the other venv can import."""
READY_SECONDS = 30.0
WHY_NO_JASMIN = """0.11.1 cannot be installed on
Python 3.13 (its `falcon` 3.1.3 fails to build: `AttributeError: module 'falcon' has no attribute '__version__'`). On
3.11 and 3.12 pip installs it without the AMQP specification that it loads (`resource/amqp0-9-1.xml` is not in the
package), and its daemon needs Redis besides. Its HTTP API answers before the broker has confirmed anything."""


def faststream_is_installed() -> bool:
    """Whether the venv is there."""
    return (FASTSTREAM_PYTHON.parents[1] / "installed").exists()


@asynccontextmanager
async def faststream(stack: Stack) -> AsyncGenerator[Site, None]:
    """The same path on FastStream's defaults, running beside a stack; it uses the stack's broker and simulator."""
    if stack.broker is None:
        raise RuntimeError("the benchmark needs its own broker")
    port, url = free_port(), stack.broker.url
    arguments = {"policy": "-", "sender": stack.whatsapp_url, "ingress": str(port)}
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for part, argument in arguments.items():
            processes[part] = _started(part, url, argument)
        await _subscribed(url)
        address = f"http://127.0.0.1:{port}"
        shared = {"simulator": stack.simulator, "rabbitmq": stack.broker}
        used = processes | {name: each for name, each in shared.items() if each is not None}
        site = Site([address], [Target(PATH, "-")], {name: each.pid for name, each in used.items()})
        await _answers(site)
        yield site
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def _started(part: str, url: str, argument: str) -> subprocess.Popen[bytes]:
    """FastStream logs each message, as it does by default; nobody reads it."""
    command = [str(FASTSTREAM_PYTHON), "-m", "bench.faststream_app", part, url, argument]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _subscribed(url: str) -> None:
    """Wait until both services consume; a request before that waits in vain. Raises TimeoutError."""
    async with asyncio.timeout(READY_SECONDS), await aio_pika.connect(url) as connection:
        for queue in QUEUES:
            while True:
                with suppress(ChannelNotFoundEntity):
                    channel = await connection.channel()
                    if (await channel.declare_queue(queue, passive=True)).declaration_result.consumer_count:
                        break
                await asyncio.sleep(0.1)


async def _answers(site: Site) -> None:
    """Wait until replies are sent. Raises TimeoutError."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            with suppress(OSError, EOFError, ValueError):  # nobody listens yet, or answers without a body of ours
                if (await site.closed(in_flight=1, seconds=0.1)).timing.failed == 0:
                    return
            await asyncio.sleep(0.2)
