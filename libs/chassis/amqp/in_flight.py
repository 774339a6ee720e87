"""`InFlight`: the deliveries that a consumer is processing, each in a task of its own.

aio_pika cancels its own callback tasks when a connection drops. That must not happen between a call of WhatsApp and
the write of its outcome, so each delivery gets a task that the library does not know.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


class InFlight:
    """The running tasks of one consumer; its length is their number."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, processing: Coroutine[Any, Any, None]) -> None:
        """Process one delivery in a new task."""
        task = asyncio.create_task(processing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, seconds: float) -> None:
        """Wait up to `seconds` for all tasks, then cancel the rest; the broker delivers those messages again."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
