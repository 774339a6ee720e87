"""`BuildReport` counts an account's records once, in the pass that verifies them, and builds the report.

A few reports are built at a time, each within a time limit. Counting and verifying run in threads, so the event loop
stays free.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from libs.chassis.clock import Clock
from libs.contracts.errors import unavailable
from libs.record.canonical import chain_of
from libs.record.facets import BACKDATED
from libs.record.summary import Edge, Kept, exact_quarters, prefix_of
from libs.store.accounts import Account
from libs.store.chains import Chains
from libs.store.instants import instant_from, micros_from
from libs.store.records import Record
from services.console import metrics
from services.console.domain.reports.builder import ReportInputs, report_from
from services.console.domain.reports.counters import Counts
from services.console.domain.reports.model import ComplianceReport, RecordRange
from services.console.domain.reports.opt_outs import ADDED, LIFTED, OptOutEffects, events_with_unknown_outcome
from services.console.domain.reports.periods import Period
from services.console.domain.reports.privacy import requests_in, retention_of
from services.console.handlers.reports.counted_records import ChainCount, CountRecords
from services.console.handlers.reports.listed_records import listed_records
from services.console.handlers.reports.verification import DescribeVerification
from services.console.ports import OpenErasures, ReadShippedCheckpoints, SignReport

AT_ONCE = 2
_SETTLED = "message.settled"
_SUPPRESSIONS = frozenset({ADDED, LIFTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """Builds compliance reports."""

    count: CountRecords
    chains: Chains
    read_shipped: ReadShippedCheckpoints
    describe: DescribeVerification
    open_erasures: OpenErasures
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
        return self.sign(report_from(inputs, at=self.clock(), by=by))

    async def _inputs(self, account: Account, period: Period) -> ReportInputs:
        chain = chain_of(account.id)
        shipped = [each for each in await self.read_shipped() if each.chain == chain]
        found = await self.count(chain, _exact(period), shipped)
        counts, edges = await asyncio.to_thread(_counts, found, period)
        records = await listed_records(self.chains, found, _wanted(found, period))
        effects = await self._effects(found, period, records)
        within = [record for record in records if period.from_ <= record.at < period.to]
        waiting = await self.open_erasures(account.id)
        return ReportInputs(
            account=account,
            period=period,
            counts=counts,
            effects=effects,
            unknown=_unknown(records, within),
            record=_range(account.id, counts.records, edges, _backdated(found, period)),
            verification=await self.describe(found),
            requests=requests_in(within, waiting, zone=account.zone),
            retention=retention_of(account, within, found.purged),
        )

    async def _effects(self, found: ChainCount, period: Period, records: Sequence[Record]) -> OptOutEffects:
        """All suppressions up to the period's end, since earlier ones still apply, and the messages despite them."""
        effects = OptOutEffects(period.from_)
        for record in sorted(records, key=lambda each: (each.at, each.id)):
            if record.type in _SUPPRESSIONS and record.at < period.to:
                effects.add_suppression(record)
        prefixes = {prefix_of(customer) for customer in effects.customers}
        began, ends = micros_from(period.from_), micros_from(period.to)
        sent = [
            each
            for summary in found.summaries
            for each in summary.sent_messages()
            if each.customer in prefixes and began <= each.at < ends
        ]
        answers = await listed_records(self.chains, found, sent)
        for record in sorted(answers, key=lambda each: (each.at, each.id)):
            if record.customer_hash in effects.customers:
                effects.add_sent(record)
        return effects


def _exact(period: Period) -> frozenset[int]:
    days = tuple(period.days())
    edges = [period.from_, period.to, *(at for day in days for at in (day.began, day.from_, day.to))]
    return exact_quarters(map(micros_from, edges))


def _counts(found: ChainCount, period: Period) -> tuple[Counts, list[Edge]]:
    """The counters over every cell of the period, and the first and last records of its units of time."""
    counts, days = Counts(period.zone), tuple(period.days())
    starts = [micros_from(day.from_) for day in days]
    ends = micros_from(period.to)
    edges: list[Edge] = []
    for summary in found.summaries:
        for cell, n in summary.cells.items():
            if starts and starts[0] <= cell.at < ends:
                counts.add(days[bisect_right(starts, cell.at) - 1], cell, n)
        for unit, span in summary.spans.items():
            edges += span if starts and starts[0] <= unit < ends else ()
    return counts, edges


def _wanted(found: ChainCount, period: Period) -> list[Kept]:
    """The listed records that the report needs."""
    began, ends = micros_from(period.from_), micros_from(period.to)
    return [each for each in _kept(found) if _is_needed(each, began, ends)]


def _is_needed(entry: Kept, began: int, ends: int) -> bool:
    if entry.type in _SUPPRESSIONS:
        return entry.at < ends
    if entry.type == BACKDATED:
        return False  # it is counted, not shown
    # An outcome that became known after the period's end counts too.
    return entry.at >= began and (entry.at < ends or entry.type == _SETTLED)


def _unknown(records: Iterable[Record], within: Sequence[Record]) -> dict[str, str | None]:
    """The events of the period whose outcome was unknown, each with its final outcome."""
    outcomes: dict[str, str | None] = dict.fromkeys(events_with_unknown_outcome(within))
    for record in records:
        if record.type == _SETTLED and record.event_id in outcomes:
            outcomes[record.event_id] = str(record.details.get("outcome"))
    return outcomes


def _backdated(found: ChainCount, period: Period) -> int:
    began, ends = micros_from(period.from_), micros_from(period.to)
    return sum(each.type == BACKDATED and began <= each.at < ends for each in _kept(found))


def _kept(found: ChainCount) -> Iterable[Kept]:
    return (each for summary in found.summaries for each in summary.kept)


def _range(account_id: str, count: int, edges: Sequence[Edge], backdated: int) -> RecordRange:
    first, last = min(edges, default=None), max(edges, default=None)
    return RecordRange(
        count=count,
        chain=chain_of(account_id),
        first_id=first.id if first else None,
        first_at=instant_from(first.at) if first else None,
        first_place=first.seq if first else None,
        last_id=last.id if last else None,
        last_at=instant_from(last.at) if last else None,
        last_place=last.seq if last else None,
        backdated=backdated,
    )
