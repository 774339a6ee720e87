"""The parts of Evolution's webhook requests: messages, statuses and the state of the connection, as events."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

from libs.contracts.events import MAX_NAME, WhatsAppAccountUpdated, WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.providers.evolution.jids import Chat, chat_of, identity_of
from libs.providers.evolution.messages import content_from
from libs.providers.identity_changes import identity_change_from
from libs.providers.inbound import InboundEvent, Part, ProviderEvent, Skip, WebhookNumber, WebhookRequest
from libs.providers.json_values import Json, dict_in, id_in, name_in, time_in

NAMESPACE: Final = UUID("0b3f0c0a-7f0d-5b53-8f0c-4f1de2a6f1d7")  # fixed: the same message always has the same event id
META_ID: Final = "wamid."
"""The prefix of message ids where the instance is on WhatsApp's business API."""
STATUSES: Final = {
    "ERROR": "failed",
    "FAILED": "failed",
    "SERVER_ACK": "sent",
    "SENT": "sent",
    "DELIVERY_ACK": "delivered",
    "DELIVERED": "delivered",
    "READ": "read",
    "PLAYED": "played",
}
"""Both vocabularies. Evolution reports every status that it cannot map as DELETED, which is never a failure."""
CONNECTION_TOPIC: Final = "connection_update"


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The request that a part came in, the number that its address names, and that number's own phone, if told."""

    request: WebhookRequest
    number: WebhookNumber
    own_phone: str | None = field(default=None, repr=False)


def _message(message: Json, context: RequestContext) -> Iterator[Part]:
    key = dict_in(message.get("key"))
    message_id, sent_at = id_in(key.get("id")), time_in(message.get("messageTimestamp"))
    phone, user_id = identity_of(key)
    if message_id is None or sent_at is None:
        yield Skip.UNREADABLE
    elif _is_true(key.get("fromMe")) or (phone is not None and phone == context.own_phone):
        yield Skip.OWN_MESSAGE
    elif (chat := chat_of(key.get("remoteJid"))) is not Chat.PERSON:
        yield Skip(chat.value)
    elif phone is None and user_id is None:
        yield Skip.NO_CUSTOMER
    else:
        event = WhatsAppMessageReceived(
            number_id=context.number.phone_number_id,
            message_id=message_id,
            customer=phone,
            customer_user_id=user_id,
            sent_at=sent_at,
            **_content_fields(message),
        )
        yield _inbound(context.number, event, "message", message_id)
        system = dict_in(dict_in(message.get("message")).get("systemMessage"))
        if (changed := identity_change_from(system, event)) is not None:
            yield _inbound(context.number, changed, "identity", message_id)


def _content_fields(message: Json) -> dict[str, Any]:
    content = content_from(message.get("message"), message.get("messageType"))
    return {
        "type": content.type,
        "text": content.text,
        "profile_name": name_in(message.get("pushName")) or None,
        "reply_to_message_id": content.reply_to or id_in(dict_in(message.get("contextInfo")).get("stanzaId")),
        "opens_window": content.opens_window,
        "pressed": content.pressed,
        "content": content.content,
    }


def _status(update: Json, context: RequestContext) -> Iterator[Part]:
    yield _status_part(update, context)


def _status_part(update: Json, context: RequestContext) -> InboundEvent | Skip:
    message_id, word, number = id_in(update.get("keyId")), update.get("status"), context.number
    if message_id is None:
        return Skip.UNREADABLE
    # A business instance sends fromMe=false for the business's own messages too; a phone's instance sends it for the
    # customer's messages that the business has read.
    if update.get("fromMe") is False and not message_id.startswith(META_ID):
        return Skip.FOREIGN_STATUS
    if (chat := chat_of(update.get("remoteJid"))) is not Chat.PERSON:
        return Skip(chat.value)
    status = STATUSES.get(word.upper()) if isinstance(word, str) else None
    if status is None:
        return Skip.UNKNOWN_STATUS
    phone, user_id = identity_of(update)
    event = WhatsAppStatusReceived(
        number_id=number.phone_number_id,
        message_id=message_id,
        status=status,
        at=context.request.received_at,
        customer=phone,
        customer_user_id=user_id,
    )
    return _inbound(number, event, "status", message_id, status)


def _connection(update: Json, context: RequestContext) -> Iterator[Part]:
    state, reason, number = update.get("state"), update.get("statusReason"), context.number
    if not isinstance(state, str) or not state.isprintable():
        yield Skip.UNREADABLE
        return
    event = WhatsAppAccountUpdated(
        number_id=number.phone_number_id,
        topic=CONNECTION_TOPIC,
        business_account_id=number.phone_number_id,
        at=context.request.received_at,
        update={"state": state[:MAX_NAME]} | ({"status_reason": reason} if type(reason) is int else {}),
    )
    # The digest of the body is the same when the request is repeated.
    yield _inbound(number, event, "connection", hashlib.sha256(context.request.body).hexdigest())


READERS: Final[Mapping[str, Callable[[Json, RequestContext], Iterator[Part]]]] = {
    "messages.upsert": _message,
    "messages.update": _status,
    "connection.update": _connection,
}
"""The readers by the name of the event, without `send.message`, which repeats the answer of the send call."""


def _inbound(number: WebhookNumber, event: ProviderEvent, *names: str) -> InboundEvent:
    """The event, with the id of what `names` identify among the number's events."""
    return InboundEvent(uuid5(NAMESPACE, ":".join((number.id, *names))), event)


def _is_true(value: object) -> bool:
    """True for a true value, and for its word."""
    return str(value).lower() == "true"
