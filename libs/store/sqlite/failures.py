"""Translates SQLite's errors, and those of the operating system, to `gateway_unavailable` with a cause.

The rule: only this module knows which errors mean that the store cannot be used; all others are defects.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise GatewayError(gateway_unavailable) for an error that means that the file cannot be used now."""
    try:
        yield
    except FileChangedError as error:
        raise failed(Cause.FILE_CHANGED, str(error)) from error
    except OSError as error:
        raise failed(os_cause(error), f"the operating system refused the file: {error.strerror}") from error
    except (sqlite3.OperationalError, sqlite3.InternalError) as error:
        raise _failed(error) from error
    except sqlite3.ProgrammingError as error:
        if "closed database" not in str(error):
            raise
        raise closed() from error
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:  # a broken constraint is a defect of the gateway
            raise
        raise _failed(error) from error


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
