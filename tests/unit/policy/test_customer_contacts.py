"""One person, one identity: a customer's names are kept sealed, used to reach the customer, and told."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.contracts.events import MessageApproved, MessageStatusUpdated, WhatsAppIdentityChanged, WhatsAppIdentityLinked
from libs.store.contacts import Contact
from libs.store.conversations import SuppressionKind
from libs.store.customer_links import CustomerLink, Relation
from libs.store.decisions import FactsQuery, StoredFacts
from services.policy.handlers.decide_webhook import DecideWebhook
from services.policy.handlers.find_customer import FindCustomer
from services.policy.handlers.gather_facts import GatherFacts
from services.policy.handlers.link_identity import LinkAnswer
from services.policy.handlers.notify_integrations import NotifyIntegrations
from services.policy.handlers.template_limits import TemplateLimits
from tests.builders import NOON, PHONE, PSEUDONYMS, a_customers_message, a_webhook, an_integration, received, stored
from tests.unit.policy.content import content_policy
from tests.unit.policy.fakes import (
    FakeCustomers,
    FakeDecisions,
    FakeDirectory,
    FakeTemplateRecipients,
    chat_customers,
    gather_requests,
)
from tests.unit.policy.inbound import (
    BY_NEW_PHONE,
    BY_NEW_USER,
    BY_PHONE,
    BY_USER,
    NEW_PHONE,
    NEW_USER,
    USER,
    InboundMessages,
    suppressed,
)
from tests.unit.policy.test_notify_integrations import Rows

BRAZILIAN, DIGITS = "+5511987654321", "551187654321"
BY_BRAZILIAN = PSEUDONYMS.customer_key("acc_1", BRAZILIAN)
CONTENT = content_policy()


@dataclass
class LinkedDecisions(FakeDecisions):
    """Decisions over the links of a customer; `under` has the facts by customer key."""

    inbound: InboundMessages = field(default_factory=InboundMessages)
    under: dict[str, StoredFacts] = field(default_factory=dict)

    async def facts(self, query: FactsQuery) -> StoredFacts:
        found = await super().facts(query)
        links = [row for key in query.customer_keys if (row := self.inbound.links.rows.get(key)) is not None]
        kinds = frozenset[SuppressionKind]().union(
            *(self.under[k].suppressed for k in query.customer_keys if k in self.under)
        )
        return replace(found, customer_links=tuple(links), suppressed=kinds)


def deciding(inbound: InboundMessages, **fields: Any) -> tuple[DecideWebhook, LinkedDecisions]:
    decisions = LinkedDecisions(inbound=inbound, **fields)
    limits = TemplateLimits(FakeTemplateRecipients())
    gather_facts = GatherFacts(
        FakeDirectory(),
        decisions,
        CONTENT,
        PSEUDONYMS,
        FindCustomer(FakeCustomers(), inbound.hashes),
        inbound.contacts,
        limits,
        chat_customers(),
        gather_requests(),
        inbound.hashes,
    )
    return DecideWebhook(gather_facts, decisions, decisions.delivery_order, limits, lambda: 0.0), decisions


async def kept(inbound: InboundMessages, key: str) -> Contact | None:
    return inbound.contacts.opened(inbound.links.rows[key]) if key in inbound.links.rows else None


async def test_whatsapps_own_digits_are_kept_sealed_and_reach_the_customer() -> None:
    inbound = InboundMessages()
    await inbound(customer=BRAZILIAN, customer_wa_id=DIGITS)
    handler, _ = deciding(inbound)

    approved = await handler(received(a_webhook(to=BRAZILIAN)))

    assert isinstance(approved, MessageApproved)
    assert (approved.customer, approved.customer_wa_id) == (BRAZILIAN, DIGITS)
    assert DIGITS not in str(inbound.links.rows[BY_BRAZILIAN].contact)


async def test_a_customer_whose_one_name_is_known_leaves_nothing_sealed() -> None:
    inbound = InboundMessages()

    await inbound()
    await inbound(customer=None, customer_user_id=USER)

    assert inbound.links.rows == {}


async def test_both_names_are_kept_under_each_of_them_and_written_once() -> None:
    inbound = InboundMessages()
    await inbound(customer_user_id=USER, customer_parent_user_id="SA.ENT.1")
    first = dict(inbound.links.rows)

    await inbound(customer_user_id=USER, customer_parent_user_id="SA.ENT.1", message_id="wamid.2", id=uuid4())

    assert inbound.links.rows == first
    whole = Contact(phone=PHONE, user_id=USER, parent_user_id="SA.ENT.1")
    assert [await kept(inbound, key) for key in (BY_PHONE, BY_USER)] == [whole, whole]


async def test_a_message_to_a_user_id_is_in_the_line_and_cooldown_of_the_phone() -> None:
    inbound = InboundMessages()
    await inbound(customer_user_id=USER)
    handler, decisions = deciding(inbound)

    by_id = await handler(received(a_webhook(to=None, user_id=USER), id=UUID(int=1)))
    by_phone = await handler(received(a_webhook(), id=UUID(int=2)))

    assert isinstance(by_id, MessageApproved)
    assert isinstance(by_phone, MessageApproved)
    assert (by_id.customer, by_id.customer_user_id, by_id.linked_phone) == (None, USER, PHONE)
    assert by_phone.customer_user_id == USER
    assert {by_id.customer_key, by_phone.customer_key} == {BY_PHONE}
    assert list(decisions.delivery_order.lines) == [("num_1", BY_PHONE)]


async def test_a_request_for_the_phone_number_counts_under_the_user_id_whichever_name_is_used() -> None:
    """So it counts on when the customer has shared the phone number, whose key is the main one from then on."""
    inbound = InboundMessages()
    await inbound(customer_user_id=USER)
    handler, decisions = deciding(inbound)
    question = {"text": None, "interactive": {"type": "request_contact_info", "text": "Your number?"}}

    by_phone = await handler(received(a_webhook(**question), id=UUID(int=1)))
    by_id = await handler(received(a_webhook(**question, to=None, user_id=USER), id=UUID(int=2)))

    assert isinstance(by_phone, MessageApproved)
    assert by_id.code == "sending_throttled"  # type: ignore[union-attr]  # an approval has no code
    assert list(decisions.cooldowns) == [f"acc_1:request_contact_info:{BY_USER}"]


async def test_a_block_of_the_phone_refuses_a_message_to_the_user_id() -> None:
    inbound = InboundMessages()
    await inbound(customer_user_id=USER)
    blocked = stored(suppressed=frozenset({SuppressionKind.BLOCKED}))
    handler, _ = deciding(inbound, under={BY_PHONE: blocked})

    answer = await handler(received(a_webhook(to=None, user_id=USER)))

    assert answer.code == "recipient_suppressed"  # type: ignore[union-attr]  # an approval has no code


async def test_what_an_earlier_release_stored_under_whatsapps_spelling_counts_and_is_moved() -> None:
    inbound = InboundMessages()
    [former] = PSEUDONYMS.former_customer_keys("acc_1", BRAZILIAN)
    handler, _ = deciding(inbound, under={former: stored(suppressed=frozenset({SuppressionKind.OPT_OUT}))})

    answer = await handler(received(a_webhook(to=BRAZILIAN)))
    await inbound(customer=BRAZILIAN, customer_wa_id=DIGITS)

    assert answer.code == "recipient_suppressed"  # type: ignore[union-attr]  # an approval has no code
    old, new = [await inbound.hashes.hashes([key]) for key in (former, BY_BRAZILIAN)]
    assert inbound.links.moved == {former: BY_BRAZILIAN, **dict(zip(old, new, strict=True))}


def a_status(**names: Any) -> Any:
    event = MessageStatusUpdated(
        account_id="acc_1", event_id=UUID(int=5), number_id="num_1", message_id="m", status="read", at=NOON, **names
    )
    return received(event)


async def test_a_forward_names_the_customer_by_every_identity_that_is_known() -> None:
    inbound, rows = InboundMessages(), Rows()
    await inbound(customer=BRAZILIAN, customer_wa_id=DIGITS, customer_user_id=USER, customer_parent_user_id="BR.ENT.1")
    notify = NotifyIntegrations(rows, rows, inbound.contacts)

    for names in ({"customer_user_id": USER}, {"customer": BRAZILIAN}):
        [told] = await notify.for_status(a_status(**names))

        found = (told.customer, told.customer_wa_id, told.customer_user_id, told.customer_parent_user_id)  # type: ignore[attr-defined]  # a forward
        assert found == (BRAZILIAN, DIGITS, USER, "BR.ENT.1")


async def test_a_forward_of_a_message_has_whatsapps_digits_also_where_they_are_those_of_the_number() -> None:
    inbound, rows = InboundMessages(), Rows([an_integration(forward_url="https://pbx.example.com")])

    [told] = await NotifyIntegrations(rows, rows, inbound.contacts).for_message(received(a_customers_message()))

    assert told.customer_wa_id == PHONE.removeprefix("+")  # type: ignore[attr-defined]  # a forward


async def test_a_customer_who_shares_the_phone_keeps_the_parent_of_the_user_id() -> None:
    inbound = InboundMessages()
    await inbound(customer=None, customer_user_id=USER, customer_parent_user_id="SA.ENT.1")
    shared = WhatsAppIdentityChanged(
        account_id="acc_1",
        number_id="num_1",
        at=NOON + timedelta(hours=1),
        customer_user_id=USER,
        new_customer=PHONE,
        parent_user_id="SA.ENT.1",
    )

    await inbound.link_identity(received(shared))

    whole = Contact(phone=PHONE, user_id=USER, parent_user_id="SA.ENT.1")
    assert [await kept(inbound, key) for key in (BY_PHONE, BY_USER)] == [whole, whole]


async def test_the_user_id_follows_a_customer_to_a_new_number_and_leaves_the_old_one() -> None:
    inbound = InboundMessages()
    await inbound(customer_user_id=USER)
    changed = WhatsAppIdentityChanged(
        account_id="acc_1", number_id="num_1", at=NOON + timedelta(hours=1), customer=PHONE, new_customer=NEW_PHONE
    )

    await inbound.link_identity(received(changed))

    assert await kept(inbound, BY_USER) == Contact(phone=NEW_PHONE, user_id=USER)
    assert await kept(inbound, BY_PHONE) == Contact(phone=PHONE)
    assert inbound.links.rows[BY_USER].main_key == BY_NEW_PHONE


def an_answer(**names: Any) -> Any:
    event = WhatsAppIdentityLinked(
        account_id="acc_1", number_id="num_1", event_id=UUID(int=7), at=NOON + timedelta(hours=1), **names
    )
    return received(event)


def linking(inbound: InboundMessages) -> Callable[[Any], Any]:
    return LinkAnswer(inbound.customer_identities, inbound.contacts, inbound.conversations)


async def test_an_opt_out_and_a_window_hold_for_the_number_in_whatsapps_answer_too() -> None:
    """The window is under the main key, which decisions about every other key read too."""
    inbound = InboundMessages()
    await inbound("STOP", customer=NEW_PHONE)
    answer = an_answer(customer=NEW_PHONE, linked_customer=PHONE, linked_wa_id=PHONE.removeprefix("+"))

    await linking(inbound)(answer)
    await linking(inbound)(answer)

    assert suppressed(inbound) == {BY_PHONE, BY_NEW_PHONE}
    assert inbound.conversations.opened["num_1", BY_NEW_PHONE] == NOON
    assert inbound.links.rows[BY_NEW_PHONE] == replace(
        CustomerLink(customer_key=BY_NEW_PHONE, main_key=BY_PHONE, relation=Relation.ALIAS),
        contact=inbound.links.rows[BY_NEW_PHONE].contact,
        contact_at=NOON + timedelta(hours=1),
    )
    assert await kept(inbound, BY_NEW_PHONE) == Contact(phone=NEW_PHONE, wa_id=PHONE.removeprefix("+"))


async def test_two_numbers_and_a_user_id_are_one_customer_for_every_later_opt_out() -> None:
    inbound = InboundMessages()
    await inbound(customer_user_id=USER)
    await linking(inbound)(an_answer(customer=NEW_PHONE, linked_customer=PHONE, linked_wa_id=PHONE.removeprefix("+")))

    await inbound("STOP", customer=None, customer_user_id=USER, sent_at=NOON + timedelta(hours=2), id=uuid4())

    assert suppressed(inbound) == {BY_PHONE, BY_NEW_PHONE, BY_USER}


async def test_the_user_id_in_an_answer_belongs_to_the_number_that_was_sent_to() -> None:
    inbound = InboundMessages()
    await inbound("STOP", customer=None, customer_user_id=USER)

    await linking(inbound)(an_answer(customer=PHONE, linked_user_id=USER))

    assert suppressed(inbound) == {BY_PHONE, BY_USER}
    assert inbound.conversations.opened["num_1", BY_PHONE] == NOON
    assert await kept(inbound, BY_USER) == Contact(phone=PHONE, user_id=USER)


async def test_a_late_status_does_not_undo_what_whatsapp_has_shown_since() -> None:
    """The number may have a new owner, whose window and opt-out are not those of the old user id."""
    inbound = InboundMessages()
    later = {"sent_at": NOON + timedelta(hours=2), "message_id": "wamid.9"}
    await inbound("STOP", customer=PHONE, customer_user_id=NEW_USER, id=uuid4(), **later)

    await linking(inbound)(an_answer(customer=PHONE, linked_user_id=USER))

    assert suppressed(inbound) == {BY_PHONE, BY_NEW_USER}
    assert ("num_1", BY_USER) not in inbound.conversations.opened
    assert await kept(inbound, BY_USER) is None
    assert await kept(inbound, BY_PHONE) == Contact(phone=PHONE, user_id=NEW_USER)


@pytest.mark.parametrize("names", [{}, {"linked_wa_id": "966512345678"}])
async def test_an_answer_that_names_nobody_changes_nothing(names: dict[str, str]) -> None:
    inbound = InboundMessages()

    await linking(inbound)(an_answer(**names))

    assert inbound.links.rows == {}


async def test_a_number_that_writes_itself_is_no_longer_another_accounts_alias() -> None:
    """It may have a new owner: neither the opt-out nor a message may reach the other account."""
    inbound = InboundMessages()
    await inbound(customer=PHONE)
    await linking(inbound)(an_answer(customer=NEW_PHONE, linked_customer=PHONE, linked_wa_id=PHONE.removeprefix("+")))

    await inbound("STOP", customer=NEW_PHONE, sent_at=NOON + timedelta(hours=2), id=uuid4(), message_id="wamid.9")
    approved = await deciding(inbound)[0](received(a_webhook(to=PHONE)))

    assert suppressed(inbound) == {BY_NEW_PHONE}
    assert await kept(inbound, BY_NEW_PHONE) is None
    assert isinstance(approved, MessageApproved)
    assert (approved.customer, approved.customer_key) == (PHONE, BY_PHONE)


async def test_the_user_id_in_the_answer_to_a_message_that_was_sent_to_an_alias_is_the_accounts() -> None:
    inbound = InboundMessages()
    await inbound(customer=PHONE)
    await linking(inbound)(an_answer(customer=NEW_PHONE, linked_customer=PHONE, linked_wa_id=PHONE.removeprefix("+")))

    await linking(inbound)(an_answer(customer=NEW_PHONE, linked_user_id=USER))

    assert {row.main_key for row in inbound.links.rows.values()} == {BY_PHONE}
    assert set(inbound.links.rows) == {BY_PHONE, BY_NEW_PHONE, BY_USER}
