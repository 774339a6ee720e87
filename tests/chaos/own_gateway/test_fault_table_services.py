"""The fault table, second part: the right page tells of a service that was killed or frozen, in time, and ends."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from tests.chaos.alerts.catalogue import services
from tests.chaos.alerts.drill import drill
from tests.chaos.alerts.fault import Fault
from tests.chaos.alerts.report import FACTOR, named, reported
from tests.chaos.alerts.world import World, running_world

pytestmark = [pytest.mark.long, pytest.mark.timed, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("services"), FACTOR) as world:
        yield world


@pytest.mark.parametrize("group", services(), ids=named)
async def test_an_outage_is_told_in_time_without_a_false_alert_and_its_alert_ends(
    world: World, group: Sequence[Fault]
) -> None:
    reported(await drill(world, *group))
