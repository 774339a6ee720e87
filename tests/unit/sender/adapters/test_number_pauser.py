"""Pausing a number in a registry that operators edit too."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from libs.contracts.events import NumberPaused
from libs.store.factory import open_store
from libs.store.store import Store
from services.sender.adapters.number_pauser import RegistryNumberPauser
from services.sender.domain.refusals import NumberPause
from tests.unit.sender.fakes import NOON
from tests.unit.sender.gateway import a_number

EVENT = NumberPaused(account_id="a1", number_id="n1", reason="restricted", provider_code=131048)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store with one number, edited at noon."""
    opened = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    await opened.registry.save(a_number(), [], created=True)
    yield opened
    await opened.close()


def a_pause(seconds: float) -> NumberPause:
    return NumberPause(id=UUID(int=9), at=NOON + timedelta(seconds=seconds), event=EVENT)


async def test_a_number_is_paused_once_and_the_event_is_written_with_it(store: Store) -> None:
    pauses = RegistryNumberPauser(store.directory, store.registry)

    first, again = await pauses.pause(a_pause(60)), await pauses.pause(a_pause(60))

    number = await store.directory.number(number_id="n1")
    assert (first, again) == (True, False)
    assert number is not None
    assert (number.paused, number.version) == (True, 2)
    assert [posted.name for posted in await store.outbox.unpublished(10)] == ["number.paused"]


async def test_a_failure_from_before_an_operators_edit_pauses_nothing(store: Store) -> None:
    pauses = RegistryNumberPauser(store.directory, store.registry)

    paused = await pauses.pause(a_pause(-60))

    number = await store.directory.number(number_id="n1")
    assert not paused
    assert number is not None
    assert not number.paused


async def test_whatsapps_whole_seconds_do_not_make_a_failure_old(store: Store) -> None:
    assert await RegistryNumberPauser(store.directory, store.registry).pause(a_pause(-1))


async def test_an_unknown_number_cannot_be_paused(store: Store) -> None:
    event = EVENT.model_copy(update={"number_id": "n9"})

    assert not await RegistryNumberPauser(store.directory, store.registry).pause(
        NumberPause(id=UUID(int=9), at=NOON, event=event)
    )
