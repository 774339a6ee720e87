"""The body that 3CX's chat gets: the shape that its generic provider reads, the same on every try."""

from typing import Any
from uuid import UUID

import orjson

from libs.contracts.events import ForwardRequested
from libs.contracts.forwards import ForwardKind
from services.sender.domain.chat_posts import CHAT_HEADERS, chat_body_from
from services.sender.domain.forwards import post_from
from services.sender.domain.media_links import MediaLink
from tests.builders import NOON, PHONE

MAIN = "+4930123456"
FORWARD_ID = UUID(int=7)
LINK = MediaLink(url="https://media.example.com/media/abc", expires_at=NOON, mime_type="image/jpeg")


def a_line(**changes: Any) -> ForwardRequested:
    known: dict[str, Any] = {
        "account_id": "acc_1",
        "integration_id": "int_1",
        "event_id": UUID(int=5),
        "kind": ForwardKind.CHAT_MESSAGE,
        "number_id": "num_1",
        "at": NOON,
        "customer": PHONE,
        "content": {
            "chat": {"from": PHONE, "to": MAIN, "text": "Hello"},
            "message": {"id": "wamid.1", "type": "text", "text": "Hello"},
        },
    }
    return ForwardRequested(**(known | changes))


def test_a_line_has_the_shape_that_the_generic_provider_reads() -> None:
    assert orjson.loads(chat_body_from(a_line(), FORWARD_ID)) == {
        "data": {
            "event_type": "message.received",
            "id": str(FORWARD_ID),
            "occurred_at": "2026-11-23T12:00:00.000+00:00",
            "record_type": "event",
            "payload": {
                "id": "wamid.1",
                "record_type": "message",
                "direction": "inbound",
                "type": "SMS",
                "received_at": "2026-11-23T12:00:00.000+00:00",
                "text": "Hello",
                "from": {"phone_number": PHONE, "status": "webhook_delivered"},
                "to": [{"phone_number": MAIN, "status": "webhook_delivered"}],
                "media": [],
            },
        }
    }


def test_a_note_has_the_forwards_own_id() -> None:
    content = {"chat": {"from": PHONE, "to": MAIN, "text": "not sent"}}

    body = orjson.loads(chat_body_from(a_line(kind=ForwardKind.CHAT_NOTE, content=content), FORWARD_ID))

    assert body["data"]["payload"]["id"] == str(FORWARD_ID)


def test_a_files_link_is_in_media_and_in_the_text() -> None:
    payload = orjson.loads(chat_body_from(a_line(), FORWARD_ID, LINK))["data"]["payload"]

    assert payload["media"] == [{"url": LINK.url, "content_type": "image/jpeg"}]
    assert payload["text"] == f"Hello\n{LINK.url}"


def test_only_a_forward_to_the_chat_is_unsigned() -> None:
    to_chat = post_from(a_line(), FORWARD_ID, None, secret="", timestamp=1)
    again = post_from(a_line(), FORWARD_ID, None, secret="", timestamp=2)
    to_url = post_from(a_line(kind=ForwardKind.MESSAGE_RECEIVED), FORWARD_ID, None, secret="s", timestamp=1)

    assert to_chat == again == (chat_body_from(a_line(), FORWARD_ID), CHAT_HEADERS)
    assert "webhook-signature" in to_url[1]
