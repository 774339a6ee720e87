"""The fault table, third part: single messages, numbers, records and 3CX systems; then the runbook's other commands.

The dashboards are asked last, when there was traffic and everything has happened once.
"""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos.alerts import dashboards, runbook
from tests.chaos.alerts.catalogue import events, provoked
from tests.chaos.alerts.drill import drill
from tests.chaos.alerts.report import FACTOR, reported
from tests.chaos.alerts.world import World, running_world

pytestmark = [pytest.mark.long, pytest.mark.timed, pytest.mark.asyncio(loop_scope="session")]


FOREIGN = (
    "gateway_log_cosignatures_total",
    "gateway_log_cosigned_timestamp_seconds",
    "gateway_log_timestamped_timestamp_seconds",
)
"""Of witnesses and of a time stamping authority, which somebody else runs; there is none here."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("events"), FACTOR) as world:
        yield world


@pytest.fixture(scope="module")
def since() -> float:
    return time.time()


@pytest.mark.parametrize("group", range(len(events())))
async def test_each_event_is_told_in_time_without_a_false_alert_and_its_alert_ends(
    world: World, since: float, group: int
) -> None:
    reported(await drill(world, *events()[group]))


async def test_the_commands_of_alerts_that_no_fault_here_sets_off_answer_as_the_runbook_says(world: World) -> None:
    names = sorted(set(runbook.sections()) - provoked())

    trial = await runbook.tried(world, names, "running")

    assert trial.commands >= len(names)
    assert not trial.faults, "\n".join(trial.faults)


async def test_every_query_of_the_dashboards_has_data(world: World, since: float) -> None:
    empty = [expression for _, _, expression in await dashboards.without_data(world.prometheus, since)]

    assert [each for each in empty if not any(name in each for name in FOREIGN)] == []
