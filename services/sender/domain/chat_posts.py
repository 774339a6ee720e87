"""The body of a forward to 3CX's chat, as its generic SMS provider reads it (Telnyx's shape of an incoming message).

3CX documents it nowhere; open-source bridges agree on it (docs/threecx.md). The URL is the only secret, so
nothing is signed.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson

from libs.contracts.events import ForwardRequested
from services.sender.domain.media_links import MediaLink

CHAT_HEADERS: Final[Mapping[str, str]] = {"Content-Type": "application/json"}
DELIVERED: Final = "webhook_delivered"


def chat_body_from(requested: ForwardRequested, forward_id: UUID, link: MediaLink | None = None) -> bytes:
    """The JSON that is posted; the same on every try.

    The link of a file is in the text as well: it is not proven that 3CX shows `media`.
    """
    chat, at = requested.content["chat"], requested.at.isoformat(timespec="milliseconds")
    message = requested.content.get("message", {})
    payload: dict[str, Any] = {
        "id": message.get("id") or str(forward_id),
        "record_type": "message",
        "direction": "inbound",
        "type": "SMS",
        "received_at": at,
        "text": chat["text"] if link is None else f"{chat['text']}\n{link.url}",
        "from": {"phone_number": chat["from"], "status": DELIVERED},
        "to": [{"phone_number": chat["to"], "status": DELIVERED}],
        "media": [] if link is None else [_media_from(link)],
    }
    event = {
        "event_type": "message.received",
        "id": str(forward_id),
        "occurred_at": at,
        "record_type": "event",
        "payload": payload,
    }
    return orjson.dumps({"data": event})


def _media_from(link: MediaLink) -> dict[str, str]:
    return {"url": link.url} | ({} if link.mime_type is None else {"content_type": link.mime_type})
