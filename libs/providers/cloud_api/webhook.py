"""Meta's webhook requests as events: each message and each status by itself, in any batch, however often repeated."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final
from uuid import UUID, uuid5

from libs.contracts.events import WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.providers.cloud_api.accounts import (
    TOPICS,
    account_update_from,
    event_id_of,
    preference_in,
)
from libs.providers.cloud_api.calls import call_in
from libs.providers.cloud_api.customers import (
    Customer,
    business_number_in,
    customer_of,
    is_same_number,
    parent_user_id_in,
)
from libs.providers.cloud_api.messages import content_fields_of
from libs.providers.cloud_api.posts import ECHOES, ERRORS, field_label, number_of, single_posts
from libs.providers.identity_changes import identity_change_from, shared_contact_from
from libs.providers.inbound import (
    Inbound,
    InboundEvent,
    Part,
    Skip,
    UnknownField,
    UnreadablePost,
    WebhookRequest,
    WebhookSecrets,
)
from libs.providers.json_values import Json, codes_in, dict_in, id_in, json_in, list_in, time_in
from libs.providers.parts import inbound_from, read_alone

NAMESPACE: Final = UUID("6f0c7a3e-5b0e-5c59-9a55-3f3c1f0f4f5e")  # fixed: the same message always has the same event id
STATUSES: Final = frozenset({"sent", "delivered", "read", "played", "failed"})
CUSTOMER_FIELDS: Final = frozenset({"messages", "calls", "user_preferences"})
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
        document = json_in(request.body)
        if not isinstance(document, dict):
            return inbound_from((Skip.UNREADABLE, UnreadablePost(request.body)))
        return inbound_from(part for post in single_posts(document) for part in self._read(post))

    def _read(self, post: Json) -> Iterator[Part]:
        return read_alone(post, partial(_parts, key=self.secrets.app_secret), phone_number_id=number_of(post))


@dataclass(frozen=True, slots=True)
class Change:
    """One change about a number: its value, and the entry that it came in."""

    number: str
    value: Json = field(repr=False)
    entry: Json = field(repr=False)

    def items(self, name: str) -> Sequence[object]:
        """The items of one of its lists."""
        return list_in(self.value.get(name))

    def customer_of(self, part: Json, address: str, side: str) -> Customer:
        """The customer on one side of a part: at its address, or with the side's user id."""
        user_id, parent = part.get(f"{side}_user_id"), parent_user_id_in(part, side)
        return customer_of(part.get(address), user_id, self.value.get("contacts"), parent_user_id=parent)

    def is_own(self, customer: Customer) -> bool:
        """True when the "customer" is the business's own number: the message is an echo of what it sent."""
        return is_same_number(customer.phone, business_number_in(self.value)) or customer.phone == f"+{self.number}"


def _parts(document: Json, key: bytes) -> Iterator[Part]:
    for entry in map(dict_in, list_in(document.get("entry"))):
        for change in map(dict_in, list_in(entry.get("changes"))):
            for part in _change(entry, change, key):
                owned = id_in(entry.get("id"))
                yield replace(part, business_account_id=owned) if isinstance(part, InboundEvent) else part


def _change(entry: Json, change: Json, key: bytes) -> Iterator[Part]:
    """The events of one change; a change without a field's name is classified by its content."""
    topic, value = change.get("field"), dict_in(change.get("value"))
    number = id_in(dict_in(value.get("metadata")).get("phone_number_id"))
    if isinstance(topic, str) and topic in TOPICS:
        update = account_update_from(topic, change.get("value"), entry=entry, number=number)
        yield InboundEvent(event_id_of(update, key), update)
    elif isinstance(topic, str) and topic not in CUSTOMER_FIELDS:
        yield UnknownField(field_label(topic))
    elif value.get(ECHOES):
        yield UnknownField(ECHOES)
    elif number is not None:
        yield from _number_events(Change(number, value, entry), key)


def _number_events(change: Change, key: bytes) -> Iterator[Part]:
    if errors := change.items(ERRORS):
        update = account_update_from(ERRORS, list(errors), entry=change.entry, number=change.number)
        yield InboundEvent(event_id_of(update, key), update)
    for message in change.items("messages"):
        yield from _message(change, dict_in(message))
    for status in change.items("statuses"):
        yield _status(change, dict_in(status))
    for call in change.items("calls"):
        yield _call(change, dict_in(call))
    for preference in change.items("user_preferences"):
        event = preference_in(change.number, dict_in(preference), change.value.get("contacts"))
        yield Skip.UNREADABLE if event is None else InboundEvent(event_id_of(event, key), event)


def _sender_of(message: Json, change: Change) -> Customer:
    """Who sent a message; one about a new identity may name the customer only by the new names, in its object."""
    sender, system = change.customer_of(message, "from", "from"), message.get("system")
    if sender.known or not isinstance(system, dict):
        return sender
    parent = system.get("parent_user_id")
    address = system.get("wa_id") or system.get("new_wa_id")
    return customer_of(address, system.get("user_id"), None, parent_user_id=parent)


def _message(change: Change, message: Json) -> Iterator[Part]:
    wamid, sent_at, number = id_in(message.get("id")), time_in(message.get("timestamp")), change.number
    customer = _sender_of(message, change)
    if wamid is None or sent_at is None:
        yield Skip.UNREADABLE
    elif message.get("group_id"):
        yield Skip.GROUP
    elif change.is_own(customer):
        yield Skip.OWN_MESSAGE
    elif not customer.known:
        yield Skip.NO_CUSTOMER
    else:
        event = WhatsAppMessageReceived(
            number_id=number,
            message_id=wamid,
            sent_at=sent_at,
            **customer.fields,
            **content_fields_of(message, customer.contact),
        )
        yield InboundEvent(uuid5(NAMESPACE, f"message:{number}:{wamid}"), event)
        changed = identity_change_from(dict_in(message.get("system")), event) or shared_contact_from(message, event)
        if changed is not None:
            yield InboundEvent(uuid5(NAMESPACE, f"identity:{number}:{wamid}"), changed)


def _status(change: Change, update: Json) -> InboundEvent | Skip:
    wamid, at, status = id_in(update.get("id")), time_in(update.get("timestamp")), update.get("status")
    if wamid is None or at is None or not isinstance(status, str):
        return Skip.UNREADABLE
    if update.get("recipient_type") == "group" or update.get("group_id"):
        return Skip.GROUP
    if status not in STATUSES or update.get("type") not in (None, "message"):
        return Skip.UNKNOWN_STATUS  # of a call or a payment, which has an id of a message too
    customer = change.customer_of(update, "recipient_id", "recipient")
    event = WhatsAppStatusReceived(
        number_id=change.number,
        message_id=wamid,
        status=status,
        at=at,
        callback_data=id_in(update.get("biz_opaque_callback_data")),
        provider_codes=codes_in(update.get("errors")),
        **customer.fields,
    )
    return InboundEvent(uuid5(NAMESPACE, f"status:{wamid}:{status}"), event)


def _call(change: Change, call: Json) -> InboundEvent | Skip:
    """What happened to a call; the same event of the same call is one event, however often Meta tells it."""
    event = call_in(change.number, call, change.value)
    if event is None:
        return Skip.UNREADABLE
    return InboundEvent(uuid5(NAMESPACE, f"call:{change.number}:{event.call_id}:{event.event}"), event)
