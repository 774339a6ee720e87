"""What this layer relies on in the library beyond its documented interface, looked at on the objects themselves.

The library may change any of it in a minor release. A channel that does not fit is left to the library alone: slower,
with the same promises.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final, TypeGuard

from aiormq import Channel

from libs.chassis.amqp.wire.frames import AROUND
from libs.chassis.amqp.wire.routes import Routes
from libs.chassis.telemetry import logger

log = logger(__name__)
logged: Final = set[str]()
"""What was logged."""


def fits(channel: Any, routes: Routes | None) -> TypeGuard[Channel]:
    """True when the layer may serve this open channel of the library; what is in the way is logged once a process."""
    try:
        missing = missing_habit(channel, routes) if routes else "a channel tells its connection"
    except (AttributeError, TypeError) as error:
        missing = f"{type(error).__name__}: {error}"
    if missing is not None and missing not in logged:
        logged.add(missing)
        log.warning("the AMQP library alone reads and publishes, which is slower", missing=missing)
    return missing is None


def missing_habit(channel: Any, routes: Routes) -> str | None:
    """The first habit that the library does not have (any more); None when it has them all.

    Raises AttributeError for a name that is gone.
    """
    return next((habit for habit, holds in _habits(channel, routes) if not holds), None)


def _habits(channel: Any, routes: Routes) -> Iterator[tuple[str, bool]]:
    number, largest = channel.number, channel.connection.connection_tune.frame_max
    yield "a channel has the number of its frames", type(number) is int and 0 < number < 1 << 16
    yield "a channel says whether it is closed", type(channel.is_closed) is bool
    yield "a channel tells when it closes", isinstance(channel.closing, asyncio.Future)
    yield "a connection knows how long a frame may be", type(largest) is int and (largest == 0 or largest > AROUND)
    yield "a connection lists its channels by number", routes.channel(number) is channel
    yield "a new channel has published nothing", channel.delivery_tag == 0
    link = routes.link
    yield "a connection writes to what its transport factory made", link is not None and link.has_carried
