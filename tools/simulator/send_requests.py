"""Send requests and their answers in Meta's wire format, validated as strictly as Meta does. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from tools.simulator.ids import user_id_from
from tools.simulator.message_checks import error_in_interactive
from tools.simulator.meta_errors import MetaError, invalid_parameter, invalid_request, missing_parameter

_MAX_TEXT: Final = 4_096
_MAX_CALLBACK: Final = 512
_PHONE_NOISE: Final = re.compile(r"[\s()+.-]")
_PHONE: Final = re.compile(r"\d{5,15}")  # E.164 allows 15 digits; shorter than 5 is no phone number
MEDIA_TYPES: Final = {"audio", "document", "image", "sticker", "video"}
_TYPES: Final = MEDIA_TYPES | {"contacts", "interactive", "location", "reaction", "template", "text"}


@dataclass(frozen=True, slots=True)
class Send:
    """One request to a number's messages endpoint, parsed leniently; `error_in` validates it.

    `to` is the customer's phone in digits, or their business-scoped user id without a phone.
    """

    phone_number_id: str
    payload: Mapping[str, Any] | None = field(repr=False)
    to: str = field(default="", repr=False)
    callback: str | None = None
    is_probe: bool = False
    """True for a request that reads the number, `GET /{version}/{phone_number_id}`, and sends nothing."""
    is_upload: bool = False
    """True for an upload, `POST /{version}/{phone_number_id}/media`, which sends nothing either."""
    is_contact_book: bool = False
    """True for a deletion from the contact book, `DELETE /{version}/{phone_number_id}/contact_book`."""

    @property
    def is_read(self) -> bool:
        """True when it marks a customer's message as read."""
        return self.payload is not None and "status" in self.payload

    @property
    def shows_typing(self) -> bool:
        """True when it also shows the customer that somebody is typing."""
        return self.is_read and "typing_indicator" in (self.payload or {})

    @property
    def type(self) -> str:
        """The message's type; without one `text`, as at Meta."""
        kind = self.payload.get("type", "text") if self.payload else "text"
        return kind if isinstance(kind, str) else ""

    @property
    def text(self) -> str:
        """The text's body, the template's name, or nothing."""
        part = self.payload.get(self.type) if self.payload else None
        text = (part.get("body") or part.get("name") or part.get("caption")) if isinstance(part, dict) else None
        return text if isinstance(text, str) else ""


def digits_of(phone: str) -> str:
    """The phone as Meta writes it: without plus sign and punctuation. A user id passes unchanged."""
    bare = _PHONE_NOISE.sub("", phone)
    return bare if bare.isdecimal() else phone


def send_from(phone_number_id: str, body: bytes) -> Send:
    """Parse a request's body; a `Send` without payload when it is not a JSON object."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict):
        return Send(phone_number_id, None)
    to, callback = payload.get("to") or payload.get("recipient"), payload.get("biz_opaque_callback_data")
    known = callback if isinstance(callback, str) else None
    return Send(phone_number_id, payload, digits_of(to) if isinstance(to, str) else "", known)


def error_in(send: Send) -> MetaError | None:
    """The error that Meta answers to this request (100, 131008 or 131009); None for a valid one."""
    payload = send.payload
    if payload is None or "messaging_product" not in payload:
        return invalid_request("The parameter messaging_product is required.")
    if payload["messaging_product"] != "whatsapp":
        return invalid_request("Param messaging_product must be one of {WHATSAPP}.")
    return _error_in_read(payload) if send.is_read else _error_in_message(send, payload)


def _error_in_read(payload: Mapping[str, Any]) -> MetaError | None:
    if payload["status"] != "read":
        return invalid_request("Param status must be one of {READ}.")
    if "message_id" not in payload:
        return missing_parameter("message_id")
    if not str(payload["message_id"]).startswith("wamid."):
        return invalid_parameter("message_id", "no message has this id")
    if payload.get("typing_indicator", {"type": "text"}) != {"type": "text"}:
        return invalid_parameter("typing_indicator['type']", "text")
    return None


def _error_in_message(send: Send, payload: Mapping[str, Any]) -> MetaError | None:
    error = _error_in_recipient(send, payload)
    if error is not None:
        return error
    if send.type not in _TYPES:
        return invalid_request(f"Param type must be one of {{{', '.join(sorted(_TYPES)).upper()}}}.")
    if send.type not in payload:
        return missing_parameter(send.type)
    context = payload.get("context")
    if context is not None and not str(dict(context).get("message_id", "")).startswith("wamid."):
        return invalid_parameter("context['message_id']", "no message has this id")
    if "biz_opaque_callback_data" in payload and not 0 < len(send.callback or "") <= _MAX_CALLBACK:
        return invalid_parameter("biz_opaque_callback_data", f"a string of at most {_MAX_CALLBACK} characters")
    check = _CHECKS.get(send.type)
    return check(payload[send.type]) if check else None


def _error_in_recipient(send: Send, payload: Mapping[str, Any]) -> MetaError | None:
    if "to" in payload:
        return None if _PHONE.fullmatch(send.to) else invalid_parameter("to", "not a phone number")
    if "recipient" in payload:
        return None if send.to else invalid_parameter("recipient", "not a user id")
    return invalid_request("The parameter to is required.")


def _error_in_text(text: Any) -> MetaError | None:
    if not isinstance(text, dict) or "body" not in text:
        return missing_parameter("text['body']")
    body = text["body"]
    if not isinstance(body, str) or not body.strip():
        return invalid_parameter("text['body']", "a string that is not empty")
    if len(body) > _MAX_TEXT:
        return invalid_request(f"Param text['body'] must be at most {_MAX_TEXT} characters long.")
    return None


def _error_in_template(template: Any) -> MetaError | None:
    if not isinstance(template, dict) or not template.get("name"):
        return missing_parameter("template['name']")
    language = template.get("language")
    if not isinstance(language, dict) or not language.get("code"):
        return missing_parameter("template['language']['code']")
    return None


Check = Callable[[Any], MetaError | None]
_CHECKS: Final[Mapping[str, Check]] = {
    "text": _error_in_text,
    "template": _error_in_template,
    "interactive": error_in_interactive,
}


def is_phone(to: str) -> bool:
    """True for digits, False for a business-scoped user id."""
    return to.isdecimal()


def answer_from(
    send: Send,
    wamid: str,
    *,
    with_user_id: bool,
    wa_id: str | None = None,
    user_id: str | None = None,
    message_status: str = "accepted",
) -> bytes:
    """Meta's answer to an accepted send.

    `wa_id` is WhatsApp's own spelling of the phone, where it differs; `user_id` the id that the customer has shown.
    `message_status` comes for templates only: `accepted` or `held_for_quality_assessment`.
    """
    to = wa_id or send.to
    given = (send.payload or {}).get("to", send.to)
    contact: dict[str, str] = {"input": given}
    if is_phone(to):
        contact["wa_id"] = to
        if with_user_id:
            contact["user_id"] = user_id or user_id_from(to)
    else:
        contact["user_id"] = to
    message = {"id": wamid}
    if send.type == "template":
        message["message_status"] = message_status
    return orjson.dumps({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})
