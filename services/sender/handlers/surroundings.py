"""What delivering stands on: the terms it was given, time, and what outlives the process."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from libs.chassis.clock import Clock, Monotonic
from libs.store.ledger import Ledger, Pacing
from libs.store.statuses import Statuses
from services.sender.ports import Consents, Reservations, Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Who claims (`owner`), for how long a call is ours (`lease_s`), and the longest wait smoothed over."""

    owner: str
    lease_s: float
    smooth_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Time and what outlives the process."""

    ledger: Ledger
    pacing: Pacing
    statuses: Statuses
    reservations: Reservations
    windows: Windows
    consents: Consents
    clock: Clock
    monotonic: Monotonic
    sleep: Callable[[float], Awaitable[None]]
