"""The contract of `Forwards`, on every adapter."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from libs.contracts.errors import GatewayError, OperatorCode
from libs.store.forwards import (
    ATTEMPTS_KEPT,
    AlreadyDelivered,
    Attempt,
    DeliveryInProgress,
    Forward,
    ForwardFilter,
    ForwardState,
    Started,
    StartResult,
)
from libs.store.store import Store
from tests.contract.store.builders import INVALID_CURSORS, NOW, after

LEASE = timedelta(seconds=20)
OK = Attempt(at=after(1), duration_ms=12, status=200)
REFUSED = Attempt(at=after(1), duration_ms=7, status=503, error="http_503")


def a_forward(forward_id: str = "f-1", **fields: Any) -> Forward:
    given: dict[str, Any] = {
        "account_id": "acc-1",
        "integration_id": "int-1",
        "kind": "message.received",
        "event_id": "event-1",
        "masked_phone": "+9665•••••000",
        "requested_at": NOW,
        "updated_at": NOW,
    }
    return Forward(id=forward_id, **(given | fields))


async def begin(store: Store, forward_id: str = "f-1", *, owner: str = "sender-1", now: datetime = NOW) -> StartResult:
    return await store.forwards.start(a_forward(forward_id), owner=owner, now=now, lease=LEASE)


async def test_of_fifty_simultaneous_senders_exactly_one_tries(store: Store, other: Store) -> None:
    told = await asyncio.gather(*(begin((store, other)[n % 2], owner=f"sender-{n}") for n in range(50)))

    assert sum(isinstance(one, Started) for one in told) == 1
    assert {one for one in told if not isinstance(one, Started)} == {DeliveryInProgress(after(20))}


async def test_a_try_whose_sender_died_is_taken_over_after_its_lease(store: Store, other: Store) -> None:
    await begin(store)

    early = await begin(other, owner="sender-2", now=after(19.9))
    late = await begin(other, owner="sender-2", now=after(20.1))

    assert (early, late) == (DeliveryInProgress(after(20)), Started())


async def test_a_failed_try_is_followed_by_another_at_once_when_asked_for(store: Store, other: Store) -> None:
    await begin(store)
    await store.forwards.finish_attempt("f-1", ForwardState.WAITING, owner="sender-1", now=after(1), attempt=REFUSED)

    again = await begin(other, owner="sender-2", now=after(2))

    assert again == Started()


async def test_a_delivered_forward_never_starts_again_and_keeps_its_state(store: Store, other: Store) -> None:
    await begin(store)
    await store.forwards.finish_attempt("f-1", ForwardState.WAITING, owner="sender-1", now=after(1), attempt=REFUSED)
    await begin(store, now=after(2))

    await store.forwards.finish_attempt("f-1", ForwardState.DELIVERED, owner="sender-1", now=after(3), attempt=OK)
    await other.forwards.finish_attempt("f-1", ForwardState.FAILED, owner="sender-1", now=after(4), attempt=REFUSED)

    assert await begin(other, now=after(100_000)) == AlreadyDelivered(200, 2)


async def test_a_failed_forward_starts_again_for_a_replay(store: Store) -> None:
    await begin(store)
    await store.forwards.finish_attempt("f-1", ForwardState.FAILED, owner="sender-1", now=after(1))

    assert await begin(store, now=after(2)) == Started()


async def test_a_late_failure_of_a_lapsed_try_leaves_the_new_owners_lease_alone(store: Store, other: Store) -> None:
    await begin(store)
    await begin(other, owner="sender-2", now=after(21))

    await store.forwards.finish_attempt("f-1", ForwardState.WAITING, owner="sender-1", now=after(22), attempt=REFUSED)

    assert await begin(store, now=after(23)) == DeliveryInProgress(after(41))
    found = await store.forwards.get("f-1")
    assert found is not None
    assert found.attempts == (REFUSED,)


async def test_a_late_success_of_a_lapsed_try_counts(store: Store, other: Store) -> None:
    await begin(store)
    await begin(other, owner="sender-2", now=after(21))

    await store.forwards.finish_attempt("f-1", ForwardState.DELIVERED, owner="sender-1", now=after(22), attempt=OK)

    assert await begin(other, owner="sender-2", now=after(50)) == AlreadyDelivered(200, 1)


async def test_every_try_is_shown_with_its_time_status_error_and_duration(store: Store, other: Store) -> None:
    await begin(store)
    await store.forwards.finish_attempt("f-1", ForwardState.WAITING, owner="sender-1", now=after(1), attempt=REFUSED)
    await begin(store, now=after(2))
    await store.forwards.finish_attempt("f-1", ForwardState.DELIVERED, owner="sender-1", now=after(3), attempt=OK)

    found = await other.forwards.get("f-1")

    assert found == a_forward(state=ForwardState.DELIVERED, attempts=(REFUSED, OK), tries=2, updated_at=after(3))


async def test_only_the_latest_tries_are_shown_and_all_are_counted(store: Store) -> None:
    await begin(store)
    for second in range(ATTEMPTS_KEPT + 5):
        attempt = Attempt(at=after(second), duration_ms=second, error="timeout")
        await store.forwards.finish_attempt(
            "f-1", ForwardState.WAITING, owner="sender-1", now=after(second), attempt=attempt
        )

    found = await store.forwards.get("f-1")

    assert found is not None
    assert (found.tries, len(found.attempts), found.attempts[0].duration_ms) == (ATTEMPTS_KEPT + 5, ATTEMPTS_KEPT, 5)


async def test_finishing_an_attempt_that_never_started_does_nothing(store: Store) -> None:
    await store.forwards.finish_attempt("f-9", ForwardState.DELIVERED, owner="sender-1", now=NOW, attempt=OK)

    assert await store.forwards.get("f-9") is None


async def test_forwards_come_in_pages_the_latest_first(store: Store) -> None:
    for n in range(5):
        one = a_forward(f"f-{n}", requested_at=after(n // 2), updated_at=after(n // 2))
        await store.forwards.start(one, owner="sender-1", now=after(n), lease=LEASE)

    first = await store.forwards.page(ForwardFilter(), limit=3, cursor=None)
    second = await store.forwards.page(ForwardFilter(), limit=3, cursor=first.next_cursor)

    assert [item.id for item in (*first.items, *second.items)] == ["f-4", "f-3", "f-2", "f-1", "f-0"]
    assert second.next_cursor is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(ForwardFilter(integration_id="int-2"), ["f-3"], id="of one integration"),
        pytest.param(ForwardFilter(account_id="acc-2"), ["f-4"], id="of one account"),
        pytest.param(ForwardFilter(state=ForwardState.FAILED), ["f-2"], id="in one state"),
        pytest.param(ForwardFilter(integration_id="int-1", state=ForwardState.DELIVERED), [], id="nothing fits both"),
    ],
)
async def test_forwards_are_found_by_what_is_asked(store: Store, wanted: ForwardFilter, expected: list[str]) -> None:
    for one in (
        a_forward("f-2"),
        a_forward("f-3", integration_id="int-2"),
        a_forward("f-4", account_id="acc-2", integration_id="int-9"),
    ):
        await store.forwards.start(one, owner="sender-1", now=NOW, lease=LEASE)
    await store.forwards.finish_attempt("f-2", ForwardState.FAILED, owner="sender-1", now=after(1))

    page = await store.forwards.page(wanted, limit=10, cursor=None)

    assert [item.id for item in page.items] == expected


@pytest.mark.parametrize("cursor", INVALID_CURSORS)
async def test_an_invalid_cursor_is_an_invalid_request(store: Store, cursor: str) -> None:
    with pytest.raises(GatewayError) as refused:
        await store.forwards.page(ForwardFilter(), limit=10, cursor=cursor)

    assert refused.value.code is OperatorCode.INVALID_REQUEST
