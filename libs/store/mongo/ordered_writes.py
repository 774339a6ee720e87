"""`OrderedWrites`: several writes in one call to the server, in order, up to the first that meets a stored key.

It saves round trips and nothing else. The server makes one write after the other, as if each came with a call of its
own: a process or a server that dies in between leaves the first ones. So an adapter may send together what it would
write in this order anyway. MongoDB can do so since 8.0 (`bulkWrite`); on an older server the adapter calls for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import ClientBulkWriteException, InvalidOperation, OperationFailure, PyMongoError
from pymongo.results import ClientBulkWriteResult

from libs.store.mongo.database import DUPLICATE_KEY_CODE, Database, Document, run

_COMMAND_NOT_FOUND = 59


@dataclass(frozen=True, slots=True)
class Write:
    """An update of one document, or its insertion with `upsert`.

    An upsert whose filter does not match the stored document of its `_id` meets that key: nothing after it is written.
    """

    collection: str
    filter: Document
    update: Document | list[Document]
    upsert: bool


class OrderedWrites:
    """Writes to collections of one database."""

    def __init__(self, database: Database) -> None:
        self._client, self._database = database.client, database.name
        self._unknown = False

    async def made(self, writes: Sequence[Write]) -> list[bool] | None:
        """Make the writes. For each one that was made: whether it found or inserted its document.

        The answer is shorter than `writes` when the next one met a stored key. None: nothing is written, because this
        server has no such call. Raises as `run`; then any number of the first writes may be made.
        """
        if self._unknown:
            return None
        updates = [
            UpdateOne(each.filter, each.update, upsert=each.upsert, namespace=f"{self._database}.{each.collection}")
            for each in writes
        ]
        return await run(self._made(updates))

    async def _made(self, updates: Sequence[UpdateOne]) -> list[bool] | None:
        try:
            result = await self._client.bulk_write(updates, ordered=True, verbose_results=True)
        except InvalidOperation:  # what the driver says without a call when the server is older than 8.0
            return None
        except ClientBulkWriteException as failure:
            return self._made_before(failure)
        return _found(result)

    def _made_before(self, failure: ClientBulkWriteException) -> list[bool] | None:
        if isinstance(failure.error, PyMongoError):
            raise failure.error
        details: Any = failure.details
        met = [each["code"] for each in (*filter(None, [failure.error]), *details["writeConcernErrors"])]
        met += [each["code"] for each in details["writeErrors"]]
        if met == [_COMMAND_NOT_FOUND]:  # an engine that says it is MongoDB 8.0 and is not
            self._unknown = True
            return None
        if met != [DUPLICATE_KEY_CODE]:
            raise OperationFailure("several writes", met[0])
        made = failure.partial_result
        return [] if made is None else _found(made)


def _found(result: ClientBulkWriteResult) -> list[bool]:
    return [each.matched_count > 0 for _, each in sorted(result.update_results.items())]
