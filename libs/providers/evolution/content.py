"""The object of each kind of message under Meta's field names, its text, and what was pressed."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from libs.providers.json_values import Json, dict_in, json_in, list_in, pruned, text_in

MAX_TEXT: Final = 65_536
MEDIA: Final = frozenset({"image", "audio", "video", "document", "sticker"})
MEDIA_FIELDS: Final = {
    "id": ("id",),
    "mime_type": ("mime_type", "mimetype"),
    "sha256": ("sha256",),
    "filename": ("filename", "fileName"),
    "caption": ("caption",),
}
"""Meta's names, and the names that each kind of instance has. Never URLs, keys or thumbnails."""
PRODUCT: Final = "productMessage"
NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,20})?", re.ASCII)
MEDIA_FLAGS: Final = {"voice": ("voice", "ptt"), "animated": ("animated", "isAnimated")}
ORDER_FIELDS: Final = {
    "id": ("id", "orderId"),
    "catalog_id": ("catalog_id",),
    "title": ("title", "orderTitle"),
    "text": ("text", "message"),
    "item_count": ("itemCount",),
    "product_items": ("product_items",),
}
PRODUCT_FIELDS: Final = {
    "product_retailer_id": ("retailerId",),
    "id": ("productId",),
    "title": ("title",),
}
MANY_TIMES: Final = 5
"""The count from which WhatsApp shows a message as forwarded many times."""


def text_of(kind: str, fields: Json) -> str | None:
    """The customer's words: a text, a caption, the emoji of a reaction."""
    names = ("caption", "comment") if kind in MEDIA or kind == "location" else ("text", "message", "body")
    return None if kind == "contacts" else next((text for name in names if (text := _text(fields.get(name)))), None)


def pressed_in(name: str, fields: Json) -> tuple[str, ...]:
    """Title and payload of the pressed button: an opt-out may come as a button's title too."""
    choice, form = dict_in(fields.get("singleSelectReply")), dict_in(fields.get("nativeFlowResponseMessage"))
    parameters = form.get("paramsJson")
    flow = dict_in(json_in(parameters.encode("utf-8", "replace"))) if isinstance(parameters, str) else {}
    found: Sequence[object] = {
        "templateButtonReplyMessage": (fields.get("selectedDisplayText"), fields.get("selectedId")),
        "buttonsResponseMessage": (fields.get("selectedDisplayText"), fields.get("selectedButtonId")),
        "listResponseMessage": (fields.get("title"), choice.get("selectedRowId")),
        "interactiveResponseMessage": (dict_in(fields.get("body")).get("text"), flow.get("id")),
    }.get(name, ())
    return tuple(text for value in found if (text := _text(value)))


def type_object(name: str, kind: str, fields: Json) -> dict[str, Any] | None:
    """The object under the type's name, as Meta has it; None for a text and where nothing is known."""
    make = OBJECTS.get(name) or OBJECTS.get(kind)
    made = make(fields) if make else None
    return {kind: made} if made else None


def context_of(fields: Json, beside: Json) -> dict[str, Any]:
    """Where a message comes from, in Meta's terms: the product that it is about, and that another person wrote it.

    The product is that of the message itself, or of the message that it answers.
    """
    context = dict_in(fields.get("contextInfo")) or dict_in(beside.get("contextInfo"))
    quoted = dict_in(dict_in(context.get("quotedMessage")).get(PRODUCT))
    product = _texts(dict_in(fields.get("product") or quoted.get("product")), PRODUCT_FIELDS)
    score = context.get("forwardingScore")
    flags = {
        "forwarded": context.get("isForwarded") is True,
        "frequently_forwarded": type(score) is int and score >= MANY_TIMES,
    }
    return ({"referred_product": product} if product else {}) | {name: True for name, told in flags.items() if told}


def _media(fields: Json) -> dict[str, Any]:
    flags = {name: True for name, names in MEDIA_FLAGS.items() if any(fields.get(each) is True for each in names)}
    return _texts(fields, MEDIA_FIELDS) | flags


