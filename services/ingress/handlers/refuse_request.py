"""`RefuseRequest`: refuses an authenticated request that does not become an event for policy, and records that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from libs.chassis.clock import Monotonic, NewId
from libs.chassis.throttle import AggregatingThrottle
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import WebhookAnswered, WebhookThrottled, answer_id
from libs.store.accounts import Integration
from services.ingress.domain.answers import Answer, failure
from services.ingress.ports import Publisher, Recorder

# Callers can cause these faster than the rate limit allows webhooks: beyond 20 a minute they are only counted.
THROTTLED: Final = {code.value: code for code in (ErrorCode.WEBHOOK_RATE_LIMITED, ErrorCode.PAYLOAD_TOO_LARGE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseRequest:
    """Records each refusal as an event of its own; beyond 20 a minute they are summarised."""

    publisher: Publisher
    recorder: Recorder
    new_id: NewId
    monotonic: Monotonic
    replica: str
    throttle: AggregatingThrottle[tuple[str, str]] = field(default_factory=AggregatingThrottle)
    """By account id and integration id."""

    async def __call__(
        self,
        integration: Integration,
        code: ErrorCode,
        details: Mapping[str, Any] | None = None,
        *,
        closes_connection: bool = False,
    ) -> Answer:
        """Answer with `code`. The refusal is published first; in the background while the broker is unavailable."""
        owner = (integration.account_id, integration.id)
        event_id = self.new_id()
        answer = failure(code, event_id, details, closes_connection=closes_connection)
        if code in THROTTLED and not self.throttle.admits(owner, code.value, at=self.monotonic()):
            return answer
        answered = WebhookAnswered(
            account_id=integration.account_id,
            integration_id=integration.id,
            event_id=event_id,
            reply_to=self.replica,
            code=code,
            details=dict(details or {}),
        )
        try:
            await self.publisher.publish(answered, id=answer_id(event_id))
        except GatewayError:
            self.recorder.record(answered, answer_id(event_id))
        return answer

    def publish_summaries(self, *, final: bool = False) -> None:
        """Record the counts of minutes that have ended, or of all minutes when `final`. Call it every few seconds."""
        for summary in self.throttle.summaries(at=self.monotonic(), final=final):
            account_id, integration_id = summary.source or (None, None)
            for code, count in summary.counts.items():
                throttled = WebhookThrottled(
                    account_id=account_id, integration_id=integration_id, count=count, code=THROTTLED[code]
                )
                self.recorder.record(throttled, self.new_id())
