"""`VerificationStates`, `VerifiedPlaces` and `VerifiedLog` in MongoDB."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pymongo import ReplaceOne

from libs.record.logged_chains import LogPosition
from libs.store.instants import micros_from, optional_instant_from
from libs.store.mongo.database import Database, Document, run, unless_duplicate
from libs.store.verified import Scope, VerificationState, VerifiedPlace


class MongoVerificationStates:
    """`VerificationStates`: a document for each scope."""

    def __init__(self, database: Database) -> None:
        self._states = database["verifications"]

    async def all(self) -> Mapping[Scope, VerificationState]:
        """As `VerificationStates.all`."""
        found: list[Document] = await run(self._states.find({}).to_list(None))
        return {
            Scope(document["_id"]): VerificationState(
                sound=document["sound"],
                verified_at=optional_instant_from(document.get("verified_at")),
                fault=document.get("fault"),
            )
            for document in found
        }

    async def passed(self, scope: Scope, *, started: datetime, ended: datetime) -> None:
        """As `VerificationStates.passed`. A crash between the two updates leaves the older time: it is done again."""
        clears = {"_id": scope.value, "failed_at": {"$not": {"$gt": micros_from(started)}}}
        # When a later fault stands, the filter does not match and the upsert meets a duplicate key.
        await unless_duplicate(self._states.update_one(clears, {"$set": {"sound": True}}, upsert=True))
        await run(self._states.update_one({"_id": scope.value}, {"$set": {"verified_at": micros_from(ended)}}))

    async def failed(self, scope: Scope, fault: str, *, at: datetime, ended: datetime | None = None) -> None:
        """As `VerificationStates.failed`."""
        fields: Document = {"sound": False, "failed_at": micros_from(at), "fault": fault}
        if ended is not None:
            fields["verified_at"] = micros_from(ended)
        await run(self._states.update_one({"_id": scope.value}, {"$set": fields}, upsert=True))


class MongoVerifiedPlaces:
    """`VerifiedPlaces`: a document for each chain."""

    def __init__(self, database: Database) -> None:
        self._places, self._log = database["verified_places"], database["verified_log"]

    async def all(self) -> Mapping[str, VerifiedPlace]:
        """As `VerifiedPlaces.all`."""
        found: list[Document] = await run(self._places.find({}).to_list(None))
        return {
            document["_id"]: VerifiedPlace(
                chain=document["_id"],
                checkpoint=document["checkpoint"],
                seq=document["seq"],
                hash=bytes(document["hash"]),
            )
            for document in found
        }

    async def save(self, places: Sequence[VerifiedPlace]) -> None:
        """As `VerifiedPlaces.save`."""
        documents: list[Document] = [
            {"_id": place.chain, "checkpoint": place.checkpoint, "seq": place.seq, "hash": place.hash}
            for place in places
        ]
        if documents:
            replacements = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in documents]
            await run(self._places.bulk_write(replacements, ordered=False))

    async def forget(self) -> None:
        """As `VerifiedPlaces.forget`. A crash between the two leaves places that are forgotten the next time."""
        await run(self._log.delete_many({}))
        await run(self._places.delete_many({}))


class MongoVerifiedLog:
    """`VerifiedLog`: one document, so that the chains' positions and the size are those of one moment."""

    def __init__(self, database: Database) -> None:
        self._log = database["verified_log"]

    async def position(self) -> LogPosition | None:
        """As `VerifiedLog.position`."""
        found = await run(self._log.find_one({"_id": "position"}))
        return None if found is None else LogPosition.from_text(found.get("body"))

    async def move(self, position: LogPosition) -> None:
        """As `VerifiedLog.move`."""
        document: Document = {"_id": "position", "body": position.text()}
        await run(self._log.replace_one({"_id": "position"}, document, upsert=True))
