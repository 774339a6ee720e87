"""Runs the scheduled verifications of the record."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from libs.chassis.periodic import periodic
from libs.chassis.telemetry import logger
from libs.store.verified import Scope
from services.console.app.dependencies import Dependencies
from services.console.domain.verification_schedule import Interval, Schedule, Slots
from services.console.handlers.audit import Audit
from services.console.handlers.scheduled_verification import VerifyScheduled
from services.console.handlers.verification_lease import VerificationLease
from services.console.settings import ConsoleSettings

log = logger(__name__)
LOOK_SECONDS = 15.0
"""How often each replica looks whether a verification is due, and reads the results of the others."""


@asynccontextmanager
async def scheduled_verification(
    settings: ConsoleSettings, deps: Dependencies, audit: Audit, *, owner: str
) -> AsyncGenerator[None, None]:
    """Verify what is new, and the whole record, at their intervals while the block runs; needs public keys."""
    if not audit.keys:
        log.warning("the record is not verified: GATEWAY_SIGNING_KEYS is not set")
        yield
        return
    new = verification_job(Scope.INCREMENTAL, Interval(settings.verify_new_seconds), deps, audit, owner=owner)
    slots = Slots(settings.verify_whole_seconds, settings.verify_whole_hour)
    whole = verification_job(Scope.WHOLE, slots, deps, audit, owner=owner)
    async with (
        periodic("incremental verification", new, min(LOOK_SECONDS, settings.verify_new_seconds)),
        periodic("whole verification", whole, min(LOOK_SECONDS, settings.verify_whole_seconds)),
    ):
        yield


def verification_job(
    scope: Scope, schedule: Schedule, deps: Dependencies, audit: Audit, *, owner: str
) -> VerifyScheduled:
    """The job that verifies `scope`."""
    lease = VerificationLease(
        job_id=f"verify:{scope.value}", owner=owner, leases=deps.store.job_leases, clock=deps.clock
    )
    return VerifyScheduled(
        scope=scope,
        schedule=schedule,
        chains=audit.chains,
        checkpoints=audit.checkpoints,
        keys=audit.keys,
        read_shipped=audit.read_shipped,
        places=audit.places,
        results=audit.results,
        lease=lease,
        clock=deps.clock,
        log=audit.log,
    )
