"""The outline of a report for the HTML and PDF renderers: key statements, then sections of charts and tables."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Any
from zoneinfo import ZoneInfo

from services.console.domain.reports.model import ComplianceReport
from services.console.pages.reports import charts
from services.console.pages.reports.drawings import Drawing


@unique
class Tone(StrEnum):
    """How a statement is coloured."""

    GOOD = "good"
    BAD = "bad"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Statement:
    """One of the key figures at the top."""

    tone: Tone
    figure: str
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first `text_columns` columns are texts, the others numbers."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with a note, charts and tables."""

    name: str
    title: str
    note: str
    charts: tuple[Drawing, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """A whole report."""

    title: str
    owner: str
    days: str
    facts: tuple[tuple[str, str], ...]
    statements: tuple[Statement, ...]
    sections: tuple[Section, ...]


def outline_from(report: ComplianceReport) -> Outline:
    """The outline of a report."""
    return Outline(
        title="Compliance report",
        owner=report.account.business_name,
        days=f"{report.period.first_day} to {report.period.last_day}",
        facts=_facts(report),
        statements=tuple(_statements(report)),
        sections=(
            _outcomes(report),
            _quota(report),
            _consent(report),
            _delivery(report),
            _policy(report),
            _access(report),
            _record(report),
        ),
    )


def _facts(report: ComplianceReport) -> tuple[tuple[str, str], ...]:
    account, period = report.account, report.period
    ended = "" if period.complete else " (not complete: figures may still rise)"
    return (
        ("Account", f"{account.name} ({account.id})"),
        ("Business", account.business_name),
        ("Plan", account.plan),
        ("Period", f"{_local(period.from_, period.timezone)} to before {_local(period.to, period.timezone)}{ended}"),
        ("Time zone", f"{period.timezone} (tz database {period.timezone_database})"),
        ("Created", f"{_local(report.generated_at, period.timezone)} by {report.generated_by}"),
    )


def _statements(report: ComplianceReport) -> Iterable[Statement]:
    verified = report.verification
    if verified.performed:
        tone, figure = (Tone.GOOD, "intact") if verified.ok else (Tone.BAD, "BROKEN")
        yield Statement(tone, figure, verified.note or "The record's chain was recomputed when this report was made")
    else:
        yield Statement(Tone.PLAIN, "not verified", verified.note or "The record's chain was not recomputed")
    for count, text in (
        (report.suppressions.sent_after_effect, "messages sent after an opt-out or block was in effect"),
        (report.unknown.open, "messages whose outcome is still unknown"),
        (len(report.quota.days_over_limit), "days above the daily limit"),
    ):
        yield Statement(Tone.BAD if count else Tone.GOOD, f"{count:,}", text)
    yield Statement(Tone.PLAIN, f"{report.delivery.sent:,}", "messages sent")
    yield Statement(Tone.PLAIN, _share(report.delivery.delivered_share), "of sent messages delivered")


def _outcomes(report: ComplianceReport) -> Section:
    outcomes = report.outcomes
    codes = tuple(
        (o.code, o.group.replace("_", " "), _n(o.count), _of(o.count, outcomes.webhooks)) for o in outcomes.by_code
    )
    purposes = tuple((p.purpose, _n(p.answered), _n(p.sent)) for p in outcomes.by_purpose)
    days = tuple(
        (
            f"{d.day:%a} {d.day}",
            f"{d.hours:g}",
            *map(_n, (d.sent, d.no_message, d.refused, d.failed, d.inbound, d.quota_used)),
        )
        for d in outcomes.by_day
    )
    heads = ("Day", "Hours", "Sent", "No message", "Refused", "Failed", "From customers", "Counted")
    return Section(
        "outcomes",
        "Outcomes",
        f"The answers to {outcomes.webhooks:,} authenticated webhooks. "
        "The error catalogue explains every code; days are in the account's time zone.",
        (charts.outcomes_chart(report),),
        (
            Table("By code", ("Code", "Group", "Webhooks", "Share"), codes, text_columns=2),
            Table("By purpose", ("Purpose", "Webhooks", "Sent"), purposes),
            _counts("By event type", "Event type", "Webhooks", outcomes.by_event_type),
            Table("By day", heads, days),
            _counts("Confirmations of opt-outs (not counted elsewhere)", "Code", "Messages", outcomes.confirmations),
        ),
    )


def _quota(report: ComplianceReport) -> Section:
    quota = report.quota
    months = tuple((m.month, _n(m.used), _n(m.limit), _of(m.used, m.limit)) for m in quota.months)
    over = tuple((str(day),) for day in quota.days_over_limit)
    before = (
        f" {quota.used_before:,} messages answered in the period count on earlier days." if quota.used_before else ""
    )
    return Section(
        "quota",
        "Quota",
        f"Sent messages count on the day of their webhook. Current limits: {quota.daily_limit:,} a day, "
        f"{quota.monthly_limit:,} a month.{before}",
        (charts.quota_chart(report),),
        (
            Table("By month, within the period", ("Month", "Counted", "Limit", "Share"), months),
            Table("Days above the limit", ("Day",), over),
        ),
    )


def _consent(report: ComplianceReport) -> Section:
    suppressions, zone = report.suppressions, report.period.timezone
    durations = (
        ("Opt-outs measured", _n(suppressions.measured)),
        ("Median", _seconds(suppressions.median_seconds)),
        ("95 % within", _seconds(suppressions.p95_seconds)),
        ("Slowest", _seconds(suppressions.slowest_seconds)),
        ("Sent after the opt-out was written, requested before it was recorded", _n(suppressions.sent_before_effect)),
        ("Sent after the opt-out was written, requested after it was recorded", _n(suppressions.sent_after_effect)),
    )
    named = tuple(
        (
            n.event_id or "-",
            n.masked_phone or "-",
            *(_local(at, zone) for at in (n.stopped_at, n.effective_at, n.sent_at)),
        )
        for n in suppressions.named
    )
    return Section(
        "consent",
        "Consent",
        "The time from the customer's opt-out (WhatsApp's clock, whole seconds) to the recorded suppression. A message "
        "in the second of the opt-out counts as sent before it.",
        tables=(
            Table("How fast opt-outs took effect", ("", "Value"), durations),
            Table("Suppressions added", ("Source", "Kind", "Count"), _sources(suppressions.added), text_columns=2),
            Table("Suppressions lifted", ("Source", "Kind", "Count"), _sources(suppressions.lifted), text_columns=2),
            Table(
                "Messages sent after an opt-out",
                ("Event", "Customer", "Opt-out written", "Opt-out recorded", "Sent"),
                named,
                text_columns=5,
            ),
        ),
    )


def _delivery(report: ComplianceReport) -> Section:
    delivery, unknown = report.delivery, report.unknown
    outcomes = (
        ("Opened", _n(unknown.opened)),
        ("Later known: sent", _n(unknown.settled_sent)),
        ("Later known: failed", _n(unknown.settled_failed)),
        ("Still open", _n(unknown.open)),
    )
    return Section(
        "delivery",
        "Delivery",
        f"Statuses that WhatsApp reported within the period: {_share(delivery.delivered_share)} delivered, "
        f"{_share(delivery.read_share)} read. A message whose outcome is unknown is never sent again.",
        (charts.delivery_chart(delivery),),
        (
            Table("Unknown outcomes", ("", "Messages"), outcomes),
            Table("Still open", ("Event",), tuple((event_id,) for event_id in unknown.named)),
            _counts("Failures by WhatsApp's code", "Code", "Messages", delivery.by_failure),
            _counts("Forwards to 3CX systems", "Outcome", "Events", report.forwards),
        ),
    )


def _policy(report: ComplianceReport) -> Section:
    policy = report.policy
    return Section(
        "policy",
        "Policy",
        f"The content policy blocked {policy.content_blocked:,} messages; {policy.flagged:,} were sent and flagged.",
        tables=(
            _counts("Refusals by rule", "Rule", "Webhooks", policy.by_rule),
            _counts("Throttled", "Limit", "Refusals", report.throttled),
        ),
    )


def _access(report: ComplianceReport) -> Section:
    refused = report.authentication
    return Section(
        "access",
        "Access",
        f"{refused.requests:,} requests to the account's integrations failed authentication.",
        tables=(
            _counts("Failed authentication", "Reason", "Requests", refused.by_reason),
            _counts("Changes and readings by operators", "Kind", "Records", report.changes),
        ),
    )


def _record(report: ComplianceReport) -> Section:
    record, verified, proof, zone = report.record, report.verification, report.proof, report.period.timezone
    rows = (
        ("Records counted", _n(record.count)),
        ("First", _record_named(record.first_id, record.first_at, record.first_place, zone)),
        ("Last", _record_named(record.last_id, record.last_at, record.last_place, zone)),
        ("Chain", ("intact" if verified.ok else "broken") if verified.performed else "not verified"),
        ("Records verified", "-" if verified.records is None else _n(verified.records)),
        ("Checkpoints verified", "-" if verified.checkpoints is None else _n(verified.checkpoints)),
        ("Checkpoint", verified.checkpoint or "-"),
        ("First fault", verified.first_fault or "-"),
        ("SHA-256 of the figures", proof.sha256),
        ("Signature", f"Ed25519, key {proof.key_id}: {proof.signature}" if proof.signature else "-"),
    )
    return Section(
        "record",
        "The record",
        "All figures come from these records, each counted once. The record of this reading (report.read) contains "
        "the digest and is part of the chain.",
        tables=(Table("Proof", ("", "Value"), rows, text_columns=2),),
    )


def _counts(caption: str, kind: str, unit: str, named: Iterable[Any]) -> Table:
    return Table(caption, (kind, unit), tuple((one.name, _n(one.count)) for one in named))


def _sources(sources: Iterable[Any]) -> tuple[tuple[str, ...], ...]:
    return tuple((one.source, one.kind, _n(one.count)) for one in sources)


def _record_named(record_id: str | None, at: datetime | None, position: int | None, zone: str) -> str:
    if record_id is None or at is None:
        return "-"
    return f"{record_id}, {_local(at, zone)}, position {'-' if position is None else f'{position:,}'} in the chain"


def _n(count: int) -> str:
    return f"{count:,}"


def _of(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:,.1f} s"


def _local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"
