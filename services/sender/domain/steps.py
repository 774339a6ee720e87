"""What follows from one call: the message is done, is offered again after a pause, or waits for a bucket."""

from dataclasses import dataclass

from services.sender.domain.outcomes import Accepted, Outcome, Refused, Unreached, Unsure
from services.sender.domain.results import Result, failed, refused, sent, unknown
from services.sender.domain.retrying import Chance, RetryLimits, pause_after
from services.sender.domain.verdicts import Effect, Judgement, Scope, Verdict, VerdictTable


@dataclass(frozen=True, slots=True)
class Done:
    """The message's end, and what else it means for the gateway."""

    result: Result
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Surely not taken, and worth another try after `pause_s` seconds."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class SlowDown:
    """Surely not taken because `scope` is too fast: nothing of it may go for `wait_s` seconds.

    `factor` below 1 is the part of its rate that the number keeps. No try is used up.
    """

    scope: Scope
    wait_s: float
    factor: float = 1.0


Step = Done | Again | SlowDown

HALF = 0.5
"""What a number keeps of its rate when WhatsApp says that its throughput is exceeded."""
SHORTEST_HOLD_S = 0.25
"""A bucket is held at least so long, so that the waits we smooth over bound the number of throttled calls."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often the message was offered so far (throttled calls do not count), and for how many seconds."""

    attempts: int
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """How outcomes are answered: the table, the retry limits and the dice."""

    table: VerdictTable
    limits: RetryLimits
    chance: Chance

    def judgement_of(self, outcome: Outcome) -> Judgement | None:
        """The verdict on a refusal; None for anything else."""
        return self.table.verdict_for(outcome) if isinstance(outcome, Refused) else None

    def step_after(self, outcome: Outcome, tally: Tally) -> Step:
        """Decide what follows from the outcome of a message's latest call."""
        match outcome:
            case Accepted():
                return Done(sent(outcome))
            case Unsure(reason):
                return Done(unknown(reason))
            case Unreached(reason):
                pause = self._pause(tally, self.limits.attempts, None)
                return Done(failed(reason, attempts=tally.attempts)) if pause is None else Again(pause)
            case Refused():
                return self._after_refusal(outcome, tally)

    def _after_refusal(self, answer: Refused, tally: Tally) -> Step:
        judgement = self.table.verdict_for(answer)
        if judgement.scope is not None and judgement.wait_s is not None:
            factor = HALF if judgement.effect is Effect.SLOW_NUMBER else 1.0
            wait = max(SHORTEST_HOLD_S, answer.retry_after or judgement.wait_s)
            return SlowDown(judgement.scope, wait, factor)
        if judgement.verdict is Verdict.RETRY:
            attempts = min(self.limits.attempts, judgement.attempts or self.limits.attempts)
            pause = self._pause(tally, attempts, answer.retry_after)
            if pause is not None:
                return Again(pause)
        result = refused(judgement, provider_code=answer.code, attempts=tally.attempts, trace_id=answer.trace_id)
        return Done(result, judgement.effect)

    def _pause(self, tally: Tally, attempts: int, retry_after: float | None) -> float | None:
        if tally.attempts >= attempts:
            return None
        return pause_after(
            tally.attempts, tally.elapsed_s, limits=self.limits, chance=self.chance, retry_after=retry_after
        )


_FAILING = frozenset({Verdict.RETRY, Verdict.AUTH, Verdict.PAUSE})


def counts_against_number(outcome: Outcome, judgement: Judgement | None) -> bool:
    """Whether a call's outcome says that the number cannot send now, whatever the message.

    Faults of WhatsApp and of the line count, and so do credentials and restrictions, so that a stopped number
    is probed rather than hammered. What is wrong with one message, and a throttle, do not.
    """
    if judgement is None:
        return isinstance(outcome, Unsure | Unreached)
    return judgement.verdict in _FAILING
