"""`RefuseRequest`: refuses an authenticated request that does not become an event for policy, and records that.

The refusal is published behind the answer, so that no caller waits for the broker to be refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from libs.chassis.clock import Monotonic, NewId
from libs.chassis.span_attributes import EVENT_ID
from libs.chassis.spans import annotate
from libs.chassis.throttle import AggregatingThrottle
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookAnswered, WebhookThrottled, answer_id
from libs.store.accounts import Integration
from libs.store.callers import CredentialKind
from services.ingress.domain.answers import Answer, failure
from services.ingress.ports import Recorder

# Callers can cause these faster than the rate limit allows webhooks: beyond 20 a minute they are only counted.
THROTTLED: Final = {code.value: code for code in (ErrorCode.WEBHOOK_RATE_LIMITED, ErrorCode.PAYLOAD_TOO_LARGE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseRequest:
    """Records each refusal as an event of its own; beyond 20 a minute they are summarised."""

    recorder: Recorder
    new_id: NewId
    monotonic: Monotonic
    replica: str
    throttle: AggregatingThrottle[tuple[str, str, CredentialKind]] = field(default_factory=AggregatingThrottle)
    """By account id, integration id and what the caller has of it."""

    def __call__(
        self,
        integration: Integration,
        code: ErrorCode,
        details: Mapping[str, Any] | None = None,
        *,
        credential: CredentialKind,
        closes_connection: bool = False,
    ) -> Answer:
        """Answer with `code`, and record the refusal in the background."""
        owner = (integration.account_id, integration.id, credential)
        event_id = self.new_id()
        annotate({EVENT_ID: str(event_id)})
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
        self.recorder.record(answered, answer_id(event_id))
        return answer

    def publish_summaries(self, *, final: bool = False) -> None:
        """Record the counts of minutes that have ended, or of all minutes when `final`. Call it every few seconds."""
        for summary in self.throttle.summaries(at=self.monotonic(), final=final):
            account_id, integration_id, _ = summary.source or (None, None, None)
            for code, count in summary.counts.items():
                throttled = WebhookThrottled(
                    account_id=account_id, integration_id=integration_id, count=count, code=THROTTLED[code]
                )
                self.recorder.record(throttled, self.new_id())
