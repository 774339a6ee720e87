"""When which status of a message arrives: a pure plan, so that lateness and disorder can be tested."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.simulator.behaviour import StatusPlan
from tools.simulator.meta_errors import MetaError
from tools.simulator.payloads import StatusName, status_from
from tools.simulator.wire import Send


@dataclass(frozen=True, slots=True)
class Arrival:
    """One status and how many seconds after the send its webhook is posted."""

    delay: float
    status: dict[str, Any] = field(repr=False)


def arrivals_from(
    plan: StatusPlan, send: Send, *, wamid: str, now: float, error: MetaError | None = None
) -> list[Arrival]:
    """The statuses to come, in the order of arrival; with an error they end in `failed`.

    Their timestamps tell the true order even where they arrive reversed.
    """
    kinds: tuple[StatusName, ...] = plan.kinds if error is None else ("failed",)
    lateness = plan.late_seconds if "late" in plan.modes else 0.0
    delays = [_nth(plan.delays, position) for position in range(len(kinds))]
    told = [
        status_from(
            kind,
            wamid=wamid,
            to=send.to,
            timestamp=int(now + delay),
            callback=send.callback,
            error=error,
        )
        for kind, delay in zip(kinds, delays, strict=True)
    ]
    if "reversed" in plan.modes:
        told.reverse()
    return [Arrival(delay + lateness, status) for delay, status in zip(delays, told, strict=True)]


def _nth(delays: Sequence[float], position: int) -> float:
    return delays[min(position, len(delays) - 1)]
