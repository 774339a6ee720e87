"""A number's rate follows what its provider says, but never an operator's."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from libs.chassis.settlement import NotFoundYet
from libs.providers.outcomes import OutcomeUnknown, ProbeOutcome, Refused, Usable
from libs.store.factory import open_store
from libs.store.store import Store
from services.sender.adapters.throughputs import RegistryThroughputs
from tests.unit.sender.fake_provider import FakeNumbers, FakeProvider
from tests.unit.sender.fake_world import NOON, World
from tests.unit.sender.gateway import a_number

CAUSE = UUID(int=4)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    opened = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    yield opened
    await opened.close()


async def raised(store: Store, outcome: ProbeOutcome, **number: float) -> tuple[float, list[str]]:
    row = a_number(**number)
    await store.registry.save(row, [], created=True)
    provider = FakeProvider(World(), probes=[outcome, outcome])
    throughputs = RegistryThroughputs(store.directory, store.registry, FakeNumbers((row,)), {"cloud_api": provider})
    for _ in range(2):
        await throughputs.raise_to_providers(row, cause=CAUSE, at=NOON)
    found = await store.directory.number(number_id="n1")
    assert found is not None
    return found.messages_per_second, [event.name for event in await store.outbox.unpublished(10)]


async def test_an_upgrade_raises_the_default_rate_once(store: Store) -> None:
    assert await raised(store, Usable(1000.0)) == (1000.0, ["number.changed"])


@pytest.mark.parametrize(
    ("outcome", "number", "rate"),
    [
        pytest.param(Usable(1000.0), {"messages_per_second": 20.0}, 20.0, id="an operator's own rate"),
        pytest.param(Usable(80.0), {}, 80.0, id="the default"),
        pytest.param(Usable(20.0), {}, 80.0, id="a lower one"),
        pytest.param(Usable(), {}, 80.0, id="no figure"),
        pytest.param(Refused(code=190, http_status=401), {}, 80.0, id="a refusal"),
    ],
)
async def test_nothing_else_changes_it(
    store: Store, outcome: ProbeOutcome, number: dict[str, float], rate: float
) -> None:
    assert await raised(store, outcome, **number) == (rate, [])


async def test_without_an_answer_the_notice_is_handled_again(store: Store) -> None:
    with pytest.raises(NotFoundYet):
        await raised(store, OutcomeUnknown("timeout"))
