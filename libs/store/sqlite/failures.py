"""Translates SQLite's errors, and those of the operating system, to `gateway_unavailable` with a cause.

The rule: only this module knows which errors mean that the store cannot be used; all others are defects.
"""

import errno
import sqlite3
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final

from libs.contracts.errors import GatewayError
from libs.store.metrics import Cause, failed
from libs.store.sqlite.files import FileChangedError

_CAUSES = {
    sqlite3.SQLITE_FULL: Cause.DISK_FULL,
    sqlite3.SQLITE_READONLY: Cause.READ_ONLY,
    sqlite3.SQLITE_BUSY: Cause.LOCKED,
    sqlite3.SQLITE_LOCKED: Cause.LOCKED,
    sqlite3.SQLITE_CORRUPT: Cause.CORRUPT,
    sqlite3.SQLITE_NOTADB: Cause.CORRUPT,
    sqlite3.SQLITE_CANTOPEN: Cause.UNREACHABLE,
    sqlite3.SQLITE_PERM: Cause.REFUSED,
    sqlite3.SQLITE_AUTH: Cause.REFUSED,
}


class _TranslatedErrors:
    """As `translated_errors`. One serves all: it holds nothing, and a generator for each call would cost five calls."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing begins."""

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if error is not None:
            raise_translated(error)


_TRANSLATED_ERRORS: Final = _TranslatedErrors()


def translated_errors() -> AbstractContextManager[None]:
    """Raise GatewayError(gateway_unavailable) for an error that means that the file cannot be used now."""
    return _TRANSLATED_ERRORS


def raise_translated(error: BaseException) -> None:
    """As `translated_errors`, for an error that was caught; returns when the error is to be raised as it is."""
    if isinstance(error, OSError | sqlite3.Error) and (failure := _translating(error)) is not None:
        raise failure from error


def _translating(error: OSError | sqlite3.Error) -> GatewayError | None:
    """What callers get; None for a defect of the gateway, such as a broken constraint."""
    match error:
        case FileChangedError():
            return failed(Cause.FILE_CHANGED, str(error))
        case OSError():
            return failed(os_cause(error), f"the operating system refused the file: {error.strerror}")
        case sqlite3.OperationalError() | sqlite3.InternalError():
            return _failed(error)
        case sqlite3.ProgrammingError():
            return closed() if "closed database" in str(error) else None
        case _:
            return _failed(error) if type(error) is sqlite3.DatabaseError else None


def os_cause(error: OSError) -> Cause:
    """Why the operating system refused a file."""
    full, refused = (errno.ENOSPC, errno.EDQUOT), (errno.EACCES, errno.EPERM)
    if error.errno in full:
        return Cause.DISK_FULL
    if error.errno == errno.EROFS:
        return Cause.READ_ONLY
    return Cause.REFUSED if error.errno in refused else Cause.UNREACHABLE


def _failed(error: sqlite3.Error) -> GatewayError:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return failed(_CAUSES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, Cause.OTHER), f"SQLite reports {name}")


def closed() -> GatewayError:
    """The error for a call after `close`."""
    return failed(Cause.OTHER, "the store is closed")
