"""MessageApproved: deliver the message, say what became of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from libs.chassis.consuming import Received
from libs.contracts.events import Event, MessageApproved
from services.sender.domain.results import Result, answer_from


@dataclass(frozen=True, slots=True)
class Send:
    """Delivers each approved message at most once, and answers as often as it is asked."""

    deliver: Callable[[MessageApproved], Awaitable[Result]]
    conclude: Callable[[MessageApproved, Result], Awaitable[Sequence[Event]]]
    _running: dict[UUID, asyncio.Task[Result]] = field(default_factory=dict)

    async def __call__(self, received: Received[MessageApproved]) -> Sequence[Event]:
        """Deliver one message and answer to who asked.

        Safe to repeat: the ledger lets one claim through, and a finished message's result is said again. A twin that
        comes while the message is under way in this process waits for the same result. Whatever becomes of the
        delivery that brought the event, what was begun is finished: the work runs in a task of its own.
        """
        approved = received.event
        task = self._running.get(approved.event_id)
        if task is None:
            task = asyncio.ensure_future(self.deliver(approved))
            self._running[approved.event_id] = task
            task.add_done_callback(lambda _: self._running.pop(approved.event_id))
        result = await asyncio.shield(task)
        return (answer_from(approved, result), *await self.conclude(approved, result))

    async def idle(self) -> None:
        """Wait until nothing is under way; what fails does so where it was begun."""
        while self._running:
            await asyncio.wait(list(self._running.values()))
