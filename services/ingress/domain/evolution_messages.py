"""What stands in a message that Evolution tells of, in the words that Meta has for it; what is unknown stays out.

Evolution passes on WhatsApp's own message: a field named after its kind, often wrapped in others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from libs.contracts.events import MAX_NAME
from services.ingress.domain.bodies import clean

Json = Mapping[str, Any]

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
NO_OPENERS: Final = frozenset({"reaction", "system"})
"""Kinds that are no message of the customer's own to us."""
MEDIA: Final = {"mimetype": "mime_type", "caption": "caption", "fileName": "filename"}
PLACE: Final = {"name": "name", "address": "address"}
LONGEST_TEXT: Final = 65_536
DEEPEST: Final = 5


@dataclass(frozen=True, slots=True)
class Said:
    """What a customer's message says, as `WhatsAppMessageReceived` has it."""

    type: str
    text: str | None = field(default=None, repr=False)
    pressed: tuple[str, ...] = field(default=(), repr=False)
    content: dict[str, Any] | None = field(default=None, repr=False)
    reply_to: str | None = None

    @property
    def opens_window(self) -> bool:
        """Whether the customer wrote it to us."""
        return self.type not in NO_OPENERS


def said_in(message: object) -> Said:
    """Read a message's own part; a kind that we do not know is `unsupported`, and says nothing."""
    inner = unwrapped(message)
    name = next((name for name in KINDS if inner.get(name) is not None), None)
    if name is None:
        return Said("unsupported")
    part = inner[name]
    if isinstance(part, str):
        return Said(KINDS[name], text=_text(part))
    fields = part if isinstance(part, dict) else {}
    reply_to = _dict(fields.get("contextInfo")).get("stanzaId")
    pressed = _pressed(name, fields)
    return Said(
        KINDS[name],
        text=pressed[0] if pressed else _text(fields.get("text")) if KINDS[name] == "text" else None,
        pressed=pressed,
        content=_content(KINDS[name], fields) or None,
        reply_to=reply_to
        if isinstance(reply_to, str) and reply_to.isprintable() and len(reply_to) < MAX_NAME
        else None,
    )


def unwrapped(message: object) -> Json:
    """The message inside its wrappings."""
    inner = _dict(message)
    for _ in range(DEEPEST):
        wrapped = next((inner[name] for name in WRAPPERS if isinstance(inner.get(name), dict)), None)
        if wrapped is None:
            break
        inner = _dict(wrapped.get("message"))
    return inner


def _pressed(name: str, fields: Json) -> tuple[str, ...]:
    """Title and payload of what was pressed: an opt-out may come as a button's title too."""
    choice = _dict(fields.get("singleSelectReply"))
    found: Sequence[object] = {
        "templateButtonReplyMessage": (fields.get("selectedDisplayText"), fields.get("selectedId")),
        "buttonsResponseMessage": (fields.get("selectedDisplayText"), fields.get("selectedButtonId")),
        "listResponseMessage": (fields.get("title"), choice.get("selectedRowId")),
        "interactiveResponseMessage": (_dict(fields.get("body")).get("text"),),
    }.get(name, ())
    return tuple(text for value in found if (text := _text(value)))


def _content(kind: str, fields: Json) -> dict[str, Any]:
    names = PLACE if kind == "location" else MEDIA
    content: dict[str, Any] = {ours: text for theirs, ours in names.items() if (text := _text(fields.get(theirs)))}
    if kind == "location":
        places = {"latitude": fields.get("degreesLatitude"), "longitude": fields.get("degreesLongitude")}
        content |= {name: value for name, value in places.items() if isinstance(value, int | float)}
    if kind == "reaction":
        about = {"emoji": _text(fields.get("text")), "message_id": _text(_dict(fields.get("key")).get("id"))}
        content |= {name: value for name, value in about.items() if value}
    if kind == "contacts":
        people = fields.get("contacts") if isinstance(fields.get("contacts"), list) else [fields]
        content["contacts"] = [{"vcard": card} for one in people or () if (card := _text(_dict(one).get("vcard")))]
    return content


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """Take text that can be stored; empty counts as none."""
    return clean(value[:LONGEST_TEXT]) or None if isinstance(value, str) else None
