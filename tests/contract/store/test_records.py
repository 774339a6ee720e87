"""The contract of `Records`, on every adapter."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from libs.contracts.errors import GatewayError, OperatorCode
from libs.store.factory import open_store
from libs.store.records import Record, RecordFilter
from libs.store.store import Store
from tests.contract.store.builders import INVALID_CURSORS, NOW, a_record, after, records_of_one_moment_and_later

EVERYTHING = RecordFilter()


async def ids(store: Store, wanted: RecordFilter = EVERYTHING) -> list[str]:
    page = await store.records.page(wanted, limit=100, cursor=None)
    return [record.id for record in page.items]


async def test_a_record_comes_back_as_it_was_appended(store: Store, other: Store) -> None:
    full = Record(
        id="record-1",
        at=NOW + timedelta(microseconds=1),
        type="webhook.answered",
        account_id="acc-1",
        integration_id="int-1",
        event_id="event-1",
        correlation_id="cor-1",
        code="sent",
        purpose="support",
        actor="op-1",
        customer_hash="ab" * 32,
        masked_phone="+9665•••••000",
        details={"receipt": [{"rule": "window_is_open", "saw": {"age": 1.5}}], "odd.key": {"$x": None}, "ok": True},
        personal="sealed",
    )
    bare = Record(id="record-2", at=NOW, type="account.changed")

    assert await store.records.append([full, bare]) == 2

    page = await other.records.page(EVERYTHING, limit=10, cursor=None)
    assert list(page.items) == [full, bare]
    assert page.next_cursor is None


async def test_a_record_is_written_once(store: Store, other: Store) -> None:
    await store.records.append([a_record("record-1", code="first")])

    new = await other.records.append(
        [a_record("record-1", code="second"), a_record("record-2"), a_record("record-2"), a_record("record-3")]
    )

    page = await store.records.page(EVERYTHING, limit=10, cursor=None)
    assert new == 2
    assert {record.id: record.code for record in page.items} == {
        "record-1": "first",
        "record-2": None,
        "record-3": None,
    }


async def test_appending_nothing_is_nothing(store: Store) -> None:
    assert await store.records.append([]) == 0


async def test_the_same_batch_appended_by_many_is_written_once(store: Store, other: Store) -> None:
    batch = [a_record(f"record-{n}") for n in range(30)]

    new = await asyncio.gather(*((store, other)[n % 2].records.append(batch) for n in range(10)))

    assert sum(new) == 30
    assert len(await ids(store)) == 30


async def test_the_newest_come_first_and_equal_times_are_ordered_by_id(store: Store) -> None:
    await store.records.append(
        [a_record("b", at=NOW), a_record("d", at=after(-1)), a_record("c", at=NOW), a_record("a", at=after(1))]
    )

    assert await ids(store) == ["a", "c", "b", "d"]


@pytest.mark.parametrize("limit", [1, 2, 7, 50])
async def test_paging_meets_every_record_once_while_more_are_written(store: Store, limit: int) -> None:
    batch = records_of_one_moment_and_later(23)
    await store.records.append(batch)

    seen: list[str] = []
    cursor: str | None = None
    for _ in range(len(batch) + 1):
        page = await store.records.page(EVERYTHING, limit=limit, cursor=cursor)
        seen += [record.id for record in page.items]
        await store.records.append([a_record(f"newer-{len(seen)}", at=after(1000))])
        if page.next_cursor is None:
            break
        cursor = page.next_cursor

    assert seen == sorted((record.id for record in batch), reverse=True)


async def test_a_page_that_ends_with_the_last_record_is_the_last(store: Store) -> None:
    await store.records.append(records_of_one_moment_and_later(4))

    first = await store.records.page(EVERYTHING, limit=2, cursor=None)
    second = await store.records.page(EVERYTHING, limit=2, cursor=first.next_cursor)

    assert first.next_cursor is not None
    assert len(second.items) == 2
    assert second.next_cursor is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({}, ["e", "d", "c", "b", "a"], id="everything"),
        pytest.param({"account_id": "acc-2"}, ["c"], id="of one account"),
        pytest.param({"integration_id": "int-2"}, ["d"], id="of one integration"),
        pytest.param({"type": "webhook.answered"}, ["e", "b"], id="of one type"),
        pytest.param({"code": "sent"}, ["e", "b"], id="of one code"),
        pytest.param({"event_id": "event-2"}, ["e"], id="of one event"),
        pytest.param({"from_": after(2)}, ["e", "d", "c"], id="its beginning is inside the period"),
        pytest.param({"to": after(2)}, ["b", "a"], id="its end is outside the period"),
        pytest.param({"from_": after(1), "to": after(4)}, ["d", "c", "b"], id="within a period"),
        pytest.param({"account_id": "acc-1", "code": "sent", "event_id": "event-1"}, ["b"], id="all at once"),
        pytest.param({"account_id": "acc-2", "code": "sent"}, [], id="nothing fits"),
        pytest.param({"customers": frozenset({"c1", "c9"})}, ["e", "c"], id="of one person"),
        pytest.param({"customers": frozenset({"c1"}), "account_id": "acc-1"}, ["e"], id="of one person in one account"),
        pytest.param({"customers": frozenset()}, [], id="of nobody"),
        pytest.param({"code": "' OR 1=1 --"}, [], id="a value is never code"),
    ],
)
async def test_records_can_be_filtered(store: Store, wanted: dict[str, Any], expected: list[str]) -> None:
    await store.records.append(
        [
            a_record("a", at=after(0)),
            a_record("b", at=after(1), type="webhook.answered", code="sent"),
            a_record("c", at=after(2), account_id="acc-2", customer_hash="c9"),
            a_record("d", at=after(3), integration_id="int-2"),
            a_record("e", at=after(4), type="webhook.answered", code="sent", event_id="event-2", customer_hash="c1"),
        ]
    )

    assert await ids(store, RecordFilter(**wanted)) == expected


async def test_a_filtered_list_is_paged_too(store: Store) -> None:
    await store.records.append(
        [a_record(f"record-{n:02}", at=after(n), code="sent" if n % 3 == 0 else "ok") for n in range(20)]
    )

    wanted = RecordFilter(account_id="acc-1", code="sent", to=after(15))
    first = await store.records.page(wanted, limit=3, cursor=None)
    second = await store.records.page(wanted, limit=3, cursor=first.next_cursor)

    assert [record.id for record in first.items] == ["record-12", "record-09", "record-06"]
    assert [record.id for record in second.items] == ["record-03", "record-00"]
    assert second.next_cursor is None


@pytest.mark.parametrize("cursor", INVALID_CURSORS)
async def test_an_invalid_cursor_is_an_invalid_request(store: Store, cursor: str) -> None:
    with pytest.raises(GatewayError) as raised:
        await store.records.page(EVERYTHING, limit=10, cursor=cursor)

    assert raised.value.code is OperatorCode.INVALID_REQUEST


async def test_the_timeline_of_an_event_is_oldest_first(store: Store) -> None:
    answered = a_record("a", at=after(2), type="webhook.answered", code="sent")
    received = a_record("c", at=after(0))
    approved = a_record("b", at=after(1), type="message.approved")
    await store.records.append([answered, approved, received, a_record("d", event_id="event-2")])

    assert list(await store.records.timeline("event-1")) == [received, approved, answered]
    assert list(await store.records.timeline("event-9")) == []


async def test_records_outlive_their_process(store: Store, store_url: str) -> None:
    await store.records.append([a_record("record-1"), replace(a_record("record-2"), at=after(1))])
    await store.close()

    reopened = await open_store(store_url)
    found = await ids(reopened)
    await reopened.close()

    assert found == ["record-2", "record-1"]
