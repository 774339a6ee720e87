"""Compile a report: read the account's records once, day by day, and let the figures be counted.

The rule: no more than a few reports at a time, none for longer than its time, and never on the event loop's account:
the store counts in its own thread or server, and what comes here is small.
"""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime

from libs.chassis.clock import Clock
from libs.contracts.errors import ErrorCode, unavailable
from libs.record.canonical import chain_of
from libs.store.accounts import Account
from libs.store.chains import Chains
from libs.store.records import Record, RecordFilter, Records
from libs.store.tallies import Tallies
from services.console import metrics
from services.console.domain.reporting.building import Gathered, report_from
from services.console.domain.reporting.counting import Counts
from services.console.domain.reporting.effects import ADDED, LIFTED, Effects, unknown_in
from services.console.domain.reporting.figures import ComplianceReport, RecordRange, Verification
from services.console.domain.reporting.periods import Day, Period
from services.console.ports import Signs, Verifies

AT_ONCE = 2
_DAYS_AT_ONCE = 2
_SETTLED = "message.settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compile:
    """Makes reports."""

    tallies: Tallies
    records: Records
    chains: Chains
    verify: Verifies
    sign: Signs
    clock: Clock
    seconds: float
    """How long one report may take, its turn included."""
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def __call__(self, account: Account, period: Period, *, by: str) -> ComplianceReport:
        """The report. Raises GatewayError(gateway_unavailable) when it takes too long: a shorter period may do."""
        try:
            async with asyncio.timeout(self.seconds), self._turns:
                with metrics.REPORT_SECONDS.time():
                    gathered = await self._gather(account, period)
        except TimeoutError:
            raise unavailable("report") from None
        report = report_from(gathered, at=self.clock(), by=by)
        return report.model_copy(update={"proof": self.sign(report.proof)})

    async def _gather(self, account: Account, period: Period) -> Gathered:
        verification = await self._verified(account.id)
        counts, effects = await asyncio.gather(self._count(account.id, period), self._effects(account.id, period))
        return Gathered(
            account=account,
            period=period,
            counts=counts,
            effects=effects,
            unknown=await self._unknown(account.id, period) if counts.unknown else {},
            record=await self._range(account.id, period, counts.records),
            verification=verification,
        )

    async def _count(self, account_id: str, period: Period) -> Counts:
        """Every record of the period, some days at a time."""
        counts, turns = Counts(period.zone), asyncio.Semaphore(_DAYS_AT_ONCE)

        async def count(day: Day) -> None:
            async with turns:
                tallies = await self.tallies.tally(account_id, from_=day.from_, to=day.to, day_began=day.began)
            for tally in tallies:
                counts.add(day, tally)

        await asyncio.gather(*(count(day) for day in period.days()))
        return counts

    async def _effects(self, account_id: str, period: Period) -> Effects:
        """Suppressions since ever, as who was stopped before the period is stopped in it, then messages to them."""
        effects = Effects(period.from_)
        events = [await self._all(account_id, type_, period.to) for type_ in (ADDED, LIFTED)]
        for record in sorted((r for found in events for r in found), key=lambda r: (r.at, r.id)):
            effects.suppression(record)
        if effects.customers:
            sent = RecordFilter(account_id=account_id, code="sent", from_=period.from_, to=period.to)
            wanted = replace(sent, type="webhook.answered")
            async for batch in self.tallies.scan(wanted, customers=effects.customers):
                for record in batch:
                    effects.sent(record)
        return effects

    async def _all(self, account_id: str, type_: str, to: datetime) -> list[Record]:
        wanted = RecordFilter(account_id=account_id, type=type_, to=to)
        return [record async for batch in self.tallies.scan(wanted) for record in batch]

    async def _unknown(self, account_id: str, period: Period) -> dict[str, str | None]:
        code = ErrorCode.GATEWAY_SEND_FAILED.value
        wanted = RecordFilter(account_id=account_id, code=code, from_=period.from_, to=period.to)
        outcomes: dict[str, str | None] = {}
        async for batch in self.tallies.scan(wanted):
            outcomes |= dict.fromkeys(unknown_in(batch))
        # Settled is settled, also after the period's end.
        async for batch in self.tallies.scan(RecordFilter(account_id=account_id, type=_SETTLED, from_=period.from_)):
            for record in batch:
                if record.event_id is not None and record.event_id in outcomes:
                    outcomes[record.event_id] = str(record.details.get("outcome"))
        return outcomes

    async def _range(self, account_id: str, period: Period, count: int) -> RecordRange:
        wanted = RecordFilter(account_id=account_id, from_=period.from_, to=period.to)
        first = None
        async for batch in self.tallies.scan(wanted, batch=1):
            first = batch[0]
            break
        last = next(iter((await self.records.page(wanted, limit=1, cursor=None)).items), None)
        return RecordRange(
            count=count,
            chain=chain_of(account_id),
            first_id=first.id if first else None,
            first_at=first.at if first else None,
            first_place=await self._place(first),
            last_id=last.id if last else None,
            last_at=last.at if last else None,
            last_place=await self._place(last),
        )

    async def _place(self, record: Record | None) -> int | None:
        found = None if record is None else await self.chains.place(record.id)
        return None if found is None else found[1]

    async def _verified(self, account_id: str) -> Verification:
        """What the verification found, and the checkpoint that vouches for the account's records now."""
        verification = await self.verify(account_id)
        head = next(iter(await self.chains.heads(chain_of(account_id))), None)
        newest = None if head is None else head.checkpoint
        if newest is None:
            return verification
        told = f"{newest.number}, up to place {newest.last}, signed with key {newest.key}"
        return verification.model_copy(update={"checkpoint": told})
