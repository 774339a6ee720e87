"""`PurgeClock` in MongoDB: one document, and the server's own time."""

from datetime import UTC, datetime

from libs.store.instants import micros_from, optional_instant_from
from libs.store.mongo.database import Database, run

_ONE = {"_id": "accepted"}


class MongoPurgeClock:
    """`PurgeClock`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clock = database["purge_clock"]

    async def accepted(self) -> datetime | None:
        """As `PurgeClock.accepted`."""
        found = await run(self._clock.find_one(_ONE))
        return optional_instant_from(None if found is None else found["at"])

    async def accept(self, at: datetime) -> None:
        """As `PurgeClock.accept`."""
        await run(self._clock.update_one(_ONE, {"$set": {"at": micros_from(at)}}, upsert=True))

    async def server_time(self) -> datetime | None:
        """As `PurgeClock.server_time`: what the server says of itself in `hello`."""
        found = (await run(self._database.command("hello"))).get("localTime")
        if not isinstance(found, datetime):
            return None
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
