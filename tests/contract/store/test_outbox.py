"""The contract of `Outbox`, on every adapter."""

from libs.store.outbox import OutboxEvent
from libs.store.store import Store
from tests.contract.store.builders import after, an_account, an_outbox_event


async def post(store: Store, *ids: str) -> None:
    for second, posted_id in enumerate(ids):
        event = an_outbox_event(posted_id, at=after(second).timestamp())
        await store.registry.save(an_account(f"acc-{posted_id}"), [event], created=True)


async def test_an_event_waits_as_it_was_written(store: Store) -> None:
    event = an_outbox_event("e-1", body=b'{"name":"\xc3\xa9","n":0}', at=after(0.25).timestamp())

    await store.registry.save(an_account(), [event], created=True)

    assert await store.outbox.unpublished(10) == [event]


async def test_the_oldest_events_come_first(store: Store) -> None:
    await post(store, "e-3", "e-1", "e-2")

    assert [event.id for event in await store.outbox.unpublished(2)] == ["e-3", "e-1"]


async def test_events_of_one_change_keep_their_order(store: Store) -> None:
    events = [an_outbox_event(f"e-{number}") for number in (2, 1, 3)]

    await store.registry.save(an_account(), events, created=True)

    assert [event.id for event in await store.outbox.unpublished(10)] == ["e-2", "e-1", "e-3"]


async def test_of_one_changes_events_each_waits_on_its_own(store: Store) -> None:
    await store.registry.save(an_account(), [an_outbox_event("e-1"), an_outbox_event("e-2")], created=True)

    await store.outbox.mark_published(["e-1"])

    assert [event.id for event in await store.outbox.unpublished(10)] == ["e-2"]


async def test_published_events_wait_no_longer_and_unknown_ids_are_ignored(store: Store, other: Store) -> None:
    await post(store, "e-1", "e-2", "e-3")

    await store.outbox.mark_published(["e-1", "e-3", "never-written"])
    await other.outbox.mark_published(["e-1"])
    await other.outbox.mark_published([])

    assert [event.id for event in await store.outbox.unpublished(10)] == ["e-2"]
    assert [event.id for event in await other.outbox.unpublished(10)] == ["e-2"]


async def test_an_event_of_no_row_waits_and_leaves_nothing_behind(store: Store, other: Store) -> None:
    events = [an_outbox_event("e-1"), an_outbox_event("e-2", at=after(1).timestamp())]

    await store.outbox.add(events)
    await store.outbox.add([])
    before = await other.outbox.unpublished(10)
    await other.outbox.mark_published(["e-1"])

    assert before == events
    assert [event.id for event in await store.outbox.unpublished(10)] == ["e-2"]


async def test_an_event_that_is_added_again_is_published_once(store: Store) -> None:
    event = OutboxEvent("7f1d3a52-8f1b-4f0e-9c55-0a1b2c3d4e5f", "data.read", b"{}", 1.0)
    other = OutboxEvent("8f1d3a52-8f1b-4f0e-9c55-0a1b2c3d4e5f", "data.read", b"{}", 2.0)

    await store.outbox.add([event])
    await store.outbox.add([event, other])

    assert await store.outbox.unpublished(10) == [event, other]
