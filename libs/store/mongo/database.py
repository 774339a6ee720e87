"""Connects to MongoDB: the driver, the client's options, and the translation of the driver's errors.

The rule: adapters never see the driver's exceptions. A call returns its result or `DUPLICATE_KEY`, or raises
GatewayError. Every change is one operation on one document, acknowledged by a majority and journaled; there are no
transactions.
"""

import warnings
from collections.abc import Awaitable, Mapping, Sequence
from enum import Enum, auto
from inspect import isawaitable
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ReturnDocument
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    InvalidURI,
    NotPrimaryError,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from libs.store.metrics import Cause, failed
from libs.store.mongo.monitoring import CountConnections, MeasureCalls

DRIVER: Any = AsyncIOMotorClient
"""The driver: motor. PyMongo's AsyncMongoClient can replace it (docs/decisions/0003)."""
Client = Any
"""A client of either driver; the adapters use only calls that both have."""
Database = Any
Collection = Any
Document = dict[str, Any]

TIMEOUT_MS = 2000
"""How long one call may take, including the search for the primary. The driver's default of 30 s is too long."""
_TIMEOUTS: Final[Mapping[str, int]] = {"timeoutMS": TIMEOUT_MS, "serverSelectionTimeoutMS": TIMEOUT_MS}
"""Timeouts, which the URL may override. It may not override the other options: the adapters rely on them."""
DEFAULT_DATABASE = "gateway"
_OPTIONS: Final[Mapping[str, Any]] = {
    "appname": "whatsapp-gateway",
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",  # never act on what a failover may undo
    "readPreference": "primary",
    "retryWrites": True,
    "retryReads": True,
    "uuidRepresentation": "standard",
    "tz_aware": True,
}
AFTER: Final = ReturnDocument.AFTER
TOUCH: Final[Mapping[str, Any]] = {"$currentDate": {"touched_at": True}}
"""An update that sets the time from which a document's time to live counts."""
DUPLICATE_KEY_CODE = 11000

T = TypeVar("T")


class DuplicateKey(Enum):
    """The result of a call that met a stored document with the same key, or one that does not match its filter."""

    DUPLICATE_KEY = auto()


DUPLICATE_KEY: Final = DuplicateKey.DUPLICATE_KEY


def client_from(url: str) -> Client:
    """A client for the URL, bound to the running event loop; it connects with its first call.

    Raises ValueError for a malformed URL; the message does not repeat the URL.
    """
    try:
        query = urlsplit(url).query  # raises for unescaped brackets, which the driver accepts
        given = {name.lower() for name, _ in parse_qsl(query)}
        timeouts = {name: value for name, value in _TIMEOUTS.items() if name.lower() not in given}
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # the driver ignores an option that it cannot use
            return DRIVER(url, **_OPTIONS, **timeouts, event_listeners=[MeasureCalls(), CountConnections()])
    except OSError:
        raise ValueError("the store's URL names a TLS file that cannot be read") from None
    except (InvalidURI, ConfigurationError, ValueError, TypeError, UserWarning):
        raise ValueError("the store's URL is no valid mongodb:// URL: look at its escapes, hosts and options") from None


async def close(client: Client) -> None:
    """Close the client's connections. Motor's `close` is a plain call, PyMongo's must be awaited."""
    closing = client.close()
    if isawaitable(closing):
        await closing


async def run(call: Awaitable[T]) -> T:
    """The result of the call. Raises GatewayError(gateway_unavailable) when it fails."""
    answer = await unless_duplicate(call)
    if isinstance(answer, DuplicateKey):
        raise failed(Cause.OTHER, "MongoDB: DuplicateKeyError")
    return answer


async def unless_duplicate(call: Awaitable[T]) -> T | DuplicateKey:
    """The result of the call, or `DUPLICATE_KEY` when its key exists already.

    Raises GatewayError(gateway_unavailable) as `run` does, and ValueError for values that BSON cannot hold (a lone
    surrogate, an integer of more than 64 bits), which no retry can fix. The errors do not repeat the driver's message,
    which may contain documents; a note names the kind of error.
    """
    failure: Exception
    try:
        return await call
    except DuplicateKeyError:
        return DUPLICATE_KEY
    except PyMongoError as error:
        kind = f"{type(error).__name__} {getattr(error, 'code', None) or ''}".strip()
        failure = failed(_cause(error), f"MongoDB: {kind}")
    except (BSONError, UnicodeError, OverflowError) as error:
        failure = ValueError(f"the values cannot be stored in MongoDB: {type(error).__name__}")
    raise failure


_REFUSED = frozenset({13, 18, 8000})
"""Codes of MongoDB: Unauthorized, AuthenticationFailed, and Atlas's own error for both."""
_DISK_FULL = 14031


def _cause(error: PyMongoError) -> Cause:
    code = getattr(error, "code", None)
    if code in _REFUSED:
        return Cause.REFUSED
    if code == _DISK_FULL:
        return Cause.DISK_FULL
    if isinstance(error, NotPrimaryError):
        return Cause.READ_ONLY
    if isinstance(error, ServerSelectionTimeoutError):
        return Cause.UNREACHABLE
    if error.timeout:
        return Cause.TIMEOUT
    return Cause.UNREACHABLE if isinstance(error, ConnectionFailure) else Cause.OTHER


async def aggregate(collection: Collection, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
    """All results of an aggregation. Motor's `aggregate` is a plain call, PyMongo's must be awaited."""

    async def answer() -> list[Document]:
        cursor = collection.aggregate(pipeline)
        if isawaitable(cursor):
            cursor = await cursor
        rows: list[Document] = await cursor.to_list(None)
        return rows

    return await run(answer())


async def insert_missing(collection: Collection, documents: Sequence[Document], *, ordered: bool) -> int:
    """Insert documents and return how many; those whose key exists already are skipped. Call it through `run`.

    With `ordered`, it stops at the first document whose key exists.
    """
    try:
        inserted = await collection.insert_many(documents, ordered=ordered)
    except BulkWriteError as error:
        details: Any = error.details
        if details["writeConcernErrors"] or any(e["code"] != DUPLICATE_KEY_CODE for e in details["writeErrors"]):
            raise
        return int(details["nInserted"])
    return len(inserted.inserted_ids)
