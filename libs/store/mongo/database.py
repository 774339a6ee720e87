"""The way to MongoDB: the one import of the driver, the client's options, and the one translation of its errors.

The rule: no adapter meets an exception of the driver's; a call ends with its answer, `TAKEN`, or GatewayError. Every
change is one operation on one document, acknowledged by a majority with its journal; transactions are not used.
"""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from inspect import isawaitable
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import ConfigurationError, DuplicateKeyError, InvalidURI, PyMongoError

from libs.contracts.errors import GatewayError, unavailable

DRIVER: Any = AsyncIOMotorClient
"""The driver: motor, or PyMongo's AsyncMongoClient, which is the way out (docs/decisions/0003)."""
Client = Any
"""A client of either driver; the adapters make only calls that both have."""
Database = Any
Collection = Any
Document = dict[str, Any]

TIMEOUT_MS = 2000
"""How long one call may take, looking for the primary included; the driver's own 30 s outlast every caller."""
_TIMEOUTS: Final[Mapping[str, int]] = {"timeoutMS": TIMEOUT_MS, "serverSelectionTimeoutMS": TIMEOUT_MS}
"""What the URL may say otherwise; all other options are part of what the adapters promise."""
DEFAULT_DATABASE = "gateway"
_OPTIONS: Final[Mapping[str, Any]] = {
    "appname": "whatsapp-gateway",
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",  # what a failover may undo is never acted on
    "readPreference": "primary",
    "retryWrites": True,
    "retryReads": True,
    "uuidRepresentation": "standard",
    "tz_aware": True,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

T = TypeVar("T")


class Taken(Enum):
    """What a call answers when a document with the same key is there, or does not fulfil the call's conditions."""

    TAKEN = auto()


TAKEN: Final = Taken.TAKEN


def client_from(url: str) -> Client:
    """A client for the URL, bound to the running loop; it connects with its first call.

    Raises ValueError for a malformed URL, whose text does not repeat it.
    """
    try:
        query = urlsplit(url).query  # refuses brackets that are not escaped, which the driver lets through
        said = {name.lower() for name, _ in parse_qsl(query)}
        timeouts = {name: value for name, value in _TIMEOUTS.items() if name.lower() not in said}
        return DRIVER(url, **_OPTIONS, **timeouts)
    except (InvalidURI, ConfigurationError, ValueError, TypeError):
        raise ValueError("the store's URL is no valid mongodb:// URL: look at its escapes, hosts and options") from None


async def close(client: Client) -> None:
    """Let go of the client's connections; motor's `close` is a plain call, PyMongo's must be awaited."""
    closing = client.close()
    if isawaitable(closing):
        await closing


async def ask(call: Awaitable[T]) -> T:
    """What the call answers. Raises GatewayError(gateway_unavailable) when it has none."""
    answer = await unless_taken(call)
    if isinstance(answer, Taken):
        raise _unavailable("DuplicateKeyError")
    return answer


async def unless_taken(call: Awaitable[T]) -> T | Taken:
    """What the call answers, or `TAKEN` for a duplicate key.

    Raises GatewayError(gateway_unavailable) as `ask`, and ValueError for what BSON cannot hold (a lone surrogate, an
    integer of more than 64 bits): repeating that is useless. Neither repeats what the driver says, which can hold
    documents; a note tells the error's kind.
    """
    failure: Exception
    try:
        return await call
    except DuplicateKeyError:
        return TAKEN
    except PyMongoError as error:
        failure = _unavailable(f"{type(error).__name__} {getattr(error, 'code', None) or ''}".strip())
    except (BSONError, UnicodeError, OverflowError) as error:
        failure = ValueError(f"what is to be written cannot be kept in MongoDB: {type(error).__name__}")
    raise failure


def _unavailable(kind: str) -> GatewayError:
    failure = unavailable("store")
    failure.add_note(f"MongoDB: {kind}")
    return failure


async def rows_of(collection: Collection, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
    """All that an aggregation yields; motor's `aggregate` is a plain call, PyMongo's must be awaited."""

    async def answer() -> list[Document]:
        cursor = collection.aggregate(pipeline)
        if isawaitable(cursor):
            cursor = await cursor
        rows: list[Document] = await cursor.to_list(None)
        return rows

    return await ask(answer())


def micros_from(at: datetime) -> int:
    """Microseconds since 1970: MongoDB's own dates keep milliseconds only."""
    return (at - _EPOCH) // _MICROSECOND


def datetime_from(micros: int) -> datetime:
    """The time (UTC) that `micros_from` was given."""
    return _EPOCH + micros * _MICROSECOND
