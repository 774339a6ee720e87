"""The rules of a ledger claim, which both adapters call inside their atomic claim."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from libs.store.claim_rules import (
    MAX_ORDER_WAIT,
    Bucket,
    Entry,
    Slots,
    blocked_by,
    bucket_after_hold,
    bucket_ids,
    claim_of_other_owner,
    is_held,
    objection_to,
    slots_for,
)
from libs.store.ledger import Blocked, Claim, ClaimInProgress, Finished, LeaseExpired, Pace, RateLimited, Seen

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SOON, EARLIER = NOW + timedelta(seconds=20), NOW - timedelta(seconds=20)
CLAIM = Claim(
    event_id="e",
    account_id="a",
    number_id="n",
    customer_key="c",
    callback_id="gw1",
    owner="sender-1",
    now=NOW,
    lease_seconds=20,
    pace=Pace(number_rate=10, number_burst=1, pair_interval=6, pair_burst=2, max_wait=2),
)


def entry(state: str, owner: str = "sender-1", until: datetime = SOON, outcome: bytes | None = None) -> Entry:
    """The entry of an event, in its third attempt."""
    return Entry(state, owner, 3, until, outcome)


@pytest.mark.parametrize(
    ("found", "objection"),
    [
        pytest.param(None, None, id="a new event"),
        pytest.param(entry("finished", outcome=b"sent"), Finished(b"sent"), id="a finished event"),
        pytest.param(entry("calling", "sender-2"), ClaimInProgress(SOON), id="a call of another owner"),
        pytest.param(entry("calling"), ClaimInProgress(SOON), id="a call of the same owner"),
        pytest.param(entry("calling", until=EARLIER), LeaseExpired(3), id="a call whose lease ended"),
        pytest.param(entry("waiting", "sender-2"), ClaimInProgress(SOON), id="another owner that waits to try again"),
        pytest.param(entry("waiting"), None, id="the same owner that waits to try again"),
        pytest.param(entry("waiting", "sender-2", EARLIER), None, id="another owner whose wait ended"),
    ],
)
def test_an_event_is_claimed_only_while_no_call_may_be_in_progress(
    found: Entry | None, objection: ClaimInProgress | LeaseExpired | Finished | None
) -> None:
    assert objection_to(CLAIM, found) == objection


@pytest.mark.parametrize(
    ("ahead", "until"),
    [
        pytest.param(None, NOW + MAX_ORDER_WAIT, id="the earlier message is not claimed yet"),
        pytest.param(entry("calling"), SOON, id="its call is in progress"),
        pytest.param(entry("calling", until=EARLIER), None, id="its call ended without a result"),
        pytest.param(entry("waiting"), SOON + MAX_ORDER_WAIT, id="it waits to try again"),
        pytest.param(entry("waiting", until=NOW - MAX_ORDER_WAIT), None, id="it waited too long"),
        pytest.param(entry("finished"), None, id="it is finished"),
    ],
)
def test_a_message_waits_for_the_one_before_it_but_not_for_ever(ahead: Entry | None, until: datetime | None) -> None:
    claim = replace(CLAIM, after="earlier")

    assert blocked_by(claim, ahead) == (None if until is None else Blocked(until))
    assert blocked_by(CLAIM, ahead) is None


def test_a_message_that_nobody_claims_blocks_from_the_first_time_on() -> None:
    claim = replace(CLAIM, after="earlier", blocked_since=NOW - MAX_ORDER_WAIT)

    assert blocked_by(claim, None) is None
    assert blocked_by(replace(claim, blocked_since=EARLIER), None) == Blocked(EARLIER + MAX_ORDER_WAIT)


@pytest.mark.parametrize(
    ("found", "owner", "in_progress"),
    [
        (None, "sender-1", False),
        (entry("calling", "sender-2"), "sender-1", True),
        (entry("calling", "sender-2"), None, False),
        (entry("calling", "sender-1"), "sender-1", False),
        (entry("calling", "sender-2", EARLIER), "sender-1", False),
        (entry("waiting", "sender-2"), "sender-1", False),
    ],
)
def test_only_a_running_call_of_another_owner_is_in_its_way(
    found: Entry | None, owner: str | None, *, in_progress: bool
) -> None:
    assert claim_of_other_owner(found, owner, NOW) == (ClaimInProgress(SOON) if in_progress else None)


def test_a_claim_has_a_bucket_in_every_scope() -> None:
    assert bucket_ids(replace(CLAIM, business_account_id="w")) == ("number:n", "pair:n:c", "waba:w", "app:app")
    assert bucket_ids(CLAIM)[2] == "waba:n"


@pytest.mark.parametrize(
    ("held", "answer"),
    [
        pytest.param({}, 0.0, id="no bucket is held"),
        pytest.param({"app:app": 1.5}, 1.5, id="a short hold is a wait"),
        pytest.param({"waba:n": 1.0, "app:app": 1.5}, 1.5, id="the longest hold counts"),
        pytest.param({"waba:n": 60.0}, "waba", id="a long hold refuses the claim and names its scope"),
        pytest.param({"number:n": -5.0}, 0.0, id="a hold that ended"),
    ],
)
def test_holds_delay_or_refuse_a_claim(held: dict[str, float], answer: float | str) -> None:
    buckets = {name: Bucket(held_until=NOW.timestamp() + seconds) for name, seconds in held.items()}

    slots = slots_for(CLAIM, buckets, at=NOW)

    if isinstance(slots, RateLimited):
        assert slots.scope == answer
        assert slots.retry_after == pytest.approx(60.0)
    else:
        assert slots.wait == pytest.approx(answer)


def test_a_claim_changes_a_buckets_arrival_time_alone() -> None:
    hour_ago = NOW.timestamp() - 3600.0
    number = Bucket(hour_ago, hour_ago, 0.5, hour_ago + 1.0, hour_ago + 2.0)

    slots = slots_for(CLAIM, {"number:n": number}, at=NOW)

    assert isinstance(slots, Slots)
    assert slots.buckets[0].tat > NOW.timestamp()
    assert slots.buckets[0] == replace(number, tat=slots.buckets[0].tat)


def test_messages_of_a_pair_are_limited_after_their_burst() -> None:
    buckets: dict[str, Bucket] = {}
    answers = []
    for _ in range(3):
        slots = slots_for(replace(CLAIM, pace=replace(CLAIM.pace, number_burst=80)), buckets, at=NOW)
        answers.append(slots)
        if isinstance(slots, Slots):
            buckets = dict(zip(("number:n", "pair:n:c"), slots.buckets, strict=True))

    assert [type(each) for each in answers] == [Slots, Slots, RateLimited]
    assert isinstance(answers[2], RateLimited)
    assert answers[2].scope == "pair"
    assert answers[2].retry_after == pytest.approx(6.0, abs=1e-3)


def test_a_hold_never_ends_earlier_and_a_slow_down_counts_from_its_end() -> None:
    before = Bucket(tat=1.0, held_until=100.0)

    assert bucket_after_hold(before, 50.0, 1.0, now=40.0) == replace(before, held_since=40.0)
    assert bucket_after_hold(before, 200.0, 1.0, now=40.0) == replace(before, held_until=200.0, held_since=40.0)
    assert bucket_after_hold(before, 200.0, 0.5, now=40.0) == Bucket(1.0, 200.0, 0.5, 200.0, 40.0)


@pytest.mark.parametrize(
    ("account", "app", "held"),
    [
        pytest.param((0.0, 0.0), (0.0, 0.0), False, id="nothing was ever held"),
        pytest.param((0.5, -1.0), (0.0, 0.0), True, id="the business account is held"),
        pytest.param((0.0, 0.0), (0.5, -1.0), True, id="the app is held"),
        pytest.param((-0.5, -9.0), (-0.5, -9.0), False, id="both were held"),
        pytest.param((0.005, -2.0), (0.0, 0.0), False, id="a timer ended the wait early"),
        pytest.param((7200.0, 3600.0), (0.0, 0.0), False, id="the hold is from a clock that was set back"),
    ],
)
def test_a_claim_is_undone_for_a_hold_that_lasts(
    account: tuple[float, float], app: tuple[float, float], *, held: bool
) -> None:
    def stored(times: tuple[float, float]) -> tuple[float, float]:
        until, since = (NOW.timestamp() + each if each else 0.0 for each in times)
        return until, since

    seen = Seen((stored(account), stored(app)), is_new=False, ahead_finished=False)

    assert is_held(seen, NOW) == held
