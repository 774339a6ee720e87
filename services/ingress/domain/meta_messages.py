"""One customer's message in Meta's words, of any type, as an event of ours."""

from collections.abc import Sequence
from typing import Any, Final

from libs.contracts.events import MAX_NAME, WhatsAppIdentityChanged, WhatsAppMessageReceived
from services.ingress.domain.bodies import clean
from services.ingress.domain.meta_values import Json, codes_in, dict_in, id_in, name_in, phone_in, pruned, user_id_in

MEDIA: Final = frozenset({"image", "audio", "video", "document", "sticker"})
MEDIA_FIELDS: Final = ("id", "mime_type", "sha256", "filename", "caption", "voice", "animated")
"""What is kept of media: never its `url`, which is short-lived and opens with our token."""
OPENS_NOTHING: Final = frozenset({"reaction", "system", "request_welcome", "edit", "revoke"})
"""Types that open no window: nobody wrote a message to us. All others do, those that the API cannot show us included:
the customer did write, and a window that is not open after all is closed by WhatsApp's first refusal (131047)."""
CHANGED_PHONE: Final = frozenset({"user_changed_number", "customer_changed_number"})
CHANGED_USER_ID: Final = "user_changed_user_id"


def person_of(told: Json, people: Sequence[Json]) -> Json:
    """Who wrote, among the post's contacts; a single contact needs no match."""
    if len(people) == 1:
        return people[0]
    keys = (("wa_id", told.get("from")), ("user_id", told.get("from_user_id")))
    named = (p for p in people if any(value and p.get(key) == value for key, value in keys))
    return next(named, {})


def fields_of(told: Json, person: Json) -> dict[str, Any]:
    """What the event says besides who, when and which: type, words, buttons and content."""
    kind = (id_in(told.get("type")) or "unknown")[:MAX_NAME]
    return {
        "type": kind,
        "text": _text(told, kind),
        "pressed": _pressed(told),
        "content": _content(told, kind),
        "opens_window": kind not in OPENS_NOTHING,
        "profile_name": name_in(dict_in(person.get("profile")).get("name")),
        "reply_to_message_id": id_in(dict_in(told.get("context")).get("id")),
    }


def identity_change_in(message: WhatsAppMessageReceived, told: Json) -> WhatsAppIdentityChanged | None:
    """What a `system` message says of who the customer is now; None when it says nothing of it."""
    system = dict_in(told.get("system"))
    new_phone = phone_in(system.get("wa_id")) or phone_in(system.get("new_wa_id"))
    new_user_id = user_id_in(system.get("user_id"))
    if system.get("type") in CHANGED_PHONE and new_phone is not None:
        changes: dict[str, Any] = {"new_customer": new_phone, "new_customer_user_id": new_user_id}
    elif system.get("type") == CHANGED_USER_ID and new_user_id is not None:
        changes = {"new_customer_user_id": new_user_id}
    else:
        return None
    return WhatsAppIdentityChanged(
        number_id=message.number_id,
        at=message.sent_at,
        customer=message.customer,
        customer_user_id=user_id_in(system.get("previous_user_id")) or message.customer_user_id,
        **changes,
    )


def _text(told: Json, kind: str) -> str | None:
    """What the customer wrote, pressed or put under a picture."""
    button, interactive = dict_in(told.get("button")), dict_in(told.get("interactive"))
    for value in (
        dict_in(told.get("text")).get("body"),
        button.get("text"),
        button.get("payload"),
        dict_in(interactive.get("button_reply")).get("title"),
        dict_in(interactive.get("list_reply")).get("title"),
        dict_in(interactive.get("nfm_reply")).get("body"),
        dict_in(told.get(kind)).get("caption") if kind in MEDIA else None,
        dict_in(told.get("reaction")).get("emoji"),
        dict_in(told.get("order")).get("text"),
        dict_in(told.get("system")).get("body"),
    ):
        if isinstance(value, str) and value:
            return clean(value)
    return None


def _pressed(told: Json) -> tuple[str, ...]:
    """Title and payload of what was pressed."""
    button, interactive = dict_in(told.get("button")), dict_in(told.get("interactive"))
    rows = [dict_in(interactive.get(kind)) for kind in ("button_reply", "list_reply")]
    values = [button.get("text"), button.get("payload"), *(row.get(name) for row in rows for name in ("title", "id"))]
    return tuple(clean(value) for value in values if isinstance(value, str) and value)


def _content(told: Json, kind: str) -> dict[str, Any] | None:
    """What the type adds, under its own name; an advertisement that led to the chat beside it."""
    content: dict[str, Any] = {}
    part = told.get(kind)
    if kind in MEDIA:
        content[kind] = {name: pruned(dict_in(part)[name]) for name in MEDIA_FIELDS if name in dict_in(part)}
    elif kind != "text" and isinstance(part, dict | list):
        content[kind] = pruned(part)
    if codes := codes_in(told.get("errors")):
        content["errors"] = list(codes)
    if isinstance(told.get("referral"), dict):
        content["referral"] = pruned(told["referral"])
    return content or None
