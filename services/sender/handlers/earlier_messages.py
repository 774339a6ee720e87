"""`EarlierMessages`: a message waits while an earlier one to the same customer is not done."""

from datetime import datetime, timedelta
from uuid import UUID

from libs.chassis.settlement import RetryLater
from services.sender import metrics
from services.sender.handlers.delivery_progress import Progress
from services.sender.handlers.dependencies import DeliveryDependencies

MOST = 10_000
"""So many messages are remembered at once."""
_RETRY = timedelta(seconds=1)


class EarlierMessages:
    """Since when messages have waited in this process for an earlier one that no sender had claimed."""

    def __init__(self, deps: DeliveryDependencies) -> None:
        self._deps = deps
        self._since: dict[UUID, float] = {}

    def blocked_since(self, event_id: UUID) -> datetime | None:
        """Since when the message has been blocked; None when it is not."""
        since = self._since.get(event_id)
        return None if since is None else self._deps.clock() - timedelta(seconds=self._deps.monotonic() - since)

    async def wait(self, event_id: UUID, progress: Progress, *, max_wait_s: float) -> None:
        """Wait a little for the earlier message. Raises RetryLater after `max_wait_s`, to free the prefetch slot."""
        if len(self._since) >= MOST:  # their deliveries continued in other processes
            self._since.clear()
        self._since.setdefault(event_id, self._deps.monotonic())
        pause = next(progress.order_pauses)
        if progress.order_waited + pause > max_wait_s:
            raise RetryLater("an earlier message to the same customer is not done", after=_RETRY)
        progress.order_waited += pause
        await self._deps.sleep(pause)

    def done(self, event_id: UUID, progress: Progress) -> None:
        """The earlier message is done, if there was one."""
        self._since.pop(event_id, None)
        if progress.order_waited:
            metrics.DELIVERY_ORDER_WAIT_SECONDS.observe(progress.order_waited)
            progress.order_waited = 0.0
