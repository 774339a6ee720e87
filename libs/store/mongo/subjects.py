"""The keys of persons in MongoDB: one document each, named by the customer key."""

from collections.abc import Collection, Sequence

from pymongo.errors import BulkWriteError

from libs.store.mongo.database import Database, Document, ask
from libs.store.subjects import Subject

_DUPLICATE = 11000
"""MongoDB's error code for a document that is there."""


class MongoSubjects:
    """`Subjects`."""

    def __init__(self, database: Database) -> None:
        self._subjects = database["subjects"]

    async def find(self, *, customer_keys: Collection[str] = (), pseudonyms: Collection[str] = ()) -> Sequence[Subject]:
        """As `Subjects.find`."""
        wanted: list[Document] = []
        if customer_keys:
            wanted.append({"_id": {"$in": sorted(customer_keys)}})
        if pseudonyms:
            wanted.append({"pseudonym": {"$in": sorted(pseudonyms)}})
        if not wanted:
            return []
        found = await ask(self._subjects.find({"$or": wanted}).to_list(None))
        return [Subject(each["_id"], each["pseudonym"], each["sealed_key"]) for each in found]

    async def add(self, subjects: Sequence[Subject]) -> Sequence[Subject]:
        """As `Subjects.add`; repeating it after a failure half-way writes the rest."""
        if not subjects:
            return []
        await ask(
            self._insert(
                [
                    {"_id": each.customer_key, "pseudonym": each.pseudonym, "sealed_key": each.sealed_key}
                    for each in subjects
                ]
            )
        )
        return await self.find(customer_keys=[each.customer_key for each in subjects])

    async def forget(self, customer_keys: Collection[str]) -> int:
        """As `Subjects.forget`; the server's storage overwrites what was deleted in its own time."""
        gone = await ask(self._subjects.delete_many({"_id": {"$in": sorted(customer_keys)}}))
        return int(gone.deleted_count)

    async def _insert(self, documents: list[Document]) -> None:
        try:
            await self._subjects.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            told = error.details
            if told["writeConcernErrors"] or any(each["code"] != _DUPLICATE for each in told["writeErrors"]):
                raise
