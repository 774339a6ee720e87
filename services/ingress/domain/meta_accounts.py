"""What Meta tells besides messages: customers' preferences and new identities, and the state of accounts of ours."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from libs.contracts.events import (
    Event,
    WhatsAppAccountUpdated,
    WhatsAppIdentityChanged,
    WhatsAppPreferenceChanged,
)
from services.ingress.domain.meta_values import (
    Json,
    dict_in,
    id_in,
    list_in,
    name_in,
    phone_in,
    pruned,
    time_in,
    user_id_in,
)

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
"""Fields of a webhook that are about accounts, numbers and templates; none of them holds a customer's words."""
ERRORS: Final = "errors"
"""The topic of a fault of the account that comes without any message."""
LONGEST_VALUE: Final = 512
DEEPEST: Final = 4


def preference_in(number: str, told: Json) -> WhatsAppPreferenceChanged | None:
    """One customer's preference; None when it cannot be read or names nobody."""
    at, category, value = time_in(told.get("timestamp")), name_in(told.get("category")), name_in(told.get("value"))
    customer, user_id = phone_in(told.get("wa_id")), user_id_in(told.get("user_id"))
    if at is None or not category or not value or (customer is None and user_id is None):
        return None
    return WhatsAppPreferenceChanged(
        number_id=number, category=category, value=value, at=at, customer=customer, customer_user_id=user_id
    )


def new_user_id_in(number: str, told: Json) -> WhatsAppIdentityChanged | None:
    """A customer's new business-scoped user id; None when it does not name old and new."""
    change, at = dict_in(told.get("user_id")), time_in(told.get("timestamp"))
    previous, current = user_id_in(change.get("previous")), user_id_in(change.get("current"))
    if at is None or previous is None or current is None:
        return None
    return WhatsAppIdentityChanged(
        number_id=number,
        at=at,
        customer=None,
        customer_user_id=previous,
        # The phone that comes along is the one that they have now; the one from before is known by the old id.
        new_customer=phone_in(told.get("wa_id")),
        new_customer_user_id=current,
    )


def update_in(
    topic: str, value: object, *, account: str, number: str | None, at: datetime | None
) -> WhatsAppAccountUpdated:
    """What was told of an account, one of its numbers or templates."""
    told = pruned(value, depth=DEEPEST, longest=LONGEST_VALUE)
    update = told if isinstance(told, dict) else {topic: told}
    update = {name: each for name, each in update.items() if name not in {"messaging_product", "metadata"}}
    return WhatsAppAccountUpdated(topic=topic, business_account_id=account, number_id=number, at=at, update=update)


def errors_in(value: Json) -> list[Any]:
    """Faults of the account: they come in place of messages."""
    return [] if value.get("messages") or value.get("statuses") else list(list_in(value.get("errors")))


def account_of(entry: Json) -> str:
    """The business account's id."""
    return id_in(entry.get("id")) or "unknown"


def id_of(event: Event, key: bytes) -> UUID:
    """The same for the same event: it has no id of Meta's, and it names a person, so the hash is keyed."""
    said = json.dumps(event.model_dump(mode="json"), sort_keys=True).encode()
    return uuid5(UUID(int=0), hmac.new(key, said, hashlib.sha256).hexdigest())


def preferences_in(number: str, value: Json) -> Iterator[WhatsAppPreferenceChanged | None]:
    """Every preference of a change."""
    return (preference_in(number, dict_in(told)) for told in list_in(value.get("user_preferences")))


def new_user_ids_in(number: str, value: Json) -> Iterator[WhatsAppIdentityChanged | None]:
    """Every new user id of a change."""
    return (new_user_id_in(number, dict_in(told)) for told in list_in(value.get("user_id_update")))
