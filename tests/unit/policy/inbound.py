"""`HandleInboundMessage` with fakes, and messages of one customer by phone, by user id, or by both."""

from typing import Any
from uuid import uuid4

from libs.store.conversations import SuppressionKind
from services.policy.domain.keywords import Keywords
from services.policy.handlers.consent_ledger import ConsentLedger
from services.policy.handlers.customer_identities import CustomerIdentities
from services.policy.handlers.customer_restrictions import CustomerRestrictions
from services.policy.handlers.handle_inbound_message import HandleInboundMessage
from services.policy.handlers.hold_identity import HoldIdentity
from services.policy.handlers.link_identity import LinkIdentity
from tests.builders import (
    EVENT_ID,
    NOON,
    PHONE,
    PSEUDONYMS,
    a_customers_message,
    an_account,
    received,
)
from tests.do_not_contact import FakeEntries, hashes_over
from tests.unit.policy.fakes import (
    FakeConsents,
    FakeConversations,
    FakeCustomerLinks,
    FakeCustomers,
    FakeDirectory,
    FakeErasedCustomers,
    FakeIdentities,
    FakeRestrictions,
    FakeSuppressions,
    contacts_over,
)

KEYWORDS = Keywords.load()
USER, NEW_USER, NEW_PHONE = "SA.77", "SA.78", "+966598765432"
BY_PHONE, BY_USER = (PSEUDONYMS.customer_key("acc_1", value) for value in (PHONE, USER))
BY_NEW_PHONE, BY_NEW_USER = (PSEUDONYMS.customer_key("acc_1", value) for value in (NEW_PHONE, NEW_USER))
OPT_OUT, MARKETING = SuppressionKind.OPT_OUT, SuppressionKind.MARKETING
CUSTOMER_KEY = BY_PHONE


class InboundMessages:
    """`HandleInboundMessage` with its fakes; call it with a customer's message."""

    def __init__(self, **account: Any) -> None:
        self.conversations = FakeConversations()
        self.suppressions = FakeSuppressions()
        self.erased = FakeErasedCustomers()
        self.consents = FakeConsents()
        self.restrictions = FakeRestrictions()
        self.links = FakeCustomerLinks()
        self.contacts = contacts_over(self.links)
        self.hashes = hashes_over(FakeEntries(), PSEUDONYMS)
        directory = FakeDirectory(accounts={"acc_1": an_account(**account)})
        self.customer_identities = CustomerIdentities(
            FakeIdentities(), self.suppressions, self.hashes, self.links, self.erased, self.consents
        )
        self.ledger = ConsentLedger(self.consents, self.erased, lambda: NOON)
        self.customers = FakeCustomers()
        self.link_identity = LinkIdentity(
            self.customer_identities,
            self.contacts,
            HoldIdentity(self.customers, self.customer_identities, self.restrictions),
            self.conversations,
        )
        self.handle = HandleInboundMessage(
            directory,
            self.conversations,
            self.suppressions,
            self.customer_identities,
            KEYWORDS,
            CustomerRestrictions(self.restrictions, self.restrictions),
            self.contacts,
            lambda: NOON,
            self.ledger,
        )

    async def __call__(self, text: str | None = "Hello", **changes: Any) -> list[Any]:
        envelope = changes.pop("id", EVENT_ID)
        return list(await self.handle(received(a_customers_message(text=text, **changes), id=envelope)))


def suppressed(inbound: InboundMessages, kind: SuppressionKind = OPT_OUT) -> set[str]:
    return {key for (key, its), row in inbound.suppressions.rows.items() if row.active and its is kind}


async def by_user_id(inbound: InboundMessages, text: str = "Hello", **changes: Any) -> list[Any]:
    fields = {"customer": None, "customer_user_id": USER, "message_id": f"wamid.{uuid4()}", "id": uuid4()}
    return await inbound(text, **(fields | changes))


async def as_both(inbound: InboundMessages, text: str = "Hello", **changes: Any) -> list[Any]:
    fields = {"customer_user_id": USER, "message_id": f"wamid.{uuid4()}", "id": uuid4()}
    return await inbound(text, **(fields | changes))
