"""`DeliverForward` handles ForwardRequested: it posts a forward to its 3CX system, retrying for a day at most."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from libs.chassis.clock import Clock, Monotonic
from libs.chassis.settlement import GiveUp, RetryLater
from libs.contracts.events import ForwardDelivered, ForwardFailed, ForwardRequested
from libs.contracts.forwards import ForwardKind
from libs.store.forwards import (
    AlreadyDelivered,
    Attempt,
    DeliveryInProgress,
    Forwards,
    ForwardState,
    Started,
    StartResult,
)
from services.sender import metrics
from services.sender.domain.forwards import JITTER, ForwardResponse, post_from, retry_delay
from services.sender.domain.media_links import MediaLinks
from services.sender.handlers.bulkheads import Bulkheads
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.forward_events import Request, delivered_from, failed_from, forward_from
from services.sender.ports import ForwardClient, ForwardTarget, ForwardTargets, NoForwardTarget

ERASED = "erased"
"""Why a forward was cancelled: the customer was erased while it waited."""
EVER: Final = datetime.min.replace(tzinfo=UTC)
"""Before every erasure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardOptions:
    """The `owner` of a try, the `lease` of one try, and after how long (`give_up_after`) no further try is made."""

    owner: str
    lease: timedelta
    give_up_after: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverForward:
    """Posts forwards. The bulkheads belong to this process; every other dependency is a port."""

    forwards: Forwards
    cancellations: Cancellations
    targets: ForwardTargets
    links: MediaLinks
    client: ForwardClient
    bulkheads: Bulkheads
    clock: Clock
    monotonic: Monotonic
    random: Callable[[], float]
    options: ForwardOptions
    _unsaved: dict[UUID, tuple[int, Attempt]] = field(default_factory=dict)
    """Successes that the store has not accepted yet; a redelivery to this process writes them without posting again."""

    async def __call__(self, received: Request) -> ForwardDelivered | ForwardFailed:
        """Try once. Raises RetryLater when the forward must wait in a delay queue, GiveUp when it has failed for good.

        A forward about a customer who was erased since is cancelled; it becomes no dead letter, which would keep it.
        Safe to repeat: a delivered forward is not posted again, and its event is returned again. HTTP allows no more
        than that: after a crash between the response and its write, the forward is posted once more under the same id.
        """
        if received.id in self._unsaved:
            return await self._save_delivered(received)
        if await self._erased(received):
            return await self._claim(received, erased=True) or await self._cancel(received)
        try:
            return await self._deliver(received)
        except GiveUp as failure:
            if received.event.kind is not ForwardKind.CHAT_TEST:
                raise
            return failed_from(received, failure.reason, None)  # an operator waits for it: no dead letter

    async def _deliver(self, received: Request) -> ForwardDelivered | ForwardFailed:
        if self.clock() - (received.waiting_since or self.clock()) >= self.options.give_up_after:
            return await self._give_up_unless_delivered(received, "out of time")
        target = await self.targets.target(received.event.integration_id or "", received.event.kind)
        if isinstance(target, NoForwardTarget):
            return await self._give_up_unless_delivered(received, target.reason)
        bulkhead = self.bulkheads.of(received.event.integration_id or "")
        permit = await bulkhead.acquire()
        if isinstance(permit, float):
            raise await self._postponed(received, permit)
        response = None
        try:
            if (delivered := await self._claim(received)) is not None:
                return delivered
            if await self._erased(received):  # after the claim: the erasure waits for the tries that it sees
                return await self._cancel(received)
            response, attempt = await self._post(received, target)
        finally:
            bulkhead.release(permit, response)
        return await self._conclude(received, response, attempt)

    async def _erased(self, received: Request) -> bool:
        event, times = received.event, (received.at, received.event.at)
        return await self.cancellations.by_erasure(
            event.account_id, event.customer, event.customer_user_id, times=times
        )

    async def _claim(self, received: Request, *, erased: bool = False) -> ForwardDelivered | None:
        """Claim the next try, or return the earlier delivery. Raises RetryLater while another delivery has a claim."""
        answer = await self._start(received, erased=erased)
        if isinstance(answer, DeliveryInProgress):
            raise RetryLater("another delivery is posting the forward", after=answer.until - self.clock())
        return delivered_from(received, answer.status, answer.tries) if isinstance(answer, AlreadyDelivered) else None

    async def _give_up_unless_delivered(self, received: Request, reason: str) -> ForwardDelivered:
        delivered = await self._claim(received)
        if delivered is None:
            raise await self._given_up(received, reason, None)
        return delivered

    async def _start(self, received: Request, *, erased: bool = False) -> StartResult:
        now = self.clock()
        event, pseudonyms = received.event, self.cancellations.do_not_contact.pseudonyms
        erased = erased or await self._is_late_status(event)
        customer = None if erased else event.customer or event.customer_user_id
        key = pseudonyms.customer_key(event.account_id or "", customer) if customer else None
        forward = forward_from(received, now, customer_key=key)
        return await self.forwards.start(forward, owner=self.options.owner, now=now, lease=self.options.lease)

    async def _is_late_status(self, event: ForwardRequested) -> bool:
        """Whether it is a status, and the customer was erased lately: of such a message nothing about them is kept."""
        if event.kind is not ForwardKind.MESSAGE_STATUS_UPDATED:
            return False
        values = (event.customer, event.customer_user_id)
        return await self.cancellations.by_erasure(event.account_id, *values, times=(EVER,))

    async def _post(self, received: Request, target: ForwardTarget) -> tuple[ForwardResponse, Attempt]:
        link = self.links.in_forward(received.event, target.links)
        at, start = self.clock(), self.monotonic()
        body, headers = post_from(
            received.event, received.id, link, secret=target.secret, timestamp=int(at.timestamp())
        )
        response = await self.client.post(target.url, body, headers)
        seconds = self.monotonic() - start
        metrics.FORWARD_SECONDS.observe(seconds)
        attempt = Attempt(at=at, duration_ms=round(seconds * 1000), status=response.status, error=response.error)
        return response, attempt

    async def _conclude(self, received: Request, response: ForwardResponse, attempt: Attempt) -> ForwardDelivered:
        if response.error is None:
            self._unsaved[received.id] = (response.status or 0, attempt)
            return await self._save_delivered(received)
        wait = retry_delay(received.attempt, random=self.random, retry_after=response.retry_after)
        now = self.clock()
        if response.final or received.event.kind is ForwardKind.CHAT_TEST:
            raise await self._given_up(received, response.error, attempt)
        if now + wait - (received.waiting_since or now) >= self.options.give_up_after:
            raise await self._given_up(received, f"out of time: {response.error}", attempt)
        await self._finish_attempt(received, ForwardState.WAITING, attempt)
        self._count(received, "retry")
        raise RetryLater(response.error, after=wait, counts=True)

    async def _save_delivered(self, received: Request) -> ForwardDelivered:
        """Write the success. It stays in `_unsaved` until then, so that a store outage causes no second post."""
        status, attempt = self._unsaved[received.id]
        await self._finish_attempt(received, ForwardState.DELIVERED, attempt)
        self._unsaved.pop(received.id, None)
        self._count(received, "delivered")
        return delivered_from(received, status, received.attempt)

    async def _cancel(self, received: Request) -> ForwardFailed:
        """Write that a claimed forward is cancelled."""
        await self._finish_attempt(received, ForwardState.FAILED, None)
        self._count(received, ERASED)
        return failed_from(received, ERASED, None)

    async def _given_up(self, received: Request, reason: str, attempt: Attempt | None) -> GiveUp:
        """Write the failure; the exception makes the delivery a dead letter, which an operator can replay."""
        await self._finish_attempt(received, ForwardState.FAILED, attempt)
        self._count(received, "given_up")
        return GiveUp(reason, (failed_from(received, reason, attempt),))

    async def _postponed(self, received: Request, seconds: float) -> RetryLater:
        """The exception for a full or stopped bulkhead. The first time the forward is stored as waiting."""
        if received.waiting_since is None and isinstance(await self._start(received), Started):
            await self._finish_attempt(received, ForwardState.WAITING, None)
        self._count(received, "held_back")
        return RetryLater("bulkhead full or stopped", after=timedelta(seconds=seconds * (1 + JITTER * self.random())))

    async def _finish_attempt(self, received: Request, state: ForwardState, attempt: Attempt | None) -> None:
        owner, now = self.options.owner, self.clock()
        await self.forwards.finish_attempt(str(received.id), state, owner=owner, now=now, attempt=attempt)

    def _count(self, received: Request, outcome: str) -> None:
        metrics.FORWARDS.labels(received.event.kind.value, outcome).inc()
