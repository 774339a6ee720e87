"""The metrics of the store, of both adapters: a closed list of names, and the causes for which a call fails."""

from enum import StrEnum, unique

from prometheus_client import Counter, Gauge, Histogram

from libs.contracts.errors import GatewayError, unavailable


@unique
class Cause(StrEnum):
    """Why a call to the store failed."""

    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    """The file system, or the MongoDB member that was called, takes no writes."""
    LOCKED = "locked"
    """Another process held the file's lock for longer than a write waits."""
    FILE_CHANGED = "file_changed"
    """The file at the path is not the opened one: removed, renamed, replaced or truncated."""
    CORRUPT = "corrupt"
    UNREACHABLE = "unreachable"
    """The server, or the file, cannot be opened."""
    REFUSED = "refused"
    """The server refused the credentials, or the user's rights do not suffice."""
    NOT_MIGRATED = "not_migrated"
    """The store lacks what this release relies on: `gateway migrate` has not run."""
    TIMEOUT = "timeout"
    OTHER = "other"


OPERATION_SECONDS = Histogram(
    "gateway_store_operation_duration_seconds",
    "Time of one call to the store, by operation: read or write. A write includes the wait for its transaction.",
    ["operation"],
    buckets=(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
READ_SECONDS = OPERATION_SECONDS.labels("read")
WRITE_SECONDS = OPERATION_SECONDS.labels("write")
ERRORS = Counter("gateway_store_errors_total", "Calls to the store that failed, by cause.", ["reason"])
for _cause in Cause:
    ERRORS.labels(_cause.value)
SIZE_BYTES = Gauge(
    "gateway_store_size_bytes",
    "Size of each database: one for each file of SQLite, its write-ahead log included, and one for MongoDB.",
    ["database"],
)
POOL_IN_USE = Gauge(
    "gateway_store_pool_in_use", "Connections to the store that are in use: of MongoDB's pool, or SQLite's long reads."
)
INDEXES_MISSING = Gauge(
    "gateway_store_indexes_missing",
    "Indexes that the store lacks because values were stored before this release: `gateway migrate` builds them.",
)


def failed(cause: Cause, sentence: str) -> GatewayError:
    """The error for a call that failed: counted, with `sentence` as its note, which holds no value from the store."""
    ERRORS.labels(cause.value).inc()
    failure = unavailable("store")
    failure.add_note(sentence)
    vars(failure)["cause"] = cause
    return failure


def cause_of(failure: GatewayError) -> Cause | None:
    """Why the call failed; None for an error that is not the store's."""
    found = vars(failure).get("cause")
    return found if isinstance(found, Cause) else None
