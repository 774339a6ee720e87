"""What becomes of a delivery: the one place that knows retry from dead letter."""

from dataclasses import dataclass
from datetime import timedelta

from libs.contracts.errors import ErrorCode, GatewayError

WAITS = tuple(timedelta(seconds=s) for s in (1, 5, 30))
"""How long a delivery waits after its first, second and third failed try; the fourth failure is the last."""
OUTAGE_WAIT = timedelta(seconds=5)
"""How long a delivery waits for a store or broker that cannot be reached; such waits use up no tries."""
ALL_WAITS = tuple(sorted({*WAITS, OUTAGE_WAIT}))
"""One waiting queue each."""


class Later(Exception):  # noqa: N818 -- no error: a request to be asked again
    """A handler cannot decide yet and wants the delivery again after a while; uses up no tries."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Ack:
    """Done; forget the delivery."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after a pause; `counts` when the try is used up."""

    after: timedelta
    counts: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Set aside for a person to look at."""

    reason: str


Settlement = Ack | Retry | DeadLetter


def settle(failure: Exception | None, attempt: int) -> Settlement:
    """Decide what to do with a delivery after its `attempt`-th try ended in `failure`.

    What cannot be read (a ValueError, such as pydantic's) never gets better; an outage is waited out however long.
    """
    if failure is None:
        return Ack()
    if isinstance(failure, Later):
        return Retry(OUTAGE_WAIT, counts=False)
    if isinstance(failure, GatewayError) and failure.code is ErrorCode.GATEWAY_UNAVAILABLE:
        return Retry(OUTAGE_WAIT, counts=False)
    if isinstance(failure, UnreadableEvent):
        return DeadLetter(f"unreadable: {failure}")
    if attempt <= len(WAITS):
        return Retry(WAITS[attempt - 1], counts=True)
    return DeadLetter(f"failed {attempt} times: {type(failure).__name__}")


class UnreadableEvent(Exception):  # noqa: N818 -- named for what it says of the event
    """A delivery that is no event of ours; its text says which part, never which value."""
