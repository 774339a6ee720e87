"""The figures of reports equal an independent recount, record by record, on every adapter."""

import random
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from libs.record.checkpoints import Checkpoint, checkpoint_from
from libs.record.keys import PublicKey, PublicKeys, SigningKey
from libs.record.sinks import checkpoint_sinks_from
from libs.store.accounts import Account
from libs.store.records import Record
from libs.store.store import Store
from services.audit.adapters.sinks import sink_from
from services.audit.handlers.checkpoints import SignCheckpoints
from services.audit.handlers.tallies import SignTallies
from services.console.adapters.null_proofs import no_signature
from services.console.domain.reports.builder import digest_of
from services.console.domain.reports.model import ComplianceReport
from services.console.domain.reports.periods import Period, period_from
from services.console.handlers.reports.builder import BuildReport
from services.console.handlers.reports.counted_records import CountRecords
from services.console.handlers.reports.verification import DescribeVerification, open_erasures_of
from tests.contract.store.builders import an_account
from tests.contract.store.empty import open_filled

MADE_AT = datetime(2027, 1, 1, tzinfo=UTC)
CODES = (
    *("sent", "sent", "sent", "recorded", "skipped", "ok", "policy_violation", "recipient_suppressed"),
    *("sending_throttled", "webhook_rate_limited", "gateway_send_failed", "gateway_unavailable", "invalid_json"),
)
SENT_NOTHING = {"ok", "recorded", "skipped", "pending"}
STATUSES = ("sent", "delivered", "read", "played", "failed")


class Day:
    """Makes up records around a period, as the gateway would write them and in no order."""

    def __init__(self, chance: random.Random, period: Period) -> None:
        self._chance = chance
        self._period = period
        self._ids = (UUID(int=chance.getrandbits(128)) for _ in iter(int, 1))

    def records(self, count: int) -> Iterator[Record]:
        """So many stories."""
        for _ in range(count):
            yield from self._chance.choice((self._webhook, self._webhook, self._status, self._other, self._consent))()

    def _when(self) -> datetime:
        length = self._period.to - self._period.from_
        at = self._period.from_ + length * self._chance.uniform(-0.15, 1.15)
        edge = self._chance.choice([None, None, None, self._period.from_, self._period.to])
        return at if edge is None else edge + timedelta(microseconds=self._chance.choice([-1, 0, 1]))

    def _record(self, type_: str, at: datetime, **fields: Any) -> Record:
        account = self._chance.choice(["acc-1", "acc-1", "acc-1", "acc-2"])
        return Record(id=str(next(self._ids)), at=at, type=type_, account_id=account, **fields)

    def _webhook(self) -> Iterator[Record]:
        at, code, event_id = self._when(), self._chance.choice(CODES), str(next(self._ids))
        details: dict[str, Any] = {}
        if (
            event_type := self._chance.choice(["outbound_message", "missed_call", "opt_out_confirmation", None])
        ) is not None:
            details["event_type"] = event_type
        if code in {"sent", "gateway_send_failed"}:
            details["received_at"] = (at - timedelta(seconds=self._chance.choice([0, 1, 50_000]))).isoformat()
            details["flagged"] = self._chance.random() < 0.2
        inner: dict[str, Any] = {}
        if code == "gateway_send_failed" and self._chance.random() < 0.6:
            inner = {"outcome": "unknown"}
        if code == "sending_throttled":
            inner = {"scope": self._chance.choice(["pair", "number", "account"])}
        details["details"] = inner
        if code in {"policy_violation", "recipient_suppressed", "recorded"}:
            rule = self._chance.choice(["content_is_acceptable", "account_is_not_paused"])
            details["receipt"] = [{"rule": "module_is_enabled", "passed": True}, {"rule": rule, "passed": False}]
        purpose = self._chance.choice(["support", "operational", None])
        who = self._chance.choice(["c1", "c2", "c3", None])
        answer = self._record("webhook.answered", at, event_id=event_id, code=code, purpose=purpose, customer_hash=who)
        yield replace(answer, details=details)
        if inner.get("outcome") == "unknown" and self._chance.random() < 0.5:
            outcome = {"outcome": self._chance.choice(["sent", "failed"])}
            settled = self._record("message.settled", at + timedelta(days=1), event_id=event_id, details=outcome)
            yield replace(settled, account_id=answer.account_id)

    def _status(self) -> Iterator[Record]:
        status = self._chance.choice(STATUSES)
        codes = [131026] if status == "failed" and self._chance.random() < 0.5 else []
        yield self._record(
            "whatsapp.status_received", self._when(), details={"status": status, "provider_codes": codes}
        )

    def _consent(self) -> Iterator[Record]:
        at, who = self._when(), self._chance.choice(["c1", "c2"])
        source, kind = self._chance.choice([("keyword", "opt_out"), ("operator", "blocked"), ("provider", "marketing")])
        details: dict[str, Any] = {"source": source, "kind": kind}
        if source == "keyword":
            details["evidence"] = {"at": (at - timedelta(seconds=self._chance.randrange(9))).isoformat()}
        type_ = self._chance.choice(["suppression.added", "suppression.lifted"])
        yield self._record(type_, at, customer_hash=who, details=details)

    def _other(self) -> Iterator[Record]:
        type_ = self._chance.choice(
            ["webhook.rejected", "webhook.throttled", "whatsapp.message_received", "account.changed", "forward.failed"]
        )
        count: dict[str, Any] = self._chance.choice([{}, {"count": 1}, {"count": 17}])
        code = self._chance.choice(["wrong_secret", "stale_timestamp"]) if type_ == "webhook.rejected" else None
        yield self._record(type_, self._when(), code=code, details=count)


