"""Meta's webhook requests as events: each message and each status by itself, in any batch, however often repeated."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from libs.contracts.events import WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.providers.cloud_api.accounts import (
    ERRORS,
    TOPICS,
    account_update_from,
    errors_in,
    event_id_of,
    new_user_id_in,
    preference_in,
)
from libs.providers.cloud_api.messages import contact_of, content_fields_of, identity_change_in
from libs.providers.inbound import Inbound, InboundEvent, Skip, WebhookRequest, WebhookSecrets, inbound_from
from libs.providers.json_values import Json, codes_in, dict_in, id_in, json_in, list_in, phone_in, time_in, user_id_in

NAMESPACE: Final = UUID("6f0c7a3e-5b0e-5c59-9a55-3f3c1f0f4f5e")  # fixed: the same message always has the same event id
STATUSES: Final = frozenset({"sent", "delivered", "read", "played", "failed"})
CUSTOMER_FIELDS: Final = frozenset({"messages", "user_preferences", "user_id_update"})
SIGNATURE_HEADER: Final = "X-Hub-Signature-256"
SIGNATURE: Final = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class CloudApiWebhooks:
    """Authenticates and reads Meta's requests; the app secret also keys the ids of events without an id of Meta's."""

    secrets: WebhookSecrets

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """Meta's challenge, to be sent back; None when mode or verify token is wrong."""
        token = query.get("hub.verify_token", "").encode("utf-8", "backslashreplace")
        authentic = hmac.compare_digest(token, self.secrets.verify_token)
        return query.get("hub.challenge", "") if authentic and query.get("hub.mode") == "subscribe" else None

    def authenticate(self, request: WebhookRequest) -> bool:
        """True when `X-Hub-Signature-256` came once and is the HMAC-SHA256 of the raw body (Meta's webhook docs)."""
        signatures = request.headers.getall(SIGNATURE_HEADER, [])
        match = SIGNATURE.fullmatch(signatures[0]) if len(signatures) == 1 else None
        presented = bytes.fromhex(match[1]) if match else bytes(32)
        expected = hmac.new(self.secrets.app_secret, request.body, hashlib.sha256).digest()
        return hmac.compare_digest(presented, expected) and match is not None

    def parse(self, request: WebhookRequest) -> Inbound:
        """Every event of a request."""
        return inbound_from(_parts(json_in(request.body), self.secrets.app_secret))


def _parts(document: object, key: bytes) -> Iterator[InboundEvent | Skip]:
    if not isinstance(document, dict):
        yield Skip.UNREADABLE
    for entry in map(dict_in, list_in(dict_in(document).get("entry"))):
        for change in map(dict_in, list_in(entry.get("changes"))):
            yield from _change(entry, change, key)


def _change(entry: Json, change: Json, key: bytes) -> Iterator[InboundEvent | Skip]:
    """The events of one change; a change without a field's name is classified by its content."""
    topic, value = change.get("field"), dict_in(change.get("value"))
    number = id_in(dict_in(value.get("metadata")).get("phone_number_id"))
    if isinstance(topic, str) and topic in TOPICS:
        update = account_update_from(topic, change.get("value"), entry=entry, number=number)
        yield InboundEvent(event_id_of(update, key), update)
    elif isinstance(topic, str) and topic not in CUSTOMER_FIELDS:
        yield Skip.UNKNOWN_FIELD
    elif number is not None and (errors := errors_in(value)):
        update = account_update_from(ERRORS, errors, entry=entry, number=number)
        yield InboundEvent(event_id_of(update, key), update)
    else:
        yield from _customer_events(number, value, key)


def _customer_events(number: str | None, value: Json, key: bytes) -> Iterator[InboundEvent | Skip]:
    contacts = [dict_in(contact) for contact in list_in(value.get("contacts"))]
    for message in list_in(value.get("messages")):
        yield from _message(number, dict_in(message), contacts)
    for status in list_in(value.get("statuses")):
        yield _status(number, dict_in(status))
    for name, read in (("user_preferences", preference_in), ("user_id_update", new_user_id_in)):
        for each in list_in(value.get(name)):
            event = None if number is None else read(number, dict_in(each))
            yield Skip.UNREADABLE if event is None else InboundEvent(event_id_of(event, key), event)


def _message(number: str | None, message: Json, contacts: Sequence[Json]) -> Iterator[InboundEvent | Skip]:
    wamid, sent_at = id_in(message.get("id")), time_in(message.get("timestamp"))
    if number is None or wamid is None or sent_at is None:
        yield Skip.UNREADABLE
        return
    if message.get("group_id"):
        yield Skip.GROUP
        return
    contact = contact_of(message, contacts)
    # `from` may be missing for customers who use a username; then only the business-scoped id names them.
    customer = phone_in(message.get("from")) or phone_in(contact.get("wa_id"))
    user_id = user_id_in(message.get("from_user_id") or contact.get("user_id"))
    if customer is None and user_id is None:
        yield Skip.NO_CUSTOMER
        return
    event = WhatsAppMessageReceived(
        number_id=number,
        message_id=wamid,
        customer=customer,
        customer_user_id=user_id,
        sent_at=sent_at,
        **content_fields_of(message, contact),
    )
    yield InboundEvent(uuid5(NAMESPACE, f"message:{number}:{wamid}"), event)
    if (changed := identity_change_in(event, message)) is not None:
        yield InboundEvent(uuid5(NAMESPACE, f"identity:{number}:{wamid}"), changed)


def _status(number: str | None, update: Json) -> InboundEvent | Skip:
    wamid, at, status = id_in(update.get("id")), time_in(update.get("timestamp")), update.get("status")
    if number is None or wamid is None or at is None or not isinstance(status, str):
        return Skip.UNREADABLE
    if update.get("recipient_type") == "group" or update.get("group_id"):
        return Skip.GROUP
    if status not in STATUSES:
        return Skip.UNKNOWN_STATUS
    event = WhatsAppStatusReceived(
        number_id=number,
        message_id=wamid,
        status=status,
        at=at,
        customer=phone_in(update.get("recipient_id")),
        customer_user_id=user_id_in(update.get("recipient_user_id")),
        callback_data=id_in(update.get("biz_opaque_callback_data")),
        provider_codes=codes_in(update.get("errors")),
    )
    return InboundEvent(uuid5(NAMESPACE, f"status:{wamid}:{status}"), event)
