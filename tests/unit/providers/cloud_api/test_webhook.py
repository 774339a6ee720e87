"""Meta's webhook requests: each message and each status becomes an event by itself."""

import copy
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.events import WhatsAppMessageReceived
from libs.providers.inbound import Inbound, Skip
from tests.unit.providers.cloud_api.samples import MESSAGE, STATUS, change_of, document_of, parsed


def test_each_status_of_a_message_is_an_event_of_its_own() -> None:
    inbound = parsed(document_of(statuses=[STATUS, STATUS | {"status": "read"}]))

    assert len({inbound_event.id for inbound_event in inbound.events}) == 2


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"contacts": None}, id="empty lists"),
        pytest.param({}, id="contacts alone"),
        pytest.param({"contacts": None, "messages": None, "statuses": None}, id="a number alone"),
    ],
)
def test_a_post_that_seems_to_say_nothing_is_kept_because_a_later_release_may_know_what_it_says(
    value: dict[str, Any],
) -> None:
    inbound = parsed(document_of(**value))

    assert (inbound.events, len(inbound.unreadable)) == ((), 1)


BUTTONS = {
    "a template's button": {"type": "button", "button": {"text": "STOP", "payload": "stop-1"}},
    "a button that only has a payload": {"type": "button", "button": {"payload": "STOP"}},
    "a reply button": {
        "type": "interactive",
        "interactive": {"button_reply": {"id": "1", "title": "STOP"}},
    },
    "a list": {"type": "interactive", "interactive": {"list_reply": {"id": "1", "title": "STOP"}}},
}


@pytest.mark.parametrize("pressed", BUTTONS.values(), ids=BUTTONS.keys())
def test_the_title_of_a_pressed_button_is_the_text(pressed: dict[str, Any]) -> None:
    message = {key: value for key, value in MESSAGE.items() if key != "text"} | pressed

    [inbound_event] = parsed(document_of(messages=[message])).events

    assert isinstance(inbound_event.event, WhatsAppMessageReceived)
    assert inbound_event.event.text == "STOP"


def test_a_customer_without_phone_is_identified_by_the_user_id() -> None:
    message = {key: value for key, value in MESSAGE.items() if key != "from"} | {"from_user_id": "US.1"}
    contacts = [{"user_id": "US.1"}, {"user_id": "US.2", "wa_id": "16505559999"}]

    [inbound_event] = parsed(document_of(messages=[message], contacts=contacts)).events

    assert isinstance(inbound_event.event, WhatsAppMessageReceived)
    assert (inbound_event.event.customer, inbound_event.event.customer_user_id) == (None, "US.1")


MALFORMED = {
    "no object": (5, Skip.UNREADABLE),
    "no id": (MESSAGE | {"id": None}, Skip.UNREADABLE),
    "an id that is a list": (MESSAGE | {"id": ["wamid"]}, Skip.UNREADABLE),
    "a timestamp that is none": (MESSAGE | {"timestamp": "soon"}, Skip.UNREADABLE),
    "a timestamp without end": (MESSAGE | {"timestamp": "9" * 500}, Skip.UNREADABLE),
    "a negative timestamp": (MESSAGE | {"timestamp": -5}, Skip.UNREADABLE),
    "a group": (MESSAGE | {"group_id": "g"}, Skip.GROUP),
    "no customer": (MESSAGE | {"from": "anonymous"}, Skip.NO_CUSTOMER),
}


@pytest.mark.parametrize(("message", "reason"), MALFORMED.values(), ids=MALFORMED.keys())
def test_an_unreadable_part_does_not_affect_the_others(message: Any, reason: Skip) -> None:
    inbound = parsed(document_of(messages=[message, MESSAGE], statuses=[5, STATUS], contacts=[{}, {}]))

    assert len(inbound.events) == 2
    assert inbound.skipped[reason] >= 1


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_any_value_anywhere_is_read_or_skipped(data: st.DataObject) -> None:
    document = copy.deepcopy(document_of(messages=[MESSAGE], statuses=[STATUS | {"errors": [{"code": 1}]}]))
    value = document["entry"][0]["changes"][0]["value"]
    part = data.draw(
        st.sampled_from(
            [document, document["entry"][0], value, value["messages"][0], value["statuses"][0], value["contacts"][0]]
        )
    )
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(JSON)

    parsed(document)


STOP = MESSAGE | {"id": "wamid.STOP", "text": {"body": "STOP"}}
LISTS = ("messages", "statuses", "calls", "user_preferences", "errors", "message_echoes")


def texts_in(inbound: Inbound) -> list[str | None]:
    events = (each.event for each in inbound.events)
    return [event.text for event in events if isinstance(event, WhatsAppMessageReceived)]


@given(part=JSON, kind=st.sampled_from(LISTS), wrapped=st.booleans(), before=st.booleans())
def test_no_neighbour_hides_a_stop(part: Any, kind: str, wrapped: bool, before: bool) -> None:  # noqa: FBT001 -- drawn
    items = [part] if wrapped else part
    document = document_of(messages=[STOP], **({kind: items} if kind != "messages" else {}))
    value = document["entry"][0]["changes"][0]["value"]
    if kind == "messages":
        value["messages"] = [part, STOP] if before else [STOP, part]
    document["entry"].insert(0 if before else 1, {"id": "1", "changes": [{"field": "messages", "value": part}, part]})

    assert texts_in(parsed(document)).count("STOP") == 1


@given(data=st.data())
def test_a_neighbour_with_any_value_in_any_field_hides_no_stop(data: st.DataObject) -> None:
    neighbour = copy.deepcopy(MESSAGE | {"context": {"id": "1"}, "from_user_id": "US.1", "errors": [{"code": 1}]})
    neighbour[data.draw(st.sampled_from(sorted(neighbour)))] = data.draw(JSON)
    contact = {"wa_id": "16505551234", "profile": {"name": "Ann"}} | {data.draw(st.text()): data.draw(JSON)}

    inbound = parsed(document_of(messages=[neighbour, STOP], contacts=[data.draw(JSON), contact]))

    assert "STOP" in texts_in(inbound)
    assert len(inbound.events) + sum(inbound.skipped.values()) >= 2


@pytest.mark.parametrize("field", [[], {}, 5, None])
def test_a_field_name_that_is_no_text_does_not_affect_the_content(field: object) -> None:
    document = document_of(messages=[MESSAGE | {"system": {"type": field}}])
    document["entry"][0]["changes"][0]["field"] = field

    assert len(parsed(document).events) == 1


def test_an_unknown_field_is_skipped_and_counted() -> None:
    inbound = parsed(change_of("history", {"messages": [MESSAGE]}))

    assert (inbound.events, inbound.skipped) == ((), Counter({Skip.UNKNOWN_FIELD: 1}))


def test_a_groups_messages_and_statuses_are_skipped() -> None:
    inbound = parsed(
        document_of(messages=[MESSAGE | {"group_id": "g"}], statuses=[STATUS | {"recipient_type": "group"}])
    )

    assert (inbound.events, inbound.skipped) == ((), Counter({Skip.GROUP: 2}))