class Recount:
    """The figures again: plain loops over a list of records, no store and nothing of console's."""

    def __init__(self, everything: Sequence[Record], period: Period) -> None:
        self.zone = period.zone
        mine = sorted((r for r in everything if r.account_id == "acc-1"), key=lambda r: (r.at, r.id))
        self.all = [r for r in mine if r.at < period.to]
        self.inside = [r for r in mine if period.from_ <= r.at < period.to]
        self.answers = [r for r in self.of("webhook.answered") if r.details.get("event_type") != "opt_out_confirmation"]
        self.limited = sum(r.details.get("count", 1) for r in self.of("webhook.throttled"))

    def of(self, type_: str) -> list[Record]:
        return [r for r in self.inside if r.type == type_]

    def local(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def by_code(self) -> Counter[str]:
        counted = Counter(r.code or "none" for r in self.answers)
        counted["webhook_rate_limited"] += self.limited
        return +counted

    def group(self, code: str) -> str:
        if code == "sent":
            return "sent"
        if code in SENT_NOTHING:
            return "no_message"
        return "failed" if code in {"gateway_send_failed", "gateway_unavailable"} else "refused"

    def by_day(self) -> Counter[tuple[date, str]]:
        days = Counter((self.local(r.at), self.group(r.code or "")) for r in self.answers)
        for r in self.of("webhook.throttled"):
            days[self.local(r.at), "refused"] += r.details.get("count", 1)
        for r in self.of("whatsapp.message_received"):
            days[self.local(r.at), "inbound"] += 1
        for r in self.answers:
            if r.code == "sent" or r.details["details"].get("outcome") == "unknown":
                days[self.local(datetime.fromisoformat(r.details["received_at"])), "quota_used"] += 1
        return days

    def rules(self) -> Counter[str]:
        refused = [r for r in self.answers if self.group(r.code or "") == "refused" and "receipt" in r.details]
        return Counter(next(x["rule"] for x in r.details["receipt"] if not x["passed"]) for r in refused)

    def effect_seconds(self) -> list[float]:
        told = [r for r in self.of("suppression.added") if "evidence" in r.details]
        return sorted((r.at - datetime.fromisoformat(r.details["evidence"]["at"])).total_seconds() for r in told)

    def sent_though_stopped(self) -> tuple[int, int]:
        """By replaying every customer's history for each message that went out."""
        before = after = 0
        for sent in (r for r in self.answers if r.code == "sent" and r.customer_hash):
            stop = self._stop_at(sent)
            if stop is not None:
                late = datetime.fromisoformat(sent.details["received_at"]) >= stop
                before, after = before + (not late), after + late
        return before, after

    def _stop_at(self, sent: Record) -> datetime | None:
        """When the stop that covers the message was on record; the first that began of several."""
        found: list[tuple[datetime, int, datetime]] = []
        for kind in ("opt_out", "blocked"):
            running: tuple[datetime, datetime, int] | None = None
            for place, r in enumerate(self.all):
                if r.customer_hash != sent.customer_hash or r.details.get("kind") != kind:
                    continue
                said = datetime.fromisoformat(r.details["evidence"]["at"]) if "evidence" in r.details else r.at
                if r.type == "suppression.added" and running is None:
                    tie_ends = said.replace(microsecond=999_999) if "evidence" in r.details else said
                    running = (tie_ends, r.at, place)
                elif r.type == "suppression.lifted" and running is not None:
                    if running[0] < sent.at < said:
                        found.append((running[1], running[2], running[1]))
                    running = None
            if running is not None and running[0] < sent.at:
                found.append((running[1], running[2], running[1]))
        return min(found)[2] if found else None


def counted(named: Any) -> dict[str, int]:
    return {one.name: one.count for one in named}


KEY = SigningKey("k1", bytes(range(32)))
KEYS = {"k1": PublicKey("k1", KEY.public)}


async def sealed(store: Store) -> None:
    """Checkpoints over every record, and tallies over most of them."""
    sink = sink_from(checkpoint_sinks_from(None))
    asked: dict[str, Any] = {"chains": store.chains, "checkpoints": store.checkpoints, "key": KEY}
    await SignCheckpoints(**asked, sink=sink, clock=lambda: MADE_AT, records=17)()
    made = await SignTallies(**asked, tallies=store.tallies, keys=KEYS, clock=lambda: MADE_AT, records=40)()
    assert made > 2


async def built_report(
    store: Store,
    account: Account,
    period: Period,
    *,
    keys: PublicKeys | None = None,
    recomputed: int = 0,
    shipped: Sequence[Checkpoint] = (),
) -> ComplianceReport:
    """With tallies where there are some, whatever the length of the chain."""

    async def read_shipped() -> Sequence[Checkpoint]:
        return shipped

    build = BuildReport(
        count=CountRecords(
            chains=store.chains,
            checkpoints=store.checkpoints,
            tallies=store.tallies,
            keys=KEYS if keys is None else keys,
            recomputed=recomputed,
        ),
        chains=store.chains,
        read_shipped=read_shipped,
        describe=DescribeVerification(store.verification_states),
        open_erasures=open_erasures_of(store.erasures),
        sign=no_signature,
        clock=lambda: MADE_AT,
        seconds=60,
    )
    return await build(account, period, by="tests")


@asynccontextmanager
async def with_records(store_url: str, name: str, records: Sequence[Record]) -> AsyncIterator[Store]:
    """A store that holds these records, which are always the same under `name`."""

    async def fill(empty: Store) -> None:
        await empty.records.append(records)

    store = await open_filled(store_url, name, fill)
    yield store
    await store.close()


PERIODS = [
    pytest.param("Asia/Riyadh", "2026-11-01", "2026-11-04", id="three days"),
    pytest.param("Europe/Berlin", "2026-10-24", "2026-10-27", id="a day of 25 hours"),
    pytest.param("America/New_York", "2026-03-07T13:07:00Z", "2026-03-09T01:00:00Z", id="a day of 23 hours"),
    pytest.param("Asia/Kathmandu", "2028-02-28", "2028-03-02", id="a leap day, at +05:45"),
    pytest.param("Pacific/Auckland", "2025-12-30", "2026-01-03", id="across two years"),
]


@pytest.mark.parametrize("tallied", [True, False], ids=["with tallies", "record by record"])
@pytest.mark.parametrize(("zone_name", "from_", "to"), PERIODS)
async def test_the_figures_are_those_of_a_recount(
    store_url: str, zone_name: str, from_: str, to: str, *, tallied: bool
) -> None:
    zone = ZoneInfo(zone_name)
    period = period_from(from_, to, zone)
    records = list(Day(random.Random(zone_name), period).records(600))
    account = an_account(timezone=zone_name)

    async with with_records(store_url, f"recount-{zone_name.replace('/', '-')}", records) as store:
        if tallied:
            await sealed(store)
        report = await built_report(store, account, period)

    # At an edge within a quarter of an hour each record's own time is needed, and every tally here has some there.
    usable = tallied and period.from_.minute % 15 == 0
    assert (report.verification.state, bool(report.verification.tallied)) == ("proven", usable)
    recount = Recount(records, period)
    assert report.record.count == len(recount.inside) > 200
    assert (report.record.first_id, report.record.last_id) == (recount.inside[0].id, recount.inside[-1].id)
    places = {r.id: place for place, r in enumerate((r for r in records if r.account_id == "acc-1"), 1)}
    assert report.record.first_place == places[recount.inside[0].id]
    assert report.record.last_place == places[recount.inside[-1].id]
    assert {o.code: o.count for o in report.outcomes.by_code} == recount.by_code()
    assert all(o.group == recount.group(o.code) for o in report.outcomes.by_code)
    purposes = Counter(r.purpose or "none" for r in recount.answers)
    purposes["none"] += recount.limited
    assert {p.purpose: p.answered for p in report.outcomes.by_purpose} == +purposes
    sent = Counter(r.purpose or "none" for r in recount.answers if r.code == "sent")
    assert {p.purpose: p.sent for p in report.outcomes.by_purpose if p.sent} == sent
    assert_days(report, recount, period)
    assert_consent(report, recount)
    assert_besides(report, recount, records)


def assert_days(report: ComplianceReport, recount: Recount, period: Period) -> None:
    days = recount.by_day()
    shown = report.outcomes.by_day
    first, last = recount.local(period.from_), recount.local(period.to - timedelta(microseconds=1))
    assert [d.day for d in shown] == [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for day in shown:
        for figure in ("sent", "no_message", "refused", "failed", "inbound", "quota_used"):
            assert getattr(day, figure) == days[day.day, figure], (day.day, figure)
    assert sum(d.hours for d in shown) == pytest.approx((period.to - period.from_) / timedelta(hours=1), abs=0.01)
    before = sum(n for (day, figure), n in days.items() if figure == "quota_used" and day < first)
    assert report.quota.used_before == before > 0
    months = Counter(f"{d.day:%Y-%m}" for d in shown for _ in range(d.quota_used))
    assert {m.month: m.used for m in report.quota.months if m.used} == months


def assert_consent(report: ComplianceReport, recount: Recount) -> None:
    told = report.suppressions
    for type_, shown in (("suppression.added", told.added), ("suppression.lifted", told.lifted)):
        found = Counter((r.details["source"], r.details["kind"]) for r in recount.of(type_))
        assert {(one.source, one.kind): one.count for one in shown} == found
    seconds = recount.effect_seconds()
    assert told.measured == len(seconds) > 5
    assert told.median_seconds == statistics.median_low(seconds)
    assert told.slowest_seconds == seconds[-1]
    assert (told.sent_before_effect, told.sent_after_effect) == recount.sent_though_stopped()
    assert told.sent_after_effect > 0


def assert_besides(report: ComplianceReport, recount: Recount, records: Sequence[Record]) -> None:
    rejected: Counter[str] = Counter()
    for r in recount.of("webhook.rejected"):
        rejected[r.code or "none"] += r.details.get("count", 1)
    assert counted(report.authentication.by_reason) == rejected
    assert report.authentication.requests == rejected.total()
    statuses = Counter(r.details["status"] for r in recount.of("whatsapp.status_received"))
    told = report.delivery
    assert (told.delivered, told.read, told.failed) == (
        statuses["delivered"],
        statuses["read"] + statuses["played"],
        statuses["failed"],
    )
    assert told.sent == sum(r.code == "sent" for r in recount.of("webhook.answered"))
    assert counted(report.policy.by_rule) == recount.rules()
    assert report.policy.flagged == sum(r.code == "sent" and r.details["flagged"] for r in recount.answers)
    throttled = Counter(r.details["details"]["scope"] for r in recount.answers if r.code == "sending_throttled")
    throttled["webhook"] += recount.limited + sum(r.code == "webhook_rate_limited" for r in recount.answers)
    assert counted(report.throttled) == +throttled
    unknown = [r.event_id for r in recount.of("webhook.answered") if r.details["details"].get("outcome") == "unknown"]
    settled = {r.event_id: r.details["outcome"] for r in records if r.type == "message.settled"}
    assert report.unknown.opened == len(unknown) > 0
    assert report.unknown.open == sum(e not in settled for e in unknown)
    assert report.unknown.settled_sent == sum(settled.get(e) == "sent" for e in unknown)
    assert counted(report.changes) == Counter(r.type for r in recount.of("account.changed"))


async def test_the_same_records_give_the_same_digest_in_any_order_and_later_too(store: Store) -> None:
    period = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), ZoneInfo("UTC"))
    records = list(Day(random.Random(1), period).records(100))
    await store.records.append(records[60:])
    await store.records.append(records[:60])

    first = await built_report(store, an_account(), period)
    await store.records.append([replace(records[0], id="later", at=period.to)])
    second = await built_report(store, an_account(), period)

    assert first.proof.sha256 == second.proof.sha256 == digest_of(second)
    assert len(first.proof.sha256) == 64


