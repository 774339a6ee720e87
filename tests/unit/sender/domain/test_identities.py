"""Which names in WhatsApp's answer to a send, and in statuses, are others of the recipient, and which are nobody's."""

from typing import Any
from uuid import uuid4

import pytest

from libs.contracts.events import WhatsAppIdentityLinked, WhatsAppStatusReceived
from libs.providers.outcomes import Accepted
from libs.store.contacts import Contact
from libs.store.progress import Progress
from libs.store.statuses import TrackedMessage
from services.sender.domain.identities import identity_linked_by_status, identity_linked_from
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import EVENT, approved

BRAZILIAN, DIGITS = "+5511987654321", "551187654321"
GABONESE, FORMER = "+24106123456", "2416123456"


def linked(message: dict[str, Any], **names: Any) -> tuple[str | None, str | None, str | None] | None:
    """The canonical number, the digits and the user id that an answer with `names` links; None without an event."""
    accepted = Accepted(message_id="wamid.1", **names)
    event = identity_linked_from(approved(**message), accepted, at=NOON)
    return None if event is None else (event.linked_customer, event.linked_wa_id, event.linked_user_id)


TO_BRAZILIAN = {"customer": BRAZILIAN}


@pytest.mark.parametrize(
    ("message", "names", "expected"),
    [
        pytest.param(TO_BRAZILIAN, {}, None, id="an answer without names"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "5511987654321"}, None, id="the digits that were sent to"),
        pytest.param(TO_BRAZILIAN, {"wa_id": DIGITS}, (BRAZILIAN, DIGITS, None), id="whatsapp's own form"),
        pytest.param(TO_BRAZILIAN | {"customer_wa_id": DIGITS}, {"wa_id": DIGITS}, None, id="the form that is known"),
        pytest.param(
            {"customer": GABONESE}, {"wa_id": FORMER}, (f"+{FORMER}", FORMER, None), id="a spelling without a rule"
        ),
        pytest.param(TO_BRAZILIAN, {"wa_id": "15550783881"}, None, id="a test number"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "966500000000"}, None, id="a server that answers one number for all"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "5521999999999"}, None, id="another person of the country"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "120363041234567890"}, None, id="a group"),
        pytest.param(TO_BRAZILIAN, {"wa_id": "+551187654321"}, None, id="no digits"),
        pytest.param(TO_BRAZILIAN, {"user_id": "BR.900000001"}, (None, None, "BR.900000001"), id="a user id"),
        pytest.param(TO_BRAZILIAN, {"user_id": "+551187654321"}, None, id="a number in the user id's place"),
        pytest.param(TO_BRAZILIAN | {"customer_user_id": "BR.9"}, {"user_id": "BR.9"}, None, id="a known user id"),
        pytest.param(
            {"customer": None, "customer_user_id": "BR.9"},
            {"wa_id": DIGITS, "user_id": "BR.9"},
            (BRAZILIAN, DIGITS, None),
            id="the phone of a user id",
        ),
        pytest.param(
            {"customer": None, "customer_user_id": "BR.9"},
            {"wa_id": DIGITS, "user_id": "BR.8"},
            None,
            id="the phone of another user id",
        ),
    ],
)
def test_an_answer_links_what_is_another_name_of_the_recipient(
    message: dict[str, Any], names: dict[str, Any], expected: object
) -> None:
    assert linked(message, **names) == expected


# ---------------------------------------------------------------- the names in a status

MESSAGE = TrackedMessage(
    event_id=str(EVENT),
    account_id="a1",
    integration_id="i1",
    number_id="n1",
    customer_key="c1",
    message_id="wamid.1",
    outcome=None,
    progress=Progress(),
)


def told(sent_to: Contact | None, names: dict[str, str | None], status: str = "read") -> WhatsAppIdentityLinked | None:
    """The event of a status with these names; each is the event's field without `customer_`."""
    fields = {f"customer_{name}".removesuffix("_phone"): value for name, value in names.items()}
    received = WhatsAppStatusReceived.model_validate(
        {"account_id": "a1", "number_id": "n1", "message_id": "wamid.1", "status": status, "at": NOON} | fields
    )
    return identity_linked_by_status(received, MESSAGE, sent_to)


