"""Request and reply over the events exchange: who waits for the answer to which event."""

import asyncio
from uuid import UUID

from libs.chassis.consuming import Received
from libs.contracts.events import Event, WebhookAnswered


class Replies:
    """The requests of this process that wait for an answer; several may wait for the same event."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, list[asyncio.Future[WebhookAnswered]]] = {}

    def expect(self, event_id: UUID) -> asyncio.Future[WebhookAnswered]:
        """Begin to wait; call it before the event is published, or the answer may come too soon."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(event_id, []).append(future)
        return future

    def forget(self, event_id: UUID, future: asyncio.Future[WebhookAnswered]) -> None:
        """Stop waiting."""
        futures = self._waiting.get(event_id, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            self._waiting.pop(event_id, None)

    async def heard(self, received: Received[Event]) -> None:
        """An answer came; whoever waits for it gets it, and nobody waiting is no error."""
        if not isinstance(received.event, WebhookAnswered):
            return
        for future in self._waiting.pop(received.event.event_id, []):
            if not future.done():
                future.set_result(received.event)

    @property
    def waiting(self) -> int:
        """How many events are waited for."""
        return len(self._waiting)
