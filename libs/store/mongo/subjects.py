"""`Subjects` in MongoDB: one document per person, whose id is the customer key."""

from collections.abc import Collection, Sequence

from libs.store.mongo.database import Database, Document, insert_missing, run
from libs.store.subjects import Subject


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
        found = await run(self._subjects.find({"$or": wanted}).to_list(None))
        return [Subject(each["_id"], each["pseudonym"], each["sealed_key"]) for each in found]

    async def add(self, subjects: Sequence[Subject]) -> Sequence[Subject]:
        """As `Subjects.add`; repeating it after a failure writes the rest."""
        if not subjects:
            return []
        documents = [
            {"_id": each.customer_key, "pseudonym": each.pseudonym, "sealed_key": each.sealed_key} for each in subjects
        ]
        await run(insert_missing(self._subjects, documents, ordered=False))
        return await self.find(customer_keys=[each.customer_key for each in subjects])

    async def delete(self, customer_keys: Collection[str]) -> int:
        """As `Subjects.delete`; the server overwrites deleted data on disk later."""
        deleted = await run(self._subjects.delete_many({"_id": {"$in": sorted(customer_keys)}}))
        return int(deleted.deleted_count)
