"""Who sees what in 3CX's chat: customers' lines, and the gateway's notes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.events import ChatParties, ForwardRequested, MessageStatusUpdated, SuppressionAdded, WebhookAnswered
from libs.contracts.forwards import ForwardKind
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Account, Integration, Number
from libs.store.chats import ChatRefusal
from libs.store.records import Record, RecordFilter, RecordPage
from services.policy.domain.chats import was_written_in_chat
from services.policy.handlers.notify_chats import NotifyChats
from tests.builders import (
    EVENT_ID,
    NOON,
    PHONE,
    PSEUDONYMS,
    a_customers_message,
    a_number,
    an_account,
    an_integration,
    received,
)
from tests.unit.policy.fakes import FakeCustomerLinks, chat_customers, contacts_over
from tests.unit.policy.inbound import USER
from tests.unit.policy.test_notify_integrations import an_opt_out

MAIN = "+4930123456"
PARTIES = ChatParties(customer=PHONE, main_number=MAIN)
SENT_ID = UUID(int=5)


def a_chat(**changes: Any) -> Integration:
    chosen = {"chat_enabled": True, "chat_numbers": {MAIN: "num_1"}, "sealed_chat_webhook_url": "sealed"}
    return an_integration(**(chosen | changes))


@dataclass
class FakeRefusals:
    kept: dict[tuple[str, str], ChatRefusal] = field(default_factory=dict)

    async def keep(self, integration_id: str, account_id: str, customer_key: str, refusal: ChatRefusal) -> None:
        self.kept[integration_id, customer_key] = refusal

    async def last(self, integration_id: str, customer_key: str) -> ChatRefusal | None:
        return self.kept.get((integration_id, customer_key))


@dataclass
class FakeRecords:
    dialect: str | None = "threecx_chat"
    """None: the record does not know the message yet."""

    async def append(self, records: Sequence[Record]) -> int:
        raise NotImplementedError

    async def page(self, wanted: RecordFilter, *, limit: int, cursor: str | None) -> RecordPage:
        raise NotImplementedError

    async def timeline(self, event_id: str) -> Sequence[Record]:
        assert event_id == str(SENT_ID)
        details = {"dialect": self.dialect}
        return [] if self.dialect is None else [Record(id="r", at=NOON, type="webhook.received", details=details)]


@dataclass
class Rows:
    integrations: Sequence[Integration] = field(default_factory=lambda: [a_chat()])
    owner: Account = field(default_factory=an_account)

    async def account(self, account_id: str) -> Account | None:
        return self.owner

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        return a_number(id=number_id)

    async def integration(self, integration_id: str) -> Integration | None:
        return next((row for row in self.integrations if row.id == integration_id), None)

    async def of_number(self, number_id: str) -> Sequence[Integration]:
        return [row for row in self.integrations if number_id in (row.instance_id, *row.chat_numbers.values())]

    async def of_account(self, account_id: str) -> Sequence[Integration]:
        raise NotImplementedError


def chats(
    *integrations: Integration, refusals: FakeRefusals | None = None, records: FakeRecords | None = None, **fields: Any
) -> NotifyChats:
    rows = Rows(integrations, **fields) if integrations else Rows(**fields)
    contacts = contacts_over(FakeCustomerLinks())
    return NotifyChats(rows, rows, contacts, chat_customers(), refusals or FakeRefusals(), records or FakeRecords())


def answered(code: Any, parties: ChatParties | None = PARTIES, **fields: Any) -> WebhookAnswered:
    known: dict[str, Any] = {"account_id": "acc_1", "integration_id": "int_1", "event_id": EVENT_ID, "reply_to": "i"}
    return WebhookAnswered(**(known | {"code": code, "chat": parties} | fields))


def failed(**changes: Any) -> MessageStatusUpdated:
    known: dict[str, Any] = {
        "account_id": "acc_1",
        "integration_id": "int_1",
        "event_id": SENT_ID,
        "number_id": "num_1",
        "message_id": "wamid.9",
        "status": "failed",
        "at": NOON,
        "customer": PHONE,
        "provider_codes": (131026,),
    }
    return MessageStatusUpdated(**(known | changes))


def texts(told: Sequence[ForwardRequested]) -> list[str]:
    return [each.content["chat"]["text"] for each in told]


async def test_a_customers_message_is_a_line_of_each_chat_that_has_the_number() -> None:
    teller = chats(
        a_chat(),
        a_chat(id="int_2", instance_id="num_9"),  # the number is one of its `chat_numbers` alone
        a_chat(id="int_3", chat_enabled=False),
        a_chat(id="int_4", sealed_chat_webhook_url=None),
        a_chat(id="int_5", enabled=False),
        a_chat(id="int_6", inbound_enabled=False),
        a_chat(id="int_7", chat_numbers={MAIN: "num_2"}),
        a_chat(id="int_8", account_id="acc_2"),
    )

    told = await teller.for_message(received(a_customers_message()))

    assert [each.integration_id for each in told] == ["int_1", "int_2"]
    assert [each.kind for each in told] == [ForwardKind.CHAT_MESSAGE] * 2
    assert told[0].content["chat"] == {"from": PHONE, "to": MAIN, "text": "Hello"}
    assert told[0].content["message"]["id"] == "wamid.1"
    assert (told[0].customer, told[0].number_id, told[0].at) == (PHONE, "num_1", NOON)


async def test_nobody_is_told_while_the_accounts_module_is_off() -> None:
    teller = chats(owner=an_account(threecx_enabled=False))

    assert await teller.for_message(received(a_customers_message())) == []
    assert await teller.for_opt_out(received(an_opt_out())) == []
    assert await teller.for_status(received(failed())) == ()
    assert await teller.for_answer(received(answered(ErrorCode.POLICY_VIOLATION))) == ()


async def test_a_customer_without_a_phone_has_one_pseudo_number() -> None:
    teller = chats()
    message = received(a_customers_message(customer=None, customer_user_id=USER))

    [first], [again] = await teller.for_message(message), await teller.for_message(message)

    assert first.content["chat"]["from"] == again.content["chat"]["from"] == "+99900000000001"
    assert (first.customer, first.customer_user_id) == (None, USER)


async def test_a_refusal_is_noted_in_the_chat_and_kept() -> None:
    refusals = FakeRefusals()
    event = answered(ErrorCode.RECIPIENT_SUPPRESSED, details={"reason": "opt_out"})

    [told] = await chats(refusals=refusals).for_answer(received(event))

    assert (told.kind, told.event_id, told.customer) == (ForwardKind.CHAT_NOTE, EVENT_ID, PHONE)
    assert told.content["chat"]["from"] == PHONE
    assert told.content["chat"]["to"] == MAIN
    assert "opted out" in told.content["chat"]["text"]
    kept = refusals.kept["int_1", PSEUDONYMS.customer_key("acc_1", PHONE)]
    assert (kept.code, kept.details) == ("recipient_suppressed", {"reason": "opt_out"})


SILENT: dict[str, tuple[Integration, WebhookAnswered]] = {
    "a message that was sent": (a_chat(), answered(AnswerStatus.SENT)),
    "a message from elsewhere": (a_chat(), answered(ErrorCode.POLICY_VIOLATION, None)),
    "notes are off": (a_chat(chat_notes=False), answered(ErrorCode.POLICY_VIOLATION)),
    "the chat is off": (a_chat(chat_enabled=False), answered(ErrorCode.POLICY_VIOLATION)),
    "no address to post to": (a_chat(sealed_chat_webhook_url=None), answered(ErrorCode.POLICY_VIOLATION)),
    "no integration": (a_chat(id="int_9"), answered(ErrorCode.POLICY_VIOLATION)),
    "a chat with no number": (
        a_chat(),
        answered(ErrorCode.MISSING_PHONE, ChatParties(customer="101", main_number=MAIN)),
    ),
    "a chat of no main number": (
        a_chat(),
        answered(ErrorCode.MISSING_PHONE, ChatParties(customer=PHONE, main_number="")),
    ),
}


@pytest.mark.parametrize(("integration", "event"), SILENT.values(), ids=SILENT)
async def test_nothing_is_noted_of(integration: Integration, event: WebhookAnswered) -> None:
    assert await chats(integration).for_answer(received(event)) == ()


async def test_with_notes_off_a_refusal_is_kept_for_who_asks() -> None:
    teller = chats(a_chat(chat_notes=False))

    await teller.for_answer(received(answered(ErrorCode.POLICY_VIOLATION)))
    [told] = await teller.for_answer(received(answered(AnswerStatus.RECORDED, details={"command": "why"})))

    assert "(23 Nov 15:00)" in told.content["chat"]["text"]


async def test_an_unknown_pseudo_number_gets_its_note_and_keeps_nothing() -> None:
    refusals = FakeRefusals()
    parties = ChatParties(customer="+99900000000009", main_number=MAIN)

    [told] = await chats(refusals=refusals).for_answer(received(answered(ErrorCode.MISSING_PHONE, parties)))

    assert (told.content["chat"]["from"], told.customer, refusals.kept) == ("+99900000000009", None, {})


async def test_a_late_failure_is_noted_under_one_id_however_often_it_is_told() -> None:
    teller = chats()

    [first] = await teller.for_status(received(failed(), id=UUID(int=1)))
    [again] = await teller.for_status(received(failed(conflict=True), id=UUID(int=2)))

    assert "131026" in texts([first])[0]
    assert first.derived_id(UUID(int=1)) == again.derived_id(UUID(int=2))


NOT_LATE: dict[str, tuple[dict[str, Any], dict[str, Any], FakeRecords]] = {
    "delivered": ({"status": "delivered"}, {}, FakeRecords()),
    "of nobody's message": ({"integration_id": None}, {}, FakeRecords()),
    "of a message from elsewhere": ({}, {}, FakeRecords(dialect="native")),
    "with notes off": ({}, {"chat_notes": False}, FakeRecords()),
    "with the chat off": ({}, {"chat_enabled": False}, FakeRecords()),
    "of a number that the chat does not have": ({"number_id": "num_9"}, {}, FakeRecords()),
}


@pytest.mark.parametrize(("change", "settings", "records"), NOT_LATE.values(), ids=NOT_LATE)
async def test_no_status_is_noted(change: dict[str, Any], settings: dict[str, Any], records: FakeRecords) -> None:
    assert not await chats(a_chat(**settings), records=records).for_status(received(failed(**change)))


async def test_a_failure_is_told_while_the_record_is_behind() -> None:
    assert len(await chats(records=FakeRecords(dialect=None)).for_status(received(failed()))) == 1
    assert was_written_in_chat([])


async def test_an_opt_out_is_noted_and_an_operators_block_is_not() -> None:
    teller = chats()
    block: SuppressionAdded = an_opt_out(kind="blocked", source="operator", actor="op")

    assert texts(await teller.for_opt_out(received(an_opt_out()))) == ["⚠ gateway: the customer opted out: STOP"]
    assert await teller.for_opt_out(received(block)) == ()
    assert await teller.for_opt_out(received(an_opt_out(number_id=None))) == ()
