import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.subscriptions import Received
from libs.contracts.content import InteractiveRequest, TemplateRequest
from libs.contracts.decisions import RuleReceipt
from libs.contracts.events import (
    EVENTS,
    Event,
    MessageApproved,
    SuppressionAdded,
    SuppressionLifted,
    WebhookAnswered,
    WebhookPayload,
    WebhookReceived,
    WebhookRejected,
    WhatsAppIdentityChanged,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
)
from libs.contracts.identity import Personal, Pseudonyms
from libs.store.records import Record
from libs.store.sealer import CannotOpen
from libs.store.subjects import SubjectKey
from services.audit.domain.records import _personal_fields, customer_key_of, record_from
from services.audit.domain.values import without_numbers
from services.audit.handlers.new_customers import NewCustomers
from services.audit.handlers.records import RecordEvents as Recording

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ID = UUID(int=7)
PSEUDONYMS = Pseudonyms(b"k" * 32)
PHONE = "+966500000000"
WAMID = "wamid.HBgMOTY2NTAwMDAwMDAwFQIAERgSQUJDREVG"
"""Its first part is the phone's digits in Base64."""
TEXT = "our secret recipe"


SUBJECT = SubjectKey(b"s" * 32)


def recorded(event: Event, subject: SubjectKey | None = SUBJECT) -> Any:
    received = Received(event, id=ID, at=NOON, producer="policy")
    return record_from(received, pseudonyms=PSEUDONYMS, subject=subject, recorded_at=NOON)


def opened(event: Event) -> dict[str, Any]:
    return SUBJECT.open(str(ID), recorded(event).personal)


def an_approval() -> MessageApproved:
    return MessageApproved(
        account_id="acc_1",
        event_id=ID,
        event_type="outbound_message",
        reply_to="i1",
        number_id="num_1",
        customer=PHONE,
        customer_key="ck",
        text=TEXT,
        purpose="support",
        received_at=NOON,
        template={"text": TEXT},
    )


def a_webhook(**payload: Any) -> WebhookReceived:
    return WebhookReceived(account_id="acc_1", reply_to="i1", payload=WebhookPayload(**payload))


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(an_approval(), id="an approved message"),
        pytest.param(a_webhook(to=PHONE, text=TEXT, conversation_id=f"wa-{PHONE}"), id="a webhook"),
        pytest.param(
            WebhookAnswered(event_id=ID, reply_to="i1", code="sent", customer=PHONE, account_id="acc_1"),
            id="an answer",
        ),
        pytest.param(
            WhatsAppMessageReceived(
                number_id="n", message_id="wamid.x", customer=PHONE, type="text", text=TEXT, sent_at=NOON
            ),
            id="a customer's message",
        ),
    ],
)
def test_no_phone_number_and_no_text_reaches_a_record(event: Event) -> None:
    line = repr(recorded(event))

    assert PHONE not in line
    assert PHONE.lstrip("+") not in line
    assert TEXT not in line


def test_a_customer_is_known_by_a_pseudonym_and_a_masked_form_that_is_sealed() -> None:
    record = recorded(an_approval())

    assert record.customer_hash == SUBJECT.pseudonym
    assert record.masked_phone is None
    assert opened(an_approval())["masked_phone"] == "+9665•••••000"


def test_a_text_is_known_by_its_length_and_by_a_hash_that_is_sealed() -> None:
    record = recorded(an_approval())

    assert record.details["text_length"] == len(TEXT)
    assert "text_hash" not in record.details
    assert opened(an_approval())["text_hash"] == SUBJECT.hashed("text", TEXT)


@pytest.mark.parametrize(
    "webhook",
    [
        pytest.param(a_webhook(text=TEXT), id="a text"),
        pytest.param(a_webhook(template=TemplateRequest(name="t", language="en", body=[TEXT])), id="of a template"),
        pytest.param(
            a_webhook(interactive=InteractiveRequest(text=TEXT, buttons=({"id": "1", "title": "Yes"},))), id="buttons"
        ),
    ],
)
def test_a_text_of_nobody_known_is_not_hashed_since_every_key_that_is_kept_confirms_it(webhook: Event) -> None:
    record = recorded(webhook, None)

    assert "text_hash" not in repr(record.details)
    assert "parameters_hash" not in repr(record.details)
    assert (record.customer_hash, record.personal) == (None, None)


