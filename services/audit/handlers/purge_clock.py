"""`TrustedClock`: the time that purges go by, or None while the clocks disagree.

The rule: nothing is purged by a clock that jumped or that another one contradicts; the gauge
`gateway_record_purge_stopped` says so until the clocks agree again, or an operator confirms the time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.store.chains import Chains
from libs.store.instants import instant_from
from libs.store.purge_clock import PurgeClock
from libs.store.records import RecordFilter, Records
from services.audit import metrics
from services.audit.domain.clocks import Clocks, Disagreement, disagreement

log = logger(__name__)
OWN: Final = "audit"
LOOKED_AT: Final = 100
"""Records whose times are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedClock:
    """Compares the clock with the store's, the signer's, the other services' and its own past."""

    clock: Clock
    accepted: PurgeClock
    chains: Chains
    records: Records

    async def __call__(self) -> datetime | None:
        """The time, once it is believed. Safe to repeat; look more often than once a day, or it is taken for a jump."""
        now = self.clock()
        found = disagreement(await self._clocks(now))
        for each in Disagreement:
            metrics.PURGE_STOPPED.labels(each.value).set(each is found)
        if found is not None:
            log.error("no record is purged: the clock disagrees", other=found.value)
            return None
        await self.accepted.accept(now)
        return now

    async def _clocks(self, now: datetime) -> Clocks:
        ends = await self.chains.ends()
        signed = max((each.checkpointed_at for each in ends), default=0)
        page = await self.records.page(RecordFilter(), limit=LOOKED_AT, cursor=None)
        return Clocks(
            now=now,
            accepted=await self.accepted.accepted(),
            signed=instant_from(signed) if signed else None,
            server=await self.accepted.server_time(),
            recorded=[
                (each.at, each.recorded_at)
                for each in page.items
                if each.recorded_at is not None and each.producer != OWN
            ],
        )
