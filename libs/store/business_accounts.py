"""`learn_business_account`: stores which WhatsApp business account a number belongs to, as its webhooks say."""

from datetime import datetime
from uuid import UUID, uuid5

from libs.contracts.errors import unavailable
from libs.contracts.events import NumberChanged
from libs.store.accounts import Directory, Number, Registry
from libs.store.outbox import OutboxEvent
from libs.store.restrictions import PROVIDER

_TRIES = 5
"""How often another edit may overtake this one."""


async def learn_business_account(
    directory: Directory, registry: Registry, number_id: str, business_account_id: str, *, cause: UUID, at: datetime
) -> bool:
    """Store the number's business account; True when it was another one, or unknown.

    `directory` must not be a cache. The event about the change goes to the outbox in the same step, so that caches of
    the number are invalidated. Safe to repeat: a number that is known to belong to it is not written. `updated_at`
    stays: it is the time of an operator's edit, which a pause that is older does not undo.

    Raises GatewayError(gateway_unavailable) when other edits overtake this one several times.
    """
    for _ in range(_TRIES):
        number = await directory.number(number_id=number_id)
        if number is None or number.business_account_id == business_account_id:
            return False
        learnt = number.model_copy(update={"business_account_id": business_account_id, "version": number.version + 1})
        if await registry.save(learnt, [_event(number, business_account_id, cause, at)], created=False):
            return True
    raise unavailable("store")


def _event(number: Number, business_account_id: str, cause: UUID, at: datetime) -> OutboxEvent:
    changes = {"business_account_id": {"old": number.business_account_id, "new": business_account_id}}
    event = NumberChanged(account_id=number.account_id, number_id=number.id, actor=PROVIDER, changes=changes)
    event_id = uuid5(cause, f"{event.name}:{number.id}:{number.version}")
    return OutboxEvent(str(event_id), event.name, event.model_dump_json(exclude_none=True).encode(), at.timestamp())
