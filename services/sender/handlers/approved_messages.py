"""`SendMessage` handles MessageApproved: it delivers the message and answers with the result."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, MessageApproved
from services.sender.domain.results import Result, answer_from, without_customer


class Deliver(Protocol):
    """Brings an approved message to its result."""

    async def __call__(self, approved: MessageApproved, *, is_first: bool = False) -> Result:
        """As `DeliverMessage`; `is_first` says that nobody is known to have tried."""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Delivers each approved message at most once, and answers every delivery of its event."""

    deliver: Deliver
    follow_ups: Callable[[MessageApproved, Result], Awaitable[Sequence[Event]]]
    erased: Callable[[MessageApproved, Result], Awaitable[bool]]
    """Whether the customer was erased between the request and the result."""
    _running: dict[UUID, asyncio.Task[Result]] = field(default_factory=dict)

    async def __call__(self, received: Received[MessageApproved]) -> Sequence[Event]:
        """Deliver one message; the answer first, then the events that follow from the result.

        Safe to repeat: the ledger grants one claim, and a finished message's result is returned again. A duplicate
        that arrives while this process delivers the message waits for the same result. The work runs in a task of its
        own, so it is finished even when the broker delivery that started it is cancelled. If the customer has been
        erased, also after the call, the answer names nobody, and nothing else is said about them: the write of the
        outcome says so, or a look does.
        """
        approved = received.event
        task = self._running.get(approved.event_id)
        if task is None:
            task = asyncio.ensure_future(self.deliver(approved, is_first=received.is_first))
            self._running[approved.event_id] = task
            task.add_done_callback(lambda _: self._running.pop(approved.event_id))
        result = await asyncio.shield(task)
        if await self.erased(approved, result):
            return (answer_from(without_customer(approved), result),)
        return (answer_from(approved, result), *await self.follow_ups(approved, result))

    async def wait_until_idle(self) -> None:
        """Wait until no delivery is running. A failure is raised where its delivery began, not here."""
        while self._running:
            await asyncio.wait(list(self._running.values()))
