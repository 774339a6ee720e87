"""Webhook bodies in Meta's wire format: customers' messages, envelopes and signatures. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.simulator.ids import parent_user_id_from
from tools.simulator.meta_errors import error_from
from tools.simulator.send_requests import digits_of

WABA_ID: Final = "102290129340398"
Shape = Literal["messages", "changes", "entries"]
Change = dict[str, Any]
MEDIA: Final = {
    "image": "image/jpeg",
    "audio": "audio/ogg",
    "video": "video/mp4",
    "document": "application/pdf",
    "sticker": "image/webp",
}


class Inbound(BaseModel):
    """A customer's message: by phone (`from`), business-scoped `user_id`, or both; `raw` overrides any field.

    `timestamp` is in Unix seconds the current time without it; `type` is any of Meta's message types. A `user_id` has a
    parent's: `parent_user_id`, or a made-up one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    phone_number_id: str
    sender: str | None = Field(default=None, alias="from", repr=False)
    user_id: str | None = None
    parent_user_id: str | None = None
    username: str | None = Field(default=None, repr=False)
    name: str = Field(default="Customer", repr=False)
    type: str = "text"
    text: str = Field(default="Hello", repr=False)
    timestamp: int | None = None
    wamid: str | None = None
    raw: dict[str, Any] | None = Field(default=None, repr=False)


def media_id_of(wamid: str) -> str:
    """The id of the media of a message, always the same for a message."""
    digest = hashlib.blake2b(wamid.encode(), digest_size=6).digest()
    return str(1_000_000_000_000_000 + int.from_bytes(digest, "big"))


def media_bytes_of(media_id: str, size: int | None = None) -> bytes:
    """The made-up content of a media id, always the same; without `size` it is short."""
    content = b"media " + media_id.encode()
    return content if size is None else (content * (size // len(content) + 1))[:size]


def content_from(
    kind: str, text: str, *, media_id: str = "1003383421387256", media_size: int | None = None
) -> dict[str, Any]:
    """The fields of a message's type; `text` becomes the body, title, caption or emoji."""
    if kind in MEDIA:
        sha256 = base64.b64encode(hashlib.sha256(media_bytes_of(media_id, media_size)).digest()).decode()
        url = f"https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid={media_id}"
        media = {"id": media_id, "mime_type": MEDIA[kind], "sha256": sha256, "url": url, "caption": text}
        if kind in {"audio", "sticker"}:
            del media["caption"]
        return {kind: media | ({"filename": "file.pdf"} if kind == "document" else {})}
    if kind == "unsupported":
        return {"errors": [error_from(131051, "Message type is currently not supported.").in_webhook()]}
    plain: dict[str, Any] = {
        "text": {"body": text},
        "button": {"text": text, "payload": text},
        "interactive": {"type": "button_reply", "button_reply": {"id": "choice-1", "title": text}},
        "reaction": {"message_id": "wamid.HBgMcmVhY3Rpb24=", "emoji": text},
        "location": {"latitude": 24.7136, "longitude": 46.6753, "name": text},
        "contacts": [{"name": {"formatted_name": text, "first_name": text}, "phones": []}],
        "order": {"catalog_id": "194836987003835", "text": text, "product_items": []},
        "system": {"body": text, "type": "user_changed_number"},
    }
    return {kind: plain[kind]} if kind in plain else {}


def message_from(inbound: Inbound, *, wamid: str, now: int, media_size: int | None = None) -> dict[str, Any]:
    """One element of `value.messages`; without the fields that the customer does not have."""
    message: dict[str, Any] = {
        "id": inbound.wamid or wamid,
        "timestamp": str(now if inbound.timestamp is None else inbound.timestamp),
        "type": inbound.type,
    }
    if inbound.sender:
        message["from"] = digits_of(inbound.sender)
    if inbound.user_id:
        message["from_user_id"] = inbound.user_id
        message["from_parent_user_id"] = inbound.parent_user_id or parent_user_id_from(inbound.user_id)
    content = content_from(
        inbound.type, inbound.text, media_id=media_id_of(inbound.wamid or wamid), media_size=media_size
    )
    return message | content | (inbound.raw or {})


def contact_from(inbound: Inbound) -> dict[str, Any]:
    """One element of `value.contacts`; without `wa_id` for a customer who hides the phone."""
    profile = {"name": inbound.name} | ({"username": inbound.username} if inbound.username else {})
    contact: dict[str, Any] = {"profile": profile}
    if inbound.sender:
        contact["wa_id"] = digits_of(inbound.sender)
    if inbound.user_id:
        contact["user_id"] = inbound.user_id
        contact["parent_user_id"] = inbound.parent_user_id or parent_user_id_from(inbound.user_id)
    return contact


def display_number_of(phone_number_id: str) -> str:
    """A made-up public number for a phone number id, always the same."""
    return f"1555{phone_number_id[-7:]:0>7}"


def change_from(phone_number_id: str, *, field: str = "messages", **parts: Any) -> Change:
    """One change of a field about customers: the number's metadata and parts such as `messages` or `statuses`."""
    metadata = {"display_phone_number": display_number_of(phone_number_id), "phone_number_id": phone_number_id}
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata} | parts}


def envelope_from(changes: Sequence[Change], *, shape: Shape = "changes") -> dict[str, Any]:
    """The webhook body of changes: all in one entry, or with shape `entries` one entry for each.

    An entry is of the business account of its first change's number.
    """
    groups = [[change] for change in changes] if shape == "entries" else [list(changes)]
    entries = [{"id": _business_account_in(group[0]) if group else WABA_ID, "changes": group} for group in groups]
    return {"object": "whatsapp_business_account", "entry": entries}


def business_account_of(phone_number_id: str) -> str:
    """The id of the business account of a number, always the same; each number has one of its own."""
    return f"1022{phone_number_id}" if phone_number_id else WABA_ID


def _business_account_in(change: Change) -> str:
    metadata = change["value"].get("metadata") or {}
    return business_account_of(metadata.get("phone_number_id") or "")


def inbound_changes(pairs: Iterable[tuple[Inbound, dict[str, Any]]], *, shape: Shape = "changes") -> list[Change]:
    """A change for each message, or with shape `messages` one for each number with all of its messages."""
    groups: dict[object, list[tuple[Inbound, dict[str, Any]]]] = {}
    for position, pair in enumerate(pairs):
        groups.setdefault(pair[0].phone_number_id if shape == "messages" else position, []).append(pair)
    return [
        change_from(
            group[0][0].phone_number_id,
            contacts=[contact_from(inbound) for inbound, _ in group],
            messages=[message for _, message in group],
        )
        for group in groups.values()
    ]


def signature_of(body: bytes, app_secret: str) -> str:
    """The value of `X-Hub-Signature-256`: HMAC-SHA256 over the raw bytes, keyed with the app secret."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
