"""The customers to whom a business account sent templates within a day: WhatsApp limits how many there may be."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

COUNTED: Final = timedelta(hours=24)
"""WhatsApp counts the customers of the last 24 hours (Meta's messaging limits)."""


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """How many customers were counted, up to the limit that was asked about."""

    customers: int
    counted: bool
    """Whether the customer in question is one of them: a further template to them uses nothing."""
    oldest: datetime | None
    """When the first of them was counted; None when there is none. 24 hours later there is room again."""


class TemplateRecipients(Protocol):
    """Counts customers. Counts may lag behind by approvals that are decided at the same time; WhatsApp decides."""

    async def use(self, owner: str, customer_key: str, *, limit: int, now: datetime) -> TemplateUse:
        """Count up to `limit` customers of `owner` (`libs.store.restrictions.of_business_account`)."""

    async def count(self, owner: str, account_id: str, customer_key: str, now: datetime) -> None:
        """Count a customer from `now` on. Safe to repeat: one who is counted stays counted from the first time."""
