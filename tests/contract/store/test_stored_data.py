"""The reader of stores from outside sees the same on each of them."""

from pathlib import Path

import pytest

from libs.record.faults import FaultKind
from libs.store.factory import open_store
from libs.store.store import Store
from libs.store.verification import verify
from tests.contract.store.builders import a_claim, a_record
from tools.stack.stored_data import stored_data


async def test_it_knows_which_events_were_claimed(store: Store, store_url: str) -> None:
    for event in ("event-1", "event-2"):
        await store.ledger.claim(a_claim(event))

    assert stored_data(store_url).claimed_events() == {"event-1", "event-2"}


async def test_it_finds_what_is_stored_anywhere(store: Store, store_url: str) -> None:
    await store.ledger.claim(a_claim(customer_key="a-customer-of-note"))
    await store.records.append([a_record("record-of-note")])

    content = stored_data(store_url).content()

    assert b"a-customer-of-note" in content
    assert b"record-of-note" in content
    assert b"nowhere" not in content


async def test_a_forged_copy_does_not_verify_and_the_original_does(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    await store.records.append([a_record(f"record-{n}", type="webhook.answered", code="sent") for n in range(3)])
    original, folder = stored_data(store_url), tmp_path / "copy"
    folder.mkdir()

    copy = original.copy_of_record(folder)
    forged = copy.first_record("webhook.answered", "sent")
    copy.set_code(forged, "refused")

    opened = await open_store(copy.url)
    result = await verify(opened.chains, opened.checkpoints, keys={})
    await opened.close()
    copy.remove()
    assert forged == "record-0"
    assert result.first_fault is not None
    assert result.first_fault.kind is FaultKind.ALTERED
    assert original.first_record("webhook.answered", "sent") == forged


async def test_a_record_that_is_not_there_is_named(store: Store, store_url: str) -> None:
    with pytest.raises(LookupError, match="policy_violation"):
        stored_data(store_url).first_record("webhook.answered", "policy_violation")


async def test_what_was_removed_is_gone(store_url: str, tmp_path: Path) -> None:
    opened = await open_store(store_url)
    await opened.records.append([a_record()])
    await opened.close()

    stored_data(store_url).remove()

    again = await open_store(store_url)
    assert await again.records.timeline("event-1") == []
    await again.close()


def test_a_url_of_neither_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="sqlite"):
        stored_data("postgres://db/gateway")
