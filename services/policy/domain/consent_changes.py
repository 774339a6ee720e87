"""`ConsentChange`: a customer's request to stop messages or to get them again, with its suppressions and events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from libs.contracts.events import SuppressionEvent
from libs.contracts.identity import masked
from libs.store.contacts import Contact
from libs.store.conversations import Suppression, SuppressionKind
from services.policy.domain.addresses import addresses_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChange:
    """One request. Ids are derived from `event_id`, so a repeated delivery makes the same suppressions."""

    event_id: UUID
    account_id: str | None
    number_id: str
    contact: Contact = field(repr=False)
    at: datetime
    kind: SuppressionKind
    source: str
    evidence: dict[str, str]

    def suppression_id(self, customer_key: str) -> str:
        """The id of this request's suppression of a customer key."""
        return f"sup_{uuid5(self.event_id, customer_key).hex}"

    def suppression(self, customer_key: str) -> Suppression:
        """The suppression of one customer key."""
        return Suppression(
            id=self.suppression_id(customer_key),
            account_id=self.account_id or "",
            customer_key=customer_key,
            masked_phone=masked(self.contact.phone) if self.contact.phone else "",
            kind=self.kind,
            source=self.source,
            reason=None,
            actor=None,
            since=self.at,
            evidence=self.evidence,
        )

    def event(
        self, kind: type[SuppressionEvent], suppression_id: str, customer_key: str, keys: Sequence[str]
    ) -> SuppressionEvent:
        """The event that a suppression was added or lifted, for the customer with these keys."""
        return kind(
            account_id=self.account_id,
            suppression_id=suppression_id,
            kind=self.kind,
            source=self.source,
            number_id=self.number_id,
            **addresses_of(self.contact),
            customer_key=customer_key,
            customer_keys=sorted({customer_key, *keys}),
            evidence=self.evidence,
        )
