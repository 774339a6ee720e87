"""Evolution's webhook requests as the same events that Meta's lead to. Only known fields are read.

So nothing else of the envelope goes on, which may hold the instance's own API key (`apikey`). `date_time` is local time
labelled as UTC and is not read: messages carry `messageTimestamp`, and other events have the time of their arrival.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

from libs.contracts.events import MAX_NAME, WhatsAppAccountUpdated, WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.contracts.webhook_secrets import NO_SECRET, matches_secret
from libs.providers.evolution.jids import Chat, chat_of, identity_of
from libs.providers.evolution.messages import content_from
from libs.providers.inbound import (
    Inbound,
    InboundEvent,
    ProviderEvent,
    Skip,
    WebhookNumber,
    WebhookRequest,
    inbound_from,
)
from libs.providers.json_values import Json, dict_in, id_in, json_in, name_in

SECRET_HEADER: Final = "X-GW-Secret"  # noqa: S105 -- a header's name
NAMESPACE: Final = UUID("0b3f0c0a-7f0d-5b53-8f0c-4f1de2a6f1d7")  # fixed: the same message always has the same event id
MAX_SECONDS: Final = 10**11
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
class EvolutionWebhooks:
    """Authenticates and reads Evolution's requests, which are not signed: a header holds the number's secret."""

    def challenge(self, query: Mapping[str, str]) -> str | None:  # noqa: ARG002 -- the protocol's
        """None: Evolution has no handshake."""
        return None

    def authenticate(self, request: WebhookRequest) -> bool:
        """True when `X-GW-Secret` came once and is one of the number's secrets that are valid now."""
        secrets = (request.number.secrets if request.number else ()) or NO_SECRET
        presented = request.headers.getall(SECRET_HEADER, [])
        return matches_secret(presented, secrets, now=request.received_at) and request.number is not None

    def parse(self, request: WebhookRequest) -> Inbound:
        """The events of a request for a known number."""
        return inbound_from(_parts(request, request.number) if request.number else ())


def _parts(request: WebhookRequest, number: WebhookNumber) -> Iterator[InboundEvent | Skip]:
    envelope = dict_in(json_in(request.body))
    event, data = envelope.get("event"), envelope.get("data")
    read = _READERS.get(event.lower().replace("_", ".")) if isinstance(event, str) else None
    if not isinstance(event, str):
        yield Skip.UNREADABLE
    elif envelope.get("instance") != number.phone_number_id:
        yield Skip.OTHER_INSTANCE
    elif read is None:
        yield Skip.OTHER_EVENT
    else:
        for part in data if isinstance(data, list) else (data,):
            yield read(dict_in(part), request, number)


def _message(message: Json, _: WebhookRequest, number: WebhookNumber) -> InboundEvent | Skip:
    key = dict_in(message.get("key"))
    message_id, sent_at = id_in(key.get("id")), _time_in(message.get("messageTimestamp"))
    if message_id is None or sent_at is None:
        return Skip.UNREADABLE
    if key.get("fromMe"):
        return Skip.OWN_MESSAGE
    if (chat := chat_of(key.get("remoteJid"))) is not Chat.PERSON:
        return Skip(chat.value)
    phone, user_id = identity_of(key.get("remoteJid"), key.get("remoteJidAlt"))
    if phone is None and user_id is None:
        return Skip.NO_CUSTOMER
    content = content_from(message.get("message"))
    event = WhatsAppMessageReceived(
        number_id=number.phone_number_id,
        message_id=message_id,
        customer=phone,
        customer_user_id=user_id,
        type=content.type,
        text=content.text,
        sent_at=sent_at,
        profile_name=name_in(message.get("pushName")) or None,
        reply_to_message_id=content.reply_to or id_in(dict_in(message.get("contextInfo")).get("stanzaId")),
        opens_window=content.opens_window,
        pressed=content.pressed,
        content=content.content,
    )
    return _inbound(number, event, "message", message_id)


def _status(update: Json, request: WebhookRequest, number: WebhookNumber) -> InboundEvent | Skip:
    message_id, word = id_in(update.get("keyId")), update.get("status")
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
    phone, user_id = identity_of(update.get("remoteJid"), update.get("remoteJidAlt"))
    event = WhatsAppStatusReceived(
        number_id=number.phone_number_id,
        message_id=message_id,
        status=status,
        at=request.received_at,
        customer=phone,
        customer_user_id=user_id,
    )
    return _inbound(number, event, "status", message_id, status)


def _connection(update: Json, request: WebhookRequest, number: WebhookNumber) -> InboundEvent | Skip:
    state, reason = update.get("state"), update.get("statusReason")
    if not isinstance(state, str) or not state.isprintable():
        return Skip.UNREADABLE
    event = WhatsAppAccountUpdated(
        number_id=number.phone_number_id,
        topic=CONNECTION_TOPIC,
        business_account_id=number.phone_number_id,
        at=request.received_at,
        update={"state": state[:MAX_NAME]} | ({"status_reason": reason} if type(reason) is int else {}),
    )
    # The digest of the body is the same when the request is repeated.
    return _inbound(number, event, "connection", hashlib.sha256(request.body).hexdigest())


_READERS: Final = {"messages.upsert": _message, "messages.update": _status, "connection.update": _connection}
"""Without `send.message`, which repeats the answer of the send call."""


def _inbound(number: WebhookNumber, event: ProviderEvent, *names: str) -> InboundEvent:
    """The event, with the id of what `names` identify among the number's events."""
    return InboundEvent(uuid5(NAMESPACE, ":".join((number.id, *names))), event)


def _time_in(value: object) -> datetime | None:
    """A time from whole Unix seconds: a number, its digits, or a 64-bit number in two halves."""
    if isinstance(value, Mapping):
        value = value.get("low")
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    return datetime.fromtimestamp(value, UTC) if type(value) is int and 0 < value < MAX_SECONDS else None
