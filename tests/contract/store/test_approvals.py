"""Requests for approval: decided once, with the events about it, and without personal data after their end."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from libs.store.approvals import (
    KEPT,
    Approval,
    ApprovalEnd,
    ApprovalKind,
    ApprovalState,
    Transition,
    WaitingApprovals,
)
from libs.store.erasures import Erasure
from libs.store.outbox import OutboxEvent
from libs.store.store import Store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PENDING, APPROVED, DONE = ApprovalState.PENDING, ApprovalState.APPROVED, ApprovalState.DONE
REJECTED, EXPIRED = ApprovalState.REJECTED, ApprovalState.EXPIRED


def a_request(id_: str = "apr_1", **fields: Any) -> Approval:
    given: dict[str, Any] = {
        "kind": ApprovalKind.ERASURE,
        "account_id": "acc_1",
        "requester": "tok_1",
        "requested_by": "Ann (tok_1)",
        "requested_at": NOON,
        "expires_at": NOON + timedelta(hours=72),
        "fingerprint": "f1",
        "customer_keys": ("key_1", "key_2"),
        "sealed": "k1.sealed",
    }
    return Approval(id=id_, **(given | fields))


def an_event(id_: str) -> OutboxEvent:
    return OutboxEvent(id_, "approval.approved", b"{}", NOON.timestamp())


def a_move(before: ApprovalState, after: ApprovalState, **fields: Any) -> Transition:
    return Transition(before=before, after=after, **({"at": NOON} | fields))


async def events_of(store: Store) -> list[str]:
    return sorted(event.id for event in await store.outbox.unpublished(100))


async def test_a_request_is_stored_once_for_its_id_with_its_event(store: Store) -> None:
    first = await store.approvals.add(a_request(), [an_event("e1")])
    second = await store.approvals.add(a_request(fingerprint="f2"), [an_event("e2")])

    assert first == second == await store.approvals.get("apr_1") == a_request()
    assert await events_of(store) == ["e1"]


async def test_an_equal_request_that_is_pending_is_found_and_an_ended_one_is_not(store: Store) -> None:
    await store.approvals.add(a_request(), [])
    found = await store.approvals.pending_like("acc_1", "f1")

    await store.approvals.move("apr_1", a_move(PENDING, REJECTED, by="Bob"), [])

    assert found == a_request()
    assert await store.approvals.pending_like("acc_1", "f1") is None
    assert await store.approvals.pending_like("acc_2", "f1") is None


async def test_two_persons_who_decide_at_once_decide_once(store: Store, other: Store) -> None:
    await store.approvals.add(a_request(), [])
    moves = [a_move(PENDING, APPROVED, by="Bob"), a_move(PENDING, REJECTED, by="Eve")] * 4

    moved = await asyncio.gather(
        *(
            each.approvals.move("apr_1", move, [an_event(f"e{i}")])
            for i, (each, move) in enumerate(zip([store, other] * 4, moves, strict=True))
        )
    )

    assert sum(moved) == 1
    assert await events_of(store) == [f"e{moved.index(True)}"]
    decided = await store.approvals.get("apr_1")
    assert decided is not None
    assert (decided.state, decided.decided_by) == (moves[moved.index(True)].after, moves[moved.index(True)].by)


@pytest.mark.parametrize(
    ("moves", "code"),
    [
        ([a_move(PENDING, APPROVED, by="Bob"), a_move(APPROVED, DONE)], None),
        ([a_move(PENDING, REJECTED, by="Bob")], None),
        ([a_move(PENDING, EXPIRED, code=ApprovalEnd.TIMED_OUT)], ApprovalEnd.TIMED_OUT),
    ],
    ids=["done", "rejected", "expired"],
)
async def test_an_ended_request_holds_nothing_about_the_person(
    store: Store, moves: list[Transition], code: ApprovalEnd | None
) -> None:
    await store.approvals.add(a_request(), [])

    for move in moves:
        assert await store.approvals.move("apr_1", move, [])

    ended = await store.approvals.get("apr_1")
    assert ended is not None
    assert (ended.sealed, ended.customer_keys, ended.fingerprint) == (None, (), "")
    assert (ended.ended_at, ended.code) == (NOON, code)
    assert ended.decided_at == (None if code else NOON)


async def test_lists_are_by_account_state_and_end(store: Store) -> None:
    given: list[dict[str, Any]] = [{}, {"account_id": "acc_2"}, {"expires_at": NOON}, {}]
    for number, fields in enumerate(given, start=1):
        await store.approvals.add(a_request(f"apr_{number}", **fields), [])
    await store.approvals.move("apr_4", a_move(PENDING, APPROVED, by="Bob"), [])
    page = store.approvals.page

    every = await page(account_id=None, state=None, after=None, limit=10)
    own = await page(account_id="acc_1", state=PENDING, after="apr_1", limit=10)
    due = await store.approvals.unfinished(PENDING, 10, before=NOON)

    assert [each.id for each in every] == ["apr_1", "apr_2", "apr_3", "apr_4"]
    assert [each.id for each in own] == ["apr_3"]
    assert [each.id for each in due] == ["apr_3"]
    assert [each.id for each in await store.approvals.unfinished(PENDING, 10)] == ["apr_3", "apr_1", "apr_2"]
    assert [each.id for each in await store.approvals.unfinished(APPROVED, 10)] == ["apr_4"]


async def test_pending_requests_are_counted_with_the_oldest(store: Store) -> None:
    empty = await store.approvals.waiting()
    await store.approvals.add(a_request("apr_1", requested_at=NOON - timedelta(hours=2)), [])
    await store.approvals.add(a_request("apr_2"), [])

    assert empty == WaitingApprovals(0, None)
    assert await store.approvals.waiting() == WaitingApprovals(2, NOON - timedelta(hours=2))


async def test_an_erasure_empties_the_requests_about_the_person_and_no_others(store: Store) -> None:
    await store.approvals.add(a_request("apr_1"), [])
    await store.approvals.add(a_request("apr_2", customer_keys=("key_9",)), [])
    await store.approvals.add(a_request("apr_3", account_id="acc_2"), [])
    erasure = Erasure(
        id="era_1",
        account_id="acc_1",
        customer_keys=("key_2",),
        do_not_contact=("hash",),
        pseudonyms=(),
        reason="asked",
        actor="admin",
        asked_at=NOON,
    )

    await store.personal_data.erase(erasure, event_ids=(), dead_letters=())

    emptied = await store.approvals.emptied(10)
    assert emptied == [replace(a_request("apr_1"), sealed=None, customer_keys=(), fingerprint="")]
    assert await store.approvals.get("apr_2") == a_request("apr_2", customer_keys=("key_9",))
    assert await store.approvals.get("apr_3") == a_request("apr_3", account_id="acc_2")


async def test_an_erasure_job_is_stored_once_for_its_id(store: Store) -> None:
    erasure = Erasure(
        id="era_1",
        account_id="acc_1",
        customer_keys=("key_2",),
        do_not_contact=("hash",),
        pseudonyms=(),
        reason="asked",
        actor="admin",
        asked_at=NOON,
        approval_id="apr_1",
    )

    await store.erasures.add(erasure)
    await store.erasures.add(erasure)

    assert await store.erasures.unfinished(10) == [erasure]


async def test_a_request_is_kept_for_90_days_after_its_end(store: Store, store_url: str) -> None:
    if store_url.startswith("mongodb"):
        pytest.skip("MongoDB's monitor deletes it by the server's clock: its index is in the list of indexes")
    for id_ in ("apr_1", "apr_2", "apr_3"):
        await store.approvals.add(a_request(id_), [])
    later = NOON + KEPT + timedelta(seconds=1)

    await store.approvals.move("apr_1", a_move(PENDING, REJECTED, by="Bob"), [])
    await store.approvals.move("apr_2", a_move(PENDING, REJECTED, by="Bob", at=later), [])

    assert await store.approvals.get("apr_1") is None
    assert await store.approvals.get("apr_2") is not None
    assert await store.approvals.get("apr_3") is not None
