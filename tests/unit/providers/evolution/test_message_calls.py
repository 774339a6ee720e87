"""The calls and bodies of Evolution API v2."""

import base64
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from libs.contracts.content import InteractiveRequest, MediaKind
from libs.providers.evolution.message_calls import PIECE_BYTES, body_with_file, call_from, unsupported_part_of
from libs.providers.outgoing import (
    Customer,
    MediaFile,
    OutgoingInteractive,
    OutgoingMedia,
    OutgoingTemplate,
    OutgoingText,
    ReadyMedia,
)

TO = Customer(phone="+966500000001")
CONTENT = bytes(range(256)) * (PIECE_BYTES // 256 + 7) + b"!"
FILE = MediaFile(mime_type="image/png", bytes=len(CONTENT), sha256="ab", open=lambda: io.BytesIO(CONTENT))


def interactive(**fields: Any) -> OutgoingInteractive:
    content = InteractiveRequest.model_validate({"text": "When?"} | fields)
    return OutgoingInteractive(to=TO, content=content, callback="c", quotes="3EB0")


def test_a_text_quotes_by_key() -> None:
    call = call_from(OutgoingText(to=TO, text="Hi", callback="c", quotes="3EB0"), "966500000001")

    assert call is not None
    assert (call.name, call.body["quoted"]) == ("sendText", {"key": {"id": "3EB0"}})


async def test_a_file_is_in_the_body_in_base64_piece_by_piece() -> None:
    media = ReadyMedia(kind=MediaKind.DOCUMENT, file=FILE, filename="a.pdf")
    call = call_from(OutgoingMedia(to=TO, media=media, caption="Here", callback="c"), "966500000001")
    assert call is not None
    assert call.file is FILE

    body = json.loads(b"".join([piece async for piece in body_with_file(call.body, FILE)]))

    assert base64.b64decode(body.pop("media")) == CONTENT
    assert body == {
        "number": "966500000001",
        "mediatype": "document",
        "mimetype": "image/png",
        "fileName": "a.pdf",
        "caption": "Here",
    }


def test_buttons_and_lists_have_evolutions_names() -> None:
    pressed = call_from(interactive(buttons=[{"id": "1", "title": "Now"}]), "9665")
    chosen = call_from(interactive(button="Choose", rows=[{"id": "1", "title": "Red"}]), "9665")

    assert (pressed.name, pressed.body["buttons"]) == (
        "sendButtons",
        [{"type": "reply", "displayText": "Now", "id": "1"}],
    )
    assert (chosen.name, chosen.body["buttonText"], chosen.body["sections"][0]["rows"]) == (
        "sendList",
        "Choose",
        [{"title": "Red", "description": "", "rowId": "1"}],
    )


def test_what_cannot_be_sent_has_a_reason() -> None:
    media = ReadyMedia(kind=MediaKind.IMAGE, file=FILE)
    shown = OutgoingTemplate(to=TO, name="a", language="en", header_media=media, callback="c")

    assert unsupported_part_of(shown) == "media_header_not_supported"
    assert unsupported_part_of(interactive(type="request_contact_info")) == "contact_request_not_supported"
    assert unsupported_part_of(interactive(buttons=[{"id": "1", "title": "Now"}])) is None
    assert unsupported_part_of(replace(shown, header_media=None)) is None
    assert unsupported_part_of(replace(shown, header_media=replace(media, link="https://x/media/A"))) is None


@pytest.mark.parametrize("kind", [MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.DOCUMENT])
def test_a_template_names_the_link_to_the_file_of_its_header(kind: MediaKind) -> None:
    name = "bill.pdf" if kind is MediaKind.DOCUMENT else None
    media = ReadyMedia(kind=kind, file=FILE, link="https://gateway.example.com/media/A", filename=name)
    call = call_from(OutgoingTemplate(to=TO, name="a", language="en", header_media=media, callback="c"), "9665")

    shown = {"link": "https://gateway.example.com/media/A"} | ({"filename": name} if name else {})
    parameters = [{"type": kind.value, kind.value: shown}]
    assert (call.name, call.file) == ("sendTemplate", None)
    assert call.body["components"] == [{"type": "header", "parameters": parameters}]
