"""`schedule_from`: which statuses of a message arrive when, with late and reversed orders for tests. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.simulator.behaviour import StatusPlan
from tools.simulator.meta_errors import MetaError
from tools.simulator.send_requests import Send
from tools.simulator.status_payloads import Pricing, StatusName, status_from


@dataclass(frozen=True, slots=True)
class ScheduledStatus:
    """A status, and the seconds after the send at which its webhook is posted."""

    delay: float
    status: dict[str, Any] = field(repr=False)


def schedule_from(
    plan: StatusPlan,
    send: Send,
    *,
    wamid: str,
    now: float,
    error: MetaError | None = None,
    wa_id: str | None = None,
    pricing: Pricing | None = None,
    user_id: str | None = None,
    with_user_id: bool = True,
) -> list[ScheduledStatus]:
    """The statuses in the order of arrival; with an error only `failed`.

    Their timestamps show the true order, also when they arrive reversed. `wa_id` is WhatsApp's spelling of the phone.
    """
    kinds: tuple[StatusName, ...] = plan.kinds if error is None else ("failed",)
    lateness = plan.late_seconds if "late" in plan.modes else 0.0
    delays = [_nth(plan.delays, position) for position in range(len(kinds))]
    statuses = [
        status_from(
            kind,
            wamid=wamid,
            to=wa_id or send.to,
            timestamp=int(now + delay),
            callback=send.callback,
            error=error,
            pricing=pricing,
            user_id=user_id,
            with_user_id=with_user_id,
        )
        for kind, delay in zip(kinds, delays, strict=True)
    ]
    if "reversed" in plan.modes:
        statuses.reverse()
    return [ScheduledStatus(delay + lateness, status) for delay, status in zip(delays, statuses, strict=True)]


def _nth(delays: Sequence[float], position: int) -> float:
    return delays[min(position, len(delays) - 1)]
