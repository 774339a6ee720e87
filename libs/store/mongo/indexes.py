"""The indexes and the times to live of documents: which there must be, and which a database lacks.

A start creates those of empty collections, several at once if need be; `libs.store.mongo.migration` builds the others.

Shard keys that fit: `_id` hashed for the big collections (`decisions`, `cooldowns`, `ledger`, `turns`, `idempotency`,
`answers`, `buckets`, `conversations`, `suppressions`, `restrictions`, `usage`), because every write is for one `_id`
and no unique index has another key. The exception is a status without callback data, which queries all shards by
message id.
`account_id`, hashed, for `records`: a chain must stay on one shard, so that its `seq` values are taken in order and
its `_id`s, which begin with the account, are unique; its unique index begins with the shard key, as it must.
`accounts`, `numbers` and `integrations` are small and stay unsharded, because `numbers` has a second unique index.
Lists (pages, the outbox) query all shards; nothing on the path of an outgoing message does.

MongoDB deletes documents within about a minute after their time to live, by the server's clock, counted from
`touched_at`, which the server sets; that of `buckets`, `usage` and long cooldowns is the process's clock. Where the
exact time matters, the query checks it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel

from libs.store.delivery_order import KEPT_DAYS
from libs.store.migration import require_relied_on
from libs.store.mongo.database import Database, run

BUILD_SECONDS = 60.0
"""How long a start may wait while all indexes of an empty database are created."""
DAY = 86_400


def _by(*fields: str, unique: bool = False) -> IndexModel:
    keys = [(field.removeprefix("-"), DESCENDING if field.startswith("-") else ASCENDING) for field in fields]
    return IndexModel(keys, name="_".join(field for field, _ in keys), unique=unique)


def _kept(days: int) -> IndexModel:
    return IndexModel([("touched_at", ASCENDING)], name="time_to_live", expireAfterSeconds=days * DAY)


@dataclass(frozen=True, slots=True)
class Missing:
    """An index that a collection lacks; as text, such as `records.at_id`."""

    collection: str
    index: IndexModel

    @property
    def name(self) -> str:
        """The index's name."""
        return str(self.index.document["name"])

    def __str__(self) -> str:
        return f"{self.collection}.{self.name}"


