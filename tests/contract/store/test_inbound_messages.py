"""What the port `InboundMessages` promises, on every adapter."""

from dataclasses import replace

import pytest

from libs.store.inbound_messages import InboundMessage
from libs.store.store import Store
from tests.contract.store.builders import NOW, after

MESSAGE = InboundMessage(
    event_id="e-1",
    message_hash="h-1",
    account_id="acc-1",
    number_id="num-1",
    customer_key="c-1",
    sealed_message_id="k1:sealed",
    at=NOW,
)


async def test_a_message_is_found_by_its_event_and_by_its_hash(store: Store, other: Store) -> None:
    await store.conversations.open_window("num-1", ["c-1"], NOW, message=MESSAGE)

    assert await other.inbound_messages.find("e-1") == MESSAGE
    assert await other.inbound_messages.find("h-1") == MESSAGE
    assert await other.inbound_messages.find("e-2") is None


async def test_a_repetition_changes_nothing(store: Store) -> None:
    await store.conversations.open_window("num-1", ["c-1"], NOW, message=MESSAGE)
    await store.conversations.open_window("num-1", ["c-1"], NOW, message=replace(MESSAGE, customer_key="c-2"))

    assert await store.inbound_messages.find("e-1") == MESSAGE


async def test_a_window_without_a_message_stores_none(store: Store) -> None:
    await store.conversations.open_window("num-1", ["c-1"], NOW)

    assert await store.inbound_messages.find("e-1") is None


NEWEST = {
    "the last of both keys": (("c-1", "c-2"), 60, "e-2"),
    "none that came after the reply": (("c-1", "c-2"), 5, "e-1"),
    "one at the very moment": (("c-2",), 10, "e-2"),
    "none of another customer": (("c-3",), 60, None),
    "none of nobody": ((), 60, None),
}


@pytest.mark.parametrize(("keys", "seconds", "found"), NEWEST.values(), ids=NEWEST.keys())
async def test_the_newest_message_of_a_customer_to_a_number_is_found(
    store: Store, other: Store, keys: tuple[str, ...], seconds: int, found: str | None
) -> None:
    messages = [
        MESSAGE,
        replace(MESSAGE, event_id="e-2", message_hash="h-2", customer_key="c-2", at=after(10)),
        replace(MESSAGE, event_id="e-3", message_hash="h-3", number_id="num-2", at=after(20)),
    ]
    for message in reversed(messages):
        await store.conversations.open_window(message.number_id, [message.customer_key], message.at, message=message)

    newest = await other.inbound_messages.newest("num-1", keys, until=after(seconds))

    assert (None if newest is None else newest.event_id) == found
