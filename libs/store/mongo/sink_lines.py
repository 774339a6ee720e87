"""`SinkLines` in MongoDB: one document per waiting line, whose id is the event's."""

from collections.abc import Sequence

from libs.store.mongo.database import Database, insert_missing, run
from libs.store.sink_lines import SinkLine


class MongoSinkLines:
    """`SinkLines`."""

    def __init__(self, database: Database) -> None:
        self._lines = database["sink_lines"]

    async def add(self, lines: Sequence[SinkLine]) -> None:
        """As `SinkLines.add`; repeating it after a failure writes the rest."""
        if lines:
            documents = [{"_id": line.id, "line": line.text} for line in lines]
            await run(insert_missing(self._lines, documents, ordered=False))

    async def unshipped(self, limit: int) -> Sequence[SinkLine]:
        """As `SinkLines.unshipped`."""
        found = await run(self._lines.find({}).sort("_id", 1).limit(limit).to_list(None))
        return [SinkLine(each["_id"], each["line"]) for each in found]

    async def mark_shipped(self, ids: Sequence[str]) -> None:
        """As `SinkLines.mark_shipped`."""
        await run(self._lines.delete_many({"_id": {"$in": list(ids)}}))
