"""Copies a MongoDB database while services use it: one file of BSON documents for each collection.

The rule: where the server has snapshot reads (replica sets since 5.0, for as long as it keeps history), all collections
are of one moment. Elsewhere they are read one by one, in an order in which the record stays sound: checkpoints before
the records that they cover, purges after the records that they removed, persons' keys after the records made with them.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pymongo
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure, PyMongoError

from libs.record.canonical import chain_of
from libs.store.backups import BackupChain, Copied
from libs.store.migration import Say
from libs.store.mongo.chains import MongoChains
from libs.store.mongo.database import DEFAULT_DATABASE, Client, Collection, Database, client_from, close, run
from libs.store.mongo.migration import NO_LIMIT
from libs.store.mongo.schema import schema_version

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
LOG = ("log_state", "log_checkpoints", "log_places", "log_tiles", "log_batches")
"""The cumulative log: without a snapshot, copied in this order before the ends of chains are read, so that no copy
knows more than the next one. What is derived of it less than there is, is derived again."""
FIRST, LAST = (*LOG, "checkpoints", "records", "purges"), ("subjects",)
NOT_COPIED = frozenset({"schema"})
"""The restore writes the schema's version itself."""
_HISTORY_GONE = frozenset({239, 246})
"""Codes of MongoDB: SnapshotTooOld, SnapshotUnavailable."""
Session = Any
Clock = Callable[[], datetime]


async def copy_database(url: str, store: Path, subjects: Path, say: Say, clock: Clock) -> Copied:
    """Copy every collection into two folders, `subjects` apart. Raises GatewayError(gateway_unavailable)."""
    client = client_from(url)
    try:
        with pymongo.timeout(NO_LIMIT):
            return await _copied(client, store, subjects, say, clock)
    finally:
        await close(client)


async def _copied(client: Client, store: Path, subjects: Path, say: Say, clock: Clock) -> Copied:
    database = client.get_default_database(DEFAULT_DATABASE)
    schema, taken_at = await schema_version(database), clock()
    ends = await MongoChains(database).ends()
    names = _in_order(await run(database.list_collection_names()))
    files = {name: (subjects if name in LAST else store) / f"{name}.bson" for name in names}
    async with _snapshot(client, database) as session:
        consistent = session is not None and await _copy(database, files, say, session=session)
    if not consistent:
        say("the server has no snapshot of all collections: they are copied one after another")
        await _copy(database, {name: files.pop(name) for name in LOG if name in files}, say)
        ends = await MongoChains(database).ends()
        await _copy(database, files, say, ends={end.chain: end.seq for end in ends})
    chains = [BackupChain(chain=each.chain, seq=each.seq, checkpoint=each.checkpoint) for each in ends]
    return Copied(kind="mongodb", taken_at=taken_at, schema=schema, consistent=consistent, chains=chains)


def _in_order(names: Sequence[str]) -> list[str]:
    wanted = {name for name in names if not name.startswith("system.")} - NOT_COPIED
    ordered = [name for name in FIRST if name in wanted]
    return [*ordered, *sorted(wanted - {*FIRST, *LAST}), *(name for name in LAST if name in wanted)]


@asynccontextmanager
async def _snapshot(client: Client, database: Database) -> AsyncIterator[Session | None]:
    """A session whose reads are of one moment; None when the server has none."""
    try:
        session = await client.start_session(snapshot=True)
    except PyMongoError:
        yield None
        return
    try:
        try:
            await database["schema"].find_one({}, session=session)
        except PyMongoError:
            yield None
        else:
            yield session
    finally:
        await session.end_session()


async def _copy(
    database: Database,
    files: Mapping[str, Path],
    say: Say,
    *,
    session: Session | None = None,
    ends: Mapping[str, int] | None = None,
) -> bool:
    """Copy the collections, each to its file; False when the snapshot of `session` is gone before the end."""
    for name, target in files.items():
        try:
            count = await run(_copy_collection(database[name], session, ends if name == "records" else None, target))
        except _HistoryGone:
            return False
        say(f"{target.name}: {count:,} documents")
    return True


class _HistoryGone(Exception):  # noqa: N818 -- reads as the fact it states
    """The server no longer keeps what the snapshot shows."""


async def _copy_collection(
    collection: Collection, session: Session | None, ends: Mapping[str, int] | None, target: Path
) -> int:
    """Write the documents one after another; of records that are newer than `ends`, none: they may have gaps."""
    count = 0
    source = collection.with_options(codec_options=RAW)
    with open(target, "wb", opener=_private) as file:  # noqa: ASYNC230 -- a command, which nobody waits behind
        try:
            async for document in source.find({}, session=session):
                if ends is not None and _is_newer(document, ends):
                    continue
                file.write(document.raw)
                count += 1
        except OperationFailure as failure:
            if session is not None and failure.code in _HISTORY_GONE:
                raise _HistoryGone from failure
            raise
    return count


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_newer(document: Mapping[str, Any], ends: Mapping[str, int]) -> bool:
    seq = document.get("seq")
    return type(seq) is int and seq > ends.get(chain_of(document.get("account_id")), 0)