def test_a_receipt_of_an_earlier_release_loses_its_masked_phone_and_numbers_in_names_are_cut() -> None:
    line = RuleReceipt(
        rule="customer_phone_is_usable",
        version=1,
        passed=True,
        inputs={"phone": "+9665•••••000", "field": "to", "matched": ["call 0501 234 567"], "limit": 5},
    )

    record = recorded(an_approval().model_copy(update={"receipt": (line,)}))

    assert record.details["receipt"] == [
        {
            "rule": "customer_phone_is_usable",
            "version": 1,
            "passed": True,
            "inputs": {"field": "to", "matched": ["call •••••"], "limit": 5},
        }
    ]


@pytest.mark.parametrize(
    "label",
    [
        "+966 50 123 4567",
        "050-123-4567",
        "(050) 123.4567",
        "٠٥٠١٢٣٤٥٦٧",
        "٠٥٠ ١٢٣ ٤٥٦٧",
        "۰۵۰۱۲۳۴۵۶۷",
        "०५० १२३ ४५६७",
        "０５０１２３４５６７",
        "\u2066+966\u2069 50\u2011123\u20114567",  # marks of direction and hyphens that do not break
        "2026-11-23 0501234567",
        "050/123 45 67",
    ],
)
def test_a_number_in_a_free_label_is_cut_in_any_script(label: str) -> None:
    details = recorded(a_webhook(queue=f"Sales {label}", agent_extension=label)).details

    shown = details["queue"] + details["agent_extension"]
    assert shown.startswith("Sales ")
    assert not any(unicodedata.digit(sign, None) is not None for sign in shown.replace("2026-11-23", ""))


@pytest.mark.parametrize(
    "label",
    [
        "Sales 101",
        "2026-11-23T10:00:00Z",
        "2026-11-23 10:00:00.123456+03:00",
        "09:00-17:30",
        "192.0.2.101",
        "2001:db8::1234:5678",
        f"acc_{'1234567890abcdef' * 2}",
        "01234567-89ab-4cde-8f01-234567890123",
    ],
)
def test_times_addresses_and_own_ids_stay_readable(label: str) -> None:
    assert without_numbers(label) == label


def a_status(**fields: Any) -> WhatsAppStatusReceived:
    return WhatsAppStatusReceived(account_id="acc_1", number_id="n", message_id=WAMID, status="read", at=NOON, **fields)


def test_whatsapps_message_id_which_holds_the_phone_is_sealed() -> None:
    record = recorded(a_status(customer=PHONE))

    assert WAMID not in repr(record)
    assert opened(a_status(customer=PHONE))["message_id"] == WAMID


def test_a_message_id_of_nobody_known_is_hashed() -> None:
    record = recorded(a_status(), None)

    assert WAMID not in repr(record)
    assert record.details["message_id_hash"] == PSEUDONYMS.text_hash("acc_1", WAMID)


@pytest.mark.parametrize("subject", [SUBJECT, None], ids=["of somebody", "of nobody known"])
def test_a_message_id_within_evidence_is_no_exception(subject: SubjectKey | None) -> None:
    added = SuppressionAdded(
        account_id="acc_1",
        suppression_id="s",
        kind="opt_out",
        source="keyword",
        evidence={"message_id": WAMID, "word": "en.stop.stop", "also": [WAMID]},
    )

    record = recorded(added, subject)

    assert WAMID not in repr(record)
    assert record.details["evidence"] == {"word": "en.stop.stop", "also": ["wamid.•••••"]}


def test_the_same_event_makes_the_same_record() -> None:
    assert recorded(an_approval()) == recorded(an_approval())


def test_what_is_sealed_opens_with_its_own_key_for_its_own_record_alone() -> None:
    sealed = recorded(an_approval()).personal

    for key, record_id in ((SubjectKey(b"t" * 32), str(ID)), (SUBJECT, str(UUID(int=8)))):
        with pytest.raises(CannotOpen):
            key.open(record_id, sealed)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(an_approval(), "ck", id="the key that the event names"),
        pytest.param(
            a_status(customer=PHONE, customer_user_id="u"), PSEUDONYMS.customer_key("acc_1", PHONE), id="the phone"
        ),
        pytest.param(a_status(customer_user_id="u"), PSEUDONYMS.customer_key("acc_1", "u"), id="the user id"),
        pytest.param(
            WhatsAppIdentityChanged(account_id="acc_1", number_id="n", at=NOON, new_customer_user_id="u"),
            PSEUDONYMS.customer_key("acc_1", "u"),
            id="the user id that nobody had before",
        ),
        pytest.param(a_status(), None, id="nobody"),
    ],
)
def test_whom_an_event_is_about(event: Event, expected: str | None) -> None:
    assert customer_key_of(event, PSEUDONYMS) == expected


