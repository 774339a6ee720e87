"""The fault table, first part: what stops something for everybody is told by the right page, in time, and ends."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from tests.chaos.alerts.catalogue import outages
from tests.chaos.alerts.drill import drill
from tests.chaos.alerts.fault import Fault
from tests.chaos.alerts.report import FACTOR, reported
from tests.chaos.alerts.world import World, running_world

pytestmark = [pytest.mark.long, pytest.mark.alone, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("outages"), FACTOR) as world:
        yield world


@pytest.mark.parametrize("group", outages(), ids=lambda group: " and ".join(fault.name for fault in group))
async def test_an_outage_is_told_in_time_without_a_false_alert_and_its_alert_ends(
    world: World, group: Sequence[Fault]
) -> None:
    reported(await drill(world, *group))
