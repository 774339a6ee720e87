"""What becomes of a delivery: the one place that knows retry from dead letter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import Event


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long deliveries wait. Each length is a queue of its own, so all services must agree."""

    after_failure: tuple[timedelta, ...] = tuple(timedelta(seconds=s) for s in (1, 5, 30))
    """The wait after the first, second and third failed try; the fourth failure is the last."""
    outage: timedelta = timedelta(seconds=5)
    """The wait for a store or broker that cannot be reached; such waits use up no tries."""

    @property
    def lengths(self) -> tuple[timedelta, ...]:
        """Each length once, shortest first."""
        return tuple(sorted({*self.after_failure, self.outage}))


PAUSES = Pauses()


class Later(Exception):  # noqa: N818 -- no error: a request to be asked again
    """A handler cannot decide yet and wants the delivery again: `after` a time of its own, else after an outage's.

    Uses up no try unless it `counts`.
    """

    def __init__(self, why: str, *, after: timedelta | None = None, counts: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.after = after
        self.counts = counts


class GivenUp(Exception):  # noqa: N818 -- reads as what happened
    """A handler will not get further with a delivery: `said` is published, then it is dead-lettered for `reason`."""

    def __init__(self, reason: str, said: Sequence[Event] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.said = said


class UnreadableEvent(Exception):  # noqa: N818 -- named for what it says of the event
    """A delivery that is no event of ours; its text says which part, never which value."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Done; forget the delivery."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after a pause of any length; `counts` when the try is used up."""

    after: timedelta
    counts: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Set aside for a person to look at."""

    reason: str


Settlement = Ack | Retry | DeadLetter


def settle(failure: Exception | None, attempt: int, pauses: Pauses = PAUSES) -> Settlement:
    """Decide what to do with a delivery after its `attempt`-th try ended in `failure`.

    What cannot be read never gets better; an outage is waited out however long.
    """
    if failure is None:
        return Ack()
    if isinstance(failure, Later):
        return Retry(failure.after or pauses.outage, counts=failure.counts)
    if is_outage(failure):
        return Retry(pauses.outage, counts=False)
    if isinstance(failure, GivenUp | UnreadableEvent):
        return DeadLetter(failure.reason if isinstance(failure, GivenUp) else f"unreadable: {failure}")
    if attempt <= len(pauses.after_failure):
        return Retry(pauses.after_failure[attempt - 1], counts=True)
    return DeadLetter(f"failed {attempt} times: {type(failure).__name__}")


def is_outage(failure: Exception) -> bool:
    """True when store or broker could not be reached: nothing is wrong with the delivery itself."""
    return isinstance(failure, GatewayError) and failure.code is ErrorCode.GATEWAY_UNAVAILABLE
