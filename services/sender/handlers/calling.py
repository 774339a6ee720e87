"""One call of WhatsApp under its number's circuit breaker, counted and judged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from libs.chassis.clock import Monotonic
from libs.chassis.telemetry import logger, span
from libs.contracts.errors import ErrorCode
from services.sender import metrics
from services.sender.domain.breaker import Breaker, Breakers, Permit
from services.sender.domain.outcomes import Outcome, Refused, Unsure
from services.sender.domain.results import failed
from services.sender.domain.steps import Done, Reaction, Step, Tally, counts_against_number
from services.sender.domain.verdicts import Judgement
from services.sender.handlers.preparing import Prepared

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Calls the provider once and says what follows."""

    breakers: Breakers
    reaction: Reaction
    monotonic: Monotonic
    _last: dict[str, ErrorCode] = field(default_factory=dict)
    """What each number's last failure was answered with; said again while its circuit is open."""

    async def __call__(self, ready: Prepared, tally: Callable[[], Tally]) -> Step:
        """Offer the message; `tally` is asked for after the call. Not offered at all while the circuit is open."""
        breaker = self.breakers.of(ready.credentials.number_id)
        permit = breaker.admit(self.monotonic())
        if permit is None:
            code = self._last.get(ready.credentials.number_id, ErrorCode.GATEWAY_SEND_FAILED)
            return Done(failed("circuit_open", code, retry_after=max(1, ceil(breaker.wait(self.monotonic())))))
        outcome = await self._offer(ready, breaker, permit)
        return self.reaction.step_after(outcome, tally())

    async def _offer(self, ready: Prepared, breaker: Breaker, permit: Permit) -> Outcome:
        begun = self.monotonic()
        failing, wait = True, None  # what a cancelled call counts as: a probe that ends in nothing must free its place
        try:
            with span("whatsapp send"):
                outcome = await ready.provider.send(ready.credentials, ready.outgoing)
            judgement = self.reaction.judgement_of(outcome)
            failing = counts_against_number(outcome, judgement)
            wait = outcome.retry_after if isinstance(outcome, Refused) else None
        finally:
            breaker.record(permit, self.monotonic(), failed=failing, retry_after=wait)
            metrics.BREAKERS_STOPPED.set(self.breakers.stopped())
        metrics.PROVIDER_CALL_SECONDS.observe(self.monotonic() - begun)
        if failing:
            self._last[ready.credentials.number_id] = judgement.answer if judgement else ErrorCode.GATEWAY_SEND_FAILED
        _tell(ready, outcome, judgement)
        return outcome


def _tell(ready: Prepared, outcome: Outcome, judgement: Judgement | None) -> None:
    kind = type(outcome).__name__.lower()
    metrics.PROVIDER_CALLS.labels(kind, judgement.verdict.value if judgement else "none").inc()
    number_id = ready.credentials.number_id
    if isinstance(outcome, Refused) and judgement is not None:
        if judgement.unclassified:
            metrics.UNCLASSIFIED_CODES.inc()
        log.warning(
            "whatsapp refused",
            number_id=number_id,
            provider_code=outcome.code,
            http_status=outcome.http_status,
            verdict=judgement.verdict.value,
            unclassified=judgement.unclassified,
            provider_trace_id=outcome.trace_id,
        )
    elif isinstance(outcome, Unsure):
        log.warning("whatsapp gave no answer", number_id=number_id, reason=outcome.reason)
