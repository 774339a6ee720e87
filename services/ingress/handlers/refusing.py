"""Refuse an authenticated request before it becomes an event of policy's, and put that on the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from libs.chassis.clock import Monotonic, NewId
from libs.chassis.flood import FloodGate
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import WebhookAnswered, WebhookThrottled, answer_id
from libs.store.accounts import Integration
from services.ingress.domain.answers import Answer, failure
from services.ingress.ports import Outbox, Recorder

# What a caller can provoke faster than 60 times a minute: beyond 20 a minute these are counted only.
FLOODING: Final = frozenset({ErrorCode.WEBHOOK_RATE_LIMITED, ErrorCode.PAYLOAD_TOO_LARGE})

_FLOODING: Final = {code.value: code for code in FLOODING}

Owner = tuple[str, str]
"""Account and integration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Each refusal is an event of its own with one record; a flood of them becomes a count."""

    outbox: Outbox
    recorder: Recorder
    new_id: NewId
    monotonic: Monotonic
    instance: str
    gate: FloodGate[Owner] = field(default_factory=FloodGate)

    async def __call__(
        self,
        integration: Integration,
        code: ErrorCode,
        details: Mapping[str, Any] | None = None,
        *,
        closes: bool = False,
    ) -> Answer:
        """Answer with `code`; the record is told first, unless the broker is away: then as soon as it is back."""
        owner = (integration.account_id, integration.id)
        event_id = self.new_id()
        answer = failure(code, event_id, details, closes=closes)
        if code in FLOODING and not self.gate.admits(owner, code.value, at=self.monotonic()):
            return answer
        answered = WebhookAnswered(
            account_id=integration.account_id,
            integration_id=integration.id,
            event_id=event_id,
            reply_to=self.instance,
            code=code,
            details=dict(details or {}),
        )
        try:
            await self.outbox.publish(answered, id=answer_id(event_id))
        except GatewayError:
            self.recorder.tell(answered, answer_id(event_id))
        return answer

    def summarise(self, *, final: bool = False) -> None:
        """Tell the record of minutes that are over; to be called every few seconds."""
        for summary in self.gate.summaries(at=self.monotonic(), final=final):
            account_id, integration_id = summary.source or (None, None)
            for code, count in summary.counts.items():
                throttled = WebhookThrottled(
                    account_id=account_id, integration_id=integration_id, count=count, code=_FLOODING[code]
                )
                self.recorder.tell(throttled, self.new_id())
