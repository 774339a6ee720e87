"""From counts to the report: only arithmetic and order, so that equal records give equal reports."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from libs.store.accounts import Account
from libs.store.plans import daily_limit, monthly_limit
from services.console.domain.reporting import figures as shown
from services.console.domain.reporting.counting import FAILED, NO_MESSAGE, REFUSED, SENT, Counts, group_of
from services.console.domain.reporting.effects import Effects
from services.console.domain.reporting.periods import Day, Period

DELIVERED, READ, PLAYED = "delivered", "read", "played"
UNPROVEN: Final = frozenset({"generated_at", "generated_by", "verification", "proof"})
"""What two reports of the same figures may differ in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything that was read for a report."""

    account: Account
    period: Period
    counts: Counts
    effects: Effects
    unknown: Mapping[str, str | None]
    """Events with an unknown outcome, and how each was settled: `sent`, `failed` or not yet."""
    record: shown.RecordRange
    verification: shown.Verification


def report_from(gathered: Gathered, *, at: datetime, by: str) -> shown.ComplianceReport:
    """The whole report."""
    counts, account, days = gathered.counts, gathered.account, tuple(gathered.period.days())
    report = shown.ComplianceReport(
        account=shown.AccountNamed.model_validate(account),
        period=_period(gathered.period, days, at),
        generated_at=at,
        generated_by=by,
        outcomes=_outcomes(counts, days),
        quota=_quota(counts, account, days),
        suppressions=_suppressions(counts, gathered.effects),
        authentication=shown.Refused(requests=counts.rejected.total(), by_reason=_named(counts.rejected)),
        delivery=_delivery(counts),
        policy=shown.Policy(
            by_rule=_named(counts.rules), content_blocked=counts.content_blocked, flagged=counts.flagged
        ),
        throttled=_named(counts.throttled),
        unknown=_unknown(gathered.unknown),
        forwards=_named(counts.forwards),
        changes=_named(counts.changes),
        record=gathered.record,
        verification=gathered.verification,
        proof=shown.Proof(sha256=""),
    )
    return report.model_copy(update={"proof": shown.Proof(sha256=digest_of(report))})


def digest_of(report: shown.ComplianceReport) -> str:
    """SHA-256 (hex) of what was counted, as JSON with sorted keys, without spaces, in UTF-8."""
    told = report.model_dump(mode="json", by_alias=True, exclude=set(UNPROVEN))
    told["period"].pop("complete")
    return hashlib.sha256(canonical(told)).hexdigest()


def canonical(value: Any) -> bytes:
    """The one way to write a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _period(period: Period, days: tuple[Day, ...], at: datetime) -> shown.PeriodShown:
    return shown.PeriodShown(
        from_=period.from_,
        to=period.to,
        timezone=period.zone.key,
        first_day=days[0].date,
        last_day=days[-1].date,
        days=len(days),
        complete=period.to <= at,
    )


def _outcomes(counts: Counts, days: tuple[Day, ...]) -> shown.Outcomes:
    return shown.Outcomes(
        webhooks=counts.codes.total(),
        by_code=tuple(
            shown.Outcome(code=named.name, group=group_of(named.name), count=named.count)
            for named in _named(counts.codes)
        ),
        by_purpose=tuple(
            shown.PurposeFigures(purpose=named.name, answered=named.count, sent=counts.purposes_sent[named.name])
            for named in _named(counts.purposes)
        ),
        by_event_type=_named(counts.event_types),
        by_day=tuple(_day(counts, day) for day in days),
        confirmations=_named(counts.confirmations),
    )


def _day(counts: Counts, day: Day) -> shown.DayFigures:
    sent, no_message, refused, failed = (counts.days[day.date, g] for g in (SENT, NO_MESSAGE, REFUSED, FAILED))
    return shown.DayFigures(
        day=day.date,
        hours=round((day.to - day.from_) / timedelta(hours=1), 3),
        sent=sent,
        no_message=no_message,
        refused=refused,
        failed=failed,
        inbound=counts.inbound[day.date],
        quota_used=counts.used[day.date],
    )


def _quota(counts: Counts, account: Account, days: tuple[Day, ...]) -> shown.Quota:
    limit = daily_limit(account)
    used = [(day.date, counts.used[day.date]) for day in days]
    busiest: tuple[date | None, int] = max(used, key=lambda one: (one[1], -one[0].toordinal()), default=(None, 0))
    months = groupby(used, key=lambda one: f"{one[0]:%Y-%m}")
    return shown.Quota(
        daily_limit=limit,
        monthly_limit=monthly_limit(account),
        busiest_day=busiest[0] if busiest[1] else None,
        busiest_day_used=busiest[1],
        days_over_limit=tuple(day for day, count in used if count > limit),
        months=tuple(
            shown.MonthUsed(month=month, used=sum(count for _, count in its), limit=monthly_limit(account))
            for month, its in months
        ),
        used_before=counts.used.total() - sum(count for _, count in used),
    )


def _suppressions(counts: Counts, effects: Effects) -> shown.Suppressions:
    return shown.Suppressions(
        added=_sources(counts.added),
        lifted=_sources(counts.lifted),
        measured=len(effects.seconds),
        median_seconds=effects.quantile(0.5),
        p95_seconds=effects.quantile(0.95),
        slowest_seconds=effects.quantile(1.0),
        sent_before_effect=effects.before_effect,
        sent_after_effect=effects.after_effect,
        named=tuple(effects.named),
    )


def _delivery(counts: Counts) -> shown.Delivery:
    sent, told = counts.codes[SENT] + counts.confirmations[SENT], counts.statuses
    read = told[READ] + told[PLAYED]
    return shown.Delivery(
        sent=sent,
        delivered=told[DELIVERED],
        read=read,
        failed=told[FAILED],
        delivered_share=round(told[DELIVERED] / sent, 4) if sent else None,
        read_share=round(read / sent, 4) if sent else None,
        by_failure=_named(counts.provider_failures),
    )


def _unknown(outcomes: Mapping[str, str | None]) -> shown.Unknown:
    settled = Counter(outcomes.values())
    still_open = sorted(event_id for event_id, outcome in outcomes.items() if outcome is None)
    return shown.Unknown(
        opened=len(outcomes),
        settled_sent=settled[SENT],
        settled_failed=settled[FAILED],
        open=len(still_open),
        named=tuple(still_open[: shown.MOST_NAMED]),
    )


def _named(counter: Counter[str]) -> tuple[shown.Named, ...]:
    """The most frequent first; equal counts by name."""
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return tuple(shown.Named(name=name, count=count) for name, count in ordered if count)


def _sources(counter: Counter[tuple[str, str]]) -> tuple[shown.Source, ...]:
    return tuple(shown.Source(source=s, kind=k, count=n) for (s, k), n in sorted(counter.items()))
