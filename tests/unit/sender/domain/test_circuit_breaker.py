"""The circuit breaker, with time passed in; then a machine that tries to let two probes through."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.sender.domain.circuit_breaker import (
    BreakerLimits,
    CircuitBreaker,
    CircuitBreakers,
    CircuitState,
    Permit,
)

LIMITS = BreakerLimits(rate=0.5, calls=4, window_s=10.0, open_s=2.0, longest_s=8.0)


def call(breaker: CircuitBreaker, now: float, *, failed: bool, retry_after: float | None = None) -> bool:
    permit = breaker.admit(now)
    if permit is not None:
        breaker.record(permit, now, failed=failed, retry_after=retry_after)
    return permit is not None


def opened(at: float = 0.0, *, retry_after: float | None = None) -> CircuitBreaker:
    breaker = CircuitBreaker(LIMITS)
    for _ in range(LIMITS.calls):
        call(breaker, at, failed=True, retry_after=retry_after)
    return breaker


def test_too_few_failures_leave_it_closed() -> None:
    breaker = CircuitBreaker(LIMITS)

    for _ in range(LIMITS.calls - 1):
        call(breaker, 0.0, failed=True)

    assert breaker.state is CircuitState.CLOSED


def test_it_opens_when_half_of_the_calls_fail() -> None:
    breaker = CircuitBreaker(LIMITS)

    for failed in (False, True, False, True):
        call(breaker, 0.0, failed=failed)

    assert breaker.state is CircuitState.OPEN
    assert not call(breaker, 1.9, failed=False)


def test_failures_of_long_ago_are_forgotten() -> None:
    breaker = CircuitBreaker(LIMITS)

    for now in (0.0, 1.0, 2.0, 11.5):
        call(breaker, now, failed=True)

    assert breaker.state is CircuitState.CLOSED


def test_of_twenty_who_wait_one_probes() -> None:
    breaker = opened()

    permits = [breaker.admit(2.0) for _ in range(20)]

    assert sum(permit is not None for permit in permits) == 1


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = opened()

    call(breaker, 2.0, failed=False)

    assert breaker.state is CircuitState.CLOSED
    assert breaker.retry_after(2.0) == 0.0


def test_each_failed_probe_doubles_the_time_up_to_the_longest() -> None:
    breaker, waits, now = opened(), [], 0.0

    for _ in range(4):
        waits.append(breaker.retry_after(now))
        now += breaker.retry_after(now)
        call(breaker, now, failed=True)

    assert waits == [2.0, 4.0, 8.0, 8.0]


def test_retry_after_is_not_undercut() -> None:
    breaker = opened(retry_after=30.0)

    assert not call(breaker, 29.9, failed=False)
    assert call(breaker, 30.0, failed=False)


def test_a_late_result_from_before_the_opening_changes_nothing() -> None:
    breaker = CircuitBreaker(LIMITS)
    early = breaker.admit(0.0)
    for _ in range(LIMITS.calls):
        call(breaker, 0.0, failed=True)
    probe = breaker.admit(2.0)

    assert early is not None
    breaker.record(early, 2.0, failed=False)

    assert probe is not None
    assert breaker.state is CircuitState.HALF_OPEN
    assert breaker.admit(2.0) is None


def test_every_change_is_told() -> None:
    told: list[CircuitState] = []
    breaker = CircuitBreaker(LIMITS, told.append)

    for _ in range(LIMITS.calls):
        call(breaker, 0.0, failed=True)
    call(breaker, 2.0, failed=False)

    assert told == [CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED]


class Callers(RuleBasedStateMachine):
    """Any number of callers, in any order, with results in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breaker = CircuitBreaker(LIMITS)
        self.held: list[tuple[Permit, CircuitState]] = []
        self.not_before = 0.0

    @rule(seconds=st.floats(0.01, 5))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def somebody_asks(self) -> None:
        permit = self.breaker.admit(self.now)
        if permit is None:
            assert self.breaker.state is not CircuitState.CLOSED
            assert self.breaker.retry_after(self.now) > 0
        else:
            assert self.now >= self.not_before
            self.held.append((permit, self.breaker.state))

    @rule(data=st.data(), failed=st.booleans(), retry_after=st.none() | st.floats(0, 20))
    def a_result_comes(self, data: st.DataObject, retry_after: float | None, *, failed: bool) -> None:
        if not self.held:
            return
        permit, _ = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        before = self.breaker.state
        self.breaker.record(permit, self.now, failed=failed, retry_after=retry_after)
        if before is not CircuitState.OPEN and self.breaker.state is CircuitState.OPEN:
            self.not_before = self.now + max(LIMITS.open_s, retry_after or 0.0)

    @invariant()
    def at_most_one_probe_is_out(self) -> None:
        current = [p for p, state in self.held if state is CircuitState.HALF_OPEN and p.generation == self.generation]
        assert len(current) <= 1

    @property
    def generation(self) -> int:
        return self.breaker._generation


TestCallers = Callers.TestCase


def test_an_open_circuit_without_traffic_stops_counting_five_minutes_after_its_pause() -> None:
    breakers = CircuitBreakers(BreakerLimits(calls=1, open_s=10))
    breaker = breakers.of("num-1")
    breaker.record(permit(breaker, 0), 0, failed=True)

    assert [breakers.stopped(now) for now in (1, 11, 309, 311)] == [1, 1, 1, 0]


def test_an_idle_circuit_that_fails_again_counts_again() -> None:
    breakers = CircuitBreakers(BreakerLimits(calls=1, open_s=10))
    breaker = breakers.of("num-1")
    breaker.record(permit(breaker, 0), 0, failed=True)

    probe = permit(breaker, 1000)
    probing = breakers.stopped(1000)
    breaker.record(probe, 1001, failed=True)

    assert (probing, breakers.stopped(1002)) == (1, 1)


def test_changes_are_told_with_the_number() -> None:
    told: list[tuple[str, CircuitState]] = []
    breaker = CircuitBreakers(BreakerLimits(calls=1), lambda *change: told.append(change)).of("num-1")

    breaker.record(permit(breaker, 0), 0, failed=True)

    assert told == [("num-1", CircuitState.OPEN)]


def permit(breaker: CircuitBreaker, now: float) -> Permit:
    admitted = breaker.admit(now)
    assert admitted is not None
    return admitted