async def test_a_single_record_more_is_another_digest(store: Store) -> None:
    period = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), ZoneInfo("UTC"))
    records = list(Day(random.Random(1), period).records(100))
    await store.records.append(records)
    first = await built_report(store, an_account(), period)

    await store.records.append([Record(id="more", at=period.from_, type="number.changed", account_id="acc-1")])

    assert (await built_report(store, an_account(), period)).proof.sha256 != first.proof.sha256


async def test_a_period_without_records_is_a_report_of_zeros(store: Store) -> None:
    period = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), ZoneInfo("UTC"))

    report = await built_report(store, an_account(), period)

    assert (report.record.count, report.record.first_id, report.record.last_id) == (0, None, None)
    assert (report.outcomes.webhooks, report.outcomes.by_code, len(report.outcomes.by_day)) == (0, (), 2)
    assert (report.delivery.delivered_share, report.suppressions.median_seconds) == (None, None)
    assert report.quota.busiest_day is None


async def test_a_report_names_the_newest_checkpoint_of_the_accounts_chain(store: Store) -> None:
    period = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), ZoneInfo("UTC"))
    await store.records.append([Record(id=f"r-{n}", at=period.from_, type="x", account_id="acc-1") for n in range(3)])
    hashes = [joint[1] for joint in await store.chains.hash_pairs("acc-1", after=0, limit=10)]
    await store.checkpoints.add(checkpoint_from("acc-1", hashes, before=None, at=1, key=KEY))

    report = await built_report(store, an_account(), period)

    assert report.verification.checkpoint == "1, up to place 3, signed with key k1"
    assert report.verification.state == "proven"


