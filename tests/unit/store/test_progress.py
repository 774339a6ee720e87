"""The state machine of a message's status: any order, any repetition, one state."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from libs.store.progress import MessageStatus, Progress, Step

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOLD = st.sampled_from([status for status in MessageStatus if status is not MessageStatus.ACCEPTED])


def progress_of(*statuses: str) -> Progress:
    progress = Progress()
    for status in statuses:
        progress = progress.with_step(Step(MessageStatus(status), NOON))
    return progress


@pytest.mark.parametrize(
    ("told", "status", "conflict"),
    [
        pytest.param([], "accepted", False, id="a message of which nothing was told was accepted"),
        pytest.param(["sent"], "sent", False, id="a status moves it on"),
        pytest.param(["sent", "delivered", "read"], "read", False, id="each in its turn"),
        pytest.param(["read"], "read", False, id="delivered can be skipped"),
        pytest.param(["read", "sent", "delivered"], "read", False, id="a late status does not move it back"),
        pytest.param(["read", "played"], "played", False, id="a voice message can be played"),
        pytest.param(["sent", "sent", "sent"], "sent", False, id="a repeated status changes nothing"),
        pytest.param(["sent", "failed"], "failed", False, id="it fails after it was sent"),
        pytest.param(["failed", "sent"], "failed", False, id="a late sent does not undo a failure"),
        pytest.param(["failed", "delivered"], "failed", True, id="a delivery after the failure is a conflict"),
        pytest.param(["delivered", "failed"], "failed", True, id="a failure after the delivery is a conflict"),
        pytest.param(["failed", "read"], "failed", True, id="who read it has it"),
    ],
)
def test_a_message_is_where_its_statuses_say(told: list[str], status: str, conflict: bool) -> None:  # noqa: FBT001 -- a table's column
    progress = progress_of(*told)

    assert (progress.status, progress.conflict) == (status, conflict)


@pytest.mark.parametrize(
    ("told", "moved"),
    [
        pytest.param(["sent", "delivered"], ["sent", "delivered"], id="each new status is news"),
        pytest.param(["read", "sent"], ["read"], id="a late one is none"),
        pytest.param(["failed", "delivered", "read"], ["failed", "delivered"], id="a conflict is news once"),
        pytest.param(["delivered", "failed", "read"], ["delivered", "failed"], id="so it is the other way round"),
    ],
)
def test_only_what_changes_the_state_is_news(told: list[str], moved: list[str]) -> None:
    progress = progress_of(*told)

    assert [status for status in told if progress.moved_by(MessageStatus(status))] == moved


def test_a_status_that_never_came_moved_nothing() -> None:
    assert not progress_of("sent").moved_by(MessageStatus.READ)


@given(st.lists(TOLD, max_size=8).flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))))
def test_the_order_of_arrival_does_not_matter(orders: tuple[list[MessageStatus], list[MessageStatus]]) -> None:
    one, other = (progress_of(*statuses) for statuses in orders)

    assert (one.status, one.conflict) == (other.status, other.conflict)


class Statuses(RuleBasedStateMachine):
    """One message, told of again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = Progress()
        self.seen: set[MessageStatus] = set()
        self.news: dict[MessageStatus, bool] = {}

    @rule(status=TOLD)
    def tell(self, status: MessageStatus) -> None:
        before = self.progress
        self.progress = before.with_step(Step(status, NOON))
        self.seen.add(status)
        if before.status is MessageStatus.FAILED:
            assert self.progress.status is MessageStatus.FAILED, "failed is terminal"
        assert self.progress.status.rank >= before.status.rank, "it never moves back"
        assert self.progress.conflict >= before.conflict, "a conflict is never forgotten"
        changed = (self.progress.status, self.progress.conflict) != (before.status, before.conflict)
        if status not in self.news:
            self.news[status] = changed
        else:
            assert self.progress == before, "a repetition changes nothing"

    @invariant()
    def each_status_is_kept_once(self) -> None:
        statuses = [step.status for step in self.progress.steps]
        assert len(statuses) == len(set(statuses))
        assert set(statuses) == self.seen

    @invariant()
    def a_repetition_is_told_what_the_first_changed(self) -> None:
        assert all(self.progress.moved_by(status) == changed for status, changed in self.news.items())

    @invariant()
    def a_conflict_is_a_failure_beside_a_delivery(self) -> None:
        both = MessageStatus.FAILED in self.seen and any(status.reached for status in self.seen)
        assert self.progress.conflict == both


TestStatuses = Statuses.TestCase