_OUTBOX = (_by("outbox.at"), _by("outbox.id"))
ONE_RECORD_OF_AN_EVENT: Final = _by("account_id", "id", unique=True)
"""With it an append needs no look for what is recorded already; without it, it looks (`libs.store.mongo.records`)."""
_DONE_WITHOUT = (ONE_RECORD_OF_AN_EVENT,)
"""The unique indexes without which a service may start: its calls keep values unique by themselves."""
INDEXES: Final[Mapping[str, tuple[IndexModel, ...]]] = {
    "accounts": _OUTBOX,
    "numbers": (
        *_OUTBOX,
        _by("phone_number_id", unique=True),
        _by("account_id", "_id"),
        _by("business_account_id", "_id"),
    ),
    "integrations": (*_OUTBOX, _by("account_id", "_id"), _by("instance_id", "_id"), _by("chat_number_ids", "_id")),
    "suppressions": (
        *_OUTBOX,
        _by("rows.id"),
        _by("active", "id"),
        _by("account_id", "active", "id"),
        _by("customer_key", "active", "id"),
        _by("rows.source", "customer_key"),
    ),
    "consents": (*_OUTBOX, _by("account_id", "customer_key")),
    "customer_links": (_by("account_id", "main_key"),),
    "pseudo_numbers": (_by("integration_id", "number", unique=True), _by("account_id", "customer_key")),
    "chat_refusals": (_by("account_id", "customer_key"), _kept(30)),
    "contact_book_deletions": (_by("due_at"), _by("erasure_id"), _kept(30)),
    "restrictions": (
        *_OUTBOX,
        _by("id"),
        _by("active", "id"),
        _by("active", "scope", "id"),
        _by("account_id", "active", "id"),
        _by("account_id", "active", "scope", "id"),
        _by("active", "scope", "cause", "until"),
        _by("customer_key"),
        IndexModel([("ends", ASCENDING)], name="time_to_live", expireAfterSeconds=0),
    ),
    "template_recipients": (_by("owner", "at"), _by("customer_key"), _kept(2)),
    "templates": (_by("due_at"),),
    "inbound_messages": (_by("message_hash"), _by("customer_key"), _kept(30)),
    "uploads": (_by("account_id", "at"), _by("at"), _kept(3)),
    "upload_chunks": (_by("upload_id"), _by("at"), _kept(2)),  # 24 hours are promised; sender deletes them by then
    "decisions": (_kept(10),),  # 8 days are promised
    "cooldowns": (_kept(2), IndexModel([("ends", ASCENDING)], name="ends", expireAfterSeconds=DAY)),  # see cooldowns.py
    "usage": (_kept(400),),  # an account without messages for a year has used no quota
    "ledger": (
        _by("callback_id"),
        _by("message_id"),
        _by("account_id", "customer_key"),
        _kept(30),
    ),  # longer than its decision: a late replay must not be sent again
    "turns": (_kept(KEPT_DAYS),),
    "buckets": (_kept(8),),  # an idle bucket equals a new one
    "idempotency": (_by("event_id"), _kept(2)),  # 24 hours are promised, and checked by queries
    "answers": (_kept(10),),
    "forwards": (
        _by("account_id", "customer_key"),
        _by("-at", "-_id"),
        _by("account_id", "-at", "-_id"),
        _by("integration_id", "-at", "-_id"),
        _by("state", "-at", "-_id"),
        _kept(30),
    ),
    "notes": _OUTBOX,
    "dead_letters": (
        *_OUTBOX,
        _by("queue", "-_id"),
        _by("account_id", "-_id"),
        IndexModel([("ends", ASCENDING)], name="time_to_live", expireAfterSeconds=0),
    ),
    "tokens": (*_OUTBOX, _by("sha256", unique=True)),
    "erasures": _OUTBOX,
    "approvals": (*_OUTBOX, _by("state", "expires_at"), _by("account_id", "state"), _by("customer_keys"), _kept(90)),
    "allowances": (_kept(60),),  # 30 days at most
    "erased_customers": (_by("at"),),
    "subjects": (_by("pseudonym", unique=True),),
    "records": (
        _by("id"),
        ONE_RECORD_OF_AN_EVENT,
        _by("account_id", "seq"),
        _by("-at", "-id"),
        _by("account_id", "-at", "-id"),
        _by("integration_id", "-at", "-id"),
        _by("type", "-at", "-id"),
        _by("code", "-at", "-id"),
        _by("event_id", "at", "id"),
        _by("customer_hash", "-at", "-id"),
    ),
    "checkpoints": (_by("chain", "number"), _by("shipped")),
    "log_places": (_by("chain", "index"), _by("chain", "first", "index"), _by("statement")),
    "log_checkpoints": (_by("shipped"),),
    "tallies": (_by("chain", "number"),),
}


async def missing_indexes(database: Database, *, names: Collection[str] = tuple(INDEXES)) -> list[Missing]:
    """The indexes that these collections lack. Raises GatewayError(gateway_unavailable).

    MongoDB lists an index from the beginning of its build on, so one that is being built is not missing.
    """
    missing = []
    for name in names:
        existing = await run(database[name].index_information())
        missing += [Missing(name, wanted) for wanted in INDEXES[name] if not is_there(wanted.document, existing)]
    return missing


async def make_indexes(database: Database) -> list[Missing]:
    """Create missing indexes of empty collections; returns those that collections with documents lack.

    Raises GatewayError(gateway_unavailable), also when a unique one is relied on: else equal values are stored twice.
    """
    lacking: list[Missing] = []
    with pymongo.timeout(BUILD_SECONDS):
        for name in INDEXES:
            missing = await missing_indexes(database, names=(name,))
            if missing and await run(database[name].find_one({}, {"_id": True})) is None:
                await run(database[name].create_indexes([each.index for each in missing]))
            else:
                lacking += missing
    unique = [each for each in lacking if each.index.document.get("unique")]
    require_relied_on([str(each) for each in unique if each.index not in _DONE_WITHOUT])
    return lacking


def is_there(wanted: Mapping[str, Any], existing: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether one of the `existing` indexes does what `wanted` does, whatever its name is."""
    return any(_purpose_of(wanted) == _purpose_of(each) for each in existing.values())


def _purpose_of(index: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an index is for: its fields in order, whether it is unique, and the time to live."""
    key = index["key"]
    fields = tuple(key.items() if isinstance(key, Mapping) else map(tuple, key))
    return fields, bool(index.get("unique")), index.get("expireAfterSeconds")
