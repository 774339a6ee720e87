"""What the port `InboundMessages` promises, on every adapter."""

from dataclasses import replace

from libs.store.inbound_messages import InboundMessage
from libs.store.store import Store
from tests.contract.store.builders import NOW

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
