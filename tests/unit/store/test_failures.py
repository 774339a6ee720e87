"""Which errors of SQLite and of the operating system mean that the file cannot be used, and for what cause."""

import errno
import sqlite3

import pytest
from prometheus_client import REGISTRY

from libs.contracts.errors import ErrorCode, GatewayError
from libs.store.metrics import Cause, cause_of
from libs.store.sqlite.failures import translated_errors
from libs.store.sqlite.files import FileChangedError


def refused(sql: str) -> sqlite3.Error:
    """The error with which SQLite refuses a statement."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE words (word TEXT UNIQUE)")
    connection.execute("INSERT INTO words VALUES ('once')")
    connection.execute("PRAGMA query_only = ON" if "DELETE" in sql else "PRAGMA query_only = OFF")
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(sql)
    connection.close()
    return caught.value


UNAVAILABLE = [
    pytest.param(FileChangedError("gone"), Cause.FILE_CHANGED, id="the file was removed"),
    pytest.param(OSError(errno.ENOSPC, "full"), Cause.DISK_FULL, id="the disk is full"),
    pytest.param(PermissionError(errno.EACCES, "no"), Cause.REFUSED, id="the folder is another user's"),
    pytest.param(refused("DELETE FROM words"), Cause.READ_ONLY, id="the file takes no writes"),
    pytest.param(refused("SELECT 1 FROM missing"), Cause.OTHER, id="a table is missing"),
    pytest.param(sqlite3.InternalError("broken"), Cause.OTHER, id="SQLite reports a fault of its own"),
    pytest.param(sqlite3.DatabaseError("no database"), Cause.OTHER, id="the file is no database"),
    pytest.param(
        sqlite3.ProgrammingError("Cannot operate on a closed database."), Cause.OTHER, id="the store is closed"
    ),
]
DEFECTS = [
    pytest.param(refused("INSERT INTO words VALUES ('once')"), id="a broken constraint"),
    pytest.param(sqlite3.ProgrammingError("Incorrect number of bindings supplied."), id="a wrong call"),
    pytest.param(sqlite3.InterfaceError("bad parameter"), id="a wrong parameter"),
    pytest.param(LookupError("no more"), id="an error of the gateway"),
]


@pytest.mark.parametrize(("error", "cause"), UNAVAILABLE)
def test_an_unusable_file_is_unavailable_with_a_cause_that_is_counted_once(error: Exception, cause: Cause) -> None:
    counted = ("gateway_store_errors_total", {"reason": cause.value})
    before = REGISTRY.get_sample_value(*counted) or 0.0

    with pytest.raises(GatewayError) as raised, translated_errors():
        raise error

    assert raised.value.code is ErrorCode.GATEWAY_UNAVAILABLE
    assert cause_of(raised.value) is cause
    assert raised.value.__cause__ is error
    assert REGISTRY.get_sample_value(*counted) == before + 1


@pytest.mark.parametrize("error", DEFECTS)
def test_a_defect_is_passed_on_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, translated_errors():
        raise error

    assert raised.value is error


def test_a_block_inside_another_is_translated_once() -> None:
    before = REGISTRY.get_sample_value("gateway_store_errors_total", {"reason": "disk_full"}) or 0.0

    with pytest.raises(GatewayError), translated_errors(), translated_errors():
        raise OSError(errno.ENOSPC, "full")

    assert REGISTRY.get_sample_value("gateway_store_errors_total", {"reason": "disk_full"}) == before + 1
