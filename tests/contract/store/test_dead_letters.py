"""The contract of `DeadLetters`, on every adapter."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from libs.chassis.amqp.dead_letter_messages import MAX_LISTED, MAX_POST, MAX_REASON
from libs.store.dead_letters import DeadLetter, DeadLetterFilter
from libs.store.sealer import Sealer, SealingKey
from libs.store.store import Store
from tests.contract.store.builders import NOW, after, an_outbox_event

DAY = 86_400
ALL = DeadLetterFilter()


def a_letter(letter_id: str = "dlt_1", **fields: Any) -> DeadLetter:
    given: dict[str, Any] = {
        "queue": "sender.forwards",
        "reason": "timeout",
        "name": "forward.requested",
        "message_id": "m-1",
        "account_id": "acc-1",
        "integration_id": "int-1",
        "attempts": 30,
        "died_at": NOW,
        "expires_at": after(14 * DAY),
        "sealed": "k1:nonce:sealed",
    }
    return DeadLetter(id=letter_id, **(given | fields))


async def test_a_letter_is_kept_as_it_was_handed_over(store: Store, other: Store) -> None:
    unreadable = a_letter("dlt_2", name=None, message_id=None, account_id=None, integration_id=None)
    await store.dead_letters.add(a_letter())
    await store.dead_letters.add(unreadable)

    found = await other.dead_letters.page(ALL, after=None, limit=10)

    assert found == [unreadable, a_letter()]


async def test_a_letter_that_is_handed_over_again_changes_nothing(store: Store) -> None:
    await store.dead_letters.add(a_letter())
    await store.dead_letters.mark_replayed("dlt_1", at=after(5), by="op", events=[])

    await store.dead_letters.add(a_letter(reason="another"))

    (found,) = await store.dead_letters.page(ALL, after=None, limit=10)
    assert found == replace(a_letter(), replayed_at=after(5), replayed_by="op")


async def test_a_replay_and_its_event_are_noted_in_one_step(store: Store, other: Store) -> None:
    await store.dead_letters.add(a_letter())

    await store.dead_letters.mark_replayed("dlt_1", at=after(5), by="op", events=[an_outbox_event()])

    assert await other.outbox.unpublished(10) == [an_outbox_event()]
    assert await other.dead_letters.page(DeadLetterFilter(replayed=False), after=None, limit=10) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(ALL, ["dlt_4", "dlt_3", "dlt_2", "dlt_1"], id="all, the latest first"),
        pytest.param(DeadLetterFilter(id="dlt_2"), ["dlt_2"], id="by id"),
        pytest.param(DeadLetterFilter(queue="policy.webhooks"), ["dlt_3"], id="of one queue"),
        pytest.param(DeadLetterFilter(account_id="acc-2"), ["dlt_4"], id="of one account"),
        pytest.param(DeadLetterFilter(replayed=True), ["dlt_1"], id="replayed"),
        pytest.param(DeadLetterFilter(replayed=False, account_id="acc-1"), ["dlt_3", "dlt_2"], id="not replayed"),
    ],
)
async def test_letters_are_found_by_what_is_asked(store: Store, wanted: DeadLetterFilter, expected: list[str]) -> None:
    for letter in (
        a_letter("dlt_1"),
        a_letter("dlt_2"),
        a_letter("dlt_3", queue="policy.webhooks"),
        a_letter("dlt_4", account_id="acc-2"),
    ):
        await store.dead_letters.add(letter)
    await store.dead_letters.mark_replayed("dlt_1", at=after(5), by="op", events=[])

    found = await store.dead_letters.page(wanted, after=None, limit=10)

    assert [letter.id for letter in found] == expected


async def test_a_letter_is_removed_unless_it_was_replayed(store: Store, other: Store) -> None:
    for n in range(3):
        await store.dead_letters.add(a_letter(f"dlt_{n}"))
    await store.dead_letters.mark_replayed("dlt_1", at=after(5), by="op", events=[an_outbox_event()])

    for letter_id in ("dlt_0", "dlt_0", "dlt_1", "dlt_9"):
        await store.dead_letters.remove(letter_id)

    assert [letter.id for letter in await other.dead_letters.page(ALL, after=None, limit=10)] == ["dlt_2", "dlt_1"]
    assert await other.outbox.unpublished(10) == [an_outbox_event()]


async def test_a_discard_deletes_the_content_with_its_event_in_one_step(store: Store, other: Store) -> None:
    await store.dead_letters.add(a_letter(replayable=False))

    done = await store.dead_letters.mark_discarded("dlt_1", at=after(5), by="op", events=[an_outbox_event()])

    (found,) = await other.dead_letters.page(DeadLetterFilter(discarded=True), after=None, limit=10)
    assert done
    assert found == replace(a_letter(replayable=False), discarded_at=after(5), discarded_by="op", sealed="")
    assert await other.outbox.unpublished(10) == [an_outbox_event()]
    assert await other.dead_letters.page(DeadLetterFilter(discarded=False), after=None, limit=10) == []
    assert await other.dead_letters.count_waiting(after(6)) == {}


@pytest.mark.parametrize("first", ["mark_replayed", "mark_discarded", "nothing stored"])
async def test_what_is_gone_replayed_or_discarded_is_not_discarded(store: Store, first: str) -> None:
    if first != "nothing stored":
        await store.dead_letters.add(a_letter())
        await getattr(store.dead_letters, first)("dlt_1", at=after(5), by="op", events=[])
    before = await store.dead_letters.page(ALL, after=None, limit=10)

    done = await store.dead_letters.mark_discarded("dlt_1", at=after(9), by="other", events=[an_outbox_event()])

    assert not done
    assert await store.dead_letters.page(ALL, after=None, limit=10) == before
    assert await store.outbox.unpublished(10) == []


async def test_a_discarded_letter_is_not_removed_before_its_event_is_published(store: Store) -> None:
    await store.dead_letters.add(a_letter())
    await store.dead_letters.mark_discarded("dlt_1", at=after(5), by="op", events=[an_outbox_event()])

    await store.dead_letters.remove("dlt_1")

    assert await store.outbox.unpublished(10) == [an_outbox_event()]


async def test_the_largest_letter_that_the_conversion_makes_can_be_stored(store: Store, other: Store) -> None:
    serialized = json.dumps({"body": base64.b64encode(b"x" * MAX_POST).decode(), "message_id": "?" * 255})
    sealed = Sealer((SealingKey("k1", bytes(32)),)).seal(serialized, owner="dlt_1", field_name="dead_letter")
    listed = {"reason": "é" * MAX_REASON, "name": "\U0001f600" * MAX_LISTED, "message_id": "?" * MAX_LISTED}
    largest = a_letter(sealed=sealed, attempts=1_000_000, account_id="a" * MAX_LISTED, **listed)

    await store.dead_letters.add(largest)

    assert await other.dead_letters.page(ALL, after=None, limit=10) == [largest]


async def test_letters_come_in_pages(store: Store) -> None:
    for n in range(5):
        await store.dead_letters.add(a_letter(f"dlt_{n}"))

    page = await store.dead_letters.page(ALL, after="dlt_3", limit=2)

    assert [letter.id for letter in page] == ["dlt_2", "dlt_1"]


async def test_waiting_letters_are_counted_by_queue_until_replayed_or_over(store: Store) -> None:
    await store.dead_letters.add(a_letter("dlt_1"))
    await store.dead_letters.add(a_letter("dlt_2"))
    await store.dead_letters.add(a_letter("dlt_3", queue="policy.webhooks"))
    await store.dead_letters.add(a_letter("dlt_4", expires_at=after(DAY)))
    await store.dead_letters.mark_replayed("dlt_2", at=after(5), by="op", events=[])

    early = await store.dead_letters.count_waiting(after(DAY - 1))
    late = await store.dead_letters.count_waiting(after(DAY))

    assert early == {"sender.forwards": 2, "policy.webhooks": 1}
    assert late == {"sender.forwards": 1, "policy.webhooks": 1}


def test_a_letters_content_is_not_in_its_repr() -> None:
    assert "sealed" not in repr(a_letter())
