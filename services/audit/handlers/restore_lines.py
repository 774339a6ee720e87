"""`RestoreLines` keeps a line for each erasure and suppression, and ships it to the sink beside the checkpoints.

The rule: a line is durable before its event is acknowledged, and is deleted when every sink has it. After a crash, or
on two replicas at once, a line may be shipped twice; its `id` tells.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.chassis.subscriptions import Received
from libs.chassis.telemetry import logger
from libs.contracts.events import Event, SubjectErased, SuppressionAdded, SuppressionEvent, SuppressionLifted
from libs.contracts.identity import Pseudonyms
from libs.store.instants import micros_from
from libs.store.restore_lines import (
    ADDED,
    ERASED,
    LIFTED,
    RestoreLine,
    asked_at,
    opened_keys,
    sorted_keys,
)
from libs.store.sealer import CannotOpen, Sealer
from libs.store.sink_lines import SinkLine, SinkLines
from services.audit import metrics
from services.audit.ports import LineSink

log = logger(__name__)
_SHIP_BATCH = 200
_KEPT = frozenset({SubjectErased, SuppressionAdded, SuppressionLifted})
"""Events that may leave a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreLines:
    """Makes, keeps and ships restore lines."""

    lines: SinkLines
    sink: LineSink
    sealer: Sealer = field(repr=False)
    pseudonyms: Pseudonyms = field(repr=False)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is a line to ship."""

    async def keep(self, batch: Sequence[Received[Event]]) -> None:
        """Store the lines of a batch, before it is recorded. Safe to repeat; no call without such an event."""
        about = [received for received in batch if type(received.event) in _KEPT]
        made = [line for received in about if (line := self._line_of(received)) is not None]
        if made:
            await self.lines.add([SinkLine(line.id, line.sealed_with(self.sealer)) for line in made])
            self.waiting.set()

    async def ship(self) -> None:
        """Ship what waits. Safe to repeat, also on several replicas; what cannot be shipped waits for the next run."""
        while waiting := await self.lines.unshipped(_SHIP_BATCH):
            try:
                await self.sink.ship_lines([line.text for line in waiting])
            except OSError as failure:
                metrics.RESTORE_LINES.labels("delayed").inc()
                log.warning("restore lines not shipped, will try again", failure=type(failure).__name__)
                return
            await self.lines.mark_shipped([line.id for line in waiting])
            metrics.RESTORE_LINES.labels("shipped").inc(len(waiting))

    def _line_of(self, received: Received[Event]) -> RestoreLine | None:
        if isinstance(received.event, SubjectErased):
            return self._erasure(received, received.event)
        if isinstance(received.event, SuppressionAdded | SuppressionLifted):
            return self._suppression(received, received.event)
        return None

    def _erasure(self, received: Received[Event], event: SubjectErased) -> RestoreLine | None:
        """The line of an erasure; none when the event has no keys that can be opened: the alert is the log line."""
        try:
            sealed = event.sealed_customer_keys or ""
            keys = opened_keys(sealed, self.sealer, erasure_id=event.erasure_id)
        except CannotOpen:
            metrics.RESTORE_LINES.labels("unreadable").inc()
            log.error(  # noqa: TRY400 -- the exception tells no more
                "an erasure has no restore line: console and audit need the same GATEWAY_SINK_KEYS"
            )
            return None
        details = {"erasure_id": event.erasure_id, "pseudonyms": list(event.pseudonyms)}
        return RestoreLine(
            kind=ERASED,
            id=str(received.id),
            at=received.at,
            account_id=event.account_id or "",
            customer_keys=keys,
            details=details,
        )

    def _suppression(self, received: Received[Event], event: SuppressionEvent) -> RestoreLine | None:
        """The line of a suppression; none for one that an erasure left, which belongs to no customer key."""
        account_id = event.account_id or ""
        addresses = [each for each in (event.customer, event.customer_user_id) if each]
        made = [self.pseudonyms.customer_key(account_id, each) for each in addresses]
        keys = sorted_keys((event.customer_key, *event.customer_keys, *made))
        if not keys:
            return None
        return RestoreLine(
            kind=ADDED if isinstance(event, SuppressionAdded) else LIFTED,
            id=str(received.id),
            at=received.at,
            account_id=account_id,
            customer_keys=keys,
            details={
                "suppression_id": event.suppression_id,
                "suppression": event.kind,
                "source": event.source,
                "since": micros_from(asked_at(event.evidence, received.at)),
            },
        )
