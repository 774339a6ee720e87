"""The sections of a report about messages: outcomes, quota, consent, delivery and policy."""

from services.console.domain.reports.model import ComplianceReport
from services.console.pages.reports import charts
from services.console.pages.reports.outline_parts import Section, Table
from services.console.pages.reports.texts import counts, local, number, seconds, share_of, sources


def outcomes(report: ComplianceReport) -> Section:
    """The answers to webhooks."""
    outcomes = report.outcomes
    codes = tuple(
        (o.code, o.group.replace("_", " "), number(o.count), share_of(o.count, outcomes.webhooks))
        for o in outcomes.by_code
    )
    purposes = tuple((p.purpose, number(p.answered), number(p.sent)) for p in outcomes.by_purpose)
    days = tuple(
        (
            f"{d.day:%a} {d.day}",
            f"{d.hours:g}",
            *map(number, (d.sent, d.no_message, d.refused, d.failed, d.inbound, d.quota_used)),
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
            counts("By event type", "Event type", "Webhooks", outcomes.by_event_type),
            Table("By day", heads, days),
            counts("Confirmations of opt-outs (not counted elsewhere)", "Code", "Messages", outcomes.confirmations),
        ),
    )


def quota(report: ComplianceReport) -> Section:
    """The use of the quota."""
    quota = report.quota
    months = tuple((m.month, number(m.used), number(m.limit), share_of(m.used, m.limit)) for m in quota.months)
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


def consent(report: ComplianceReport) -> Section:
    """Opt-outs, and messages despite them."""
    suppressions, zone = report.suppressions, report.period.timezone
    durations = (
        ("Opt-outs measured", number(suppressions.measured)),
        ("Median", seconds(suppressions.median_seconds)),
        ("95 % within", seconds(suppressions.p95_seconds)),
        ("Slowest", seconds(suppressions.slowest_seconds)),
        (
            "Sent after the opt-out was written, requested before it was recorded",
            number(suppressions.sent_before_effect),
        ),
        ("Sent after the opt-out was written, requested after it was recorded", number(suppressions.sent_after_effect)),
    )
    named = tuple(
        (
            n.event_id or "-",
            n.masked_phone or "-",
            *(local(at, zone) for at in (n.stopped_at, n.effective_at, n.sent_at)),
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
            sources("Suppressions added", suppressions.added),
            sources("Suppressions lifted", suppressions.lifted),
            Table(
                "Evidence of opt-ins",
                ("Record", "Source", "Count"),
                tuple((one.record, one.source, number(one.count)) for one in report.consents),
                text_columns=2,
            ),
            Table(
                "Messages sent after an opt-out",
                ("Event", "Customer", "Opt-out written", "Opt-out recorded", "Sent"),
                named,
                text_columns=5,
            ),
        ),
    )


def delivery(report: ComplianceReport) -> Section:
    """What became of sent messages."""
    delivery, unknown = report.delivery, report.unknown
    outcomes = (
        ("Opened", number(unknown.opened)),
        ("Later known: sent", number(unknown.settled_sent)),
        ("Later known: failed", number(unknown.settled_failed)),
        ("Still open", number(unknown.open)),
    )
    return Section(
        "delivery",
        "Delivery",
        f"Statuses that WhatsApp reported within the period: {share_of(delivery.delivered, delivery.sent)} delivered, "
        f"{share_of(delivery.read, delivery.sent)} read. A message whose outcome is unknown is never sent again.",
        (charts.delivery_chart(delivery),),
        (
            Table("Unknown outcomes", ("", "Messages"), outcomes),
            Table("Still open", ("Event",), tuple((event_id,) for event_id in unknown.named)),
            counts("Sent messages by content", "Content", "Messages", report.contents.by_kind),
            counts("Sent as a template", "Template", "Messages", report.contents.templates),
            counts("Failures by WhatsApp's code", "Code", "Messages", delivery.by_failure),
            counts("Forwards to 3CX systems", "Outcome", "Events", report.forwards),
        ),
    )


def policy(report: ComplianceReport) -> Section:
    """Refusals by rules."""
    policy = report.policy
    return Section(
        "policy",
        "Policy",
        f"The content policy blocked {policy.content_blocked:,} messages; {policy.flagged:,} were sent and flagged.",
        tables=(
            counts("Refusals by rule", "Rule", "Webhooks", policy.by_rule),
            counts("Throttled", "Limit", "Refusals", report.throttled),
        ),
    )
