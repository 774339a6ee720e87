"""`PurgeClock`: the time that purges have accepted, so that a clock that jumped is noticed after a restart too."""

from datetime import datetime
from typing import Protocol


class PurgeClock(Protocol):
    """One time for a deployment."""

    async def accepted(self) -> datetime | None:
        """The latest time that a look at the clocks accepted; None before the first one."""

    async def accept(self, at: datetime) -> None:
        """Accept this time, whatever was accepted before."""

    async def server_time(self) -> datetime | None:
        """The time of the store's own server; None where the store is a file, which has no clock."""
