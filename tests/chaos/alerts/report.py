"""Reports the rows of a drill as scenario lines, which the end of a test run prints, and asserts that they hold."""

from collections.abc import Sequence

from tests.chaos.alerts import table
from tests.chaos.alerts.fault import Fault, Row
from tests.e2e import scenarios

FACTOR = 15.0
"""By which `make chaos` divides all durations: a scrape every second, a page within 8 s, a ticket within 60 s."""


def named(group: Sequence[Fault]) -> str:
    """The name of a test of these faults."""
    return " and ".join(fault.name for fault in group)


def reported(rows: Sequence[Row]) -> None:
    """Report the rows; fails with the table when a cell is empty, late or false."""
    for row in rows:
        scenarios.report(
            f"alert: {row.fault}: {row.alert}",
            passed=row.holds,
            fired_after_s=row.fired_after,
            ended_after_s=row.ended_after,
            factor=row.factor,
            beside=list(row.beside),
        )
    assert all(row.holds for row in rows), "\n" + "\n".join(table.printed(rows))
