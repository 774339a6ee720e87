"""`BuildReport` reads an account's records once, day by day, and builds the report from the counts.

A few reports are built at a time, each within a time limit. The store counts in its own thread or server, so the
event loop only receives small results.
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
from services.console.domain.reports.builder import ReportInputs, report_from
from services.console.domain.reports.counters import Counts
from services.console.domain.reports.model import ComplianceReport, RecordRange, Verification
from services.console.domain.reports.opt_outs import ADDED, LIFTED, OptOutEffects, events_with_unknown_outcome
from services.console.domain.reports.periods import Day, Period
from services.console.ports import SignReport, VerifyRecord

AT_ONCE = 2
_DAYS_AT_ONCE = 2
_SETTLED = "message.settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """Builds compliance reports."""

    tallies: Tallies
    records: Records
    chains: Chains
    verify: VerifyRecord
    sign: SignReport
    clock: Clock
    seconds: float
    """Time limit for one report, including its wait for a turn."""
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def __call__(self, account: Account, period: Period, *, by: str) -> ComplianceReport:
        """The report. Raises GatewayError(gateway_unavailable) at the time limit; try a shorter period."""
        try:
            async with asyncio.timeout(self.seconds), self._turns:
                with metrics.REPORT_SECONDS.time():
                    inputs = await self._inputs(account, period)
        except TimeoutError:
            raise unavailable("report") from None
        report = report_from(inputs, at=self.clock(), by=by)
        return report.model_copy(update={"proof": self.sign(report.proof)})

    async def _inputs(self, account: Account, period: Period) -> ReportInputs:
        verification = await self._verification(account.id)
        counts, effects = await asyncio.gather(self._count(account.id, period), self._effects(account.id, period))
        return ReportInputs(
            account=account,
            period=period,
            counts=counts,
            effects=effects,
            unknown=await self._unknown(account.id, period) if counts.unknown else {},
            record=await self._range(account.id, period, counts.records),
            verification=verification,
        )

    async def _count(self, account_id: str, period: Period) -> Counts:
        """Counts over every record of the period, a few days at a time."""
        counts, turns = Counts(period.zone), asyncio.Semaphore(_DAYS_AT_ONCE)

        async def count(day: Day) -> None:
            async with turns:
                tallies = await self.tallies.tally(account_id, from_=day.from_, to=day.to, day_began=day.began)
            for tally in tallies:
                counts.add(day, tally)

        await asyncio.gather(*(count(day) for day in period.days()))
        return counts

    async def _effects(self, account_id: str, period: Period) -> OptOutEffects:
        """All suppressions up to the period's end, since earlier ones still apply, and the messages despite them."""
        effects = OptOutEffects(period.from_)
        events = [await self._all(account_id, type_, period.to) for type_ in (ADDED, LIFTED)]
        for record in sorted((r for found in events for r in found), key=lambda r: (r.at, r.id)):
            effects.add_suppression(record)
        if effects.customers:
            sent = RecordFilter(account_id=account_id, code="sent", from_=period.from_, to=period.to)
            wanted = replace(sent, type="webhook.answered")
            async for batch in self.tallies.scan(wanted, customers=effects.customers):
                for record in batch:
                    effects.add_sent(record)
        return effects

    async def _all(self, account_id: str, type_: str, to: datetime) -> list[Record]:
        wanted = RecordFilter(account_id=account_id, type=type_, to=to)
        return [record async for batch in self.tallies.scan(wanted) for record in batch]

    async def _unknown(self, account_id: str, period: Period) -> dict[str, str | None]:
        code = ErrorCode.GATEWAY_SEND_FAILED.value
        wanted = RecordFilter(account_id=account_id, code=code, from_=period.from_, to=period.to)
        outcomes: dict[str, str | None] = {}
        async for batch in self.tallies.scan(wanted):
            outcomes |= dict.fromkeys(events_with_unknown_outcome(batch))
        # An outcome that became known after the period's end counts too.
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
            first_place=await self._seq_of(first),
            last_id=last.id if last else None,
            last_at=last.at if last else None,
            last_place=await self._seq_of(last),
        )

    async def _seq_of(self, record: Record | None) -> int | None:
        found = None if record is None else await self.chains.position_of(record.id)
        return None if found is None else found[1]

    async def _verification(self, account_id: str) -> Verification:
        """The verification's result, with the newest checkpoint of the account's chain."""
        verification = await self.verify(account_id)
        head = next(iter(await self.chains.heads(chain_of(account_id))), None)
        newest = None if head is None else head.checkpoint
        if newest is None:
            return verification
        text = f"{newest.number}, up to place {newest.last}, signed with key {newest.key}"
        return verification.model_copy(update={"checkpoint": text})
