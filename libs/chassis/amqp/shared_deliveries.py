"""`SharedDeliveries`: starts the deliveries of one queue by accounts' turns, and puts behind what exceeds a share."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from aio_pika.abc import AbstractIncomingMessage

from libs.chassis import metrics
from libs.chassis.amqp.envelope import account_of, is_delayed, time_left, was_behind
from libs.chassis.amqp.fair_share import FairShare
from libs.chassis.clock import Clock
from libs.chassis.settlement import Retry, UnreadableEvent

BEHIND_AT_ONCE: Final = 8
"""Deliveries of a queue that are put behind at the same time. The broker confirms in order, and what handlers publish
must not wait for a backlog."""


@dataclass(frozen=True, slots=True)
class SharedDeliveries:
    """Applies a `FairShare` to the deliveries of a consumer."""

    queue: str
    shares: FairShare[AbstractIncomingMessage]
    process: Callable[[AbstractIncomingMessage, Retry | None], Coroutine[Any, Any, float]]
    """Handles and settles a delivery, or settles it at once as told; its longest step in seconds."""
    start: Callable[[Coroutine[Any, Any, object]], None]
    stopping: Callable[[], bool]
    clock: Clock
    _behind_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BEHIND_AT_ONCE))

    def arrive(self, incoming: AbstractIncomingMessage, *, on_new_channel: bool) -> None:
        """Start, park or put behind a delivery; one whose time has not come goes on waiting."""
        if on_new_channel:
            self.shares.forget_parked()
        if (early := self._early(incoming)) is not None:
            self.start(self.process(incoming, early))
            return
        wait = self.shares.arrive(account_of(incoming), incoming, returned=was_behind(incoming))
        if wait is None:
            self._start_parked()
        else:
            metrics.ACCOUNT_DEFERRED.labels(self.queue).inc()
            self.start(self._put_behind(incoming, wait))

    async def _put_behind(self, incoming: AbstractIncomingMessage, wait: timedelta) -> None:
        async with self._behind_at_once:
            await self.process(incoming, Retry(wait, counts=False, behind=True))

    def _start_parked(self) -> None:
        while self.shares.parked and not self.stopping() and (taken := self.shares.take()) is not None:
            self.start(self._process(*taken))

    async def _process(self, account: str, incoming: AbstractIncomingMessage) -> None:
        started, step = time.perf_counter(), 0.0
        try:
            step = await self.process(incoming, None)
        finally:
            self.shares.finish(account, time.perf_counter() - started, step=step)
            self._start_parked()

    def _early(self, incoming: AbstractIncomingMessage) -> Retry | None:
        """The further wait of a delivery whose time has not come; it needs no handler."""
        if not is_delayed(incoming):
            return None
        try:
            left = time_left(incoming, self.clock())
        except UnreadableEvent:
            return None  # it is refused where it is read
        return Retry(left, counts=False, behind=was_behind(incoming)) if left > timedelta() else None
