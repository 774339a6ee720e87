"""What Evolution tells of a message, in Meta's terms: every kind, every wrapper, and what opens the window."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers.evolution.messages import KINDS, TOLD, WRITTEN, MessageContent, content_from
from libs.providers.evolution.wrapped import WRAPPERS

WRITTEN_KINDS: dict[str, tuple[dict[str, Any], str, str | None, dict[str, Any] | None]] = {
    "a text": ({"conversation": "Hi"}, "text", "Hi", None),
    "a text with a preview": ({"extendedTextMessage": {"text": "Hi"}}, "text", "Hi", None),
    "a text beside an empty one": ({"conversation": "", "extendedTextMessage": {"text": "Hi"}}, "text", "Hi", None),
    "a picture": (
        {"imageMessage": {"caption": "Look", "mimetype": "image/jpeg", "mediaKey": "secret", "url": "https://x"}},
        "image", "Look", {"image": {"caption": "Look", "mime_type": "image/jpeg"}},
    ),
    "a voice message": (
        {"audioMessage": {"mimetype": "audio/ogg", "ptt": True}},
        "audio", None, {"audio": {"mime_type": "audio/ogg", "voice": True}},
    ),
    "a video": ({"videoMessage": {"caption": "Look"}}, "video", "Look", {"video": {"caption": "Look"}}),
    "a round video": ({"ptvMessage": {"mimetype": "video/mp4"}}, "video", None, {"video": {"mime_type": "video/mp4"}}),
    "a document": (
        {"documentMessage": {"fileName": "a.pdf", "caption": "Signed"}},
        "document", "Signed", {"document": {"filename": "a.pdf", "caption": "Signed"}},
    ),
    "a business instance's document": (
        {"documentMessage": {"id": "4711", "mime_type": "application/pdf", "filename": "a.pdf", "sha256": "c2hh"}},
        "document", None,
        {"document": {"id": "4711", "mime_type": "application/pdf", "filename": "a.pdf", "sha256": "c2hh"}},
    ),
    "a sticker": (
        {"stickerMessage": {"mimetype": "image/webp", "isAnimated": True}},
        "sticker", None, {"sticker": {"mime_type": "image/webp", "animated": True}},
    ),
    "a place": (
        {"locationMessage": {"degreesLatitude": 24.7, "degreesLongitude": 46.7, "name": "Gate 3", "thumb": "x"}},
        "location", None, {"location": {"latitude": 24.7, "longitude": 46.7, "name": "Gate 3"}},
    ),
    "a place with coordinates as text": (
        {"locationMessage": {"degreesLatitude": "24.7", "degreesLongitude": "-46", "name": "Gate 3"}},
        "location", None, {"location": {"latitude": 24.7, "longitude": -46.0, "name": "Gate 3"}},
    ),
    "a place with coordinates that are none": (
        {"locationMessage": {"degreesLatitude": "north", "degreesLongitude": True, "name": "Gate 3"}},
        "location", None, {"location": {"name": "Gate 3"}},
    ),
    "a moving place": (
        {"liveLocationMessage": {"degreesLatitude": 24.7, "degreesLongitude": 46.7, "caption": "On my way"}},
        "location", "On my way", {"location": {"latitude": 24.7, "longitude": 46.7}},
    ),
    "a card": (
        {"contactMessage": {"displayName": "Ann", "vcard": "BEGIN:VCARD"}},
        "contacts", None, {"contacts": [{"name": {"formatted_name": "Ann"}, "vcard": "BEGIN:VCARD"}]},
    ),
    "two cards": (
        {"contactsArrayMessage": {"displayName": "2 contacts", "contacts": [{"displayName": "Ann"}, {"vcard": "B"}]}},
        "contacts", None, {"contacts": [{"name": {"formatted_name": "Ann"}}, {"vcard": "B"}]},
    ),
    "a template's button": (
        {"templateButtonReplyMessage": {"selectedDisplayText": "Yes", "selectedId": "y1"}},
        "button", "Yes", {"button": {"text": "Yes", "payload": "y1"}},
    ),
    "a button": (
        {"buttonsResponseMessage": {"selectedDisplayText": "Yes", "selectedButtonId": "1"}},
        "interactive", "Yes",
        {"interactive": {"type": "button_reply", "button_reply": {"id": "1", "title": "Yes"}}},
    ),
    "a list's row": (
        {"listResponseMessage": {"title": "Tuesday", "singleSelectReply": {"selectedRowId": "t"}}},
        "interactive", "Tuesday",
        {"interactive": {"type": "list_reply", "list_reply": {"id": "t", "title": "Tuesday"}}},
    ),
    "a form": (
        {"interactiveResponseMessage": {
            "body": {"text": "Sent"}, "nativeFlowResponseMessage": {"name": "flow", "paramsJson": '{"id": "q1"}'},
        }},
        "interactive", "Sent",
        {"interactive": {
            "type": "nfm_reply", "nfm_reply": {"name": "flow", "response_json": '{"id": "q1"}', "body": "Sent"},
        }},
    ),
    "an order": (
        {"orderMessage": {"orderId": "5", "itemCount": 2, "message": "Quick, please", "token": "secret"}},
        "order", "Quick, please", {"order": {"id": "5", "item_count": 2, "text": "Quick, please"}},
    ),
    "a business instance's order": (
        {"orderMessage": {"catalog_id": "c", "text": "Quick", "product_items": [{"quantity": 1}]}},
        "order", "Quick", {"order": {"catalog_id": "c", "text": "Quick", "product_items": [{"quantity": 1}]}},
    ),
    "a question about a product": (
        {"productMessage": {
            "product": {"productId": "1", "retailerId": "SKU", "title": "Shoe", "productImage": {"url": "https://x"}},
            "body": "Is it there?", "businessOwnerJid": "966500000000@s.whatsapp.net",
        }},
        "text", "Is it there?", {"referred_product": {"product_retailer_id": "SKU", "id": "1", "title": "Shoe"}},
    ),
    "a product without words": (
        {"productMessage": {"product": {"title": "Shoe"}}}, "text", None, {"referred_product": {"title": "Shoe"}},
    ),
    "an answer to a product": (
        {"extendedTextMessage": {
            "text": "Is it there?",
            "contextInfo": {"stanzaId": "3EB0", "quotedMessage": {"productMessage": {"product": {"retailerId": "S"}}}},
        }},
        "text", "Is it there?", {"referred_product": {"product_retailer_id": "S"}},
    ),
    "a picture of another person": (
        {"imageMessage": {"mimetype": "image/png", "contextInfo": {"isForwarded": True, "forwardingScore": 1}}},
        "image", None, {"image": {"mime_type": "image/png"}, "forwarded": True},
    ),
    "a text that many people forwarded": (
        {"extendedTextMessage": {"text": "Hi", "contextInfo": {"isForwarded": True, "forwardingScore": 127}}},
        "text", "Hi", {"forwarded": True, "frequently_forwarded": True},
    ),
    "a text with a context of other types": (
        {"extendedTextMessage": {"text": "Hi", "contextInfo": {"forwardingScore": True, "quotedMessage": ["x"]}}},
        "text", "Hi", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("message", "kind", "text", "content"), WRITTEN_KINDS.values(), ids=WRITTEN_KINDS)
def test_what_a_customer_writes_has_metas_type_and_object_and_opens_the_window(
    message: dict[str, Any], kind: str, text: str | None, content: dict[str, Any] | None
) -> None:
    read = content_from(message)

    assert (read.type, read.text, read.content) == (kind, text, content)
    assert read.opens_window


NOT_WRITTEN: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "unsupported"),
    "no message": (None, "unsupported"),
    "an empty text": ({"conversation": ""}, "unsupported"),
    "an empty text with a preview": ({"extendedTextMessage": {"text": ""}}, "text"),
    "context alone": ({"messageContextInfo": {}, "contextInfo": {"stanzaId": "1"}}, "unsupported"),
    "a sender's key": ({"senderKeyDistributionMessage": {"groupId": "1"}}, "unsupported"),
    "a kind that is new": ({"hologramMessage": {"text": "Hi"}}, "unsupported"),
    "an encrypted edit": ({"secretEncryptedMessage": {"secretEncType": "MESSAGE_EDIT"}}, "unsupported"),
    "an encrypted reaction": ({"encReactionMessage": {"encPayload": "x"}}, "unsupported"),
    "an encrypted comment": ({"encCommentMessage": {"encPayload": "x"}}, "unsupported"),
    "a placeholder": ({"placeholderMessage": {"type": 0}}, "unsupported"),
    "a planned call": ({"scheduledCallCreationMessage": {"title": "Call"}}, "unsupported"),
    "a business instance's unsupported message": ({"unsupportedMessage": {"type": "poll"}}, "unsupported"),
    "a text in a new wrapper": ({"spoilerMessage": {"message": {"conversation": "Hi"}}}, "text"),
    "a reaction": ({"reactionMessage": {"text": "👍", "key": {"id": "3EB0"}}}, "reaction"),
    "a reaction that was taken back": ({"reactionMessage": {"key": {"id": "3EB0"}}}, "reaction"),
    "a deletion": ({"protocolMessage": {"type": "REVOKE", "key": {"id": "3EB0"}}}, "system"),
    "vanishing messages": ({"protocolMessage": {"type": "EPHEMERAL_SETTING"}}, "system"),
    "a vote": ({"pollUpdateMessage": {"vote": {}}}, "system"),
    "a pin": ({"pinInChatMessage": {"key": {"id": "3EB0"}}}, "system"),
    "a kept message": ({"keepInChatMessage": {"keepType": "KEEP_FOR_ALL"}}, "system"),
    "an entry of the call log": ({"callLogMesssage": {"callOutcome": "MISSED"}}, "system"),
    "an album's marker": ({"albumMessage": {"expectedImageCount": 3}}, "system"),
    "a business instance's system message": ({"systemMessage": {"type": "user_changed_number"}}, "system"),
    "a business instance's welcome": ({"request_welcomeMessage": {"x": 1}}, "request_welcome"),
    "a business instance's deletion": ({"revokeMessage": {"original_message_id": "wamid.1"}}, "revoke"),
    "an edit": ({"editedMessage": {"message": {"conversation": "Hi"}}}, "edit"),
}


@pytest.mark.parametrize(("message", "kind"), NOT_WRITTEN.values(), ids=NOT_WRITTEN)
def test_what_no_customer_wrote_opens_no_window(message: Any, kind: str) -> None:
    read = content_from(message)

    assert (read.type, read.opens_window) == (kind, False)


def test_a_context_beside_the_text_is_read_too() -> None:
    context = {"isForwarded": True, "quotedMessage": {"productMessage": {"product": {"title": "S"}}}}

    read = content_from({"conversation": "Hi", "contextInfo": context})

    assert read.content == {"referred_product": {"title": "S"}, "forwarded": True}


def test_a_reaction_names_the_message_and_its_emoji() -> None:
    given, taken_back = NOT_WRITTEN["a reaction"][0], NOT_WRITTEN["a reaction that was taken back"][0]

    assert content_from(given).content == {"reaction": {"message_id": "3EB0", "emoji": "👍"}}
    assert content_from(taken_back).content == {"reaction": {"message_id": "3EB0"}}


EDITS: dict[str, dict[str, Any]] = {
    "in a protocol message": {
        "protocolMessage": {"type": "MESSAGE_EDIT", "key": {"id": "1"}, "editedMessage": {"conversation": "STOP"}}
    },
    "in a protocol message whose type is a number": {
        "protocolMessage": {"type": 14, "editedMessage": {"extendedTextMessage": {"text": "STOP"}}}
    },
    "in a protocol message without a type": {"protocolMessage": {"editedMessage": {"conversation": "STOP"}}},
    "in an edited message": {"editedMessage": {"message": {"conversation": "STOP"}}},
    "in an edited message without a wrapper": {"editedMessage": {"conversation": "STOP"}},
    "in a protocol message in an edited message": {
        "editedMessage": {
            "message": {"protocolMessage": {"type": "MESSAGE_EDIT", "editedMessage": {"conversation": "STOP"}}}
        }
    },
    "of a vanishing message": {
        "ephemeralMessage": {
            "message": {
                "editedMessage": {
                    "message": {
                        "protocolMessage": {
                            "editedMessage": {"ephemeralMessage": {"message": {"conversation": "STOP"}}}
                        }
                    }
                }
            }
        }
    },
    "of a caption": {"editedMessage": {"message": {"imageMessage": {"caption": "STOP"}}}},
    "by a business instance": {
        "editMessage": {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "STOP"}}}
    },
    "of a caption by a business instance": {
        "editMessage": {"message": {"type": "image", "image": {"id": "1", "caption": "STOP"}}}
    },
}


@pytest.mark.parametrize("message", EDITS.values(), ids=EDITS)
def test_an_edit_has_the_new_words(message: dict[str, Any]) -> None:
    read = content_from(message)

    assert (read.type, read.text, read.pressed, read.opens_window) == ("edit", "STOP", (), False)


def test_an_edit_names_the_message_that_it_replaces() -> None:
    edit = content_from(EDITS["in a protocol message"]).content

    assert edit == {"edit": {"original_message_id": "1", "message": {"type": "text", "text": {"body": "STOP"}}}}


PRESSES = {
    "a business instance's button": ("buttonMessage", "button", {"button": {"text": "Cancel"}}),
    "a business instance's row": ("interactiveMessage", "interactive", {"interactive": {"title": "Cancel"}}),
    "a template's button, told as a text": ("templateButtonReplyMessage", "button", {"button": {"text": "Cancel"}}),
    "a row, told as a text": ("listResponseMessage", "interactive", {"interactive": {"title": "Cancel"}}),
}


@pytest.mark.parametrize(("told", "kind", "content"), PRESSES.values(), ids=PRESSES)
def test_a_press_that_is_told_as_a_text_is_a_press(told: str, kind: str, content: dict[str, Any]) -> None:
    read = content_from({"conversation": "Cancel", "contextInfo": {"stanzaId": "wamid.1"}}, told)

    assert read == MessageContent(
        kind, text="Cancel", pressed=("Cancel",), content=content, reply_to="wamid.1", opens_window=True
    )


def test_a_filled_in_form_is_no_empty_message() -> None:
    read = content_from({}, "interactiveMessage")

    assert (read.type, read.pressed, read.opens_window) == ("interactive", (), True)


@pytest.mark.parametrize("told", ["conversation", "extendedTextMessage", "imageMessage", None, 5, [], "unknown"])
def test_any_other_message_type_leaves_a_text_a_text(told: object) -> None:
    assert content_from({"conversation": "Cancel"}, told).pressed == ()


@given(
    wrappers=st.lists(st.sampled_from(sorted(WRAPPERS)), max_size=6),
    kind=st.sampled_from(sorted(WRITTEN_KINDS)),
    beside=st.sampled_from(("", "messageContextInfo", "senderKeyDistributionMessage")),
)
def test_a_message_in_any_wrappers_is_that_message(wrappers: list[str], kind: str, beside: str) -> None:
    message = WRITTEN_KINDS[kind][0]
    wrapped: dict[str, Any] = message
    for wrapper in wrappers:
        wrapped = {wrapper: {"message": wrapped}} | ({beside: {"x": 1}} if beside else {})

    assert content_from(wrapped) == content_from(message)


def test_every_kind_is_in_a_table() -> None:
    told = {name for message, *_ in WRITTEN_KINDS.values() for name in message}
    others = {name for message, _ in NOT_WRITTEN.values() for name in message or {}}

    assert (told - set(WRITTEN), set(WRITTEN) - told, set(TOLD) - others) == (set(), set(), set())
    assert set(KINDS) == {*WRITTEN, *TOLD}


def test_the_answered_message_is_found_where_each_kind_of_instance_puts_it() -> None:
    context = {"contextInfo": {"stanzaId": "3EB0"}}

    assert content_from({"extendedTextMessage": {"text": "Yes"} | context}).reply_to == "3EB0"
    assert content_from({"conversation": "Yes"} | context).reply_to == "3EB0"


def test_content_shows_in_no_repr() -> None:
    assert "Cancel" not in repr(content_from({"conversation": "Cancel"}, "buttonMessage"))
