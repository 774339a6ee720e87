"""ForwardRequested: tell a 3CX system, as often as it takes and for a day at most."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from libs.chassis.clock import Clock, Monotonic
from libs.chassis.consuming import Received
from libs.chassis.settling import GivenUp, Later
from libs.contracts.events import ForwardDelivered, ForwardFailed, ForwardRequested
from libs.contracts.forwarding import delivery_headers
from libs.contracts.identity import masked
from libs.store.forwards import Attempt, Begun, Forwards, ForwardState, Told, Underway
from libs.store.forwards import Forward as Account
from services.sender import metrics
from services.sender.domain.forwarding import Reply, body_from, wait_after
from services.sender.handlers.lanes import Lanes
from services.sender.ports import NoTarget, Posts, Target, Targets

Asked = Received[ForwardRequested]
_SPREAD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardTerms:
    """Who tries (`owner`), for how long one try is ours (`lease`), and how long it is tried in all (`total`)."""

    owner: str
    lease: timedelta
    total: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Tells 3CX systems. Each field is a port but for the lanes, which are this process's own."""

    ledger: Forwards
    targets: Targets
    posts: Posts
    lanes: Lanes
    clock: Clock
    monotonic: Monotonic
    chance: Callable[[], float]
    terms: ForwardTerms
    _unsaved: dict[UUID, tuple[int, Attempt]] = field(default_factory=dict)

    async def __call__(self, received: Asked) -> ForwardDelivered:
        """Try once; what failed waits in the broker, never here.

        Safe to repeat: what was delivered is not posted again but only said again. HTTP allows no more than that: a
        crash between the answer and the note of it posts once more, under the same id.
        """
        if received.id in self._unsaved:
            return await self._save(received)
        if self.clock() - (received.since or self.clock()) >= self.terms.total:
            return await self._stopped(received, "out of time")
        target = await self.targets.target(received.event.integration_id or "")
        if isinstance(target, NoTarget):
            return await self._stopped(received, target.reason)
        lane = self.lanes.of(received.event.integration_id or "")
        permit = await lane.enter()
        if isinstance(permit, float):
            raise await self._held_back(received, permit)
        reply = None
        try:
            if (delivered := await self._claimed(received)) is not None:
                return delivered
            reply, attempt = await self._try(received, target)
        finally:
            lane.leave(permit, reply)
        return await self._settled(received, reply, attempt)

    async def _claimed(self, received: Asked) -> ForwardDelivered | None:
        """Take the next try; the old result when it was delivered before. Raises Later while another one is made."""
        standing = await self._begin(received)
        if isinstance(standing, Underway):
            raise Later("another delivery tries", after=standing.until - self.clock())
        return _delivered(received, standing.status, standing.tries) if isinstance(standing, Told) else None

    async def _stopped(self, received: Asked, reason: str) -> ForwardDelivered:
        """Give up without a try, unless it was delivered before."""
        delivered = await self._claimed(received)
        if delivered is None:
            raise await self._given_up(received, reason, None)
        return delivered

    async def _begin(self, received: Asked) -> Begun | Underway | Told:
        now = self.clock()
        account = account_of(received, now)
        return await self.ledger.begin(account, owner=self.terms.owner, now=now, lease=self.terms.lease)

    async def _try(self, received: Asked, target: Target) -> tuple[Reply, Attempt]:
        body, at, begun = body_from(received.event, received.id), self.clock(), self.monotonic()
        headers = delivery_headers(
            secret=target.secret,
            delivery_id=str(received.id),
            kind=received.event.kind.value,
            timestamp=int(at.timestamp()),
            body=body,
        )
        reply = await self.posts.post(target.url, body, headers)
        took = self.monotonic() - begun
        metrics.FORWARD_SECONDS.observe(took)
        return reply, Attempt(at=at, duration_ms=round(took * 1000), status=reply.status, error=reply.error)

    async def _settled(self, received: Asked, reply: Reply, attempt: Attempt) -> ForwardDelivered:
        if reply.error is None:
            self._unsaved[received.id] = (reply.status or 0, attempt)
            return await self._save(received)
        wait = wait_after(received.attempt, chance=self.chance, retry_after=reply.retry_after)
        now = self.clock()
        if reply.final:
            raise await self._given_up(received, reply.error, attempt)
        if now + wait - (received.since or now) >= self.terms.total:
            raise await self._given_up(received, f"out of time: {reply.error}", attempt)
        await self._end(received, ForwardState.WAITING, attempt)
        self._count(received, "retry")
        raise Later(reply.error, after=wait, counts=True)

    async def _save(self, received: Asked) -> ForwardDelivered:
        """Note the success. Kept in mind until that is done: an outage of the store must not post it again."""
        status, attempt = self._unsaved[received.id]
        await self._end(received, ForwardState.DELIVERED, attempt)
        self._unsaved.pop(received.id, None)
        self._count(received, "delivered")
        return _delivered(received, status, received.attempt)

    async def _given_up(self, received: Asked, reason: str, attempt: Attempt | None) -> GivenUp:
        """Note the end; the delivery becomes a dead letter, from which an operator can replay it."""
        await self._end(received, ForwardState.FAILED, attempt)
        self._count(received, "given_up")
        failed = ForwardFailed(
            account_id=received.event.account_id,
            integration_id=received.event.integration_id,
            event_id=received.event.event_id,
            forward_id=received.id,
            kind=received.event.kind,
            attempts=received.attempt if attempt is not None else received.attempt - 1,
            reason=reason,
            status=attempt.status if attempt is not None else None,
        )
        return GivenUp(reason, (failed,))

    async def _held_back(self, received: Asked, seconds: float) -> Later:
        """Back to a waiting queue; written down the first time, so that operators see it wait."""
        if received.since is None and isinstance(await self._begin(received), Begun):
            await self._end(received, ForwardState.WAITING, None)
        self._count(received, "held_back")
        return Later("lane closed or full", after=timedelta(seconds=seconds * (1 + _SPREAD * self.chance())))

    async def _end(self, received: Asked, state: ForwardState, attempt: Attempt | None) -> None:
        await self.ledger.end(str(received.id), state, owner=self.terms.owner, now=self.clock(), attempt=attempt)

    def _count(self, received: Asked, outcome: str) -> None:
        metrics.FORWARDS.labels(received.event.kind.value, outcome).inc()


def account_of(received: Asked, now: datetime) -> Account:
    """What is written down of a forward: nothing of its content, and the phone masked."""
    event = received.event
    return Account(
        id=str(received.id),
        account_id=event.account_id,
        integration_id=event.integration_id or "",
        kind=event.kind.value,
        event_id=str(event.event_id),
        masked_phone=masked(event.customer) if event.customer else None,
        requested_at=received.at,
        updated_at=now,
    )


def _delivered(received: Asked, status: int, tries: int) -> ForwardDelivered:
    event = received.event
    return ForwardDelivered(
        account_id=event.account_id,
        integration_id=event.integration_id,
        event_id=event.event_id,
        forward_id=received.id,
        kind=event.kind,
        attempts=tries,
        status=status,
    )
