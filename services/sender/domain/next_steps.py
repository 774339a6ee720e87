"""`NextStep`: what follows from a provider call (done, retry, or slow down), and `OutcomeRules`, which decide it."""

from dataclasses import dataclass
from enum import Enum, unique

from libs.providers.errors import Classification, Effect, ErrorTable, Scope, Verdict
from libs.providers.outcomes import Accepted, NotSent, OutcomeUnknown, Refused, SendOutcome
from services.sender.domain.results import Result, failed, refused, sent, unknown
from services.sender.domain.retry_delays import Random, RetryLimits, retry_delay


@dataclass(frozen=True, slots=True)
class Done:
    """The message's result; after a refusal, what the provider answered and its further effect on the gateway."""

    result: Result
    effect: Effect | None = None
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """The message was not sent; try again after `pause_s` seconds."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class SlowDown:
    """The message was not sent because `scope` is too fast: hold the scope's bucket for `wait_s` seconds.

    `factor` below 1 multiplies the number's rate. The call does not count as an attempt.
    """

    scope: Scope
    wait_s: float
    factor: float = 1.0


@unique
class OtherForm(Enum):
    """The message was refused in the form that was sent, and is tried once more in another one."""

    TEMPLATE = "template"
    """WhatsApp says that the window is closed: as the planned template."""
    PHONE = "phone"
    """A user id does not do for the message: to the customer's phone number."""


NextStep = Done | RetryAfter | SlowDown

SLOWED_RATE_FACTOR = 0.5
"""Multiplies a number's rate after WhatsApp reported that its throughput is exceeded."""
MIN_HOLD_S = 0.25
"""A bucket is held at least so long, so that the sender's longest wait bounds the number of throttled calls."""


@dataclass(frozen=True, slots=True)
class CallAttempts:
    """How often the message was offered (throttled calls do not count), and the seconds since the first call."""

    count: int
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRules:
    """Decide the next step by the provider's error table and the retry limits; `random` makes the jitter."""

    limits: RetryLimits
    random: Random

    def next_step(self, outcome: SendOutcome, attempts: CallAttempts, errors: ErrorTable) -> NextStep:
        """Decide what follows from the outcome of a message's latest call."""
        match outcome:
            case Accepted():
                return Done(sent(outcome))
            case OutcomeUnknown(reason):
                return Done(unknown(reason))
            case NotSent(reason):
                pause = self._pause(attempts, self.limits.attempts, None)
                return Done(failed(reason, attempts=attempts.count)) if pause is None else RetryAfter(pause)
            case Refused():
                return self._after_refusal(outcome, attempts, errors.classify(outcome))

    def _after_refusal(self, answer: Refused, attempts: CallAttempts, classification: Classification) -> NextStep:
        if classification.scope is not None and classification.wait_s is not None:
            factor = SLOWED_RATE_FACTOR if classification.effect is Effect.SLOW_NUMBER else 1.0
            wait = max(MIN_HOLD_S, answer.retry_after or classification.wait_s)
            return SlowDown(classification.scope, wait, factor)
        if classification.verdict is Verdict.RETRY:
            limit = min(self.limits.attempts, classification.attempts or self.limits.attempts)
            pause = self._pause(attempts, limit, answer.retry_after)
            if pause is not None:
                return RetryAfter(pause)
        result = refused(classification, provider_code=answer.code, attempts=attempts.count, trace_id=answer.trace_id)
        return Done(result, classification.effect, answer)

    def _pause(self, attempts: CallAttempts, limit: int, retry_after: float | None) -> float | None:
        if attempts.count >= limit:
            return None
        return retry_delay(
            attempts.count, attempts.elapsed_s, limits=self.limits, random=self.random, retry_after=retry_after
        )


_FAILING = frozenset({Verdict.RETRY})


def counts_against_number(outcome: SendOutcome, classification: Classification | None) -> bool:
    """Whether a call's outcome means that the number cannot send now, whatever the message.

    Faults of WhatsApp and of the network count. Refused credentials and restrictions do not: restrictions stop the
    number in every process, and end by themselves. A fault of one message does not count, nor does a throttle.
    """
    if classification is None:
        return isinstance(outcome, OutcomeUnknown | NotSent)
    return classification.verdict in _FAILING
