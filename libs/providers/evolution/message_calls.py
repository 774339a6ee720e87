"""The call of Evolution API v2 for each kind of message, and its body (2.3.6: the DTOs of its send-message routes)."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from libs.contracts.content import InteractiveForm, InteractiveRequest
from libs.providers.cloud_api.message_bodies import components_from
from libs.providers.outgoing import (
    MediaFile,
    Outgoing,
    OutgoingInteractive,
    OutgoingMedia,
    OutgoingTemplate,
    OutgoingText,
)

PIECE_BYTES: Final = 192 * 1024
"""Bytes that are encoded at a time; a multiple of three, so that the pieces of base64 join."""


@dataclass(frozen=True, slots=True)
class Call:
    """The call's name, its body, and the file that the body holds under `media`."""

    name: str
    body: dict[str, Any]
    file: MediaFile | None = None


def unsupported_part_of(outgoing: Outgoing) -> str | None:
    """Why the server cannot send the message, as a reason of `errors.toml`; None for one that it can."""
    match outgoing:
        case OutgoingTemplate() if outgoing.header_media is not None and outgoing.header_media.link is None:
            return "media_header_not_supported"
        case OutgoingInteractive() if outgoing.content.form is InteractiveForm.CONTACT_REQUEST:
            return "contact_request_not_supported"
        case _:
            return None


def call_from(outgoing: Outgoing, recipient: str) -> Call:
    """The call for a message that the server can send (`unsupported_part_of`)."""
    common: dict[str, Any] = {"number": recipient}
    if outgoing.quotes is not None:
        common["quoted"] = {"key": {"id": outgoing.quotes}}
    match outgoing:
        case OutgoingText():
            return Call("sendText", common | {"text": outgoing.text, "linkPreview": False})
        case OutgoingTemplate():
            template = {"name": outgoing.name, "language": outgoing.language, "components": components_from(outgoing)}
            return Call("sendTemplate", common | template)
        case OutgoingMedia():
            return Call("sendMedia", common | _media(outgoing), outgoing.media.file)
        case OutgoingInteractive():
            name, body = _interactive(outgoing.content)
            return Call(name, common | body)


def _media(outgoing: OutgoingMedia) -> dict[str, Any]:
    media = outgoing.media
    body = {"mediatype": media.kind.value, "mimetype": media.file.mime_type, "fileName": media.filename or "file"}
    return body if outgoing.caption is None else body | {"caption": outgoing.caption}


def _interactive(content: InteractiveRequest) -> tuple[str, dict[str, Any]]:
    """Evolution requires a title above the text; the text stands there, as it does in WhatsApp's own form."""
    if content.buttons:
        buttons = [{"type": "reply", "displayText": each.title, "id": each.id} for each in content.buttons]
        return "sendButtons", {"title": content.text, "buttons": buttons}
    rows = [{"title": row.title, "description": row.description or "", "rowId": row.id} for row in content.rows]
    body = {"title": content.text, "description": "", "footerText": "", "buttonText": content.button}
    return "sendList", body | {"sections": [{"title": content.button, "rows": rows}]}


async def body_with_file(body: dict[str, Any], file: MediaFile) -> AsyncIterator[bytes]:
    """The body as JSON with the file in base64 under `media`, in pieces: a large file is never held in memory."""
    yield orjson.dumps(body)[:-1] + b',"media":"'
    with file.open() as content:
        while piece := content.read(PIECE_BYTES):
            yield base64.b64encode(piece)
    yield b'"}'
