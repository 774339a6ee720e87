"""`settle`: the pure function that decides whether a delivery is acknowledged, retried or dead-lettered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import Event


@dataclass(frozen=True, slots=True)
class RetryDelays:
    """How long a delivery waits before its next try. Each delay is a queue, so all services must use the same ones."""

    after_failure: tuple[timedelta, ...] = tuple(timedelta(seconds=s) for s in (1, 5, 30))
    """The delay after the first, second and third failed try; the fourth failure dead-letters the delivery."""
    outage: timedelta = timedelta(seconds=5)
    """The delay while the store or the broker cannot be reached; it uses up no try."""
    unknown_event: timedelta = timedelta(seconds=900)
    """The longest time for which an event of a later release waits for a replica that knows it."""

    @property
    def distinct(self) -> tuple[timedelta, ...]:
        """Each delay once, shortest first."""
        return tuple(sorted({*self.after_failure, self.outage}))


RETRY_DELAYS = RetryDelays()


class RetryLater(Exception):  # noqa: N818 -- not an error: a handler asks for another delivery
    """A handler cannot decide yet: deliver the event again `after` that time, or after the outage delay.

    The try is used up only when it `counts`.
    """

    def __init__(self, reason: str, *, after: timedelta | None = None, counts: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        self.counts = counts


LONGEST_LAG = timedelta(seconds=60)
"""The longest time for which a replica of the store, or a cache before it, may not show a row that was written."""


class NotFoundYet(Exception):  # noqa: N818 -- describes what the handler found
    """Something that an event names is not there, and may appear: a store may lag behind.

    The event is delivered again after the outage delay, without using up a try. When it has waited for `longest` since
    it was first delayed, it becomes a dead letter with the reason: what it names does not exist.
    """

    def __init__(self, reason: str, *, longest: timedelta = LONGEST_LAG) -> None:
        super().__init__(reason)
        self.reason = reason
        self.longest = longest


class GiveUp(Exception):  # noqa: N818 -- an instruction to the chassis
    """A handler will never succeed: publish `events`, then dead-letter the delivery with `reason`."""

    def __init__(self, reason: str, events: Sequence[Event] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.events = events


class UnreadableEvent(Exception):  # noqa: N818 -- describes the delivery
    """A delivery that cannot be read as an event; the text names the part at fault and no value."""


UNAUTHENTICATED: Final = "unauthenticated"
"""The reason of dead letters whose producer is not proven."""


class UnknownEvent(UnreadableEvent):
    """An event of a class or version that this release does not know: a later one published it."""


class UnauthenticatedEvent(UnreadableEvent):
    """A delivery whose producer is not proven; the text says why (`libs/chassis/event_keys.py`)."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Acknowledge the delivery."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Deliver again after a delay of any length; `counts` when the try is used up."""

    after: timedelta
    counts: bool
    behind: bool = False
    """Put behind because its account has its share: the delivery has not failed, and its own waiting begins later."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Move to the dead-letter queue, where an operator can inspect and replay it."""

    reason: str


Settlement = Ack | Retry | DeadLetter


def settle(
    failure: Exception | None, attempt: int, delays: RetryDelays = RETRY_DELAYS, *, waited: timedelta = timedelta()
) -> Settlement:
    """Decide what to do with a delivery whose `attempt`-th try ended in `failure`, `waited` after its first delay.

    A delivery that is unreadable or not authentic is dead-lettered at once; what a later release published waits for a
    replica of that release first, by the longest delay. An outage is retried without limit.
    """
    if failure is None:
        return Ack()
    if isinstance(failure, RetryLater):
        return Retry(failure.after or delays.outage, counts=failure.counts)
    if (wait := _wait_after(failure, waited, delays)) is not None:
        return Retry(wait, counts=False)
    if isinstance(failure, GiveUp | NotFoundYet | UnreadableEvent):
        return DeadLetter(_reason_of(failure))
    if attempt <= len(delays.after_failure):
        return Retry(delays.after_failure[attempt - 1], counts=True)
    return DeadLetter(f"failed {attempt} times: {type(failure).__name__}")


def _wait_after(failure: Exception, waited: timedelta, delays: RetryDelays) -> timedelta | None:
    """The next wait of a delivery that waits for something else; None when it has failed."""
    if isinstance(failure, UnknownEvent):
        return max(delays.distinct) if waited < delays.unknown_event else None
    waits = is_outage(failure) or (isinstance(failure, NotFoundYet) and waited < failure.longest)
    return delays.outage if waits else None


def _reason_of(failure: GiveUp | NotFoundYet | UnreadableEvent) -> str:
    if isinstance(failure, UnauthenticatedEvent):
        return UNAUTHENTICATED
    return f"unreadable: {failure}" if isinstance(failure, UnreadableEvent) else failure.reason


def is_outage(failure: Exception) -> bool:
    """True when the store or the broker could not be reached; the delivery itself is not at fault."""
    return isinstance(failure, GatewayError) and failure.code is ErrorCode.GATEWAY_UNAVAILABLE
