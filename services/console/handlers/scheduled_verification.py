"""`VerifyScheduled`: verifies the record at intervals, on one replica at a time; every replica shows the results.

Safe to repeat and to interrupt at any line. An incremental verification goes on from the places in the store, which
move only past what was found sound; a whole one begins again.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.record.faults import VerificationResult
from libs.record.keys import PublicKeys
from libs.store.chains import Chains, Checkpoints
from libs.store.verification import ChainReader, sum_of, verify_each, verify_new
from libs.store.verified import Scope, VerifiedPlace, VerifiedPlaces
from services.console import metrics
from services.console.domain.verification_schedule import Schedule
from services.console.handlers.log import Log
from services.console.handlers.verification_lease import LeaseLost, VerificationLease
from services.console.handlers.verification_results import VerificationResults
from services.console.ports import ReadShippedCheckpoints

log = logger(__name__)
_PLACES_AT_ONCE = 100
_MOST_FAULTS_LOGGED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyScheduled:
    """The job of one scope; to be called more often than it is due."""

    scope: Scope
    schedule: Schedule
    chains: Chains
    checkpoints: Checkpoints
    keys: PublicKeys
    read_shipped: ReadShippedCheckpoints
    places: VerifiedPlaces
    results: VerificationResults
    lease: VerificationLease
    clock: Clock
    log: Log | None = None
    """The cumulative log: a whole verification compares all of it with all chains, an incremental one its new part."""

    async def __call__(self) -> None:
        """Show the results of all replicas, and verify when it is due and no other replica does."""
        if not await self._is_due() or not await self.lease.acquire():
            return
        try:
            if await self._is_due():  # another replica may have done it meanwhile
                await self._verify()
        except LeaseLost:
            metrics.VERIFICATIONS.labels("stopped").inc()
            log.warning("verification stopped: another replica has its lease", scope=self.scope.value)
        else:
            await self.lease.release()

    async def _is_due(self) -> bool:
        return self.schedule.is_due((await self.results.show(self.scope)).verified_at, self.clock())

    async def _verify(self) -> None:
        started, total, faults = self.clock(), VerificationResult(0, 0, 0, 0, None), 0
        async for result in self._each():
            total = sum_of(total, result)
            faults += not result.ok
            if result.first_fault is not None and faults <= _MOST_FAULTS_LOGGED:
                await self.results.note_fault(self.scope, result.first_fault)
        await self.results.note_end(self.scope, total, started=started)

    def _each(self) -> AsyncIterator[VerificationResult]:
        reader = ChainReader(chains=self.chains, checkpoints=self.checkpoints, keys=self.keys, pause=self.lease)
        return self._whole(reader) if self.scope is Scope.WHOLE else self._new(reader)

    async def _whole(self, reader: ChainReader) -> AsyncIterator[VerificationResult]:
        async for result in verify_each(reader, shipped=await self.read_shipped()):
            yield result
        if self.log is not None:
            yield await self.log.verified(reader.pause)

    async def _new(self, reader: ChainReader) -> AsyncIterator[VerificationResult]:
        moved: list[VerifiedPlace] = []
        async for result, place in verify_new(reader, await self.places.all()):
            moved += [] if place is None else [place]
            if len(moved) >= _PLACES_AT_ONCE:
                await self.places.save(moved)
                moved = []
            yield result
        await self.places.save(moved)
        if self.log is not None:
            yield await self.log.verified_on(reader.pause)
