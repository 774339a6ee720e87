"""Builds the indexes that a MongoDB database lacks, however long it takes, and raises its schema version.

The rule: each step is one command, and the server goes on with a build whose client is gone. A run that is repeated, or
overtaken by another, asks for the same index, and waits until it is built.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pymongo

from libs.contracts.errors import GatewayError
from libs.store.metrics import Cause, cause_of
from libs.store.migration import Migrated, MigrationRefused, Say
from libs.store.mongo.database import DUPLICATE_KEY, Database, run, unless_duplicate
from libs.store.mongo.do_not_contact import mark_accounts
from libs.store.mongo.indexes import INDEXES, Missing, is_there
from libs.store.mongo.schema import SCHEMA_VERSION, raise_schema_version, schema_version

NO_LIMIT = 0.0
"""The driver's word for a call that takes as long as it takes, whatever the URL says."""


async def migrate_database(database: Database, say: Say) -> Migrated:
    """Build what is missing, then raise the schema version; raises as `libs.store.factory.migrate_store` does."""
    with pymongo.timeout(NO_LIMIT), _access_required():
        await schema_version(database)
        done = await build_indexes(database, say)
        await mark_accounts(database)
        await raise_schema_version(database)
    return Migrated(tuple(done), SCHEMA_VERSION)


async def build_indexes(database: Database, say: Say) -> list[str]:
    """Build the indexes that the database lacks; returns their names. Raises as `migrate_database` does."""
    done: list[str] = []
    for name, indexes in INDEXES.items():
        existing = await run(database[name].index_information())
        for index in indexes:
            step = Missing(name, index)
            if not is_there(index.document, existing):
                await _make(database, step, existing, say)
                done.append(str(step))
            elif step.name in existing:  # it may still be built, by another run or for a client that is gone
                await run(database[name].create_indexes([index]))
    return done


async def _make(database: Database, step: Missing, existing: Mapping[str, Mapping[str, Any]], say: Say) -> None:
    """Build one index; returns when it is built."""
    if (found := existing.get(step.name)) is not None:
        await _change_time_to_live(database, step, found)
    else:
        documents = await run(database[step.collection].estimated_document_count())
        say(f"{step}: building over {documents:,} documents")
        if await unless_duplicate(database[step.collection].create_indexes([step.index])) is DUPLICATE_KEY:
            raise MigrationRefused(f"{step}: the unique index cannot be built, documents have the same values")
    say(f"{step}: made")


async def _change_time_to_live(database: Database, step: Missing, found: Mapping[str, Any]) -> None:
    """Give an index of the same name its new time to live; any other difference is an operator's to mend."""
    seconds = step.index.document.get("expireAfterSeconds")
    changed = {**found, "expireAfterSeconds": seconds}
    if seconds is None or not is_there(step.index.document, {step.name: changed}):
        raise MigrationRefused(f"{step}: an index of this name has other fields; drop it, then migrate again")
    await run(
        database.command({"collMod": step.collection, "index": {"name": step.name, "expireAfterSeconds": seconds}})
    )


@contextmanager
def _access_required() -> Iterator[None]:
    """Raise MigrationRefused when the server refuses the user: waiting mends nothing."""
    try:
        yield
    except GatewayError as failure:
        if cause_of(failure) is not Cause.REFUSED:
            raise
        sentence = "MongoDB refused the user of GATEWAY_STORE_URL, or the user's rights do not suffice"
        raise MigrationRefused(sentence, no_access=True) from None
