"""`drill`: starts faults, waits for their alerts, tries the runbook, mends, and waits for the alerts to end."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tests.chaos.alerts import runbook
from tests.chaos.alerts.fault import LIMITS, Expected, Fault, Row
from tests.chaos.alerts.pressure import Moment
from tests.chaos.alerts.prometheus import Prometheus
from tests.chaos.alerts.service_levels import STAY
from tests.chaos.alerts.world import World

ENDS_WITHIN = 1800.0
"""Seconds at factor 1 that an alert may take to end: what its window has seen, and its scrapes."""
MACHINE = 60.0
"""Seconds that services, broker and machine may take beside, whatever the factor."""
PATIENCE = 2 * max(LIMITS.values())
"""Seconds at factor 1 after which an alert will not come any more."""
QUIET_SECONDS = 3.0
"""For so long no alert may be there before a fault begins: a gateway that has just started is still busy."""
Labels = tuple[tuple[str, str], ...]


@dataclass(eq=False)
class Watch:
    """The alerts that fired since it began."""

    prometheus: Prometheus
    before: frozenset[Labels] = frozenset()
    """Those that were there already."""
    firing: set[Labels] = field(default_factory=set)
    fired: dict[Labels, Moment] = field(default_factory=dict)
    """When each was seen to fire first."""

    def first(self, expected: Expected) -> Moment | None:
        """When the alert fired first; None when it did not."""
        found = (moment for labels, moment in self.fired.items() if expected.matches(dict(labels)))
        return min(found, key=lambda moment: moment.at, default=None)

    def fires(self, expected: Expected) -> bool:
        """True while the alert fires."""
        return any(expected.matches(dict(labels)) for labels in self.firing)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look several times an evaluation while the block lasts."""
        await self._look()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(max(0.1, min(1.0, self.prometheus.interval / 4)))
            await self._look()

    async def _look(self) -> None:
        self.firing = {tuple(sorted(each.labels.items())) for each in await self.prometheus.alerts() if each.firing}
        for labels in self.firing:
            self.fired.setdefault(labels, Moment.now())


async def drill(world: World, *faults: Fault) -> list[Row]:
    """The rows of faults that do not disturb each other, all at once."""
    expected = [each for fault in faults for each in fault.expected]
    wanted = [*expected, *(each for fault in faults for each in fault.lasting)]
    before = await _wait_until_quiet(world, expected)
    watch = Watch(world.prometheus, before=frozenset(before))
    # Where a fault cannot be caused, the others are mended before the world ends.
    async with watch.running(), asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(world, watch, fault)) for fault in faults]
    rows = [row for task in tasks for row in task.result()]
    others = {name_of(labels) for labels in set(watch.fired) - before if not _any(wanted, labels)}
    allowed = frozenset[str]().union(*(fault.companions for fault in faults))
    return [row.among(beside=tuple(sorted(others & allowed)), false=tuple(sorted(others - allowed))) for row in rows]


async def _one(world: World, watch: Watch, fault: Fault) -> list[Row]:
    await fault.prepare(world)
    began = Moment.now()
    try:
        await fault.begin(world)
        await _until(lambda: all(watch.first(each) for each in fault.expected), world, PATIENCE)
        trial = await runbook.tried(world, [each.alert for each in fault.expected], fault.name)
    finally:
        mended = time.monotonic()
        await fault.mend(world)
    await _until(lambda: not any(watch.fires(each) for each in fault.expected), world, ENDS_WITHIN)
    ended_after = round(time.monotonic() - mended, 1)
    lasting = [each for each in fault.lasting if not _any([each], *watch.before)]
    await _until(lambda: all(watch.first(each) for each in lasting), world, PATIENCE)
    rows = [_row(watch, fault, each, began, ended_after) for each in (*fault.expected, *lasting)]
    return [replace(rows[0], commands=trial.commands, otherwise=tuple(trial.faults)), *rows[1:]]


def _row(watch: Watch, fault: Fault, each: Expected, began: Moment, ended_after: float) -> Row:
    """What was seen of an alert."""
    first, lasts = watch.first(each), each not in fault.expected
    return Row(
        fault=fault.name,
        alert=str(each),
        severity=_severity(watch, each) or fault.severity,
        factor=watch.prometheus.factor,
        fired_after=None if first is None else round(first.since(began), 1),
        stalled=0.0 if first is None else round(first.stalled_since(began), 1),
        ended_after=None if first is None or lasts or watch.fires(each) else ended_after,
        commands=0,
        lasts=lasts,
    )


def _severity(watch: Watch, expected: Expected) -> str:
    found = [dict(labels) for labels in watch.fired if expected.matches(dict(labels))]
    return found[0].get("severity", "") if found else ""


async def _until(holds: Callable[[], bool], world: World, seconds: float) -> None:
    """Wait until it holds, or until it is clear that it will not; the row then has an empty cell."""
    began, limit = Moment.now(), seconds / world.prometheus.factor + MACHINE
    while not holds() and (now := Moment.now()).since(began) < limit + min(now.stalled_since(began), limit):
        await asyncio.sleep(0.05)


async def _wait_until_quiet(world: World, wanted: Sequence[Expected]) -> set[Labels]:
    """Wait until none of these alerts is there, and no page but those of the service levels; what is still there."""
    end = time.monotonic() + ENDS_WITHIN / world.prometheus.factor + MACHINE
    quiet_since = time.monotonic()
    while True:
        there = await world.prometheus.alerts()
        names = {a.name for a in there if _any(wanted, a.labels) or (a.severity == "page" and a.name not in STAY)}
        if names:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since >= QUIET_SECONDS:
            return {tuple(sorted(alert.labels.items())) for alert in there}
        assert time.monotonic() < end, f"still there from before: {names}"
        await asyncio.sleep(0.25)


def name_of(labels: Labels) -> str:
    """The alert's name."""
    return dict(labels)["alertname"]


def _any(wanted: Sequence[Expected], *there: Labels | Mapping[str, str]) -> bool:
    return any(each.matches(dict(labels)) for each in wanted for labels in there)
