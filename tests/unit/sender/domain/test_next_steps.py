"""What follows from one call, and what counts against its number."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerStatus
from libs.providers.cloud_api.responses import ERRORS
from libs.providers.errors import Effect, Scope
from libs.providers.outcomes import Accepted, NotSent, OutcomeUnknown, Refused, SendOutcome
from services.sender.domain.next_steps import (
    MIN_HOLD_S,
    CallAttempts,
    Done,
    OutcomeRules,
    RetryAfter,
    SlowDown,
    counts_against_number,
)
from services.sender.domain.results import Result, failed, ledger_bytes_from, result_from, throttled, unknown
from services.sender.domain.retry_delays import RetryLimits

RULES = OutcomeRules(limits=RetryLimits(), random=lambda: 0.5)
FIRST = CallAttempts(1, 0.0)


def refused(code: int | None, **more: Any) -> Refused:
    return Refused(code=code, **{"http_status": 400, **more})


def test_a_template_that_is_held_for_quality_is_sent_and_says_so() -> None:
    step = RULES.next_step(Accepted(message_id="w", held=True), FIRST, ERRORS)

    assert step == Done(Result(AnswerStatus.SENT, "w", {"held_for_quality_assessment": True}))


def test_a_refusal_tells_code_verdict_reason_and_trace() -> None:
    step = RULES.next_step(refused(131047, trace_id="AbC"), CallAttempts(2, 0.0), ERRORS)

    assert isinstance(step, Done)
    assert step.effect is Effect.CLOSE_WINDOW
    assert step.result.details == {
        "outcome": "failed",
        "verdict": "policy",
        "reason": "More than 24 hours since the customer's last message.",
        "provider_code": 131047,
        "attempts": 2,
        "provider_trace_id": "AbC",
    }


def test_an_unknown_code_is_flagged_in_the_answer() -> None:
    step = RULES.next_step(refused(424242), FIRST, ERRORS)

    assert isinstance(step, Done)
    assert step.result.details["unclassified"] is True


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [
        pytest.param(None, 1.0, id="the table's wait when none is named"),
        pytest.param(7.0, 7.0, id="the provider's wait when it names one"),
        pytest.param(0.0, 1.0, id="the table's wait when the provider names nothing at all"),
        pytest.param(0.01, MIN_HOLD_S, id="never less than the shortest"),
    ],
)
def test_a_throttled_bucket_waits(retry_after: float | None, wait_s: float) -> None:
    step = RULES.next_step(refused(130429, retry_after=retry_after), FIRST, ERRORS)

    assert step == SlowDown(Scope.NUMBER, wait_s, 0.5)


@given(
    outcome=st.one_of(
        st.builds(OutcomeUnknown, st.text(max_size=5)),
        st.builds(Accepted, message_id=st.text(min_size=1)),
        st.builds(
            Refused,
            code=st.none() | st.integers(0, 140_000),
            http_status=st.integers(100, 599),
            retry_after=st.none() | st.floats(0, 4000),
            transient=st.booleans(),
        ),
        st.builds(NotSent, st.text(max_size=5)),
    ),
    attempts=st.integers(1, 10),
    elapsed_s=st.floats(0, 100),
)
def test_only_what_was_surely_not_taken_goes_again(outcome: SendOutcome, attempts: int, elapsed_s: float) -> None:
    step = RULES.next_step(outcome, CallAttempts(attempts, elapsed_s), ERRORS)

    if isinstance(outcome, Accepted | OutcomeUnknown):
        assert isinstance(step, Done)
        assert not step.result.not_sent
    elif isinstance(step, Done):
        assert step.result.not_sent
    if isinstance(step, RetryAfter):
        assert attempts < RULES.limits.attempts
        assert elapsed_s + step.pause_s <= RULES.limits.total_s


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        pytest.param(Accepted(message_id="w"), False, id="a success"),
        pytest.param(OutcomeUnknown("timeout"), True, id="a timeout"),
        pytest.param(NotSent("dns_failed"), True, id="a line that is down"),
        pytest.param(refused(131000), True, id="a fault of WhatsApp's"),
        pytest.param(refused(190), False, id="an expired token, which a restriction stops"),
        pytest.param(refused(131031), False, id="a restricted account, which a restriction stops"),
        pytest.param(refused(131026), False, id="a customer who cannot be reached"),
        pytest.param(refused(131047), False, id="a closed window"),
        pytest.param(refused(130429), False, id="a throttle"),
        pytest.param(refused(424242), False, id="an unknown code"),
    ],
)
def test_what_counts_against_a_number(outcome: SendOutcome, *, counts: bool) -> None:
    assert counts_against_number(outcome, ERRORS.classify(outcome) if isinstance(outcome, Refused) else None) is counts


@pytest.mark.parametrize(
    "result",
    [
        Result(AnswerStatus.SENT, "wamid.A"),
        unknown("timeout"),
        throttled(5.2, "pair"),
        failed("number_paused", ErrorCode.POLICY_VIOLATION),
    ],
    ids=["sent", "unknown", "throttled", "failed"],
)
def test_a_result_comes_back_from_the_ledger_as_it_was(result: Result) -> None:
    assert result_from(ledger_bytes_from(result)) == result


def test_a_wait_is_told_in_whole_seconds_and_never_too_short() -> None:
    assert [throttled(wait, "pair").details["retry_after"] for wait in (0.1, 1.0, 5.2)] == [1, 1, 6]
