"""The ports of a gateway: given, kept from the run before, documented, or any."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tools.stack import ports
from tools.stack.ports import PortInUse, free_port, port_for

NAME = "GATEWAY_PORT"


@contextmanager
def another_program(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


@pytest.fixture
def documented(monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    monkeypatch.setitem(ports.DOCUMENTED, NAME, port)
    return port


def test_a_port_that_was_taken_once_stays_where_it_has_moved(documented: int) -> None:
    with another_program(documented):
        moved = port_for(NAME, {}, documented=True)

    assert moved != documented
    assert port_for(NAME, {}, documented=True, kept={NAME: moved}) == moved
    assert port_for(NAME, {}, documented=True) == documented


def test_a_kept_port_that_somebody_else_has_by_now_is_passed_over(documented: int) -> None:
    kept = free_port()

    with another_program(kept):
        assert port_for(NAME, {}, documented=True, kept={NAME: kept}) == documented


def test_a_given_port_comes_first_and_is_never_exchanged_for_another(documented: int) -> None:
    given, kept = free_port(), free_port()

    assert port_for(NAME, {NAME: str(given)}, documented=True, kept={NAME: kept}) == given
    with another_program(given), pytest.raises(PortInUse, match=f"{NAME}={given} is in use"):
        port_for(NAME, {NAME: str(given)}, documented=True, kept={NAME: kept})
