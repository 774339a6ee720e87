"""`Fault`: what is broken, the alerts that must tell of it, and how it is mended."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.chaos.alerts.world import World

Severity = Literal["page", "ticket"]
Act = Callable[[World], Awaitable[None]]
LIMITS: Mapping[str, float] = {"page": 120.0, "ticket": 900.0}
"""Seconds from the first event to the alert, by severity."""
ALLOWANCE = 16.0
"""Seconds that gateway, broker and a busy machine may take beside in a scaled run: no setting divides the 15 s at which
every console process reads what another one has verified."""


async def _nothing(_: World) -> None:
    """Need nothing."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An alert that must fire; `labels` are those that tell it from others of the same name."""

    alert: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """True when these are the labels of this alert."""
        wanted = {"alertname": self.alert, **self.labels}
        return all(labels.get(name) == value for name, value in wanted.items())

    def __str__(self) -> str:
        shown = ", ".join(self.labels.values())
        return f"{self.alert} ({shown})" if shown else self.alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A row of the fault table."""

    name: str
    begin: Act = field(repr=False)
    mend: Act = field(repr=False)
    expected: tuple[Expected, ...]
    """Every one must fire in time, and end after the mend. The first one's section of the runbook is tried."""
    companions: frozenset[str] = frozenset()
    """Further alerts that may fire, because what they say is true as well."""
    severity: Severity
    """Of the first expected alert."""
    prepare: Act = field(default=_nothing, repr=False)
    """What has to be there before the fault; the alert's time counts from after it."""
    lasting: tuple[Expected, ...] = ()
    """Must fire in time as well. They end when the window of their rule has passed, for which no drill waits; promtool
    shows it. One that is there from before has no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a fault; times in seconds as measured, whatever the factor."""

    fault: str
    alert: str
    severity: str
    factor: float
    fired_after: float | None
    stalled: float = 0.0
    """Seconds of `fired_after` in which a process waited for a CPU, because the machine was busy."""
    ended_after: float | None
    commands: int
    """Commands of the runbook that were run."""
    otherwise: tuple[str, ...] = ()
    """What they answered otherwise than it stands in the runbook."""
    beside: tuple[str, ...] = ()
    """Allowed alerts that fired too."""
    false: tuple[str, ...] = ()
    """Alerts that fired although no fault explains them."""
    lasts: bool = False
    """Whether its end was not waited for."""

    def among(self, *, beside: tuple[str, ...], false: tuple[str, ...]) -> "Row":
        """The row, with the other alerts that fired meanwhile."""
        return replace(self, beside=beside, false=false)

    @property
    def in_time(self) -> bool:
        """True when the alert came within the limit of its severity, by the clock that the rules run on.

        What the gateway and the machine take is not scaled, so a scaled run gets some seconds more, and those in which
        the machine was too busy to run everybody.
        """
        allowance = ALLOWANCE + self.stalled if self.factor > 1 else 0.0
        return self.fired_after is not None and self.fired_after <= LIMITS[self.severity] / self.factor + allowance

    @property
    def holds(self) -> bool:
        """True when no cell is empty, the alert was in time and ended, no other fired and the runbook is right."""
        ended = self.lasts or self.ended_after is not None
        return self.in_time and ended and not self.false and not self.otherwise
