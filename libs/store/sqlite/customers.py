"""`Customers` in SQLite: one read on the event loop."""

from collections.abc import Collection
from dataclasses import dataclass

from libs.store.sqlite.database import Database, json_list

_KNOWN = """
WITH wanted AS (SELECT value AS customer_key FROM json_each(:keys))
SELECT customer_key FROM wanted WHERE
  EXISTS (SELECT 1 FROM identities WHERE account_id = :account_id AND customer_key = wanted.customer_key)
  OR EXISTS (SELECT 1 FROM customer_links WHERE account_id = :account_id AND customer_key = wanted.customer_key)
  OR EXISTS (SELECT 1 FROM suppressions WHERE account_id = :account_id AND customer_key = wanted.customer_key)
  OR EXISTS (SELECT 1 FROM numbers JOIN conversations ON conversations.number_id = numbers.id
    WHERE numbers.account_id = :account_id AND conversations.customer_key = wanted.customer_key)
"""


@dataclass(frozen=True, slots=True)
class SqliteCustomers:
    """`Customers`."""

    main: Database

    async def known(self, account_id: str, customer_keys: Collection[str]) -> frozenset[str]:
        """As `Customers.known`."""
        found = self.main.few_rows(_KNOWN, {"account_id": account_id, "keys": json_list(customer_keys)})
        return frozenset(key for (key,) in found)
