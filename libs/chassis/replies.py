"""`Replies`: the requests of this process that wait for a `WebhookAnswered` event."""

import asyncio
from uuid import UUID

from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, WebhookAnswered


class Replies:
    """Matches answers to waiting requests by event id; several requests may wait for the same event."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, list[asyncio.Future[WebhookAnswered]]] = {}

    def expect(self, event_id: UUID) -> asyncio.Future[WebhookAnswered]:
        """Return a future for the answer. Call it before you publish the event, or the answer may arrive first."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(event_id, []).append(future)
        return future

    def forget(self, event_id: UUID, future: asyncio.Future[WebhookAnswered]) -> None:
        """Stop waiting for the answer."""
        futures = self._waiting.get(event_id)
        if futures is None:  # the answer came
            return
        if future in futures:
            futures.remove(future)
        if not futures:
            del self._waiting[event_id]

    @staticmethod
    async def answer(future: asyncio.Future[WebhookAnswered], *, seconds: float) -> WebhookAnswered:
        """The answer that a future of `expect` waits for. Raises TimeoutError when it does not come in time."""
        timer = asyncio.get_running_loop().call_later(seconds, _expire, future)
        try:
            return await future
        finally:
            timer.cancel()

    async def deliver(self, received: Received[Event]) -> None:
        """Resolve the futures that wait for this answer; an answer that no request waits for is ignored."""
        if not isinstance(received.event, WebhookAnswered):
            return
        for future in self._waiting.pop(received.event.event_id, []):
            if not future.done():
                future.set_result(received.event)

    @property
    def waiting(self) -> int:
        """How many events have a request that waits."""
        return len(self._waiting)


def _expire(future: asyncio.Future[WebhookAnswered]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
