"""Meta's webhook changes besides messages: customers' preferences and the state of accounts."""

import hashlib
import hmac
import json
from typing import Final
from uuid import UUID, uuid5

from libs.contracts.events import Event, WhatsAppAccountUpdated, WhatsAppPreferenceChanged
from libs.providers.cloud_api.customers import customer_of
from libs.providers.json_values import Json, id_in, name_in, pruned, time_in

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
MAX_VALUE: Final = 512
MAX_DEPTH: Final = 4


def preference_in(number: str, preference: Json, contacts: object) -> WhatsAppPreferenceChanged | None:
    """One customer's preference; None when it cannot be read or names no customer."""
    at = time_in(preference.get("timestamp"))
    category, value = name_in(preference.get("category")), name_in(preference.get("value"))
    who = customer_of(
        preference.get("wa_id"), preference.get("user_id"), contacts, parent_user_id=preference.get("parent_user_id")
    )
    if at is None or not category or not value or not who.known:
        return None
    return WhatsAppPreferenceChanged(number_id=number, category=category, value=value, at=at, **who.fields)


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


def event_id_of(event: Event, key: bytes) -> UUID:
    """The id of an event without an id of Meta's: a hash of its content, keyed because the content names a customer."""
    content = json.dumps(event.model_dump(mode="json"), sort_keys=True).encode()
    return uuid5(UUID(int=0), hmac.new(key, content, hashlib.sha256).hexdigest())
