"""Restores a MongoDB database: into an empty one, which no service opens until it is finished.

The rule: while the restore goes on, the database has a schema version that no release knows, so services refuse it. The
version's document says which backup is restored and which collections are loaded, and it is never removed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import bson
import pymongo
from bson.raw_bson import RawBSONDocument

from libs.store.backups import STORE, SUBJECTS, BackupRefused, Manifest
from libs.store.migration import Say
from libs.store.mongo.backups import RAW
from libs.store.mongo.database import DEFAULT_DATABASE, Database, Document, client_from, close, run
from libs.store.mongo.migration import NO_LIMIT, build_indexes
from libs.store.mongo.schema import RESTORING, SCHEMA_VERSION
from libs.store.mongo.store import store_over
from libs.store.restored_store import AlreadyRestored, RestoredStore

_VERSION: Final[Document] = {"_id": "version"}
BATCH_BYTES, BATCH_DOCUMENTS = 4 << 20, 1_000
"""What one insert holds at most: the memory that a restore needs."""


@asynccontextmanager
async def restoring_mongo(url: str, backup: Path, manifest: Manifest, say: Say) -> AsyncIterator[RestoredStore]:
    """As `libs.store.factory.restoring_store`."""
    client = client_from(url)
    try:
        database = client.get_default_database(DEFAULT_DATABASE)
        with pymongo.timeout(NO_LIMIT):
            loaded = await _begin(database, manifest)
            files = sorted([*(backup / STORE).glob("*.bson"), *(backup / SUBJECTS).glob("*.bson")])
            for file in files:
                if file.stem not in loaded:
                    await _load(database, file, say)
            await build_indexes(database, say)
        yield RestoredStore(
            store=store_over(client, database),
            applied=(await run(database["schema"].find_one(_VERSION)) or {}).get("applied"),
            note_applied=partial(_note_applied, database),
            finish=partial(_finish, database, manifest.backup_id),
        )
    finally:
        await close(client)


async def _begin(database: Database, manifest: Manifest) -> list[str]:
    """Mark the empty database as being restored; the collections that an earlier run has loaded.

    Raises BackupRefused, and AlreadyRestored.
    """
    found = await run(database["schema"].find_one(_VERSION)) or {}
    if found.get("restored") == manifest.backup_id:
        raise AlreadyRestored
    if found.get("restoring") == manifest.backup_id and found.get("emptied", True):
        return list(found["loaded"])
    names = [name for name in await run(database.list_collection_names()) if not name.startswith("system.")]
    others = [name for name in names if name != "schema"]
    if found.get("restoring") is None:
        for name in others:
            if await run(database[name].find_one({}, {"_id": True})) is not None:
                raise BackupRefused("the database is not empty: a restore replaces nothing; drop it, or name a new one")
    state = {"version": RESTORING, "restoring": manifest.backup_id, "loaded": [], "emptied": False}
    await run(database["schema"].replace_one(_VERSION, state, upsert=True))
    for name in others:  # of another backup, whose restore was given up
        await run(database[name].delete_many({}))
    await run(database["schema"].update_one(_VERSION, {"$set": {"emptied": True}}))
    return []


async def _load(database: Database, file: Path, say: Say) -> None:
    """Load one collection, again from its beginning when an earlier run did not finish it."""
    name = file.stem
    await run(database[name].delete_many({}))
    target, count = database[name].with_options(codec_options=RAW), 0
    batch: list[RawBSONDocument] = []
    size = 0
    with file.open("rb") as documents:
        for document in bson.decode_file_iter(documents, RAW):
            batch.append(document)
            size += len(document.raw)
            count += 1
            if size >= BATCH_BYTES or len(batch) >= BATCH_DOCUMENTS:
                await run(target.insert_many(batch, ordered=False))
                batch, size = [], 0
    if batch:
        await run(target.insert_many(batch, ordered=False))
    await run(database["schema"].update_one(_VERSION, {"$push": {"loaded": name}}))
    say(f"{name}: {count:,} documents")


async def _note_applied(database: Database, count: int) -> None:
    await run(database["schema"].update_one(_VERSION, {"$set": {"applied": count}}))


async def _finish(database: Database, backup_id: str) -> None:
    state = {"version": SCHEMA_VERSION, "restored": backup_id}
    done = {"$set": state, "$unset": {"restoring": "", "loaded": "", "emptied": "", "applied": ""}}
    await run(database["schema"].update_one(_VERSION, done))
