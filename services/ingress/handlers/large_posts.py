"""`LargePosts`: reads and publishes providers' large posts beside everybody else's requests.

A post of 4 MB holds 15,000 messages and takes more than a second to read. Read on the event loop, it would keep every
other caller waiting. So another process reads it, and it is published in slices between which others are served. Large
posts of one account wait for one another, and those of several accounts take turns. While callers wait for their
answers, a slice waits for them: what it publishes would keep the broker and all services busy. It waits a tenth of a
second at most, and half a second beyond a thousand events, which is more than providers put into a post.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

from libs.contracts.errors import ErrorCode, GatewayError
from libs.providers.inbound import Inbound, WebhookRequest, WebhookSource
from services.ingress.ports import PostReader

LARGE_BODY: Final = 16_384
"""Bytes. A post of this size has a hundred messages and is read in less than 10 ms."""
UNREAD_POSTS: Final = 32
"""Large posts that wait to be read, with 4 MB each. The provider is told to repeat further ones."""
CALLERS_SECONDS: Final = 0.1
"""The longest that a slice waits for callers: a post of a thousand messages takes up to 12 s longer."""
EVENTS_OF_A_PROVIDER: Final = 1_000
"""No provider puts more into one request."""
REST_SECONDS: Final = 0.4
"""The longest that a slice beyond those waits longer: 16 events a second, a fifth of a number's throughput."""
LOOK_SECONDS: Final = 0.005
"""Between two looks whether callers wait."""


def _nobody() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class LargePosts:
    """The turns of large posts in this process."""

    reader: PostReader
    callers: Callable[[], int] = _nobody
    """How many callers wait for their answers."""

    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _unread: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, UNREAD_POSTS))
    _publishing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _by_account: MutableMapping[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def read(self, source: WebhookSource, request: WebhookRequest) -> Inbound:
        """The events of a request, as `source.parse`; a large one is read elsewhere, one at a time.

        Raises GatewayError(gateway_unavailable) when too many wait, and as `PostReader.read`.
        """
        if len(request.body) <= LARGE_BODY:
            return source.parse(request)
        if self._unread.locked():
            raise GatewayError(ErrorCode.GATEWAY_UNAVAILABLE)
        async with self._unread, self._reading:
            return await self.reader.read(source, request)

    @asynccontextmanager
    async def turn(self, account_id: str, *, published: int = 0) -> AsyncGenerator[None, None]:
        """Wait until a slice of an account's large post may be published, of which so many events have been."""
        account = self._by_account.setdefault(account_id, asyncio.Lock())
        async with account:
            if published >= EVENTS_OF_A_PROVIDER:
                await self._after_callers(REST_SECONDS)  # holds up nobody else's posts
            async with self._publishing:
                await self._after_callers(CALLERS_SECONDS)
                yield

    async def _after_callers(self, seconds: float) -> None:
        for _ in range(round(seconds / LOOK_SECONDS)):
            if not self.callers():
                return
            await asyncio.sleep(LOOK_SECONDS)
