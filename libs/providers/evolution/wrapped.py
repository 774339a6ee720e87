"""What a message holds inside its wrappers, and the new words of an edited message."""

from dataclasses import dataclass
from typing import Final

from libs.providers.json_values import Json, dict_in, id_in

WRAPPERS: Final = frozenset(
    {
        "ephemeralMessage",
        "viewOnceMessage",
        "viewOnceMessageV2",
        "viewOnceMessageV2Extension",
        "documentWithCaptionMessage",
        "associatedChildMessage",
        "lottieStickerMessage",
        "groupMentionedMessage",
        "botInvokeMessage",
        "deviceSentMessage",
    }
)
"""Fields that hold a customer's whole message in their `message` (Baileys' `normalizeMessageContent`, WAProto)."""
BESIDES: Final = frozenset({"messageContextInfo", "contextInfo", "senderKeyDistributionMessage"})
"""Fields that stand beside the content of any message."""
EDIT: Final = frozenset({"MESSAGE_EDIT", 14})
"""The type of a `protocolMessage` that edits another message: its name and its number (WAProto)."""
MAX_WRAPPERS: Final = 8


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A message's content; `edits` is the id of the message that it replaces, empty when that is not said."""

    fields: Json
    edits: str | None = None
    known: bool = True
    """False when a wrapper is not one of `WRAPPERS`: it is not certain that a customer wrote what is in it."""


def unwrapped(message: object) -> Unwrapped:
    """The message inside its wrappers, however they are nested."""
    fields, edits, known = dict_in(message), None, True
    for _ in range(MAX_WRAPPERS):
        if (edit := _edit_in(fields)) is not None:
            fields, edits = edit[0], edit[1] or edits or ""
        elif (name := _wrapper_in(fields)) is not None:
            fields, known = fields[name]["message"], known and name in WRAPPERS
        else:
            break
    return Unwrapped(fields, edits, known)


def _edit_in(fields: Json) -> tuple[Json, str | None] | None:
    """The new content of an edited message and the id of the old one; None when the message edits nothing.

    A phone's instance tells it in a `protocolMessage` or an `editedMessage`, a business instance as Meta's `edit`.
    """
    protocol, wrapped, metas = (dict_in(fields.get(n)) for n in ("protocolMessage", "editedMessage", "editMessage"))
    if protocol.get("type") in EDIT or isinstance(protocol.get("editedMessage"), dict):
        return dict_in(protocol.get("editedMessage")), id_in(dict_in(protocol.get("key")).get("id"))
    if wrapped:
        inner = wrapped.get("message")
        return (inner if isinstance(inner, dict) else wrapped), id_in(dict_in(wrapped.get("key")).get("id"))
    if metas:
        return _from_meta(dict_in(metas.get("message"))), id_in(metas.get("original_message_id"))
    return None


def _from_meta(message: Json) -> Json:
    """A message in Meta's format with WhatsApp's names of the kinds."""
    kind = message.get("type")
    if kind == "text":
        return {"conversation": dict_in(message.get("text")).get("body")}
    return {f"{kind}Message": message.get(kind)} if isinstance(kind, str) else {}


def _wrapper_in(fields: Json) -> str | None:
    """The field that wraps a message; an unknown one counts only where there is nothing else to read."""
    held = [name for name, part in fields.items() if isinstance(part, dict) and isinstance(part.get("message"), dict)]
    known = next((name for name in held if name in WRAPPERS), None)
    return held[0] if known is None and held and fields.keys() - BESIDES <= {held[0]} else known
