"""Everything that WhatsApp can tell besides a plain text: types of messages, preferences, identities, accounts."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.contracts.events import (
    WhatsAppAccountUpdated,
    WhatsAppIdentityChanged,
    WhatsAppMessageReceived,
    WhatsAppPreferenceChanged,
    WhatsAppStatusReceived,
)
from services.ingress import metrics
from services.ingress.domain.whatsapp import Skip, Spoken, batch_from
from tests.unit.ingress.test_whatsapp import MESSAGE, STATUS, post_of, sent, world
from tests.unit.ingress.world import open_door

AT = datetime.fromtimestamp(1749416383, UTC)
IMAGE = {"id": "1003383421387256", "mime_type": "image/jpeg", "sha256": "c2hh", "caption": "STOP"}
FORM = {"name": "flow", "body": "Sent", "response_json": '{"answer": 1}'}


def a_message(kind: str, part: Any = None, **fields: Any) -> dict[str, Any]:
    told = {key: value for key, value in MESSAGE.items() if key != "text"}
    return told | {"type": kind} | ({} if part is None else {kind: part}) | fields


def event_of(told: dict[str, Any], **value: Any) -> WhatsAppMessageReceived:
    spoken = batch_from(post_of(messages=[told], **value)).spoken
    event = spoken[0].event
    assert isinstance(event, WhatsAppMessageReceived)
    return event


def a_change(topic: str, value: Any, *, time: int = 1749416383) -> Any:
    return {"entry": [{"id": "102290129340398", "time": time, "changes": [{"field": topic, "value": value}]}]}


def one(batch: Any) -> Spoken:
    [spoken] = batch.spoken
    assert isinstance(spoken, Spoken)
    return spoken


KINDS: dict[str, tuple[dict[str, Any], str | None, dict[str, Any] | None]] = {
    "text": (a_message("text", {"body": "hi"}), "hi", None),
    "image": (a_message("image", IMAGE | {"url": "https://x"}), "STOP", {"image": IMAGE}),
    "audio": (a_message("audio", {"id": "1", "voice": True}), None, {"audio": {"id": "1", "voice": True}}),
    "video": (a_message("video", {"id": "1"}), None, {"video": {"id": "1"}}),
    "document": (
        a_message("document", {"id": "1", "filename": "a.pdf"}),
        None,
        {"document": {"id": "1", "filename": "a.pdf"}},
    ),
    "sticker": (
        a_message("sticker", {"id": "1", "animated": False}),
        None,
        {"sticker": {"id": "1", "animated": False}},
    ),
    "location": (
        a_message("location", {"latitude": 24.7, "longitude": 46.6}),
        None,
        {"location": {"latitude": 24.7, "longitude": 46.6}},
    ),
    "contacts": (a_message("contacts", [{"name": {}}]), None, {"contacts": [{"name": {}}]}),
    "button": (
        a_message("button", {"text": "Yes", "payload": "y"}),
        "Yes",
        {"button": {"text": "Yes", "payload": "y"}},
    ),
    "a form": (
        a_message("interactive", {"type": "nfm_reply", "nfm_reply": FORM}),
        "Sent",
        {"interactive": {"type": "nfm_reply", "nfm_reply": FORM}},
    ),
    "reaction": (
        a_message("reaction", {"message_id": "wamid.1", "emoji": "👍"}),
        "👍",
        {"reaction": {"message_id": "wamid.1", "emoji": "👍"}},
    ),
    "order": (
        a_message("order", {"catalog_id": "1", "text": "quick"}),
        "quick",
        {"order": {"catalog_id": "1", "text": "quick"}},
    ),
    "system": (
        a_message("system", {"body": "changed", "type": "customer_identity_changed"}),
        "changed",
        {"system": {"body": "changed", "type": "customer_identity_changed"}},
    ),
    "unsupported": (a_message("unsupported", errors=[{"code": 131051}]), None, {"errors": [131051]}),
    "a type that is yet to come": (a_message("hologram", {"id": "1"}), None, {"hologram": {"id": "1"}}),
    "a text from an advertisement": (
        a_message("text", {"body": "hi"}, referral={"source_id": "ad"}),
        "hi",
        {"referral": {"source_id": "ad"}},
    ),
}


@pytest.mark.parametrize(("told", "text", "content"), KINDS.values(), ids=KINDS.keys())
def test_every_type_of_message_is_taken_with_what_it_adds(told: dict[str, Any], text: str | None, content: Any) -> None:
    event = event_of(told)

    assert (event.type, event.text, event.content) == (told["type"], text, content)


@pytest.mark.parametrize("kind", ["reaction", "system", "request_welcome", "edit", "revoke"])
def test_what_is_no_message_of_the_customers_opens_no_window(kind: str) -> None:
    assert not event_of(a_message(kind, {})).opens_window


@pytest.mark.parametrize("kind", ["text", "image", "location", "contacts", "order", "unsupported", "hologram"])
def test_what_the_customer_wrote_opens_the_window(kind: str) -> None:
    assert event_of(a_message(kind)).opens_window


PRESSED = {
    "a template's button": (a_message("button", {"text": "Stop", "payload": "OPT_OUT"}), ("Stop", "OPT_OUT")),
    "a payload alone": (a_message("button", {"payload": "STOP"}), ("STOP",)),
    "a reply button": (a_message("interactive", {"button_reply": {"id": "b1", "title": "Stop"}}), ("Stop", "b1")),
    "a list's row": (a_message("interactive", {"list_reply": {"id": "r1", "title": "Stop"}}), ("Stop", "r1")),
    "no button": (MESSAGE, ()),
    "a button that is none": (a_message("button", ["STOP"]), ()),
}


@pytest.mark.parametrize(("told", "pressed"), PRESSED.values(), ids=PRESSED.keys())
def test_a_button_is_known_by_its_title_and_payload(told: dict[str, Any], pressed: tuple[str, ...]) -> None:
    assert event_of(told).pressed == pressed


def test_content_has_an_end() -> None:
    deep: dict[str, Any] = {}
    told: dict[str, Any] = deep
    for _ in range(100):
        deep["x"] = {}
        deep = deep["x"]
    event = event_of(a_message("order", told | {"list": list(range(10_000)), "text": "x" * 100_000, "id": 2**63}))

    assert event.content is not None
    assert len(event.content["order"]["list"]) == 100
    assert len(event.content["order"]["text"]) == 16_384
    assert event.content["order"]["id"] == str(2**63)
    assert str(event.content).count("{") < 10


def test_no_content_shows_in_a_repr() -> None:
    assert "OPT_OUT" not in repr(event_of(PRESSED["a template's button"][0]))


def test_a_customer_who_changed_the_phone_is_said_to_be_somebody_else() -> None:
    told = a_message("system", {"type": "user_changed_number", "wa_id": "12195555358"}, from_user_id="US.1")

    message, changed = batch_from(post_of(messages=[told])).spoken

    assert isinstance(message.event, WhatsAppMessageReceived)
    assert changed.event == WhatsAppIdentityChanged(
        number_id="106540352242922",
        at=AT,
        customer="+16505551234",
        customer_user_id="US.1",
        new_customer="+12195555358",
    )
    assert changed.id != message.id


def test_a_system_message_can_tell_of_a_new_user_id() -> None:
    told = a_message("system", {"type": "user_changed_user_id", "user_id": "US.2", "previous_user_id": "US.1"})

    _, changed = batch_from(post_of(messages=[told])).spoken

    assert isinstance(changed.event, WhatsAppIdentityChanged)
    assert (changed.event.customer_user_id, changed.event.new_customer_user_id) == ("US.1", "US.2")
    assert changed.event.new_customer is None


def test_a_new_user_id_has_a_field_of_its_own() -> None:
    told = {"wa_id": "12195555358", "user_id": {"previous": "US.1", "current": "US.2"}, "timestamp": "1749416383"}
    post = post_of(user_id_update=[told, {"user_id": {"current": "US.3"}}])

    batch = batch_from(post)

    assert one(batch).event == WhatsAppIdentityChanged(
        number_id="106540352242922",
        at=AT,
        customer_user_id="US.1",
        new_customer="+12195555358",
        new_customer_user_id="US.2",
    )
    assert batch.skipped == Counter({Skip.UNREADABLE: 1})


PREFERENCE = {"wa_id": "16505551234", "category": "marketing_messages", "value": "stop", "timestamp": 1749416383}


def test_a_preference_is_taken_once_under_an_id_that_names_nobody() -> None:
    post = post_of(user_preferences=[PREFERENCE, PREFERENCE])

    spoken, elsewhere = one(batch_from(post, key=b"a")), one(batch_from(post, key=b"b"))

    assert spoken.event == WhatsAppPreferenceChanged(
        number_id="106540352242922", category="marketing_messages", value="stop", at=AT, customer="+16505551234"
    )
    assert spoken.id == one(batch_from(post, key=b"a")).id
    assert spoken.id != elsewhere.id


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(5, id="no object"),
        pytest.param(PREFERENCE | {"wa_id": None}, id="nobody"),
        pytest.param(PREFERENCE | {"timestamp": "soon"}, id="no time"),
        pytest.param(PREFERENCE | {"value": None}, id="no wish"),
    ],
)
def test_a_preference_that_cannot_be_read_is_passed_over(told: Any) -> None:
    batch = batch_from(post_of(user_preferences=[told, PREFERENCE]))

    assert (len(batch.spoken), batch.skipped) == (1, Counter({Skip.UNREADABLE: 1}))


TOPICS = {
    "a template's status": ("message_template_status_update", {"event": "PAUSED", "message_template_id": 12}),
    "a template's quality": ("message_template_quality_update", {"new_quality_score": "RED"}),
    "a number's quality": ("phone_number_quality_update", {"event": "DOWNGRADE", "current_limit": "TIER_1K"}),
    "an account's update": ("account_update", {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"x": 1}]}),
    "an alert": ("account_alerts", {"alert_type": "OBA_REJECTED"}),
    "a review": ("account_review_update", {"decision": "APPROVED"}),
}


@pytest.mark.parametrize(("topic", "value"), TOPICS.values(), ids=TOPICS.keys())
def test_what_happens_to_accounts_is_an_event(topic: str, value: dict[str, Any]) -> None:
    spoken = one(batch_from(a_change(topic, value | {"messaging_product": "whatsapp"})))

    assert spoken.event == WhatsAppAccountUpdated(
        topic=topic, business_account_id="102290129340398", at=AT, update=value
    )


def test_an_update_is_the_same_event_however_often_it_comes_and_another_one_later() -> None:
    value = {"event": "DOWNGRADE"}
    first, again = (one(batch_from(a_change("account_update", value))) for _ in range(2))

    later = one(batch_from(a_change("account_update", value, time=1749416384)))

    assert first.id == again.id != later.id


def test_a_fault_of_the_account_comes_without_a_message() -> None:
    event = one(batch_from(post_of(errors=[{"code": 131031, "title": "Locked"}]))).event

    assert isinstance(event, WhatsAppAccountUpdated)
    assert (event.topic, event.number_id) == ("errors", "106540352242922")
    assert event.update == {"errors": [{"code": 131031, "title": "Locked"}]}


def test_a_field_that_we_do_not_take_is_counted() -> None:
    batch = batch_from(a_change("history", {"messages": [MESSAGE]}))

    assert (batch.spoken, batch.skipped) == ((), Counter({Skip.UNKNOWN_FIELD: 1}))


def test_a_groups_messages_and_statuses_are_passed_over() -> None:
    batch = batch_from(post_of(messages=[MESSAGE | {"group_id": "g"}], statuses=[STATUS | {"recipient_type": "group"}]))

    assert (batch.spoken, batch.skipped) == ((), Counter({Skip.GROUP: 2}))


def test_a_status_names_the_customer_by_user_id_too() -> None:
    event = one(batch_from(post_of(statuses=[STATUS | {"recipient_user_id": "US.1"}]))).event

    assert isinstance(event, WhatsAppStatusReceived)
    assert event.customer_user_id == "US.1"


async def test_an_accounts_update_needs_no_number_of_ours() -> None:
    around = world()

    async with open_door(around) as door:
        answer = await sent(door, a_change("account_alerts", {"alert_type": "X"}))

    assert answer.status == 200
    assert [type(event) for _, event in around.broker.taken] == [WhatsAppAccountUpdated]


async def test_what_is_passed_over_is_counted_by_its_reason() -> None:
    reasons = ("group", "unknown_number", "unknown_field")
    before = [_skipped(reason) for reason in reasons]
    strange = post_of(messages=[MESSAGE], metadata={"phone_number_id": "999"})
    group = post_of(messages=[MESSAGE | {"group_id": "g"}])

    async with open_door(world()) as door:
        for post in (strange, group, a_change("history", {})):
            await sent(door, post)

    assert [_skipped(reason) for reason in reasons] == [count + 1 for count in before]


def _skipped(reason: str) -> float:
    return float(metrics.META_SKIPPED.labels(reason)._value.get())