async def test_without_keys_nothing_is_proven(store: Store) -> None:
    period = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), ZoneInfo("UTC"))
    await store.records.append([Record(id="r-1", at=period.from_, type="x", account_id="acc-1")])

    report = await built_report(store, an_account(), period, keys={})

    assert (report.verification.state, report.record.count) == ("unproven", 1)
    assert "GATEWAY_SIGNING_KEYS" in (report.verification.note or "")


async def test_records_that_no_checkpoint_covers_yet_are_told(store: Store) -> None:
    period = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), ZoneInfo("UTC"))
    records = list(Day(random.Random(1), period).records(200))
    await store.records.append(records)
    await sealed(store)
    more = [Record(id=f"r-{n}", at=period.from_, type="x", account_id="acc-1") for n in range(5)]
    await store.records.append(more)

    report = await built_report(store, an_account(), period)

    assert (report.verification.state, report.verification.unsealed) == ("proven", 5)
    assert report.verification.tallied > 0
    assert report.verification.recomputed < report.verification.tallied


async def test_a_truncated_chain_is_broken_when_a_checkpoint_outside_the_database_has_more(store: Store) -> None:
    period = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), ZoneInfo("UTC"))
    await store.records.append([Record(id=f"r-{n}", at=period.from_, type="x", account_id="acc-1") for n in range(3)])
    hashes = [joint[1] for joint in await store.chains.hash_pairs("acc-1", after=0, limit=10)]
    shipped = checkpoint_from("acc-1", [*hashes, bytes(32)], before=None, at=1, key=KEY)

    report = await built_report(store, an_account(), period, shipped=[shipped])

    assert report.verification.state == "broken"
    assert report.verification.fault is not None
    assert report.verification.fault.kind == "truncated"
    assert report.verification.shipped == 1