def _location(fields: Json) -> dict[str, Any]:
    names = {"latitude": ("degreesLatitude", "latitude"), "longitude": ("degreesLongitude", "longitude")}
    places = {
        name: next((at for n in each if (at := _number_in(fields.get(n))) is not None), None)
        for name, each in names.items()
    }
    found = {name: value for name, value in places.items() if value is not None}
    return found | _texts(fields, {"name": ("name",), "address": ("address",)})


def _contacts(fields: Json) -> list[dict[str, Any]]:
    contacts = map(dict_in, list_in(fields.get("contacts")) if "contacts" in fields else [fields])
    made = [
        {"name": {"formatted_name": _text(each.get("displayName"))}, "vcard": _text(each.get("vcard"))}
        for each in contacts
    ]
    return [
        {key: value for key, value in one.items() if value not in (None, {"formatted_name": None})}
        for one in made
        if one["vcard"] or one["name"] != {"formatted_name": None}
    ]


def _order(fields: Json) -> dict[str, Any]:
    found = {name: next((fields[n] for n in names if n in fields), None) for name, names in ORDER_FIELDS.items()}
    return {name: pruned(value) for name, value in found.items() if value is not None}


def _reaction(fields: Json) -> dict[str, Any]:
    """The message that the reaction is about, and the emoji; none when the reaction was taken back."""
    about = {"message_id": _text(dict_in(fields.get("key")).get("id")), "emoji": _text(fields.get("text"))}
    return {name: value for name, value in about.items() if value}


def _button(fields: Json) -> dict[str, Any]:
    return _texts(fields, {"text": ("selectedDisplayText",), "payload": ("selectedId",)})


def _button_reply(fields: Json) -> dict[str, Any]:
    reply = _texts(fields, {"id": ("selectedButtonId",), "title": ("selectedDisplayText",)})
    return {"type": "button_reply", "button_reply": reply}


def _list_reply(fields: Json) -> dict[str, Any]:
    reply = _texts(dict_in(fields.get("singleSelectReply")), {"id": ("selectedRowId",)})
    return {"type": "list_reply", "list_reply": reply | _texts(fields, {n: (n,) for n in ("title", "description")})}


def _form_reply(fields: Json) -> dict[str, Any]:
    form = dict_in(fields.get("nativeFlowResponseMessage"))
    reply = _texts(form, {"name": ("name",), "response_json": ("paramsJson",)})
    return {"type": "nfm_reply", "nfm_reply": reply | _texts(dict_in(fields.get("body")), {"body": ("text",)})}


def _system(fields: Json) -> dict[str, Any]:
    names = ("type", "body", "wa_id", "new_wa_id", "customer", "user_id", "previous_user_id", "original_message_id")
    return _texts(fields, {name: (name,) for name in names})


OBJECTS: Final[Mapping[str, Callable[[Json], Any]]] = {
    **dict.fromkeys(MEDIA, _media),
    "location": _location,
    "contacts": _contacts,
    "order": _order,
    "reaction": _reaction,
    "button": _button,
    "buttonsResponseMessage": _button_reply,
    "listResponseMessage": _list_reply,
    "interactiveResponseMessage": _form_reply,
    "system": _system,
    "revoke": _system,
}
"""What makes the object: by WhatsApp's name where a type has several shapes, otherwise by the type."""


def _texts(fields: Json, names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The texts under the first of their names that has one."""
    found = {name: next((text for n in each if (text := _text(fields.get(n)))), None) for name, each in names.items()}
    return {name: text for name, text in found.items() if text is not None}


def _number_in(value: object) -> int | float | None:
    """A number, or the text of one."""
    if isinstance(value, str):
        return float(value) if NUMBER.fullmatch(value) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    """A text that can be stored; an empty one counts as absent."""
    return text_in(value, longest=MAX_TEXT) or None
