"""The series that a case is made of, in promtool's notation without the number of samples: `1`, `1+1` or `_`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

EVERY = 15
"""Seconds between two samples and two evaluations, as in prometheus.yml."""
SERVICES = ("ingress", "policy", "sender", "audit", "console")
UP = {
    **{f'up{{job="gateway",service="{service}",instance="x"}}': "1" for service in SERVICES},
    'up{job="rabbitmq",instance="x"}': "1",
}
"""Every target answers."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its values while the fault lasts, and while all is well; `{t}` is the time at its beginning."""

    name: str
    sick: str = "1"
    well: str = "0"
    before: str | None = None
    """The values of a replaced pod's series; None: `sick`, so that the alert stands until the pod is replaced."""

    def of(self, instance: str) -> str:
        """The series of one instance."""
        if "instance=" in self.name:
            return self.name
        name, _, labels = self.name.rstrip("}").partition("{")
        return f'{name}{{{labels}{"," if labels else ""}instance="{instance}"}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What raises one alert, and with which labels and summary it does; `{instance}` is the instance that is sick."""

    alert: str
    summary: str
    series: tuple[Series, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=lambda: UP)
    """Series that are the same in every kind."""
    within: int | None = None
    """Seconds until it fires; None: 120 for a page, 900 for a ticket, which are the gateway's promises."""
    remembered: int = 900
    """Seconds for which an event is part of the expression."""
    absence: bool = False
    """The alert is about something that is not there, so it may stand before the birth."""


def counter(name: str) -> Series:
    """A counter that is born at 1 with the fault. That of a replaced pod had counted three events long ago."""
    return Series(name, before="3")


def slow(name: str, labels: str, *, limit: str, above: str) -> tuple[Series, ...]:
    """A histogram whose observations are all above `limit` and below `above`."""
    inner = f",{labels}" if labels else ""
    return (
        Series(f'{name}_bucket{{le="{limit}"{inner}}}', sick="0", before="3"),
        Series(f'{name}_bucket{{le="{above}"{inner}}}', sick="1+1", before="3"),
        Series(f'{name}_bucket{{le="+Inf"{inner}}}', sick="1+1", before="3"),
    )
