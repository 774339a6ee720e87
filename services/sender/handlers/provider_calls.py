"""`CallProvider`: one provider call through the number's circuit breaker, counted and judged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from libs.chassis.clock import Monotonic
from libs.chassis.span_attributes import SERVER_ERROR, VERDICT
from libs.chassis.spans import Kind, Span, exemplar, span
from libs.chassis.telemetry import logger
from libs.contracts.errors import ErrorCode
from libs.providers.errors import Classification
from libs.providers.outcomes import Accepted, NotSent, OutcomeUnknown, Refused, SendOutcome
from services.sender import metrics
from services.sender.domain.circuit_breaker import CircuitBreaker, CircuitBreakers, Permit
from services.sender.domain.next_steps import CallAttempts, Done, NextStep, OutcomeRules, counts_against_number
from services.sender.domain.results import failed
from services.sender.handlers.prepared_messages import PreparedMessage

log = logger(__name__)
_OUTCOME_LABELS = {Accepted: "accepted", Refused: "refused", OutcomeUnknown: "unknown", NotSent: "not_sent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallProvider:
    """Calls the provider once and returns the next step."""

    breakers: CircuitBreakers
    rules: OutcomeRules
    monotonic: Monotonic
    _last_answers: dict[str, ErrorCode] = field(default_factory=dict)
    """The answer of each number's last failure, given again while its circuit is open."""

    async def __call__(self, message: PreparedMessage, attempts: Callable[[], CallAttempts]) -> NextStep:
        """Offer the message, unless the circuit is open. `attempts` is read after the call."""
        number_id = message.credentials.number_id
        breaker = self.breakers.of(number_id)
        permit = breaker.admit(self.monotonic())
        if permit is None:
            code = self._last_answers.get(number_id, ErrorCode.GATEWAY_SEND_FAILED)
            retry_after = max(1, ceil(breaker.retry_after(self.monotonic())))
            return Done(failed("circuit_open", code, retry_after=retry_after))
        outcome = await self._send(message, breaker, permit)
        return self.rules.next_step(outcome, attempts(), message.provider.errors)

    async def _send(self, message: PreparedMessage, breaker: CircuitBreaker, permit: Permit) -> SendOutcome:
        start = self.monotonic()
        failing, wait = True, None  # a cancelled call counts as a failure, so that a cancelled probe frees its permit
        try:
            with span("POST", Kind.CLIENT) as call:
                outcome = await message.provider.send(message.credentials, message.outgoing)
                classification = message.provider.errors.classify(outcome) if isinstance(outcome, Refused) else None
                _describe(call, outcome, classification)
                traced = exemplar()
            failing = counts_against_number(outcome, classification)
            wait = outcome.retry_after if isinstance(outcome, Refused) else None
        finally:
            breaker.record(permit, self.monotonic(), failed=failing, retry_after=wait)
        metrics.PROVIDER_CALL_SECONDS.observe(self.monotonic() - start, traced)
        if failing:
            answer = classification.answer if classification else ErrorCode.GATEWAY_SEND_FAILED
            self._last_answers[message.credentials.number_id] = answer
        _report(message.credentials.number_id, outcome, classification)
        return outcome


def _describe(call: Span, outcome: SendOutcome, classification: Classification | None) -> None:
    """Set the verdict. No readable answer, no connection and a server error fail the span; a refusal does not."""
    call.set({VERDICT: classification.verdict.value if classification else _OUTCOME_LABELS[type(outcome)]})
    if isinstance(outcome, OutcomeUnknown | NotSent):
        call.fail(outcome.reason)
    elif isinstance(outcome, Refused) and outcome.http_status >= SERVER_ERROR:
        call.fail(str(outcome.http_status))


def _report(number_id: str, outcome: SendOutcome, classification: Classification | None) -> None:
    """Count the call, and log a refusal or an unknown outcome."""
    verdict = classification.verdict.value if classification else "none"
    metrics.PROVIDER_CALLS.labels(_OUTCOME_LABELS[type(outcome)], verdict).inc()
    if isinstance(outcome, Refused) and classification is not None:
        if classification.unclassified:
            metrics.UNCLASSIFIED_CODES.inc()
        log.warning(
            "whatsapp refused",
            number_id=number_id,
            provider_code=outcome.code,
            http_status=outcome.http_status,
            verdict=classification.verdict.value,
            unclassified=classification.unclassified,
            provider_trace_id=outcome.trace_id,
        )
    elif isinstance(outcome, OutcomeUnknown):
        log.warning("whatsapp gave no answer", number_id=number_id, reason=outcome.reason)
