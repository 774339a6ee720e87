"""The installed library has the habits that the layer needs; one that has not is left to itself."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from aiormq import Channel

from libs.chassis.amqp.wire.confirmed_channel import ConfirmedChannel, LibrarysChannel, publishing_on
from libs.chassis.amqp.wire.habits import fits, logged, missing_habit
from libs.chassis.amqp.wire.routes import Routes
from tests.unit.chassis.amqp.wire.memory_broker import Side


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    """The library's own connection with the layer beneath it."""
    logged.clear()
    found = Side(with_layer=True)
    yield found
    await found.close()


@pytest.fixture
async def channel(side: Side) -> Channel:
    (opened,) = await side.open(1, confirms=True)
    return opened


def routes_of(side: Side) -> Routes:
    assert side.links is not None
    return side.links.routes


async def test_the_installed_library_has_every_habit(side: Side, channel: Channel) -> None:
    assert missing_habit(channel, routes_of(side)) is None
    assert isinstance(publishing_on(channel, routes_of(side)), ConfirmedChannel)


class Other:
    """A channel of a library with another habit: `changed` stands for what is not as it was, or is gone."""

    def __init__(self, channel: Channel, **changed: Any) -> None:
        self._channel = channel
        self._changed = changed

    def __getattr__(self, name: str) -> Any:
        found = self._changed.get(name, self)
        if found is None:
            raise AttributeError(name)
        return getattr(self._channel, name) if found is self else found


@pytest.mark.parametrize(
    "changed",
    [
        *({name: None} for name in ("number", "is_closed", "closing", "connection", "delivery_tag")),
        {"number": "1"},
        {"number": 0},
        {"is_closed": lambda: False},
        {"closing": lambda: None},
        {"delivery_tag": 1},
    ],
    ids=lambda changed: " ".join(
        f"{name}: {type(value).__name__}" for name, value in changed.items()
    ),  # for all processes
)
async def test_a_library_with_another_habit_publishes_by_itself_and_that_is_told_once(
    side: Side, channel: Channel, changed: dict[str, Any]
) -> None:
    other: Any = Other(channel, **changed)
    routes = routes_of(side)
    routes.channel = lambda _: other

    with structlog.testing.capture_logs() as lines:
        found = [publishing_on(other, routes) for _ in range(3)]

    assert {type(each) for each in found} == {LibrarysChannel}
    assert [(line["log_level"], "alone reads and publishes" in line["event"]) for line in lines] == [("warning", True)]
    assert lines[0]["missing"]


async def test_a_library_that_lists_no_channels_by_number_is_left_to_itself(side: Side, channel: Channel) -> None:
    routes_of(side).channel = lambda _: None

    assert not fits(channel, routes_of(side))


async def test_a_library_that_does_not_write_through_its_transport_factorys_writer_is_left_to_itself(
    side: Side, channel: Channel
) -> None:
    link = routes_of(side).link
    assert link is not None
    link.has_carried = False

    assert not fits(channel, routes_of(side))


async def test_a_connection_that_the_chassis_did_not_open_is_the_library_s(channel: Channel) -> None:
    assert isinstance(publishing_on(channel, None), LibrarysChannel)
