"""The content of a message in Evolution's webhook format, in the terms of Meta's: type, text, buttons, media.

Evolution passes on WhatsApp's own message: a field named after its kind, often wrapped in others. An instance on
WhatsApp's business API has Meta's objects under such names. Unknown fields are dropped.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from libs.contracts.events import MAX_NAME
from libs.providers.evolution.content import MAX_TEXT, PRODUCT, context_of, pressed_in, text_of, type_object
from libs.providers.evolution.wrapped import BESIDES, Unwrapped, unwrapped
from libs.providers.json_values import Json, dict_in, id_in, name_in, text_in

WRITTEN: Final = {
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
    PRODUCT: "text",  # Meta's type of a question about a product
}
"""WhatsApp's names for what a customer writes or presses, and Meta's. Only these open the window."""
TOLD: Final = {
    "reactionMessage": "reaction",
    "revokeMessage": "revoke",
    "protocolMessage": "system",
    "pollUpdateMessage": "system",
    "pinInChatMessage": "system",
    "keepInChatMessage": "system",
    "albumMessage": "system",
    "callLogMesssage": "system",  # WAProto's own spelling
    "systemMessage": "system",
    "request_welcomeMessage": "request_welcome",
}
"""What WhatsApp tells about a chat, or the customer does to a message: it opens no window."""
KINDS: Final = WRITTEN | TOLD
PRESSES: Final = {
    "buttonMessage": "button",
    "interactiveMessage": "interactive",
    "templateButtonReplyMessage": "button",
    "buttonsResponseMessage": "interactive",
    "listResponseMessage": "interactive",
    "interactiveResponseMessage": "interactive",
}
"""`messageType` of a press: a business instance tells the title as if it had been written (`conversation`)."""


@dataclass(frozen=True, slots=True)
class MessageContent:
    """The content of a customer's message, with the field names of `WhatsAppMessageReceived`."""

    type: str
    text: str | None = field(default=None, repr=False)
    pressed: tuple[str, ...] = field(default=(), repr=False)
    content: dict[str, Any] | None = field(default=None, repr=False)
    reply_to: str | None = None
    opens_window: bool = False
    """True when the customer wrote or pressed it. An unknown, encrypted or empty message is none that was written."""


def content_from(message: object, message_type: object = None) -> MessageContent:
    """Read a message's content; an unknown kind becomes `unsupported`. `message_type` is Evolution's name for it."""
    inner = unwrapped(message)
    content = _content(inner, message_type)
    return content if inner.edits is None else _edit(content, inner.edits)


def _content(inner: Unwrapped, message_type: object) -> MessageContent:
    name = next((name for name in KINDS if inner.fields.get(name) not in (None, "")), None)
    press = PRESSES.get(message_type) if isinstance(message_type, str) else None
    if press is not None and name in (None, "conversation", "extendedTextMessage"):
        return _press(press, inner.fields)
    if name is None:
        return _unsupported(inner.fields)
    kind, part = KINDS[name], inner.fields[name]
    fields = {"text": part} if isinstance(part, str) else dict_in(part)
    pressed = pressed_in(name, fields)
    text = pressed[0] if pressed else text_of(kind, fields)
    return MessageContent(
        kind,
        text=text,
        pressed=pressed,
        content=((type_object(name, kind, fields) or {}) | context_of(fields, inner.fields)) or None,
        reply_to=_reply_to(fields) or _reply_to(inner.fields),
        opens_window=name in WRITTEN and inner.known and (kind != "text" or text is not None or name == PRODUCT),
    )


def _press(kind: str, fields: Json) -> MessageContent:
    """A pressed button or row of which Evolution tells the title alone; of a filled-in form it tells nothing."""
    written = fields.get("conversation") or dict_in(fields.get("extendedTextMessage")).get("text")
    title = text_in(written, longest=MAX_TEXT) or None
    return MessageContent(
        kind,
        text=title,
        pressed=() if title is None else (title,),
        content={kind: {"text" if kind == "button" else "title": title}} if title else None,
        reply_to=_reply_to(fields),
        opens_window=True,
    )


def _unsupported(fields: Json) -> MessageContent:
    """A kind that the gateway does not know, or nothing at all, as of a message that could not be decrypted."""
    name = name_in(next((name for name in fields if name not in BESIDES and name not in KINDS), None))
    return MessageContent("unsupported", content={"unsupported": {"type": name}} if name else None)


def _edit(new: MessageContent, message_id: str) -> MessageContent:
    """An edit: `text` holds the message's new words. It opens no window: the customer wrote before."""
    message = {"type": new.type} | (new.content or {}) | ({"text": {"body": new.text}} if new.type == "text" else {})
    about = {"original_message_id": message_id} if message_id else {}
    return MessageContent("edit", text=new.text, content={"edit": about | {"message": message}})


def _reply_to(fields: Json) -> str | None:
    return id_in(dict_in(fields.get("contextInfo")).get("stanzaId"), longest=MAX_NAME - 1)
