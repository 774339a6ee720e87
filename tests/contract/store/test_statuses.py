"""The contract of `Statuses`, on every adapter."""

import asyncio
import itertools
from typing import Any

import pytest

from libs.store.erasures import Erasure
from libs.store.factory import open_store
from libs.store.progress import MessageStatus, Step
from libs.store.statuses import StatusUpdate
from libs.store.store import Store
from tests.contract.store.builders import NOW, a_claim, after


def told(status: str = "delivered", *, follows: str | None = None, **fields: Any) -> StatusUpdate:
    step = Step(MessageStatus(status), NOW, (131047,) if status == "failed" else ())
    given = {"number_id": "num-1", "message_id": "wamid.1"} | fields
    return StatusUpdate(step=step, follows=None if follows is None else MessageStatus(follows), **given)


async def sent(store: Store) -> None:
    await store.ledger.claim(a_claim(integration_id="int-1"))
    await store.ledger.finish("event-1", b"sent", now=after(1), message_id="wamid.1")


async def test_a_status_finds_its_message_by_the_messages_id(store: Store, other: Store) -> None:
    await sent(store)

    known = await other.statuses.apply(told("delivered"))

    assert known is not None
    assert (known.event_id, known.account_id, known.integration_id) == ("event-1", "acc-1", "int-1")
    assert (known.number_id, known.customer_key, known.outcome) == ("num-1", "customer-1", b"sent")
    assert known.progress.status is MessageStatus.DELIVERED


async def test_a_status_that_comes_before_the_calls_answer_finds_its_event(store: Store) -> None:
    await store.ledger.claim(a_claim())

    known = await store.statuses.apply(told("sent", event_id="event-1"))

    assert known is not None
    assert (known.outcome, known.message_id) == (None, "wamid.1")


async def test_the_message_id_of_an_early_status_finds_later_ones(store: Store) -> None:
    await store.ledger.claim(a_claim())
    await store.statuses.apply(told("sent", event_id="event-1"))
    await store.ledger.finish("event-1", b"unknown", now=after(20))

    known = await store.statuses.apply(told("read"))

    assert known is not None
    assert [step.status for step in known.progress.steps] == [MessageStatus.SENT, MessageStatus.READ]


async def test_the_calls_own_message_id_stands(store: Store) -> None:
    await sent(store)

    await store.statuses.apply(told("sent", event_id="event-1", message_id="wamid.2"))

    known = await store.statuses.find("event-1")
    assert known is not None
    assert known.message_id == "wamid.1"


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param(told(message_id="wamid.9"), id="a message of somebody else's"),
        pytest.param(told(number_id="num-2"), id="another number's message of the same id"),
        pytest.param(told(event_id="event-1", number_id="num-2"), id="our event at another number"),
    ],
)
async def test_what_is_no_message_of_ours_is_not_known(store: Store, strange: StatusUpdate) -> None:
    await sent(store)

    assert await store.statuses.apply(strange) is None


async def test_an_event_that_was_never_offered_has_no_statuses(store: Store) -> None:
    await store.ledger.finish("event-1", b"paused", now=NOW)

    assert await store.statuses.apply(told("sent", event_id="event-1")) is None
    assert await store.statuses.find("event-1") is None


async def test_a_status_is_taken_once_with_what_it_said_first(store: Store) -> None:
    await sent(store)
    await store.statuses.apply(told("failed"))

    again = await store.statuses.apply(
        StatusUpdate(number_id="num-1", message_id="wamid.1", step=Step(MessageStatus.FAILED, after(99)))
    )

    assert again is not None
    assert again.progress.steps == (Step(MessageStatus.FAILED, NOW, (131047,)),)


async def test_statuses_that_come_at_once_are_all_taken_once(store: Store, other: Store) -> None:
    await sent(store)
    kinds = list(itertools.islice(itertools.cycle(["sent", "delivered", "read", "failed"]), 24))

    await asyncio.gather(*((store, other)[n % 2].statuses.apply(told(kind)) for n, kind in enumerate(kinds)))

    known = await store.statuses.find("event-1")
    assert known is not None
    assert sorted(step.status for step in known.progress.steps) == ["delivered", "failed", "read", "sent"]


