"""The content of one customer message in Meta's webhook format: type, text, buttons, media."""

from typing import Any, Final

from libs.contracts.events import MAX_NAME
from libs.contracts.text import without_controls
from libs.providers.json_values import Json, codes_in, dict_in, id_in, name_in, pruned

MEDIA: Final = frozenset({"image", "audio", "video", "document", "sticker"})
MEDIA_FIELDS: Final = ("id", "mime_type", "sha256", "filename", "caption", "voice", "animated")
"""The fields of media that are kept: never `url`, which is short-lived and opens with the gateway's token."""
OPENS_NO_WINDOW: Final = frozenset({"reaction", "system", "request_welcome", "edit", "revoke"})
"""Types that the customer does not write to the business. All others open the window, unsupported ones included: the
customer did write, and if the window is not open after all, WhatsApp's first refusal closes it (131047)."""
KINDS: Final = ("text", *sorted(MEDIA), "location", "contacts", "button", "interactive", "order", "reaction", "system")
"""Types that are read from the name of their object where a message names none."""
EDIT: Final = "edit"
EDITS: Final = frozenset({EDIT, "edited", "message_edit"})
"""Types of a message that replaces the words of an earlier one."""


def content_fields_of(message: Json, contact: Json) -> dict[str, Any]:
    """The fields of the event besides sender, time and id: type, text, buttons and content."""
    named = id_in(message.get("type")) or next((kind for kind in KINDS if message.get(kind)), "unknown")
    told = named[:MAX_NAME]
    edited = message.get(told) if told in EDITS else message.get(EDIT)
    kind = EDIT if told in EDITS or isinstance(edited, dict) else told
    message = {**message, EDIT: edited} if kind == EDIT else message
    return {
        "type": kind,
        "text": _edited_text(message) if kind == EDIT else _text(message, kind),
        "pressed": () if kind == EDIT else _pressed(message),
        "content": _content(message, kind),
        "opens_window": kind not in OPENS_NO_WINDOW,
        "profile_name": name_in(dict_in(contact.get("profile")).get("name")),
        "reply_to_message_id": id_in(dict_in(message.get("context")).get("id")),
    }


def _edited_text(message: Json) -> str | None:
    """The new words of an edited message: its text or its caption, wherever the edit holds them."""
    edit = dict_in(message.get(EDIT))
    for part in (dict_in(edit.get("message")), edit, message):
        texts = [part.get("text"), part.get("body"), *(dict_in(part.get(kind)).get("caption") for kind in MEDIA)]
        for value in (dict_in(text).get("body", text) for text in texts):
            if isinstance(value, str) and value:
                return without_controls(value)
    return None


def _text(message: Json, kind: str) -> str | None:
    """The text, the pressed button's title or the caption of a message."""
    button, interactive = dict_in(message.get("button")), dict_in(message.get("interactive"))
    for value in (
        dict_in(message.get("text")).get("body", message.get("text")),
        button.get("text"),
        button.get("payload"),
        dict_in(interactive.get("button_reply")).get("title"),
        dict_in(interactive.get("list_reply")).get("title"),
        dict_in(interactive.get("nfm_reply")).get("body"),
        dict_in(message.get(kind)).get("caption") if kind in MEDIA else None,
        dict_in(message.get("reaction")).get("emoji"),
        dict_in(message.get("order")).get("text"),
        dict_in(message.get("system")).get("body"),
    ):
        if isinstance(value, str) and value:
            return without_controls(value)
    return None


def _pressed(message: Json) -> tuple[str, ...]:
    """Title and payload of the pressed buttons."""
    button, interactive = dict_in(message.get("button")), dict_in(message.get("interactive"))
    rows = [dict_in(interactive.get(kind)) for kind in ("button_reply", "list_reply")]
    values = [button.get("text"), button.get("payload"), *(row.get(name) for row in rows for name in ("title", "id"))]
    return tuple(without_controls(value) for value in values if isinstance(value, str) and value)


def _content(message: Json, kind: str) -> dict[str, Any] | None:
    """The type's own object, under its name, with error codes and where the message comes from.

    That is the advertisement that led to the chat, the product that is asked about, and that another person wrote it.
    """
    content: dict[str, Any] = {}
    part = message.get(kind)
    if kind in MEDIA:
        content[kind] = {name: pruned(dict_in(part)[name]) for name in MEDIA_FIELDS if name in dict_in(part)}
    elif kind != "text" and isinstance(part, dict | list):
        content[kind] = pruned(part)
    if codes := codes_in(message.get("errors")):
        content["errors"] = list(codes)
    if isinstance(message.get("referral"), dict):
        content["referral"] = pruned(message["referral"])
    context = dict_in(message.get("context"))
    if product := dict_in(context.get("referred_product")):
        content["referred_product"] = pruned(product)
    content |= {flag: True for flag in ("forwarded", "frequently_forwarded") if context.get(flag) is True}
    return content or None
