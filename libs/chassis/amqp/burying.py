"""Dead letters on their way out of the broker, to where people can see them, and back to work.

The rule: a letter is acknowledged only once its keeper has it; what cannot be kept yet waits here, and is never given
back, since each return counts towards the broker's own delivery limit.
"""

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any, cast

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue, AbstractRobustChannel

from libs.chassis.amqp.connecting import consumes, end_consumer, let_go
from libs.chassis.amqp.declaring import DECLARE_TIMEOUT
from libs.chassis.amqp.delivering import acknowledge, is_stale
from libs.chassis.amqp.envelope import AT, ATTEMPT, DIED_AT, REASON, VERSION, attempt_of
from libs.chassis.amqp.faults import cancelled_only_when_asked
from libs.chassis.clock import Clock
from libs.chassis.consuming import Buried, BuriedListener
from libs.chassis.failures import where
from libs.chassis.telemetry import logger
from libs.chassis.topology import Queue, WorkQueue

log = logger(__name__)
PAUSES = (0.5, 2.0, 5.0)
"""Seconds between tries to have a letter kept; the last repeats."""


class DeadListener:
    """Hands the letters of one dead-letter queue to their keeper."""

    def __init__(self, work: WorkQueue, dead: Queue, keeper: BuriedListener, *, clock: Clock) -> None:
        self.work = work
        self._dead = dead
        self._keeper = keeper
        self._clock = clock
        self._in_hand: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._queue: AbstractQueue | None = None
        self._channel: AbstractChannel | None = None
        self._tag = ""

    async def start(self, channel: AbstractChannel) -> None:
        """Consume on `channel`, which is this listener's own and has its prefetch set."""
        self._channel = channel
        self._queue = await channel.declare_queue(
            self._dead.name, durable=True, arguments=self._dead.arguments, timeout=DECLARE_TIMEOUT
        )
        for key in self._dead.bindings:
            robust = cast("AbstractRobustChannel", channel)
            exchange = await robust.get_exchange(self._dead.exchange or "", ensure=False)
            await self._queue.bind(exchange, key, timeout=DECLARE_TIMEOUT)
        self._tag = await self._queue.consume(self._take)

    async def stop(self, seconds: float) -> None:
        """Take nothing more; what is not kept within `seconds` stays in the queue."""
        self._stopping = True
        await end_consumer(self._queue, self._tag)
        if self._in_hand:
            await asyncio.wait(self._in_hand, timeout=seconds)
        for task in self._in_hand:
            task.cancel()
        await asyncio.gather(*self._in_hand, return_exceptions=True)
        if self._channel is not None:
            await let_go(self._channel)

    async def listening(self) -> bool:
        """True while the broker delivers to us."""
        return await consumes(self._queue, self._tag)

    async def _take(self, incoming: AbstractIncomingMessage) -> None:
        if self._stopping:
            return
        task = asyncio.create_task(self._hand_over(incoming))
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)

    async def _hand_over(self, incoming: AbstractIncomingMessage) -> None:
        letter, tries = letter_from(incoming, self.work.name, now=self._clock()), 0
        while True:
            try:
                with cancelled_only_when_asked():
                    await self._keeper(letter)
            except Exception as failure:  # noqa: BLE001 -- whatever it is, the letter must not be lost
                log.warning(
                    "letter not kept yet", queue=self.work.name, failure=type(failure).__name__, at=where(failure)
                )
            else:
                break
            if self._stopping or is_stale(incoming):
                return
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1
        await acknowledge(incoming, self._dead.name)


def letter_from(incoming: AbstractIncomingMessage, queue: str, *, now: datetime) -> Buried:
    """What is known of a letter, whoever buried it: we, or the broker at its delivery limit."""
    reason, died_at = _end_of(incoming, now)
    whose = _whose(incoming.body)
    return Buried(
        id=_id_of(incoming, queue, died_at),
        queue=queue,
        reason=reason,
        name=incoming.type,
        message_id=incoming.message_id,
        account_id=whose.get("account_id"),
        integration_id=whose.get("integration_id"),
        attempts=attempt_of(incoming),
        died_at=died_at,
        packed=_packed(incoming),
    )


def message_in(packed: str) -> Message:
    """The message of a letter as it was first published: its tries begin anew."""
    told: dict[str, Any] = json.loads(packed)
    return Message(
        base64.b64decode(told["body"]),
        content_type=told["content_type"],
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=told["message_id"],
        correlation_id=told["correlation_id"],
        type=told["type"],
        app_id=told["app_id"],
        timestamp=None if told["timestamp"] is None else datetime.fromtimestamp(told["timestamp"], UTC),
        headers={**told["headers"], ATTEMPT: 1},
    )


def _packed(incoming: AbstractIncomingMessage) -> str:
    headers = {k: v for k, v in incoming.headers.items() if k in (AT, VERSION) and isinstance(v, int)}
    return json.dumps(
        {
            "body": base64.b64encode(incoming.body).decode(),
            "content_type": incoming.content_type,
            "message_id": incoming.message_id,
            "correlation_id": incoming.correlation_id,
            "type": incoming.type,
            "app_id": incoming.app_id,
            "timestamp": None if incoming.timestamp is None else incoming.timestamp.timestamp(),
            "headers": headers,
        }
    )


def _end_of(incoming: AbstractIncomingMessage, now: datetime) -> tuple[str, datetime]:
    """Why and when it died; the broker's own account is a list of deaths, the latest first."""
    reason, at = incoming.headers.get(REASON), incoming.headers.get(DIED_AT)
    if isinstance(reason, str):
        return reason, datetime.fromtimestamp(at, UTC) if isinstance(at, int) else now
    deaths = incoming.headers.get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    told, time = last.get("reason"), last.get("time")
    reason = f"broker: {told.decode() if isinstance(told, bytes) else told or 'unknown'}"
    return reason, time.astimezone(UTC) if isinstance(time, datetime) else now


def _whose(body: bytes) -> dict[str, str]:
    """Account and integration that the body names, where it can be read."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(read, dict):
        return {}
    return {name: value for name in ("account_id", "integration_id") if isinstance(value := read.get(name), str)}


def _id_of(incoming: AbstractIncomingMessage, queue: str, died_at: datetime) -> str:
    """The same for every delivery of one letter, and in the order of death."""
    digest = hashlib.sha256(f"{queue}|{incoming.message_id}|".encode() + incoming.body).hexdigest()
    return f"dlt_{int(died_at.timestamp() * 1000):012x}{digest[:20]}"
