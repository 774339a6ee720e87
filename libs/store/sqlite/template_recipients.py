"""`TemplateRecipients` in SQLite: one row per business account and customer."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.store.instants import micros_from, optional_instant_from
from libs.store.sqlite.cleanup import ExpiredRowCleanup
from libs.store.sqlite.database import Database
from libs.store.template_recipients import COUNTED, TemplateUse

_OF_OWNER = "SELECT at FROM template_recipients WHERE owner = :owner AND at > :since"
_USE = (
    f"SELECT (SELECT count(*) FROM ({_OF_OWNER} LIMIT :limit)), (SELECT min(at) FROM ({_OF_OWNER})), "  # noqa: S608 -- names from above
    f"EXISTS ({_OF_OWNER} AND customer_key = :customer)"
)
_END = "DELETE FROM template_recipients WHERE owner = :owner AND customer_key = :customer AND at <= :since"
_COUNT = (
    "INSERT OR IGNORE INTO template_recipients (owner, customer_key, account_id, at) "
    "VALUES (:owner, :customer, :account, :now)"
)


@dataclass(frozen=True, slots=True)
class SqliteTemplateRecipients:
    """`TemplateRecipients`. A customer who is counted anew gets a new row: the cleanup deletes the oldest rows."""

    main: Database
    _cleanup: ExpiredRowCleanup = field(
        default_factory=lambda: ExpiredRowCleanup("template_recipients", timedelta(days=2))
    )

    async def use(self, owner: str, customer_key: str, *, limit: int, now: datetime) -> TemplateUse:
        """As `TemplateRecipients.use`; reads an index alone, in a thread."""
        wanted = {"owner": owner, "customer": customer_key, "limit": limit, "since": micros_from(now - COUNTED)}
        ((customers, oldest, counted),) = await self.main.rows(_USE, wanted)
        return TemplateUse(customers, bool(counted), optional_instant_from(oldest))

    async def count(self, owner: str, account_id: str, customer_key: str, now: datetime) -> None:
        """As `TemplateRecipients.count`."""
        since = micros_from(now - COUNTED)
        names = {"owner": owner, "customer": customer_key, "account": account_id}
        values = {**names, "now": micros_from(now), "since": since}

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_END, values)
            connection.execute(_COUNT, values)
            self._cleanup(connection, now)

        await self.main.change(write)