async def test_finishing_keeps_earlier_statuses(store: Store, store_url: str) -> None:
    await store.ledger.claim(a_claim())
    await store.statuses.apply(told("delivered", event_id="event-1"))
    await store.ledger.finish("event-1", b"unknown", now=after(20))
    await store.close()

    reopened = await open_store(store_url)
    known = await reopened.statuses.find("event-1")
    await reopened.close()

    assert known is not None
    assert (known.outcome, known.message_id, known.progress.status) == (b"unknown", "wamid.1", MessageStatus.DELIVERED)


async def test_a_status_that_follows_another_one_is_applied_after_it(store: Store) -> None:
    await sent(store)

    early = await store.statuses.apply(told("read", follows="delivered"))
    await store.statuses.apply(told("delivered"))
    late = await store.statuses.apply(told("read", follows="delivered"))
    again = await store.statuses.apply(told("read", follows="delivered"))

    assert early is not None
    assert early.progress.steps == ()
    assert late is not None
    assert [step.status.value for step in late.progress.steps] == ["delivered", "read"]
    assert again == late


async def test_a_status_that_is_deferred_supplies_no_message_id(store: Store) -> None:
    await store.ledger.claim(a_claim())

    early = await store.statuses.apply(told("read", follows="sent", event_id="event-1"))

    assert early is not None
    assert early.message_id is None


async def test_a_fallback_is_kept_until_the_customer_has_the_message(store: Store) -> None:
    await store.ledger.claim(a_claim(fallback="k1:nonce:sealed"))
    await store.ledger.finish("event-1", b"sent", now=after(1), message_id="wamid.1")

    before = await store.statuses.apply(told("sent"))
    failed = await store.statuses.apply(told("failed"))
    delivered = await store.statuses.apply(told("delivered"))

    assert before is not None
    assert failed is not None
    assert delivered is not None
    assert [each.fallback for each in (before, failed, delivered)] == ["k1:nonce:sealed", "k1:nonce:sealed", None]


async def test_the_recipients_sealed_addresses_come_with_the_message_until_an_erasure(
    store: Store, other: Store
) -> None:
    claim = a_claim(contact="k1:sealed")
    await store.ledger.claim(claim)

    before = await other.statuses.find(claim.event_id)
    erasure = Erasure(
        id="era-1",
        account_id=claim.account_id,
        customer_keys=(claim.customer_key,),
        do_not_contact=("hash",),
        pseudonyms=(),
        reason="asked",
        actor="admin",
        asked_at=after(3600),
    )
    await store.personal_data.erase(erasure, event_ids=(), dead_letters=())
    erased = await other.statuses.find(claim.event_id)

    assert (before and before.contact, erased and erased.contact) == ("k1:sealed", None)


async def test_two_replicas_apply_all_statuses_of_one_post_in_its_order(store: Store, other: Store) -> None:
    """Each replica gets some of them, in any order, and comes back with what it could not apply yet."""
    order = (("sent", None), ("delivered", "sent"), ("read", "delivered"))
    messages = [f"wamid.{number}" for number in range(4)]
    for message in messages:
        await store.ledger.claim(a_claim(message))
        await store.ledger.finish(message, b"sent", now=NOW, message_id=message)
    moved: list[tuple[str, str]] = []

    async def apply(replica: Store, message: str, status: str, follows: str | None) -> None:
        while True:
            found = await replica.statuses.apply(told(status, follows=follows, message_id=message))
            assert found is not None
            if found.progress.has(MessageStatus(status)):
                break
            await asyncio.sleep(0)
        if found.progress.moved_by(MessageStatus(status)):
            moved.append((message, status))

    replicas = itertools.cycle([store, other])
    await asyncio.gather(
        *(apply(next(replicas), message, *step) for step in reversed(order) for message in reversed(messages))
    )

    assert sorted(moved) == sorted((message, status) for message in messages for status, _ in order)
    for message in messages:
        known = await store.statuses.find(message)
        assert known is not None
        assert [step.status.value for step in known.progress.steps] == ["sent", "delivered", "read"]
