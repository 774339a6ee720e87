"""Meta's webhook changes besides messages: customers' preferences and new identities, and the state of accounts."""

import hashlib
import hmac
import json
from typing import Any, Final
from uuid import UUID, uuid5

from libs.contracts.events import Event, WhatsAppAccountUpdated, WhatsAppIdentityChanged, WhatsAppPreferenceChanged
from libs.providers.json_values import Json, dict_in, id_in, list_in, name_in, phone_in, pruned, time_in, user_id_in

TOPICS: Final = frozenset(
    {
        "account_alerts",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "business_capability_update",
        "business_status_update",
        "message_template_components_update",
        "message_template_quality_update",
        "message_template_status_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
        "template_category_update",
        "template_correct_category_detection",
    }
)
"""Webhook fields about accounts, numbers and templates; none of them holds a customer's words."""
ERRORS: Final = "errors"
"""The topic of an account's fault that comes without a message."""
MAX_VALUE: Final = 512
MAX_DEPTH: Final = 4


def preference_in(number: str, preference: Json) -> WhatsAppPreferenceChanged | None:
    """One customer's preference; None when it cannot be read or names no customer."""
    at = time_in(preference.get("timestamp"))
    category, value = name_in(preference.get("category")), name_in(preference.get("value"))
    customer, user_id = phone_in(preference.get("wa_id")), user_id_in(preference.get("user_id"))
    if at is None or not category or not value or (customer is None and user_id is None):
        return None
    return WhatsAppPreferenceChanged(
        number_id=number, category=category, value=value, at=at, customer=customer, customer_user_id=user_id
    )


def new_user_id_in(number: str, update: Json) -> WhatsAppIdentityChanged | None:
    """A customer's new business-scoped user id; None unless it names the old id and the new one."""
    change, at = dict_in(update.get("user_id")), time_in(update.get("timestamp"))
    previous, current = user_id_in(change.get("previous")), user_id_in(change.get("current"))
    if at is None or previous is None or current is None:
        return None
    return WhatsAppIdentityChanged(
        number_id=number,
        at=at,
        customer=None,
        customer_user_id=previous,
        # The phone number in the update is the current one; the previous one is known by the old id.
        new_customer=phone_in(update.get("wa_id")),
        new_customer_user_id=current,
    )


def account_update_from(topic: str, value: object, *, entry: Json, number: str | None) -> WhatsAppAccountUpdated:
    """The update of a business account, one of its numbers or templates; `entry` names the account and the time."""
    kept = pruned(value, depth=MAX_DEPTH, longest=MAX_VALUE)
    update = kept if isinstance(kept, dict) else {topic: kept}
    return WhatsAppAccountUpdated(
        topic=topic,
        business_account_id=id_in(entry.get("id")) or "unknown",
        number_id=number,
        at=time_in(entry.get("time")),
        update={name: each for name, each in update.items() if name not in {"messaging_product", "metadata"}},
    )


def errors_in(value: Json) -> list[Any]:
    """Faults of the account: they come in place of messages."""
    return [] if value.get("messages") or value.get("statuses") else list(list_in(value.get("errors")))


def event_id_of(event: Event, key: bytes) -> UUID:
    """The id of an event without an id of Meta's: a hash of its content, keyed because the content names a customer."""
    content = json.dumps(event.model_dump(mode="json"), sort_keys=True).encode()
    return uuid5(UUID(int=0), hmac.new(key, content, hashlib.sha256).hexdigest())
