"""The content of one customer message in Meta's webhook format: type, text, buttons, media, identity changes."""

from collections.abc import Sequence
from typing import Any, Final

from libs.contracts.events import MAX_NAME, WhatsAppIdentityChanged, WhatsAppMessageReceived
from libs.contracts.text import without_controls
from libs.providers.json_values import Json, codes_in, dict_in, id_in, name_in, phone_in, pruned, user_id_in

MEDIA: Final = frozenset({"image", "audio", "video", "document", "sticker"})
MEDIA_FIELDS: Final = ("id", "mime_type", "sha256", "filename", "caption", "voice", "animated")
"""The fields of media that are kept: never `url`, which is short-lived and opens with the gateway's token."""
OPENS_NO_WINDOW: Final = frozenset({"reaction", "system", "request_welcome", "edit", "revoke"})
"""Types that the customer does not write to the business. All others open the window, unsupported ones included: the
customer did write, and if the window is not open after all, WhatsApp's first refusal closes it (131047)."""
CHANGED_PHONE: Final = frozenset({"user_changed_number", "customer_changed_number"})
CHANGED_USER_ID: Final = "user_changed_user_id"


def contact_of(message: Json, contacts: Sequence[Json]) -> Json:
    """The sender among the request's contacts; a single contact needs no match."""
    if len(contacts) == 1:
        return contacts[0]
    keys = (("wa_id", message.get("from")), ("user_id", message.get("from_user_id")))
    named = (c for c in contacts if any(value and c.get(key) == value for key, value in keys))
    return next(named, {})


def content_fields_of(message: Json, contact: Json) -> dict[str, Any]:
    """The fields of the event besides sender, time and id: type, text, buttons and content."""
    kind = (id_in(message.get("type")) or "unknown")[:MAX_NAME]
    return {
        "type": kind,
        "text": _text(message, kind),
        "pressed": _pressed(message),
        "content": _content(message, kind),
        "opens_window": kind not in OPENS_NO_WINDOW,
        "profile_name": name_in(dict_in(contact.get("profile")).get("name")),
        "reply_to_message_id": id_in(dict_in(message.get("context")).get("id")),
    }


def identity_change_in(event: WhatsAppMessageReceived, message: Json) -> WhatsAppIdentityChanged | None:
    """The identity change that a `system` message reports; None for any other message."""
    system = dict_in(message.get("system"))
    kind = id_in(system.get("type"))
    new_phone = phone_in(system.get("wa_id")) or phone_in(system.get("new_wa_id"))
    new_user_id = user_id_in(system.get("user_id"))
    if kind in CHANGED_PHONE and new_phone is not None:
        changes: dict[str, Any] = {"new_customer": new_phone, "new_customer_user_id": new_user_id}
    elif kind == CHANGED_USER_ID and new_user_id is not None:
        changes = {"new_customer_user_id": new_user_id}
    else:
        return None
    return WhatsAppIdentityChanged(
        number_id=event.number_id,
        at=event.sent_at,
        customer=event.customer,
        customer_user_id=user_id_in(system.get("previous_user_id")) or event.customer_user_id,
        **changes,
    )


def _text(message: Json, kind: str) -> str | None:
    """The text, the pressed button's title or the caption of a message."""
    button, interactive = dict_in(message.get("button")), dict_in(message.get("interactive"))
    for value in (
        dict_in(message.get("text")).get("body"),
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
    """The type's own object, under its name, with error codes and the advertisement that led to the chat."""
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
    return content or None
