"""Customer messages of every type in Meta's format, and the identity changes that they report."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.events import (
    MAX_NAME,
    WhatsAppIdentityChanged,
    WhatsAppMessageReceived,
    WhatsAppStatusReceived,
)
from libs.contracts.text import without_controls
from libs.providers.inbound import InboundEvent
from libs.providers.json_values import MAX_ITEMS
from tests.unit.providers.cloud_api.samples import MESSAGE, STATUS, document_of, parsed

AT = datetime.fromtimestamp(1749416383, UTC)
IMAGE = {"id": "1003383421387256", "mime_type": "image/jpeg", "sha256": "c2hh", "caption": "STOP"}
FORM = {"name": "flow", "body": "Sent", "response_json": '{"answer": 1}'}


def a_message(kind: str, part: Any = None, **fields: Any) -> dict[str, Any]:
    message = {key: value for key, value in MESSAGE.items() if key != "text"}
    return message | {"type": kind} | ({} if part is None else {kind: part}) | fields


def event_of(message: dict[str, Any], **value: Any) -> WhatsAppMessageReceived:
    event = parsed(document_of(messages=[message], **value)).events[0].event
    assert isinstance(event, WhatsAppMessageReceived)
    return event


def one(inbound: Any) -> InboundEvent:
    [event] = inbound.events
    assert isinstance(event, InboundEvent)
    return event


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
    "a question about a product": (
        a_message("text", {"body": "In stock?"}, context={"id": "wamid.1", "referred_product": {"catalog_id": "1"}}),
        "In stock?",
        {"referred_product": {"catalog_id": "1"}},
    ),
    "a picture of another person": (
        a_message("image", IMAGE, context={"forwarded": True, "frequently_forwarded": False}),
        "STOP",
        {"image": IMAGE, "forwarded": True},
    ),
    "a text that many people forwarded": (
        a_message("text", {"body": "hi"}, context={"forwarded": True, "frequently_forwarded": True}),
        "hi",
        {"forwarded": True, "frequently_forwarded": True},
    ),
    "a text with a context of other types": (
        a_message("text", {"body": "hi"}, context={"referred_product": "1", "forwarded": "yes"}),
        "hi",
        None,
    ),
    "a text with a context that is none": (a_message("text", {"body": "hi"}, context=["wamid.1"]), "hi", None),
}


@pytest.mark.parametrize(("message", "text", "content"), KINDS.values(), ids=KINDS.keys())
def test_every_type_of_message_has_its_text_and_content(
    message: dict[str, Any], text: str | None, content: Any
) -> None:
    event = event_of(message)

    assert (event.type, event.text, event.content) == (message["type"], text, content)


UNNAMED: dict[str, tuple[str, Any, bool]] = {
    "a text": ("text", {"body": "hi"}, True),
    "a picture": ("image", {"id": "1"}, True),
    "a document": ("document", {"id": "1"}, True),
    "a place": ("location", {"latitude": 1}, True),
    "contacts": ("contacts", [{"name": {}}], True),
    "a button": ("button", {"text": "Yes"}, True),
    "a row": ("interactive", {"list_reply": {"title": "Yes"}}, True),
    "an order": ("order", {"catalog_id": "1"}, True),
    "a reaction": ("reaction", {"emoji": "x"}, False),
    "an identity": ("system", {"body": "changed"}, False),
}


@pytest.mark.parametrize(("kind", "part", "opens"), UNNAMED.values(), ids=UNNAMED)
@pytest.mark.parametrize("told", [None, 5, ""])
def test_a_message_without_a_type_has_the_type_of_its_object(kind: str, part: Any, *, opens: bool, told: Any) -> None:
    named, unnamed = event_of(a_message(kind, part)), event_of(a_message(kind, part) | {"type": told})

    assert unnamed == named
    assert unnamed.opens_window == opens


def test_a_message_without_a_type_and_an_object_is_unknown() -> None:
    assert event_of(a_message("text") | {"type": None}).type == "unknown"


@given(
    product=st.dictionaries(st.text(max_size=400), st.text(max_size=100) | st.none() | st.integers(), max_size=200),
    flags=st.dictionaries(st.sampled_from(["forwarded", "frequently_forwarded"]), st.none() | st.booleans()),
)
def test_what_a_context_tells_is_bounded_and_clean(product: dict[str, Any], flags: dict[str, Any]) -> None:
    event = event_of(a_message("text", {"body": "hi"}, context=flags | {"referred_product": product}))

    kept = (event.content or {}).get("referred_product", {})
    assert len(kept) <= MAX_ITEMS
    assert all(len(name) <= MAX_NAME and without_controls(name) == name for name in kept)
    assert (event.content or {}).get("forwarded") == (True if flags.get("forwarded") else None)


@pytest.mark.parametrize("kind", ["reaction", "system", "request_welcome", "edit", "revoke"])
def test_a_type_that_the_customer_does_not_write_opens_no_window(kind: str) -> None:
    assert not event_of(a_message(kind, {})).opens_window


@pytest.mark.parametrize("kind", ["text", "image", "location", "contacts", "order", "unsupported", "hologram"])
def test_a_type_that_the_customer_writes_opens_the_window(kind: str) -> None:
    assert event_of(a_message(kind)).opens_window


TEXT_EDIT = {"type": "text", "text": {"body": "STOP"}}
EDITS: dict[str, dict[str, Any]] = {
    "a text": a_message("edit", {"original_message_id": "wamid.1", "message": TEXT_EDIT}),
    "a caption": a_message("edit", {"message": {"type": "image", "image": {"id": "1", "caption": "STOP"}}}),
    "without a message": a_message("edit", {"text": {"body": "STOP"}}),
    "a plain text": a_message("edit", {"text": "STOP"}),
    "a body": a_message("edit", {"body": "STOP"}),
    "under another name": a_message("edited", {"message": TEXT_EDIT}),
    "beside the edit": a_message("edit", {"original_message_id": "wamid.1"}, text={"body": "STOP"}),
    "a text with an edit": MESSAGE | {"edit": {"original_message_id": "wamid.1", "message": TEXT_EDIT}},
    "a text with an edit that names the message": MESSAGE | {"edit": {"x": 1}, "text": {"body": "STOP"}},
}


@pytest.mark.parametrize("message", EDITS.values(), ids=EDITS)
def test_an_edit_has_the_new_words_and_opens_no_window(message: dict[str, Any]) -> None:
    event = event_of(message)

    assert (event.type, event.text, event.pressed, event.opens_window) == ("edit", "STOP", (), False)
    assert event.content is None or set(event.content) == {"edit"}


@pytest.mark.parametrize("edit", [None, 5, [], {}, {"message": 5}, {"message": {"text": 5}}, {"text": ["STOP"]}])
def test_an_edit_that_cannot_be_read_has_no_words(edit: object) -> None:
    assert event_of(a_message("edit", edit)).text is None


def test_a_text_may_stand_without_a_body() -> None:
    assert event_of(MESSAGE | {"text": "STOP"}).text == "STOP"


PRESSED = {
    "a template's button": (a_message("button", {"text": "Stop", "payload": "OPT_OUT"}), ("Stop", "OPT_OUT")),
    "a payload alone": (a_message("button", {"payload": "STOP"}), ("STOP",)),
    "a reply button": (a_message("interactive", {"button_reply": {"id": "b1", "title": "Stop"}}), ("Stop", "b1")),
    "a list's row": (a_message("interactive", {"list_reply": {"id": "r1", "title": "Stop"}}), ("Stop", "r1")),
    "no button": (MESSAGE, ()),
    "a button that is none": (a_message("button", ["STOP"]), ()),
}


@pytest.mark.parametrize(("message", "pressed"), PRESSED.values(), ids=PRESSED.keys())
def test_a_pressed_button_has_its_title_and_payload(message: dict[str, Any], pressed: tuple[str, ...]) -> None:
    assert event_of(message).pressed == pressed


def test_content_is_limited_in_depth_width_and_length() -> None:
    deep: dict[str, Any] = {}
    message: dict[str, Any] = deep
    for _ in range(100):
        deep["x"] = {}
        deep = deep["x"]
    event = event_of(a_message("order", message | {"list": list(range(10_000)), "text": "x" * 100_000, "id": 2**63}))

    assert event.content is not None
    assert len(event.content["order"]["list"]) == 100
    assert len(event.content["order"]["text"]) == 16_384
    assert event.content["order"]["id"] == str(2**63)
    assert str(event.content).count("{") < 10


def test_no_content_shows_in_a_repr() -> None:
    assert "OPT_OUT" not in repr(event_of(PRESSED["a template's button"][0]))


def test_a_changed_phone_number_is_an_identity_change() -> None:
    message = a_message("system", {"type": "user_changed_number", "wa_id": "12195555358"}, from_user_id="US.1")

    received, changed = parsed(document_of(messages=[message])).events

    assert isinstance(received.event, WhatsAppMessageReceived)
    assert changed.event == WhatsAppIdentityChanged(
        number_id="106540352242922",
        at=AT,
        customer="+16505551234",
        customer_user_id="US.1",
        new_customer="+12195555358",
    )
    assert changed.id != received.id


def test_a_changed_user_id_is_an_identity_change() -> None:
    message = a_message("system", {"type": "user_changed_user_id", "user_id": "US.2", "previous_user_id": "US.1"})

    _, changed = parsed(document_of(messages=[message])).events

    assert isinstance(changed.event, WhatsAppIdentityChanged)
    assert (changed.event.customer_user_id, changed.event.new_customer_user_id) == ("US.1", "US.2")
    assert changed.event.new_customer is None


@pytest.mark.parametrize(
    ("system", "customer"),
    [
        pytest.param({"user_id": "US.2"}, (None, "US.2"), id="the new user id"),
        pytest.param({"user_id": "US.2", "wa_id": "16505551234"}, ("+16505551234", "US.2"), id="and the phone"),
        pytest.param({"wa_id": "US.2"}, (None, "US.2"), id="the new user id in the phone's place"),
        pytest.param({"new_wa_id": "16505551234"}, ("+16505551234", None), id="a new phone"),
    ],
)
def test_a_new_identity_without_a_sender_is_of_whom_its_object_names(
    system: dict[str, str], customer: tuple[str | None, str | None]
) -> None:
    message = a_message("system", {"type": "user_changed_user_id"} | system)
    message.pop("from")

    received, *_ = parsed(document_of(messages=[message], contacts=None)).events

    assert isinstance(received.event, WhatsAppMessageReceived)
    assert (received.event.customer, received.event.customer_user_id) == customer


def test_a_status_names_the_customer_by_user_id_too() -> None:
    event = one(parsed(document_of(statuses=[STATUS | {"recipient_user_id": "US.1"}]))).event

    assert isinstance(event, WhatsAppStatusReceived)
    assert event.customer_user_id == "US.1"
