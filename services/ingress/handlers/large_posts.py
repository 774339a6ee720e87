"""`LargePosts`: reads and publishes providers' large posts beside everybody else's requests.

A post of 4 MB holds 15,000 messages and takes more than a second to read. Read on the event loop, it would keep every
other caller waiting. So another process reads it, and it is published in slices between which others are served. Large
posts of one account wait for one another, and those of several accounts take turns. While callers come, each slice
waits: what it publishes keeps the broker and all services busy, long after it was published. It waits a tenth of a
second, and half a second when its account has had a thousand events in large posts within a minute, which is more than
providers put into one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from libs.chassis.clock import Monotonic, monotonic
from libs.contracts.errors import ErrorCode, GatewayError
from libs.providers.inbound import Inbound, WebhookRequest, WebhookSource
from services.ingress.ports import PostReader

LARGE_BODY: Final = 16_384
"""Bytes. A post of this size has a hundred messages and is read in less than 10 ms."""
UNREAD_POSTS: Final = 32
"""Large posts that wait to be read, with 4 MB each. The provider is told to repeat further ones."""
CALLERS_SECONDS: Final = 0.1
"""How long a slice waits while callers come: a post of a thousand messages takes 12 s longer."""
LATELY_SECONDS: Final = 1.0
"""For how long after the last caller callers may still come."""
EVENTS_OF_A_PROVIDER: Final = 1_000
"""No provider puts more into one request."""
REPLENISHED_SECONDS: Final = 60.0
"""In which an account may have so many events again."""
REST_SECONDS: Final = 0.4
"""How much longer a slice beyond those waits: 16 events a second, a fifth of a number's throughput."""
LOOK_SECONDS: Final = 0.005
"""Between two looks whether callers wait."""


def _nobody() -> int:
    return 0


@dataclass(slots=True)
class _Account:
    """The large posts of one account."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    events: float = 0.0
    """Events published lately, of which EVENTS_OF_A_PROVIDER are forgotten in REPLENISHED_SECONDS."""
    at: float = 0.0

    def published(self, events: int, now: float) -> None:
        """Count events; no more than are forgotten in REPLENISHED_SECONDS."""
        forgotten = (now - self.at) * EVENTS_OF_A_PROVIDER / REPLENISHED_SECONDS
        self.events = min(max(0.0, self.events - forgotten) + events, float(EVENTS_OF_A_PROVIDER))
        self.at = now


@dataclass(slots=True)
class _Callers:
    """When callers were last seen to wait for their answers."""

    at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class LargePosts:
    """The turns of large posts in this process."""

    reader: PostReader
    callers: Callable[[], int] = _nobody
    """How many callers wait for their answers."""
    clock: Monotonic = monotonic

    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _unread: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, UNREAD_POSTS))
    _publishing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _accounts: OrderedDict[str, _Account] = field(default_factory=OrderedDict)
    _seen: _Callers = field(default_factory=_Callers)

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
    async def turn(self, account_id: str, *, events: int) -> AsyncGenerator[None, None]:
        """Wait until a slice of so many events of an account's large post may be published."""
        account = self._account(account_id)
        async with account.turn:
            account.published(0, self.clock())
            if account.events + events > EVENTS_OF_A_PROVIDER:
                await self._after_callers(REST_SECONDS)  # holds up nobody else's posts
            async with self._publishing:
                await self._after_callers(CALLERS_SECONDS)
                account.published(events, self.clock())
                yield

    def _account(self, account_id: str) -> _Account:
        """The account's turns; those of accounts that have published nothing for long are forgotten."""
        account = self._accounts.setdefault(account_id, _Account(at=self.clock()))
        self._accounts.move_to_end(account_id)
        long_ago = self.clock() - REPLENISHED_SECONDS
        while (oldest := next(iter(self._accounts.values()))).at < long_ago and not oldest.turn.locked():
            if oldest is account:
                break
            self._accounts.popitem(last=False)
        return account

    async def _after_callers(self, seconds: float) -> None:
        for _ in range(round(seconds / LOOK_SECONDS)):
            if not self._callers_come():
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _callers_come(self) -> bool:
        """Whether a caller waits, or did within LATELY_SECONDS: between two of them, the next is on its way."""
        if self.callers():
            self._seen.at = self.clock()
        return self.clock() - self._seen.at < LATELY_SECONDS
