"""What WhatsApp tells of messages that went out, kept with their ledger entries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from libs.store.progress import MessageStatus, Progress, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One status. `event_id` is what its callback data proved, if it did; else the message's id must find it."""

    number_id: str
    message_id: str
    step: Step
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A message of ours as the ledger has it; `outcome` is None while its call is under way."""

    event_id: str
    account_id: str | None
    integration_id: str | None
    number_id: str
    customer_key: str
    message_id: str | None
    outcome: bytes | None
    progress: Progress


class Statuses(Protocol):
    """How far messages have come."""

    async def tell(self, told: Told) -> Known | None:
        """Take one status in, atomically and once, and return the message with it; None when we know no such message.

        A message is found by `event_id`, also before its call was answered, or else by number and message id. The
        message id of the first status is kept where the call's own answer gave none.
        """
        ...

    async def of(self, event_id: str) -> Known | None:
        """What is known of a message."""
        ...


def plain_from(step: Step) -> list[Any]:
    """The step as JSON knows it."""
    return [step.status.value, step.at.isoformat(), list(step.codes)]


def step_from(plain: list[Any]) -> Step:
    """Read what `plain_from` made."""
    status, at, codes = plain
    return Step(MessageStatus(status), datetime.fromisoformat(at), tuple(codes))