def test_a_digest_is_no_phone_number() -> None:
    digest = "0123456789abcdef" * 4

    assert without_numbers(digest) == digest


def test_the_code_of_a_rejection_is_its_reason() -> None:
    record = recorded(WebhookRejected(reason="wrong_secret", client_address="192.0.2.1"))

    assert record.code == "wrong_secret"
    assert record.details["client_address"] == "192.0.2.1"


def test_a_webhooks_record_belongs_to_the_webhook_itself() -> None:
    assert recorded(a_webhook()).event_id == str(ID)


def test_an_answer_belongs_to_the_webhook_it_answers() -> None:
    other = uuid5(ID, "x")

    assert recorded(WebhookAnswered(event_id=other, reply_to="i1", code="ok")).event_id == str(other)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.name)
def test_every_field_that_may_name_a_person_is_marked(event: type[Event]) -> None:
    personal = {"customer", "customer_user_id", "new_customer", "new_customer_user_id"}
    personal |= {"customer_wa_id", "customer_parent_user_id", "new_customer_wa_id", "linked_phone"}
    personal |= {"linked_customer", "linked_wa_id", "linked_user_id", "parent_user_id"}
    personal |= {"text", "template", "content", "pressed", "profile_name"}

    suspicious = set(event.model_fields) & personal

    assert suspicious == set(_personal_fields(event))
    assert all(isinstance(kind, Personal) for kind in _personal_fields(event).values())


def test_an_event_class_derives_from_another_only_where_records_treat_both_alike() -> None:
    """What a record needs to know of an event's class it asks for the class itself."""
    derived = {event.name for event in EVENTS for other in EVENTS if event is not other and issubclass(event, other)}

    assert derived == {"message.replaced"}


@given(st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones()), st.sampled_from("T "))
def test_any_time_stays_readable(at: datetime, separator: str) -> None:
    written = at.replace(microsecond=at.microsecond // 10 * 10).isoformat(sep=separator)
    readable = re.fullmatch(r".*\d[+-]\d\d:\d\d:\d\d.*", written) is None  # offsets before 1900 have seconds

    assert not readable or without_numbers(written) == written


@given(st.ip_addresses(), st.sampled_from(["", "%eth0", "%12345678"]))
def test_any_address_stays_readable(address: IPv4Address | IPv6Address, zone: str) -> None:
    written = f"{address}{zone if address.version == 6 else ''}"

    assert without_numbers(written) == written


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("2001:db8::1234:5678 0501234567", "2001:db•••••", id="after an address"),
        pytest.param("2026-11-23T10:00:00Z 0501234567", "2026-11-23T10:00:00Z •••••", id="after a time"),
        pytest.param("2026-11-23T10:00:001234567", "2026-11-23T10:00:•••••", id="in a time"),
        pytest.param("0501234567%eth0", "•••••%eth0", id="before what looks like a zone"),
    ],
)
def test_a_number_beside_a_time_or_an_address_is_cut(value: str, shown: str) -> None:
    assert without_numbers(value) == shown


@given(st.text(), st.integers(min_value=10**6, max_value=10**15))
def test_no_long_number_survives_in_a_free_value(text: str, number: int) -> None:
    assert str(number) not in without_numbers(f"x{text} {number}")


def test_an_event_that_knows_its_customer_by_key_alone_is_recorded_with_it() -> None:
    suppression_id = f"sup_{'1234567890abcdef' * 2}"
    lifted = SuppressionLifted(
        account_id="acc_1",
        suppression_id=suppression_id,
        kind="blocked",
        source="operator",
        customer_key="c0ffee",
        masked_phone="+9665•••••000",
    )

    record = recorded(lifted)

    assert customer_key_of(lifted, PSEUDONYMS) == "c0ffee"
    assert opened(lifted) == {"masked_phone": "+9665•••••000"}
    assert record.details["suppression_id"] == suppression_id
    assert "customer_key" not in record.details


