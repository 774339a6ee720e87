"""The outline of a report for the HTML and PDF renderers: key statements, then sections of charts and tables."""

from collections.abc import Iterable

from services.console.domain.reports.model import ComplianceReport, Verification
from services.console.pages.reports import proof_sections, sections
from services.console.pages.reports.outline_parts import Outline, Statement, Tone
from services.console.pages.reports.texts import local, number, share_of


def outline_from(report: ComplianceReport) -> Outline:
    """The outline of a report."""
    return Outline(
        title="Compliance report",
        owner=report.account.business_name,
        days=f"{report.period.first_day} to {report.period.last_day}",
        facts=_facts(report),
        statements=tuple(_statements(report)),
        sections=(
            sections.outcomes(report),
            sections.quota(report),
            sections.consent(report),
            sections.delivery(report),
            sections.policy(report),
            proof_sections.access(report),
            proof_sections.privacy(report),
            proof_sections.processing(report),
            proof_sections.record(report),
            proof_sections.glossary(),
            proof_sections.sign_off(report),
        ),
    )


def _facts(report: ComplianceReport) -> tuple[tuple[str, str], ...]:
    account, period = report.account, report.period
    ended = "" if period.complete else " (not complete: figures may still rise)"
    return (
        ("Account", f"{account.name} ({account.id})"),
        ("Business", account.business_name),
        ("Plan", account.plan),
        ("Period", f"{local(period.from_, period.timezone)} to before {local(period.to, period.timezone)}{ended}"),
        ("Time zone", f"{period.timezone} (tz database {period.timezone_database})"),
        ("Created", f"{local(report.generated_at, period.timezone)} by {report.generated_by}"),
    )


def _statements(report: ComplianceReport) -> Iterable[Statement]:
    verified = report.verification
    yield _proven(verified)
    if verified.unsealed:
        text = "newest records of the account that no checkpoint covers yet: ask again in some minutes"
        yield Statement(Tone.PLAIN, number(verified.unsealed), text)
    # Nothing is good news while the records behind it are not proven.
    good = Tone.GOOD if verified.state == "proven" else Tone.PLAIN
    for count, text in (
        (report.suppressions.sent_after_effect, "messages sent after an opt-out or block was in effect"),
        (report.unknown.open, "messages whose outcome is still unknown"),
        (len(report.quota.days_over_limit), "days above the daily limit"),
    ):
        yield Statement(Tone.BAD if count else good, number(count), text)
    confirmed = ", confirmations of opt-outs included" if report.outcomes.confirmations else ""
    yield Statement(Tone.PLAIN, number(report.delivery.sent), f"messages sent{confirmed}")
    yield Statement(Tone.PLAIN, share_of(report.delivery.delivered, report.delivery.sent), "of sent messages delivered")


def _proven(verified: Verification) -> Statement:
    """What the reader has to know first: whether the figures are proven, and where they are not."""
    if verified.state == "proven":
        text = "figures: every record behind them was verified when this report was made"
        return Statement(Tone.GOOD, "proven", text if verified.note is None else f"{text}. {verified.note}")
    if verified.fault is None:
        return Statement(Tone.BAD, "UNPROVEN", verified.note or "figures: the records behind them were not verified")
    return Statement(Tone.BAD, "BROKEN", f"record, figures may be wrong. {proof_sections.fault_text(verified.fault)}")
