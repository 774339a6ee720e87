"""`ProbeCredentials`: asks the provider whether it takes refused credentials again; if so, the restriction ends.

The rule: of all processes one probes a number at a time. The lease of a probe is also its schedule: it lasts until the
next one is due, so a process that dies delays the next probe and never repeats one.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from libs.chassis.clock import Clock, NewId
from libs.chassis.spans import Kind, span
from libs.chassis.telemetry import logger
from libs.providers.outcomes import ProbeOutcome, Refused, Usable
from libs.providers.provider import MessageSender
from libs.store.accounts import Number
from libs.store.job_leases import JobLeases
from libs.store.restriction_events import lifted_events
from libs.store.restrictions import (
    Restriction,
    RestrictionKind,
    Restrictions,
    RestrictionScope,
    StandingRestrictions,
    of_number,
)
from services.sender import metrics
from services.sender.domain.probes import CAME_BACK_WITHIN, interval_at, may_probe, probe_id, success_id
from services.sender.ports import Numbers

log = logger(__name__)
PROBE = "probe"
PAGE_SIZE = 200
_NAMESPACE = UUID("7c0d4b1a-3f0e-5a87-9d0b-52f6f4a0c6e1")  # fixed: a lift has the same event id whoever reports it


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCredentials:
    """Looks at all restrictions for refused credentials; call it every few seconds, and when a number was edited."""

    standing: StandingRestrictions
    restrictions: Restrictions
    job_leases: JobLeases
    numbers: Numbers
    providers: Mapping[str, MessageSender]
    clock: Clock
    new_id: NewId

    async def __call__(self) -> None:
        """Probe each number whose probe is due. Safe to repeat: a lift is written once."""
        async for restriction in self._refused_credentials():
            number = await self.numbers.number(restriction.subject.number_id or "")
            if number is not None and await self._is_due(restriction, number):
                await self._probe(restriction, number)

    async def _refused_credentials(self) -> AsyncIterator[Restriction]:
        after, now = None, self.clock()
        while rows := await self.standing.page(
            account_id=None, scope=RestrictionScope.NUMBER, after=after, limit=PAGE_SIZE, now=now
        ):
            for row in rows:
                if row.kind is RestrictionKind.CREDENTIALS:
                    yield row
            after = rows[-1].id

    async def _is_due(self, restriction: Restriction, number: Number) -> bool:
        now = self.clock()
        if not may_probe(restriction, number, now):
            return False
        lease = interval_at(now - restriction.since).total_seconds()
        # Nobody owns a lease twice, so it runs against this process too.
        return await self.job_leases.acquire(
            probe_id(restriction, number), owner=str(self.new_id()), now=now, lease_seconds=lease
        )

    async def _probe(self, restriction: Restriction, number: Number) -> None:
        outcome = await self._outcome(number)
        metrics.CREDENTIAL_PROBES.labels(_label(outcome)).inc()
        log.info("credentials probed", number_id=number.id, outcome=_label(outcome), cause=restriction.cause)
        if isinstance(outcome, Usable):
            await self._lift(restriction, self.clock())

    async def _outcome(self, number: Number) -> ProbeOutcome | None:
        provider, credentials = self.providers.get(number.provider), self.numbers.credentials(number)
        if provider is None or credentials is None:
            return None
        with span("GET", Kind.CLIENT):
            return await provider.probe(credentials)

    async def _lift(self, restriction: Restriction, now: datetime) -> None:
        """End the restriction, after a note of the success: the same cause soon after it is none that a probe ends."""
        number_id, account_id = restriction.subject.number_id or "", restriction.account_id
        note, lasts = success_id(number_id, restriction.cause), CAME_BACK_WITHIN.total_seconds()
        await self.job_leases.acquire(note, owner=PROBE, now=now, lease_seconds=lasts)
        events = lifted_events(uuid5(_NAMESPACE, restriction.id), at=now, by=PROBE)
        kinds = [RestrictionKind.CREDENTIALS]
        rows = await self.standing.standing(account_id, [of_number(number_id)], now)
        if not any(row.kind is RestrictionKind.REGISTRATION for row in rows):
            # A refusal from before the probe, which is handled after it, must not count as one that came back.
            kinds.append(RestrictionKind.REGISTRATION)
        for kind in kinds:
            await self.restrictions.lift(account_id, of_number(number_id), kind, at=now, events=events)


def _label(outcome: ProbeOutcome | None) -> str:
    if isinstance(outcome, Usable):
        return "usable"
    return "refused" if isinstance(outcome, Refused) else "unknown"
