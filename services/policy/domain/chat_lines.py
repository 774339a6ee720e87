"""The lines of 3CX's chat: what a customer sent, as text that an agent can read.

3CX shows text alone for certain, so that every kind of message becomes text; media have a link besides, which sender
makes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from libs.contracts.events import WhatsAppMessageReceived
from services.policy.domain.chat_answers import interactive_text

UNSHOWN: Final = "[a message that WhatsApp cannot show here]"
ONLY_IN_THE_APP: Final = "[a message that is only in the WhatsApp Business app of this number]"
APP_CODE: Final = 131060
"""WhatsApp's code of a message that it does not pass on, because the number is used in the app too."""
NO_FILE: Final = "WhatsApp could not load the file, ask the customer to send it again"
MEDIA_NAMES: Final = {
    "image": "picture",
    "video": "video",
    "audio": "voice message or audio",
    "document": "document",
    "sticker": "sticker",
}
MAX_LINE: Final = 4_096
_PRODUCT_NUMBERS: Final = ("product_retailer_id", "id")
MAX_CONTACTS: Final = 20
MAX_PRODUCTS: Final = 20
MAX_NAME: Final = 200
"""Characters of a name that are shown beside a customer's words."""
_COORDINATE: Final = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,20})?", re.ASCII)
_VCARD_PHONE: Final = re.compile(r"^(?:item\d+\.)?TEL[^:\n]{0,200}:([^\r\n]{1,64})", re.MULTILINE | re.IGNORECASE)


def chat_text(message: WhatsAppMessageReceived) -> str:
    """The message as text; never empty."""
    content = message.content or {}
    make = _TEXTS.get(message.type)
    shown = (None if make is None else make(message, content.get(message.type))) or _words(message)
    text = " ".join(filter(None, [*_origin(content), shown])) or UNSHOWN
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"


def _words(message: WhatsAppMessageReceived) -> str:
    """What the customer wrote, or the title of what was pressed."""
    return (message.text or "").strip() or next((each for each in message.pressed if each.strip()), "")


def _origin(content: Mapping[str, Any]) -> Iterator[str]:
    """Whose words these are, and which product they are about."""
    if content.get("frequently_forwarded") is True:
        yield "[forwarded many times]"
    elif content.get("forwarded") is True:
        yield "[forwarded]"
    if product := _product(content.get("referred_product")):
        yield f"[about the product {product}]"


def _product(value: Any) -> str:
    """A product by its title and by the number that the shop gave it."""
    product = value if isinstance(value, Mapping) else {}
    title = _name(product.get("title"))
    number = next((each for name in _PRODUCT_NUMBERS if (each := _name(product.get(name)))), "")
    return f"{title} ({number})" if title and number else title or number


def _name(value: object) -> str:
    """A name or a number on one line."""
    known = isinstance(value, str | int | float) and not isinstance(value, bool)
    return " ".join(str(value)[:MAX_NAME].split()) if known else ""


def _media(message: WhatsAppMessageReceived, own: Any) -> str:
    part = own if isinstance(own, Mapping) else {}
    name = part.get("filename")
    shown = f": {name}" if isinstance(name, str) and name else ""
    if not part.get("id") and _errors(message):
        shown += f" - {NO_FILE}"
    label = f"[{MEDIA_NAMES[message.type]}{shown}]"
    return f"{label} {_words(message)}".strip()


def _errors(message: WhatsAppMessageReceived) -> list[Any]:
    """WhatsApp's codes for what is missing in the message."""
    errors = (message.content or {}).get("errors")
    return errors if isinstance(errors, list) else []


def _location(message: WhatsAppMessageReceived, own: Any) -> str:
    """Name, address and coordinates, as far as there are any."""
    place = own if isinstance(own, Mapping) else {}
    words = [each for name in ("name", "address") if isinstance(each := place.get(name), str) and each]
    at = [place.get(name) for name in ("latitude", "longitude")]
    if all(map(_is_coordinate, at)):
        words.append(f"{at[0]}, {at[1]}")
    return f"[location] {', '.join(words)} {_words(message)}".strip()


def _is_coordinate(value: object) -> bool:
    """True for a number, and for the text of one."""
    if isinstance(value, str):
        return _COORDINATE.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


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
    order = own if isinstance(own, Mapping) else {}
    listed = order.get("product_items")
    items = listed if isinstance(listed, list) else []
    count = len(items) or order.get("item_count")
    size = f" of {count} {'item' if count == 1 else 'items'}" if type(count) is int and count > 0 else ""
    title = _name(order.get("title"))
    products = list(filter(None, [title, *(_item(each) for each in items if isinstance(each, Mapping))]))
    more = [f"and {len(products) - MAX_PRODUCTS} more"] if len(products) > MAX_PRODUCTS else []
    shown = f": {'; '.join([*products[:MAX_PRODUCTS], *more])}" if products else ""
    return f"[order{size}{shown}] {_words(message)}".strip()


def _item(item: Mapping[str, Any]) -> str:
    """One product of an order, with quantity and price as far as they are told."""
    product, quantity, price = _product(item), _name(item.get("quantity")), _name(item.get("item_price"))
    cost = f"at {price} {_name(item.get('currency'))}".strip() if price else ""
    return " ".join(filter(None, [quantity and f"{quantity} ×", product, cost])) if product else ""


def _interactive(message: WhatsAppMessageReceived, own: Any) -> str:
    return interactive_text(own, _words(message))


def _request_welcome(message: WhatsAppMessageReceived, _: Any) -> str:
    return _words(message) or "[opened the chat]"


def _unsupported(message: WhatsAppMessageReceived, _: Any) -> str:
    """The customer's words, if there are any: they may come without a type."""
    return _words(message) or (ONLY_IN_THE_APP if APP_CODE in _errors(message) else UNSHOWN)


_TEXTS: Final = {
    **dict.fromkeys(MEDIA_NAMES, _media),
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
    "order": _order,
    "interactive": _interactive,
    "request_welcome": _request_welcome,
    "unsupported": _unsupported,
    "unknown": _unsupported,
}
