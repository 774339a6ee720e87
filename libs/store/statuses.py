"""Delivery statuses from WhatsApp, stored with the ledger entry of their message."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from libs.store.progress import MessageStatus, Progress, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """One status. `event_id` comes from verified callback data; without it the message is found by `message_id`."""

    number_id: str
    message_id: str
    step: Step
    event_id: str | None = None
    follows: MessageStatus | None = None
    """The status that must be stored before this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedMessage:
    """A message in the ledger. `outcome` is None while its call is in progress."""

    event_id: str
    account_id: str | None
    integration_id: str | None
    number_id: str
    customer_key: str
    message_id: str | None
    outcome: bytes | None
    progress: Progress
    fallback: str | None = field(default=None, repr=False)
    """What the claim was given; None once the customer has the message, and after the customer's erasure."""
    contact: str | None = field(default=None, repr=False)
    """What the claim was given; None after the customer's erasure."""


class Statuses(Protocol):
    """The delivery progress of messages."""

    async def apply(self, update: StatusUpdate) -> TrackedMessage | None:
        """Apply one status, atomically and once, and return its message; None when the ledger has no such message.

        The message is found by `event_id`, also before its call was answered, or else by number and message id. If the
        call's answer gave no message id, the first status supplies it.

        A status that `follows` another one is not applied before that one is: the message is returned without it.
        """

    async def find(self, event_id: str) -> TrackedMessage | None:
        """The message of this event; None when the ledger has none."""

    async def find_message(self, number_id: str, message_id: str) -> TrackedMessage | None:
        """The message that this number sent and WhatsApp calls `message_id`; None when the ledger has none."""


def json_from_step(step: Step) -> list[Any]:
    """The step as a JSON list."""
    return [step.status.value, step.at.isoformat(), list(step.codes)]


def step_from_json(plain: list[Any]) -> Step:
    """The step from the list that `json_from_step` made."""
    status, at, codes = plain
    return Step(MessageStatus(status), datetime.fromisoformat(at), tuple(codes))
