"""Builds the report from counts; pure and ordered, so that equal records give equal reports."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final

from libs.contracts.time_zones import TZ_DATABASE
from libs.record.reports import canonical
from libs.store.accounts import Account
from libs.store.plans import daily_limit, monthly_limit
from services.console.domain.reports import model
from services.console.domain.reports.counters import FAILED, NO_MESSAGE, REFUSED, SENT, Counts, group_of
from services.console.domain.reports.opt_outs import OptOutEffects
from services.console.domain.reports.periods import Day, Period
from services.console.domain.reports.privacy import consents_of, readings_of

DELIVERED, READ, PLAYED = "delivered", "read", "played"
NOT_DIGESTED: Final = frozenset({"generated_at", "generated_by", "verification", "proof"})
"""Fields that are not part of the digest of the figures: two reports with the same figures may differ in them.

The signature covers them too (`libs.record.reports`).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything that a report is built from."""

    account: Account
    period: Period
    counts: Counts
    effects: OptOutEffects
    unknown: Mapping[str, str | None]
    """Events whose outcome was unknown, each with its final outcome: `sent`, `failed` or None."""
    record: model.RecordRange
    verification: model.Verification
    requests: tuple[model.PersonRequest, ...]
    retention: model.Retention


def report_from(inputs: ReportInputs, *, at: datetime, by: str) -> model.ComplianceReport:
    """The whole report."""
    counts, account, days = inputs.counts, inputs.account, tuple(inputs.period.days())
    report = model.ComplianceReport(
        account=model.AccountSummary.model_validate(account),
        period=_period(inputs.period, days, at),
        generated_at=at,
        generated_by=by,
        outcomes=_outcomes(counts, days),
        quota=_quota(counts, account, days),
        suppressions=_suppressions(counts, inputs.effects),
        authentication=model.AuthenticationFailures(
            requests=counts.rejected.total(), by_reason=_named_counts(counts.rejected)
        ),
        delivery=_delivery(counts),
        policy=model.Policy(
            by_rule=_named_counts(counts.rules), content_blocked=counts.content_blocked, flagged=counts.flagged
        ),
        throttled=_named_counts(counts.throttled),
        unknown=_unknown(inputs.unknown),
        forwards=_named_counts(counts.forwards),
        changes=_named_counts(counts.changes),
        contents=model.Contents(by_kind=_named_counts(counts.contents), templates=_named_counts(counts.templates)),
        readings=readings_of(counts),
        requests=inputs.requests,
        retention=inputs.retention,
        consents=consents_of(counts),
        record=inputs.record,
        verification=inputs.verification,
        proof=model.Proof(sha256=""),
    )
    return report.model_copy(update={"proof": model.Proof(sha256=digest_of(report))})


def digest_of(report: model.ComplianceReport) -> str:
    """SHA-256 (hex) of account, period, figures and record range as canonical JSON."""
    digested = report.model_dump(mode="json", by_alias=True, exclude=set(NOT_DIGESTED))
    digested["period"].pop("complete")
    return hashlib.sha256(canonical(digested)).hexdigest()


def _period(period: Period, days: tuple[Day, ...], at: datetime) -> model.PeriodView:
    return model.PeriodView(
        from_=period.from_,
        to=period.to,
        timezone=period.zone.key,
        timezone_database=TZ_DATABASE,
        first_day=days[0].date,
        last_day=days[-1].date,
        days=len(days),
        complete=period.to <= at,
    )


def _outcomes(counts: Counts, days: tuple[Day, ...]) -> model.Outcomes:
    return model.Outcomes(
        webhooks=counts.codes.total(),
        by_code=tuple(
            model.Outcome(code=named.name, group=group_of(named.name), count=named.count)
            for named in _named_counts(counts.codes)
        ),
        by_purpose=tuple(
            model.PurposeFigures(purpose=named.name, answered=named.count, sent=counts.purposes_sent[named.name])
            for named in _named_counts(counts.purposes)
        ),
        by_event_type=_named_counts(counts.event_types),
        by_day=tuple(_day(counts, day) for day in days),
        confirmations=_named_counts(counts.confirmations),
    )


def _day(counts: Counts, day: Day) -> model.DayFigures:
    sent, no_message, refused, failed = (counts.days[day.date, g] for g in (SENT, NO_MESSAGE, REFUSED, FAILED))
    return model.DayFigures(
        day=day.date,
        hours=round((day.to - day.from_) / timedelta(hours=1), 3),
        sent=sent,
        no_message=no_message,
        refused=refused,
        failed=failed,
        inbound=counts.inbound[day.date],
        quota_used=counts.used[day.date],
    )


def _quota(counts: Counts, account: Account, days: tuple[Day, ...]) -> model.Quota:
    limit = daily_limit(account)
    used = [(day.date, counts.used[day.date]) for day in days]
    busiest: tuple[date | None, int] = max(used, key=lambda one: (one[1], -one[0].toordinal()), default=(None, 0))
    months = groupby(used, key=lambda one: f"{one[0]:%Y-%m}")
    return model.Quota(
        daily_limit=limit,
        monthly_limit=monthly_limit(account),
        busiest_day=busiest[0] if busiest[1] else None,
        busiest_day_used=busiest[1],
        days_over_limit=tuple(day for day, count in used if count > limit),
        months=tuple(
            model.MonthFigures(month=month, used=sum(count for _, count in its), limit=monthly_limit(account))
            for month, its in months
        ),
        used_before=counts.used.total() - sum(count for _, count in used),
    )


def _suppressions(counts: Counts, effects: OptOutEffects) -> model.Suppressions:
    return model.Suppressions(
        added=_source_counts(counts.added),
        lifted=_source_counts(counts.lifted),
        measured=len(effects.seconds),
        median_seconds=effects.quantile(0.5),
        p95_seconds=effects.quantile(0.95),
        slowest_seconds=effects.quantile(1.0),
        sent_before_effect=effects.before_effect,
        sent_after_effect=effects.after_effect,
        named=tuple(effects.named),
    )


def _delivery(counts: Counts) -> model.Delivery:
    sent, statuses = counts.codes[SENT] + counts.confirmations[SENT], counts.statuses
    read = statuses[READ] + statuses[PLAYED]
    return model.Delivery(
        sent=sent,
        delivered=statuses[DELIVERED],
        read=read,
        failed=statuses[FAILED],
        delivered_share=round(statuses[DELIVERED] / sent, 4) if sent else None,
        read_share=round(read / sent, 4) if sent else None,
        by_failure=_named_counts(counts.provider_failures),
    )


def _unknown(outcomes: Mapping[str, str | None]) -> model.UnknownOutcomes:
    final = Counter(outcomes.values())
    still_open = sorted(event_id for event_id, outcome in outcomes.items() if outcome is None)
    return model.UnknownOutcomes(
        opened=len(outcomes),
        settled_sent=final[SENT],
        settled_failed=final[FAILED],
        open=len(still_open),
        named=tuple(still_open[: model.MAX_LISTED]),
    )


def _named_counts(counter: Counter[str]) -> tuple[model.NamedCount, ...]:
    """Highest count first; equal counts by name."""
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return tuple(model.NamedCount(name=name, count=count) for name, count in ordered if count)


def _source_counts(counter: Counter[tuple[str, str]]) -> tuple[model.SourceCount, ...]:
    return tuple(model.SourceCount(source=s, kind=k, count=n) for (s, k), n in sorted(counter.items()))
