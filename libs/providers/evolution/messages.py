"""The content of a message in Evolution's webhook format, in the terms of Meta's: type, text, buttons, media.

Evolution passes on WhatsApp's own message: a field named after its kind, often wrapped in others. Unknown fields are
dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from libs.contracts.events import MAX_NAME
from libs.providers.json_values import Json, dict_in, id_in, text_in

WRAPPERS: Final = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
)
KINDS: Final = {
    "conversation": "text",
    "extendedTextMessage": "text",
    "imageMessage": "image",
    "audioMessage": "audio",
    "videoMessage": "video",
    "ptvMessage": "video",
    "documentMessage": "document",
    "stickerMessage": "sticker",
    "locationMessage": "location",
    "liveLocationMessage": "location",
    "contactMessage": "contacts",
    "contactsArrayMessage": "contacts",
    "templateButtonReplyMessage": "button",
    "buttonsResponseMessage": "interactive",
    "listResponseMessage": "interactive",
    "interactiveResponseMessage": "interactive",
    "orderMessage": "order",
    "reactionMessage": "reaction",
    "protocolMessage": "system",
    "editedMessage": "system",
    "pollUpdateMessage": "system",
    "pinInChatMessage": "system",
}
"""WhatsApp's names for the kinds of messages, and Meta's."""
OPENS_NO_WINDOW: Final = frozenset({"reaction", "system"})
"""Kinds that the customer does not write to the business."""
MEDIA_FIELDS: Final = {"mimetype": "mime_type", "caption": "caption", "fileName": "filename"}
LOCATION_FIELDS: Final = {"name": "name", "address": "address"}
MAX_TEXT: Final = 65_536
MAX_WRAPPERS: Final = 5


@dataclass(frozen=True, slots=True)
class MessageContent:
    """The content of a customer's message, with the field names of `WhatsAppMessageReceived`."""

    type: str
    text: str | None = field(default=None, repr=False)
    pressed: tuple[str, ...] = field(default=(), repr=False)
    content: dict[str, Any] | None = field(default=None, repr=False)
    reply_to: str | None = None

    @property
    def opens_window(self) -> bool:
        """True when the customer wrote the message to the business."""
        return self.type not in OPENS_NO_WINDOW


def content_from(message: object) -> MessageContent:
    """Read a message's content; an unknown kind becomes `unsupported`, without content."""
    inner = unwrapped(message)
    name = next((name for name in KINDS if inner.get(name) is not None), None)
    if name is None:
        return MessageContent("unsupported")
    kind, part = KINDS[name], inner[name]
    if isinstance(part, str):
        return MessageContent(kind, text=_text(part))
    fields = dict_in(part)
    pressed = _pressed(name, fields)
    return MessageContent(
        kind,
        text=pressed[0] if pressed else _text(fields.get("text")) if kind == "text" else None,
        pressed=pressed,
        content=_content(kind, fields) or None,
        reply_to=id_in(dict_in(fields.get("contextInfo")).get("stanzaId"), longest=MAX_NAME - 1),
    )


def unwrapped(message: object) -> Json:
    """The message inside its wrappers."""
    inner = dict_in(message)
    for _ in range(MAX_WRAPPERS):
        wrapped = next((inner[name] for name in WRAPPERS if isinstance(inner.get(name), dict)), None)
        if wrapped is None:
            break
        inner = dict_in(wrapped.get("message"))
    return inner


def _pressed(name: str, fields: Json) -> tuple[str, ...]:
    """Title and payload of the pressed button: an opt-out may come as a button's title too."""
    choice = dict_in(fields.get("singleSelectReply"))
    found: Sequence[object] = {
        "templateButtonReplyMessage": (fields.get("selectedDisplayText"), fields.get("selectedId")),
        "buttonsResponseMessage": (fields.get("selectedDisplayText"), fields.get("selectedButtonId")),
        "listResponseMessage": (fields.get("title"), choice.get("selectedRowId")),
        "interactiveResponseMessage": (dict_in(fields.get("body")).get("text"),),
    }.get(name, ())
    return tuple(text for value in found if (text := _text(value)))


def _content(kind: str, fields: Json) -> dict[str, Any]:
    names = LOCATION_FIELDS if kind == "location" else MEDIA_FIELDS
    content: dict[str, Any] = {name: text for key, name in names.items() if (text := _text(fields.get(key)))}
    if kind == "location":
        places = {"latitude": fields.get("degreesLatitude"), "longitude": fields.get("degreesLongitude")}
        content |= {name: value for name, value in places.items() if isinstance(value, int | float)}
    if kind == "reaction":
        about = {"emoji": _text(fields.get("text")), "message_id": _text(dict_in(fields.get("key")).get("id"))}
        content |= {name: value for name, value in about.items() if value}
    if kind == "contacts":
        contacts = fields["contacts"] if isinstance(fields.get("contacts"), list) else [fields]
        content["contacts"] = [{"vcard": card} for one in contacts if (card := _text(dict_in(one).get("vcard")))]
    return content


def _text(value: object) -> str | None:
    """A text that can be stored; an empty one counts as absent."""
    return text_in(value, longest=MAX_TEXT) or None
