"""The bodies of messages, in the wire format of Meta's reference."""

import io
from typing import Any

import pytest

from libs.contracts.content import InteractiveRequest, MediaKind
from libs.providers.cloud_api.message_bodies import body_from
from libs.providers.outgoing import (
    ButtonValue,
    Customer,
    MediaFile,
    Outgoing,
    OutgoingInteractive,
    OutgoingMedia,
    OutgoingTemplate,
    OutgoingText,
    ReadyMedia,
)

TO = Customer(phone="+966500000001")
FILE = MediaFile(mime_type="image/png", bytes=3, sha256="ab", open=lambda: io.BytesIO(b"abc"))
COMMON = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "966500000001",
    "biz_opaque_callback_data": "gw1:id:mac",
}


def ready(kind: MediaKind, filename: str | None = None) -> ReadyMedia:
    return ReadyMedia(kind=kind, file=FILE, id="77", filename=filename)


def interactive(**fields: Any) -> OutgoingInteractive:
    content = InteractiveRequest.model_validate({"text": "When?"} | fields)
    return OutgoingInteractive(to=TO, content=content, callback="gw1:id:mac")


MESSAGES: list[tuple[Outgoing, dict[str, Any]]] = [
    (
        OutgoingText(to=TO, text="Hello", callback="gw1:id:mac", quotes="wamid.Q"),
        {
            "context": {"message_id": "wamid.Q"},
            "type": "text",
            "text": {"preview_url": False, "body": "Hello"},
        },
    ),
    (
        OutgoingTemplate(
            to=TO,
            name="ready",
            language="de",
            parameters=("Anna", "12:30"),
            names=("first_name", "time"),
            header=("42",),
            header_names=("number",),
            buttons=(
                ButtonValue(index=0, type="url", value="AB12"),
                ButtonValue(index=1, type="quick_reply", value="ok"),
            ),
            callback="gw1:id:mac",
        ),
        {
            "type": "template",
            "template": {
                "name": "ready",
                "language": {"code": "de"},
                "components": [
                    {
                        "type": "header",
                        "parameters": [{"type": "text", "parameter_name": "number", "text": "42"}],
                    },
                    {
                        "type": "body",
                        "parameters": [
                            {"type": "text", "parameter_name": "first_name", "text": "Anna"},
                            {"type": "text", "parameter_name": "time", "text": "12:30"},
                        ],
                    },
                    {
                        "type": "button",
                        "sub_type": "url",
                        "index": "0",
                        "parameters": [{"type": "text", "text": "AB12"}],
                    },
                    {
                        "type": "button",
                        "sub_type": "quick_reply",
                        "index": "1",
                        "parameters": [{"type": "payload", "payload": "ok"}],
                    },
                ],
            },
        },
    ),
    (
        OutgoingTemplate(
            to=TO,
            name="bill",
            language="en",
            header_media=ready(MediaKind.DOCUMENT, "bill.pdf"),
            callback="gw1:id:mac",
        ),
        {
            "type": "template",
            "template": {
                "name": "bill",
                "language": {"code": "en"},
                "components": [
                    {
                        "type": "header",
                        "parameters": [{"type": "document", "document": {"id": "77", "filename": "bill.pdf"}}],
                    }
                ],
            },
        },
    ),
    (
        OutgoingMedia(to=TO, media=ready(MediaKind.IMAGE, "a.png"), caption="Here", callback="gw1:id:mac"),
        {"type": "image", "image": {"id": "77", "caption": "Here"}},
    ),
    (
        OutgoingMedia(to=TO, media=ready(MediaKind.DOCUMENT, "a.pdf"), callback="gw1:id:mac"),
        {"type": "document", "document": {"id": "77", "filename": "a.pdf"}},
    ),
    (
        interactive(buttons=[{"id": "am", "title": "Morning"}]),
        {
            "type": "interactive",
            "interactive": {
                "type": "button",
                "body": {"text": "When?"},
                "action": {"buttons": [{"type": "reply", "reply": {"id": "am", "title": "Morning"}}]},
            },
        },
    ),
    (
        interactive(type="request_contact_info"),
        {
            "type": "interactive",
            "interactive": {
                "type": "request_contact_info",
                "body": {"text": "When?"},
                "action": {"name": "request_contact_info"},
            },
        },
    ),
    (
        interactive(
            button="Choose", rows=[{"id": "1", "title": "Red"}, {"id": "2", "title": "Blue", "description": "d"}]
        ),
        {
            "type": "interactive",
            "interactive": {
                "type": "list",
                "body": {"text": "When?"},
                "action": {
                    "button": "Choose",
                    "sections": [
                        {
                            "rows": [
                                {"id": "1", "title": "Red"},
                                {"id": "2", "title": "Blue", "description": "d"},
                            ]
                        }
                    ],
                },
            },
        },
    ),
]


@pytest.mark.parametrize(("outgoing", "content"), MESSAGES, ids=[type(each).__name__ for each, _ in MESSAGES])
def test_a_message_has_the_form_of_the_reference(outgoing: Outgoing, content: dict[str, Any]) -> None:
    assert body_from(outgoing) == COMMON | content
    assert "966500000001" not in repr(outgoing)
    assert "Anna" not in repr(outgoing)
