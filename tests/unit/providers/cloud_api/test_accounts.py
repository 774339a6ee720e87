"""Meta's preferences, new user ids and account updates."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.contracts.events import (
    WhatsAppAccountUpdated,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
)
from libs.providers.inbound import Skip
from tests.unit.providers.cloud_api.samples import MESSAGE, change_of, document_of, parsed
from tests.unit.providers.cloud_api.test_messages import one

AT = datetime.fromtimestamp(1749416383, UTC)


def test_user_id_update_is_no_field_of_metas() -> None:
    """Meta tells a new identity as a system message; the field was described once but cannot be subscribed to."""
    update = {"user_id": {"previous": "US.1", "current": "US.2"}, "timestamp": "1749416383"}

    inbound = parsed(change_of("user_id_update", {"metadata": {"phone_number_id": "1"}, "user_id_update": [update]}))

    assert (inbound.events, inbound.skipped) == ((), Counter({Skip.UNKNOWN_FIELD: 1}))


PREFERENCE = {"wa_id": "16505551234", "category": "marketing_messages", "value": "stop", "timestamp": 1749416383}


def test_a_repeated_preference_is_one_event_under_a_keyed_id() -> None:
    document = document_of(user_preferences=[PREFERENCE, PREFERENCE])

    inbound_event, elsewhere = one(parsed(document, key=b"a")), one(parsed(document, key=b"b"))

    assert inbound_event.event == WhatsAppPreferenceChanged(
        number_id="106540352242922", category="marketing_messages", value="stop", at=AT, customer="+16505551234"
    )
    assert inbound_event.id == one(parsed(document, key=b"a")).id
    assert inbound_event.id != elsewhere.id


CONTACT = {"wa_id": "16505551234", "user_id": "US.1", "parent_user_id": "US.ENT.1"}
OTHER_CONTACT = {"wa_id": "16505550000", "user_id": "US.9"}


@pytest.mark.parametrize(
    ("names", "contacts", "expected"),
    [
        pytest.param({}, [OTHER_CONTACT, CONTACT], ("+16505551234", "US.1", "US.ENT.1"), id="by phone"),
        pytest.param(
            {"wa_id": None, "user_id": "US.1"}, [CONTACT], ("+16505551234", "US.1", "US.ENT.1"), id="by user id"
        ),
        pytest.param({}, [OTHER_CONTACT], ("+16505551234", None, None), id="of somebody else"),
        pytest.param({}, None, ("+16505551234", None, None), id="without contacts"),
    ],
)
def test_a_preference_is_its_contacts_too(names: Any, contacts: Any, expected: object) -> None:
    event = one(parsed(document_of(user_preferences=[PREFERENCE | names], contacts=contacts))).event

    assert isinstance(event, WhatsAppPreferenceChanged)
    assert (event.customer, event.customer_user_id, event.customer_parent_user_id) == expected


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(5, id="no object"),
        pytest.param(PREFERENCE | {"wa_id": None}, id="no customer"),
        pytest.param(PREFERENCE | {"timestamp": "soon"}, id="no time"),
        pytest.param(PREFERENCE | {"value": None}, id="no value"),
    ],
)
def test_a_preference_that_cannot_be_read_is_skipped(message: Any) -> None:
    inbound = parsed(document_of(user_preferences=[message, PREFERENCE]))

    assert (len(inbound.events), inbound.skipped) == (1, Counter({Skip.UNREADABLE: 1}))


TOPICS = {
    "a template's status": ("message_template_status_update", {"event": "PAUSED", "message_template_id": 12}),
    "a template's quality": ("message_template_quality_update", {"new_quality_score": "RED"}),
    "a number's quality": ("phone_number_quality_update", {"event": "DOWNGRADE", "current_limit": "TIER_1K"}),
    "an account's update": ("account_update", {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"x": 1}]}),
    "an alert": ("account_alerts", {"alert_type": "OBA_REJECTED"}),
    "a review": ("account_review_update", {"decision": "APPROVED"}),
}


@pytest.mark.parametrize(("topic", "value"), TOPICS.values(), ids=TOPICS.keys())
def test_an_account_update_is_an_event(topic: str, value: dict[str, Any]) -> None:
    inbound_event = one(parsed(change_of(topic, value | {"messaging_product": "whatsapp"})))

    assert inbound_event.event == WhatsAppAccountUpdated(
        topic=topic, business_account_id="102290129340398", at=AT, update=value
    )


def test_an_update_is_the_same_event_when_repeated_and_another_one_later() -> None:
    value = {"event": "DOWNGRADE"}
    first, again = (one(parsed(change_of("account_update", value))) for _ in range(2))

    later = one(parsed(change_of("account_update", value, time=1749416384)))

    assert first.id == again.id != later.id


def test_a_fault_of_the_account_comes_without_a_message() -> None:
    event = one(parsed(document_of(errors=[{"code": 131031, "title": "Locked"}]))).event

    assert isinstance(event, WhatsAppAccountUpdated)
    assert (event.topic, event.number_id) == ("errors", "106540352242922")
    assert event.update == {"errors": [{"code": 131031, "title": "Locked"}]}


def test_a_fault_of_the_account_beside_a_message_hides_neither() -> None:
    inbound = parsed(document_of(messages=[MESSAGE], errors=[{"code": 130429}, {"code": 131000}]))

    assert [type(each.event) for each in inbound.events] == [WhatsAppMessageReceived, WhatsAppAccountUpdated]


def test_a_fault_without_a_number_is_unreadable_and_kept() -> None:
    inbound = parsed(change_of("messages", {"errors": [{"code": 131000}]}))

    assert (inbound.events, inbound.skipped, len(inbound.unreadable)) == ((), Counter({Skip.UNREADABLE: 1}), 1)