TO_PHONE, TO_USER_ID = Contact(phone=BRAZILIAN), Contact(user_id="BR.9")
BOTH = Contact(phone=BRAZILIAN, user_id="BR.9")
STATUSES: dict[str, tuple[Contact | None, dict[str, str | None], object]] = {
    "nothing new": (BOTH, {"phone": BRAZILIAN, "user_id": "BR.9"}, None),
    "nobody": (BOTH, {}, None),
    "the phone alone": (TO_PHONE, {"phone": BRAZILIAN}, None),
    "the phone and its user id": (TO_PHONE, {"phone": BRAZILIAN, "user_id": "BR.9"}, (None, None, "BR.9")),
    "the user id alone, of a message to a phone": (TO_PHONE, {"user_id": "BR.9"}, (None, None, "BR.9")),
    "a hidden id": (TO_PHONE, {"user_id": "123456789010032@lid"}, (None, None, "123456789010032@lid")),
    "a newer user id": (BOTH, {"phone": BRAZILIAN, "user_id": "BR.10"}, (None, None, "BR.10")),
    "the phone of a user id": (
        TO_USER_ID, {"phone": BRAZILIAN, "user_id": "BR.9"}, (BRAZILIAN, BRAZILIAN[1:], None)
    ),
    "the phone alone, of a message to a user id": (
        TO_USER_ID, {"phone": BRAZILIAN}, (BRAZILIAN, BRAZILIAN[1:], None)
    ),
    "the phone of another user id": (TO_USER_ID, {"phone": BRAZILIAN, "user_id": "BR.8"}, None),
    "another user id than it was sent to": (TO_USER_ID, {"user_id": "BR.8"}, None),
    "whatsapp's own digits": (TO_PHONE, {"phone": BRAZILIAN, "wa_id": DIGITS}, (BRAZILIAN, DIGITS, None)),
    "whatsapp's own digits, which are known": (
        Contact(phone=BRAZILIAN, wa_id=DIGITS), {"phone": BRAZILIAN, "wa_id": DIGITS}, None
    ),
    "whatsapp's own digits and a user id": (
        TO_PHONE, {"phone": BRAZILIAN, "wa_id": DIGITS, "user_id": "BR.9"}, (BRAZILIAN, DIGITS, "BR.9")
    ),
    "a spelling without a rule": (
        Contact(phone=GABONESE), {"phone": f"+{FORMER}"}, (f"+{FORMER}", FORMER, None)
    ),
    "a test number": (TO_PHONE, {"phone": "+15550783881"}, None),
    "a test number with a user id": (TO_PHONE, {"phone": "+15550783881", "user_id": "BR.9"}, None),
    "another person of the country": (TO_PHONE, {"phone": "+5521999999999", "user_id": "BR.8"}, None),
    "a parent's user id": (TO_PHONE, {"phone": BRAZILIAN, "user_id": "BR.ENT.9"}, None),
    "a user id that is none": (TO_PHONE, {"phone": BRAZILIAN, "user_id": "someone"}, None),
    "whom an erasure removed": (None, {"phone": BRAZILIAN, "user_id": "BR.9"}, None),
}  # fmt: skip


@pytest.mark.parametrize(("sent_to", "names", "expected"), STATUSES.values(), ids=STATUSES)
def test_a_status_links_what_is_another_name_of_the_recipient(
    sent_to: Contact | None, names: dict[str, str | None], expected: object
) -> None:
    event = told(sent_to, names)

    assert (event and (event.linked_customer, event.linked_wa_id, event.linked_user_id)) == expected


def test_every_status_of_a_message_that_names_the_same_is_one_event() -> None:
    names: dict[str, str | None] = {"phone": BRAZILIAN, "user_id": "BR.9"}

    events = [told(TO_PHONE, names, status) for status in ("sent", "delivered", "read")]

    assert len({event and event.derived_id(uuid4()) for event in events}) == 1
    assert events[0] is not None
    assert (events[0].event_id, events[0].customer, events[0].at) == (EVENT, BRAZILIAN, NOON)


def test_a_status_and_the_answer_before_it_are_one_event() -> None:
    answer = identity_linked_from(approved(customer=BRAZILIAN), Accepted(message_id="wamid.1", user_id="BR.9"), at=NOON)
    status = told(TO_PHONE, {"phone": BRAZILIAN, "user_id": "BR.9"})

    assert answer is not None
    assert status is not None
    assert answer.derived_id(uuid4()) == status.derived_id(uuid4())
