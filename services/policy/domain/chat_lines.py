"""The lines of 3CX's chat: what a customer sent, as text that an agent can read.

3CX shows text alone for certain, so that every kind of message becomes text; media have a link besides, which sender
makes.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from libs.contracts.events import WhatsAppMessageReceived

UNSHOWN: Final = "[a message that WhatsApp cannot show here]"
MEDIA_NAMES: Final = {
    "image": "picture",
    "video": "video",
    "audio": "voice message or audio",
    "document": "document",
    "sticker": "sticker",
}
MAX_LINE: Final = 4_096
MAX_CONTACTS: Final = 20
_VCARD_PHONE: Final = re.compile(r"^(?:item\d+\.)?TEL[^:\n]{0,200}:([^\r\n]{1,64})", re.MULTILINE | re.IGNORECASE)


def chat_text(message: WhatsAppMessageReceived) -> str:
    """The message as text; never empty."""
    own = (message.content or {}).get(message.type)
    make = _TEXTS.get(message.type)
    text = (None if make is None else make(message, own)) or _words(message) or UNSHOWN
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


def _words(message: WhatsAppMessageReceived) -> str:
    """What the customer wrote, or the title of what was pressed."""
    return (message.text or "").strip() or next((each for each in message.pressed if each.strip()), "")


def _media(message: WhatsAppMessageReceived, own: Any) -> str:
    name = own.get("filename") if isinstance(own, Mapping) else None
    shown = f": {name}" if isinstance(name, str) and name else ""
    label = f"[{MEDIA_NAMES[message.type]}{shown}]"
    return f"{label} {_words(message)}".strip()


def _location(message: WhatsAppMessageReceived, own: Any) -> str:
    """Name, address and coordinates, as far as there are any."""
    place = own if isinstance(own, Mapping) else {}
    words = [each for name in ("name", "address") if isinstance(each := place.get(name), str) and each]
    at = [place.get(name) for name in ("latitude", "longitude")]
    if all(isinstance(each, int | float) for each in at):
        words.append(f"{at[0]}, {at[1]}")
    return f"[location] {', '.join(words)} {_words(message)}".strip()


def _contacts(_: WhatsAppMessageReceived, own: Any) -> str:
    """Names and numbers."""
    cards = [_contact(each) for each in own if isinstance(each, Mapping)] if isinstance(own, list) else []
    more = f"; and {len(cards) - MAX_CONTACTS} more" if len(cards) > MAX_CONTACTS else ""
    return f"[contact] {'; '.join(filter(None, cards[:MAX_CONTACTS]))}{more}"


def _contact(card: Mapping[str, Any]) -> str:
    name = card.get("name")
    shown = name.get("formatted_name") if isinstance(name, Mapping) else None
    listed, vcard = card.get("phones"), card.get("vcard")
    phones = [each.get("phone") for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    phones += _VCARD_PHONE.findall(vcard) if isinstance(vcard, str) else []
    return " ".join(each for each in (shown, *phones) if isinstance(each, str) and each)


def _reaction(message: WhatsAppMessageReceived, _: Any) -> str:
    return f"reacted {message.text}" if message.text else "took a reaction back"


def _edit(message: WhatsAppMessageReceived, _: Any) -> str:
    return f"[edited] {_words(message)}" if _words(message) else "[edited a message]"


def _revoke(_: WhatsAppMessageReceived, __: Any) -> str:
    return "[deleted a message]"


def _order(message: WhatsAppMessageReceived, own: Any) -> str:
    items = own.get("product_items") if isinstance(own, Mapping) else None
    count = f" of {len(items)} items" if isinstance(items, list) and items else ""
    return f"[order{count}] {_words(message)}".strip()


def _unsupported(_: WhatsAppMessageReceived, __: Any) -> str:
    return UNSHOWN


_TEXTS: Final = {
    **dict.fromkeys(MEDIA_NAMES, _media),
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "order": _order,
    "unsupported": _unsupported,
    "unknown": _unsupported,
}
