"""What the port `Templates` promises, on every adapter."""

import asyncio
from datetime import timedelta

from libs.contracts.known_templates import KnownButton, KnownTemplate
from libs.store.store import Store
from tests.contract.store.builders import NOW, after

READY = KnownTemplate(
    name="order_ready",
    language="de",
    status="APPROVED",
    category="UTILITY",
    body="Hallo {{first_name}}, ab {{time}}",
    parameters=("first_name", "time"),
    named=True,
    header="Bestellung {{1}}",
    header_parameters=("1",),
    buttons=(KnownButton(index=0, type="URL", takes_value=True),),
    quality="GREEN",
)
ENGLISH = KnownTemplate(name="order_ready", language="en", status="PAUSED", category="MARKETING", header_media="image")
OTHER = KnownTemplate(name="other", language="en", status="APPROVED", category="UTILITY")
HOURS = 3600


async def test_a_template_is_found_in_each_of_its_languages(store: Store, other: Store) -> None:
    await store.templates.replace("waba-1", [ENGLISH, READY, OTHER], at=NOW)

    assert list(await other.templates.of_name("waba-1", "order_ready")) == [READY, ENGLISH]
    assert list(await other.templates.all_of("waba-1")) == [READY, ENGLISH, OTHER]
    assert list(await other.templates.of_name("waba-1", "unknown")) == []
    assert list(await other.templates.of_name("waba-2", "order_ready")) == []


async def test_a_replacement_leaves_nothing_of_what_was_before(store: Store) -> None:
    await store.templates.replace("waba-1", [READY, ENGLISH], at=NOW)
    await store.templates.replace("waba-1", [OTHER], at=after(1))

    assert list(await store.templates.all_of("waba-1")) == [OTHER]


async def test_an_older_read_that_is_stored_later_changes_nothing(store: Store, other: Store) -> None:
    await store.templates.replace("waba-1", [READY], at=after(5))
    await other.templates.replace("waba-1", [OTHER], at=NOW)

    assert list(await store.templates.all_of("waba-1")) == [READY]
    state = await store.templates.synchronisation("waba-1")
    assert state is not None
    assert (state.synced_at, state.templates) == (after(5), 1)


async def test_a_synchronisation_is_due_when_it_is_asked_for_and_six_hours_after_the_last(store: Store) -> None:
    assert await store.templates.synchronisation("waba-1") is None

    await store.templates.request("waba-1", "num-1", NOW)
    assert list(await store.templates.due(NOW, 10)) == [("waba-1", "num-1")]

    await store.templates.replace("waba-1", [READY], at=after(1))
    assert list(await store.templates.due(after(6 * HOURS), 10)) == []
    assert list(await store.templates.due(after(6 * HOURS + 1), 10)) == [("waba-1", "num-1")]


async def test_of_all_processes_one_takes_a_synchronisation(store: Store, other: Store) -> None:
    await store.templates.request("waba-1", "num-1", NOW)

    taken = await asyncio.gather(
        *((store, other)[n % 2].templates.take("waba-1", now=NOW, until=after(60)) for n in range(8))
    )

    assert sorted(taken) == [False] * 7 + [True]
    assert list(await store.templates.due(after(59), 10)) == []
    assert list(await store.templates.due(after(60), 10)) == [("waba-1", "num-1")]  # its process died


async def test_a_request_during_a_read_is_not_lost(store: Store) -> None:
    await store.templates.request("waba-1", "num-1", NOW)
    await store.templates.take("waba-1", now=after(1), until=after(60))
    await store.templates.request("waba-1", "num-1", after(2))
    await store.templates.replace("waba-1", [READY], at=after(1))

    assert list(await store.templates.due(after(3), 10)) == [("waba-1", "num-1")]


async def test_a_failed_read_keeps_the_templates_and_says_why(store: Store) -> None:
    await store.templates.replace("waba-1", [READY], at=NOW)
    await store.templates.note_problem("waba-1", "timeout", at=after(5), due_at=after(65))

    state = await store.templates.synchronisation("waba-1")
    assert state is not None
    assert (state.problem, state.synced_at, state.due_at) == ("timeout", NOW, after(65))
    assert list(await store.templates.all_of("waba-1")) == [READY]

    await store.templates.replace("waba-1", [READY], at=after(66))
    state = await store.templates.synchronisation("waba-1")
    assert state is not None
    assert (state.problem, state.due_at) == (None, after(66) + timedelta(hours=6))
