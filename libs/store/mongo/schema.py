"""The schema version of a MongoDB database."""

from pymongo import ReturnDocument

from libs.store.mongo.database import Database, run
from libs.store.store import OLDEST_SCHEMA, require_known_schema

SCHEMA_VERSION = 3
"""Raised when documents change in a way that an older release would misread."""

RESTORING = 1_000_000
"""The version of a database that is being restored: no release knows it."""


async def schema_version(database: Database) -> int:
    """The schema version of the database; a new one gets that of this release.

    Raises RuntimeError for a version that this release does not know, and GatewayError(gateway_unavailable).
    """
    found = await run(
        database["schema"].find_one_and_update(
            {"_id": "version"},
            {"$setOnInsert": {"version": SCHEMA_VERSION}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
    )
    version = int(found["version"])
    if version == RESTORING:
        raise RuntimeError("the store is being restored: let `gateway restore` end, or type it again")
    require_known_schema(version, SCHEMA_VERSION, oldest=OLDEST_SCHEMA)
    return version


async def raise_schema_version(database: Database) -> None:
    """Note that the database has the schema of this release."""
    older = {"_id": "version", "version": {"$lt": SCHEMA_VERSION}}
    await run(database["schema"].update_one(older, {"$set": {"version": SCHEMA_VERSION}}))