@dataclass
class FakeRecords:
    """Keeps records."""

    kept: dict[str, Record] = field(default_factory=dict)

    async def append(self, records: Sequence[Record]) -> int:
        self.kept |= {record.id: record for record in records}
        return len(records)


@dataclass
class FakeKeys:
    """Persons by customer key."""

    known: dict[str, SubjectKey] = field(default_factory=dict)

    async def of(self, customer_keys: Collection[str], *, new: Collection[str]) -> Mapping[str, SubjectKey]:
        for name in new:
            self.known.setdefault(name, SubjectKey(name.encode().ljust(32)[:32]))
        return {name: self.known[name] for name in customer_keys if name in self.known}


@dataclass
class FakeErasedCustomers:
    """Erasures by customer key; keeps the customers that were looked up."""

    times: dict[str, datetime] = field(default_factory=dict)
    asked: list[set[str]] = field(default_factory=list)

    async def erased_at(self, account_id: str, customer_keys: Collection[str]) -> datetime | None:
        self.asked.append(set(customer_keys))
        return max((self.times[key] for key in customer_keys if key in self.times), default=None)


def recording(records: FakeRecords, keys: FakeKeys, erased: FakeErasedCustomers | None = None) -> Recording:
    new_customers = NewCustomers(erased or FakeErasedCustomers())  # type: ignore[arg-type]  # what it needs of the port
    return Recording(records, keys, PSEUDONYMS, new_customers)  # type: ignore[arg-type]  # what it needs of the ports


async def test_a_status_of_somebody_erased_since_is_recorded_about_nobody() -> None:
    records, keys = FakeRecords(), FakeKeys()
    record = recording(records, keys)

    await record([Received(a_status(customer=PHONE), id=UUID(int=1), at=NOON, attempt=1)])
    await record([Received(an_approval(), id=UUID(int=2), at=NOON, attempt=1)])

    alone, approved = records.kept.values()
    assert (alone.customer_hash, alone.personal) == (None, None)
    assert approved.customer_hash is not None


def a_message(phone: str = PHONE, *, sent_at: datetime = NOON) -> WhatsAppMessageReceived:
    return WhatsAppMessageReceived(
        account_id="acc_1", number_id="n", message_id=WAMID, customer=phone, type="text", text=TEXT, sent_at=sent_at
    )


HOUR = timedelta(hours=1)
OTHER = "+966511111111"


@pytest.mark.parametrize(
    ("sent_at", "published_at", "known"),
    [
        pytest.param(NOON - HOUR, NOON - HOUR, False, id="recorded late"),
        pytest.param(NOON, NOON, False, id="in the moment of the erasure"),
        pytest.param(NOON - HOUR, NOON + HOUR, False, id="reported late"),
        pytest.param(NOON + HOUR, NOON + HOUR, True, id="after the erasure"),
    ],
)
async def test_what_somebody_did_before_their_erasure_gives_them_no_new_key(
    sent_at: datetime, published_at: datetime, *, known: bool
) -> None:
    theirs, others = (PSEUDONYMS.customer_key("acc_1", phone) for phone in (PHONE, OTHER))
    records, keys, erased = FakeRecords(), FakeKeys(), FakeErasedCustomers({theirs: NOON})

    await recording(records, keys, erased)(
        [
            Received(a_message(sent_at=sent_at), id=UUID(int=1), at=published_at, attempt=1),
            Received(a_message(OTHER, sent_at=sent_at), id=UUID(int=2), at=published_at, attempt=1),
        ]
    )

    line, another = records.kept.values()
    assert set(keys.known) == {others} | ({theirs} if known else set())
    assert ((line.customer_hash is not None), (line.personal is not None)) == (known, known)
    assert another.customer_hash is not None
    assert line.masked_phone is None
    assert PHONE not in repr(line)


async def test_markers_are_read_only_for_customers_without_a_key() -> None:
    records, keys, erased = FakeRecords(), FakeKeys(), FakeErasedCustomers()
    record = recording(records, keys, erased)

    for n, phone in enumerate((PHONE, PHONE, OTHER)):
        await record([Received(a_message(phone), id=UUID(int=n), at=NOON, attempt=1)])

    assert erased.asked == [{PSEUDONYMS.customer_key("acc_1", phone)} for phone in (PHONE, OTHER)]
