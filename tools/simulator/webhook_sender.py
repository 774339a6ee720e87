"""`WebhookSender`: posts signed webhooks with retries; the number of pending ones is limited."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

import aiohttp
import orjson

from tools.simulator.behaviour import Behaviour
from tools.simulator.status_payloads import status_changes
from tools.simulator.webhook_payloads import envelope_from, signature_of

Signature = Literal["valid", "wrong", "missing"]
_MAX_PENDING: Final = 50_000  # about 6 KB each: 300 MB at worst
_CONNECTIONS: Final = 32
_IDLE_SECONDS: Final = 2.0  # below ingress's keep-alive, as for everyone who reuses connections
_JITTER: Final = 0.2
_NO_ANSWER: Final = 0  # the status without an answer


class WebhookSender:
    """Posts webhooks. It reads `behaviour` before every try, so that a change applies at once."""

    def __init__(self, behaviour: Callable[[], Behaviour], app_secret: str) -> None:
        self.counts: Counter[str] = Counter()
        self._behaviour = behaviour
        self._secret = app_secret
        self._tasks: set[asyncio.Task[None]] = set()
        self._batch: list[tuple[str, dict[str, Any]]] = []
        self._turn = 0
        self._slots = asyncio.Semaphore(_CONNECTIONS)  # cheaper to wait here than inside the client
        self._chance = random.Random(1)  # noqa: S311  # seeded, so that a failing test fails again
        self._session: aiohttp.ClientSession | None = None

    @property
    def pending(self) -> int:
        """The number of webhooks that wait for their time or for a retry."""
        return len(self._tasks)

    def start(self) -> None:
        """Open the HTTP client in the running loop."""
        connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector)

    async def stop(self) -> None:
        """Drop pending webhooks and close the client."""
        await self.cancel()
        if self._session is not None:
            await self._session.close()

    async def cancel(self) -> None:
        """Drop pending webhooks."""
        self._batch.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def post(
        self, body: bytes, *, delay: float = 0.0, signature: Signature = "valid", retry: bool = True
    ) -> asyncio.Future[int]:
        """Post these bytes after `delay` seconds. The future is the first try's HTTP status, 0 for no answer."""
        first: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if len(self._tasks) >= _MAX_PENDING:
            self.counts["dropped"] += 1
            first.set_result(_NO_ANSWER)
            return first
        task = self._spawn(self._deliver(body, delay, signature, retry=retry, first=first))
        task.add_done_callback(lambda _: None if first.done() else first.set_result(_NO_ANSWER))
        return first

    def post_status(self, phone_number_id: str, status: dict[str, Any], *, delay: float) -> asyncio.Future[int]:
        """Post one status after `delay`, alone; twice in the mode `doubled`."""
        body = orjson.dumps(envelope_from(status_changes([(phone_number_id, status)])))
        return self._post_statuses(body, delay)

    def batch_status(self, phone_number_id: str, status: dict[str, Any], *, delay: float) -> None:
        """Add one status to the batch that is posted `batch_seconds` after its first status is due."""
        self._spawn(self._collect(phone_number_id, status, delay))

    async def _collect(self, phone_number_id: str, status: dict[str, Any], delay: float) -> None:
        await asyncio.sleep(delay)
        self._batch.append((phone_number_id, status))
        if len(self._batch) == 1:
            await asyncio.sleep(self._behaviour().statuses.batch_seconds)
            batch, self._batch = self._batch, []
            self._post_statuses(orjson.dumps(envelope_from(status_changes(batch))), 0.0)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _post_statuses(self, body: bytes, delay: float) -> asyncio.Future[int]:
        first = self.post(body, delay=delay)
        if "doubled" in self._behaviour().statuses.modes:
            self.post(body, delay=delay)
        return first

    async def _deliver(
        self, body: bytes, delay: float, signature: Signature, *, retry: bool, first: asyncio.Future[int]
    ) -> None:
        if delay:
            await asyncio.sleep(delay)
        wait = self._behaviour().retries.base
        for attempt in itertools.count(1):
            async with self._slots:
                status = await self._try(body, signature)
            if not first.done():
                first.set_result(status)
            retries = self._behaviour().retries
            if 200 <= status <= 299:
                self.counts["delivered"] += 1
                return
            self.counts["failed_tries"] += 1
            if not retry or attempt >= retries.attempts:
                self.counts["given_up"] += 1
                return
            await asyncio.sleep(wait * self._chance.uniform(1 - _JITTER, 1 + _JITTER))
            wait = min(wait * 2, retries.cap)

    async def _try(self, body: bytes, signature: Signature) -> int:
        behaviour = self._behaviour()
        if self._session is None or not behaviour.webhook_urls:
            return _NO_ANSWER
        self._turn += 1
        url = behaviour.webhook_urls[self._turn % len(behaviour.webhook_urls)]
        headers, seconds = self._headers(body, signature), behaviour.retries.timeout
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=timeout) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return _NO_ANSWER

    async def handshake(self, verify_token: str, challenge: str) -> tuple[int, bool]:
        """Meta's verification request: the answer's status, and whether it holds the challenge."""
        behaviour = self._behaviour()
        if self._session is None or not behaviour.webhook_urls:
            return _NO_ANSWER, False
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        async with self._session.get(behaviour.webhook_urls[0], params=query) as answer:
            return answer.status, await answer.text() == challenge

    def _headers(self, body: bytes, signature: Signature) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "facebookexternalua"}
        if signature == "valid":
            headers["X-Hub-Signature-256"] = signature_of(body, self._secret)
        elif signature == "wrong":
            headers["X-Hub-Signature-256"] = signature_of(body, self._secret + "x")
        return headers
