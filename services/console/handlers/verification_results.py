"""`VerificationResults` keeps what verifications find in the store, and shows it in the metrics of every replica."""

from dataclasses import dataclass
from datetime import datetime

import orjson

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.record.faults import Fault, VerificationResult
from libs.store.verified import Scope, VerificationState, VerificationStates
from services.console import metrics

log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationResults:
    """The results of all verifications, scheduled and requested ones."""

    states: VerificationStates
    clock: Clock

    async def show(self, scope: Scope) -> VerificationState:
        """Read the state of `scope` and set its gauges; a scope that was never verified counts as sound."""
        state = (await self.states.all()).get(scope, VerificationState(sound=True))
        metrics.RECORD_SOUND.labels(scope.value).set(state.sound)
        at = state.verified_at
        metrics.VERIFIED_AT.labels(scope.value).set(0 if at is None else at.timestamp())
        return state

    async def note_fault(self, scope: Scope, fault: Fault) -> None:
        """Keep a fault at once: the verification may go on for long."""
        log.error("the record is not sound", scope=scope.value, fault=fault.as_json())
        await self.states.failed(scope, orjson.dumps(fault.as_json()).decode(), at=self.clock())
        await self.show(scope)

    async def note_end(self, scope: Scope, result: VerificationResult, *, started: datetime) -> None:
        """Keep the result of a verification of the whole `scope`."""
        metrics.VERIFICATIONS.labels("ok" if result.ok else "fault").inc()
        metrics.VERIFIED_RECORDS.labels(scope.value).set(result.records)
        now = self.clock()
        if (fault := result.first_fault) is None:
            await self.states.passed(scope, started=started, ended=now)
        else:
            await self.states.failed(scope, orjson.dumps(fault.as_json()).decode(), at=now, ended=now)
        await self.show(scope)
