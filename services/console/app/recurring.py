"""What console does again and again beside answering calls: each job runs while its block does."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from libs.chassis.failures import where
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from services.console.handlers.relaying import OutboxRelay
from services.console.handlers.scheduling import WriteMonthly

log = logger(__name__)
CLOSING_SECONDS = 3.0
"""How long the last changes may take to be published at the end; what is left waits in the outbox."""


@asynccontextmanager
async def relaying(relay: OutboxRelay, seconds: float) -> AsyncGenerator[None, None]:
    """Publish what waits, at start and every few seconds."""
    async with again_and_again(relay.flush, seconds):
        try:
            yield
        finally:
            await relay.close(CLOSING_SECONDS)


@asynccontextmanager
async def again_and_again(step: Callable[[], Awaitable[object]], seconds: float) -> AsyncGenerator[None, None]:
    """Take a step every few seconds; one that fails is taken again next time."""

    async def for_ever() -> None:
        while True:
            try:
                await step()
            except GatewayError as failure:
                log.warning("step not taken", step=type(step).__name__, code=failure.code.value)
            except Exception as defect:  # noqa: BLE001 -- the next time may do, and the other jobs go on
                # No traceback: a defect's text may hold more than may be told.
                log.error("step failed", step=type(step).__name__, failure=type(defect).__name__, at=where(defect))  # noqa: TRY400
            await asyncio.sleep(seconds)

    task = asyncio.create_task(for_ever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def on_schedule(write: WriteMonthly | None, seconds: float) -> AsyncGenerator[None, None]:
    """Look every now and then whether a report is due."""

    async def for_ever() -> None:
        while write is not None:
            await write()
            await asyncio.sleep(seconds)

    task = asyncio.create_task(for_ever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
