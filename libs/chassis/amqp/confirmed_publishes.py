"""`publish_until_confirmed`: publishes again and again until the broker has confirmed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from libs.chassis.backoff import backoff
from libs.contracts.errors import GatewayError

PUBLISH_PAUSES = (0.1, 0.5, 1.0, 2.0)
"""Seconds between tries of `publish_until_confirmed`; the last repeats."""


async def publish_until_confirmed(
    publish: Callable[[], Awaitable[None]],
    *,
    abandoned: Callable[[], bool],
    retrying: Callable[[], None] = lambda: None,
) -> bool:
    """Retry `publish` until the broker confirms; False when it did not and the delivery was `abandoned`.

    `retrying` is called before each further try. A result published after an effect must not be lost while the
    delivery that caused it may still be acknowledged.
    """
    pauses: Iterator[float] | None = None
    while True:
        try:
            await publish()
        except GatewayError:
            if abandoned():
                return False
            retrying()
            pauses = pauses or backoff(*PUBLISH_PAUSES)
            await asyncio.sleep(next(pauses))
        else:
            return True
