"""The sections of a report for the data protection officer: access, persons' requests, retention, proof, sign-off."""

from services.console.domain.reports.model import ComplianceReport, FaultView
from services.console.pages.reports.outline_parts import Section, Table
from services.console.pages.reports.texts import NOTHING, counts, local, number

REQUESTS = {"erasure": "Erasure (Art. 17)", "erasure_refused": "Erasure, refused", "access": "Access (Art. 15)"}


def access(report: ComplianceReport) -> Section:
    """Failed authentication, changes, and who read what."""
    refused = report.authentication
    return Section(
        "access",
        "Access",
        f"{refused.requests:,} requests to the account's integrations failed authentication. "
        "Whoever reads personal data or the record leaves a record.",
        tables=(
            counts("Failed authentication", "Reason", "Requests", refused.by_reason),
            counts("Changes by operators", "Kind", "Records", report.changes),
            Table(
                "Who read what",
                ("Who", "Record", "What", "Count"),
                tuple((one.actor, one.record, one.what, number(one.count)) for one in report.readings),
                text_columns=3,
            ),
        ),
    )


def privacy(report: ComplianceReport) -> Section:
    """Persons' requests, legal holds and purges."""
    retention, zone = report.retention, report.period.timezone
    requests = tuple(
        (REQUESTS[r.kind], local(r.at, zone), "done" if r.done else "OPEN", str(r.answer_by), r.actor)
        for r in report.requests
    )
    holds = tuple((local(h.at, zone), "began" if h.held else "ended", h.actor) for h in retention.hold_changes)
    purges = tuple((local(p.at, zone), local(p.before, zone), number(p.count)) for p in retention.purges)
    held = "A legal hold is on: nothing is purged and no person is erased" if retention.legal_hold else "No legal hold"
    return Section(
        "privacy",
        "Persons and retention",
        f"Records are kept for {retention.record_days:,} days. {held}. A request is answered within a month "
        "(Art. 12 (3) GDPR).",
        tables=(
            Table("Requests of persons", ("Request", "At", "State", "Answer by", "Operator"), requests, text_columns=5),
            Table("Legal holds", ("At", "Hold", "Operator"), holds, text_columns=3),
            Table("Purges in the period", ("At", "Records before", "Count"), purges, text_columns=2),
            Table(
                "State at the time of the report",
                ("", "Value"),
                (
                    ("Retention of records", f"{retention.record_days:,} days"),
                    ("Legal hold", "on" if retention.legal_hold else "off"),
                    ("Purged so far", f"up to place {retention.purged_up_to:,} of the chain"),
                ),
                text_columns=2,
            ),
        ),
    )


def processing(report: ComplianceReport) -> Section:
    """What Art. 30 GDPR asks of a record of processing activities, as far as the gateway knows it."""
    purposes = ", ".join(one.purpose for one in report.outcomes.by_purpose if one.sent and one.purpose != "none")
    rows = (
        ("Controller", f"{report.account.business_name}; name and contact details of its representative: to be added"),
        ("Purposes", f"Messages on WhatsApp: {purposes}" if purposes else "Messages on WhatsApp; none in this period"),
        ("Categories of persons", "Customers who wrote, called or were written to; agents of the phone system"),
        (
            "Categories of data",
            "Phone numbers and WhatsApp ids (stored hashed, encrypted or masked), times, outcomes; texts and files",
        ),
        ("Recipients", "WhatsApp (Meta), the account's 3CX phone system, its operators"),
        ("Third countries", "WhatsApp may process data outside the EU: see Meta's data transfer addendum"),
        ("Erasure", f"Records after {report.retention.record_days:,} days; a person on request"),
        (
            "Security measures",
            "A key for each person, encryption at rest, signed and hash-chained records, access on record",
        ),
    )
    return Section(
        "processing",
        "Processing activity",
        "A summary for the record of processing activities (Art. 30 GDPR). Add what only the controller knows.",
        tables=(Table("Summary", ("", "Value"), rows, text_columns=2),),
    )


def record(report: ComplianceReport) -> Section:
    """The records behind the figures, and what was proven of them."""
    counted, verified, proof, zone = report.record, report.verification, report.proof, report.period.timezone
    first = (counted.first_id, local(counted.first_at, zone), counted.first_place)
    last = (counted.last_id, local(counted.last_at, zone), counted.last_place)
    rows = (
        ("Records counted", number(counted.count)),
        ("First", _named(*first)),
        ("Last", _named(*last)),
        ("Flagged: came over an hour after their time", number(counted.backdated)),
        ("State", verified.state),
        ("Records recomputed for this report", number(verified.recomputed)),
        ("Records in signed tallies", number(verified.tallied)),
        ("Records without a checkpoint", number(verified.unsealed)),
        ("Checkpoint", verified.checkpoint or NOTHING),
        ("Compared with checkpoints outside the database", number(verified.shipped)),
        ("Whole record last verified", local(verified.whole_at, zone)),
        ("First fault", NOTHING if verified.fault is None else fault_text(verified.fault)),
        ("SHA-256 of the figures", proof.sha256),
        ("Signature of the report", f"Ed25519, key {proof.key_id}: {proof.signature}" if proof.signature else "none"),
    )
    return Section(
        "record",
        "The record",
        "All figures come from these records, each counted once. The record of this reading (report.read) contains "
        "the digest and is part of the chain. Check this file with: gateway reports verify FILE",
        tables=(Table("Proof", ("", "Value"), rows, text_columns=2),),
    )


def glossary() -> Section:
    """The words of the report."""
    rows = (
        ("Webhook", "A request of the phone system: to send a message, or about a call"),
        ("Refused", "Answered with an error by a rule: no message followed"),
        ("No message", "Answered without an error, and no message was to be sent"),
        ("Opt-out written, recorded", "When the customer wrote it (WhatsApp's clock), and when it took effect here"),
        ("Suppression", "A block of messages to a customer, by the customer, an operator or WhatsApp"),
        ("Outcome unknown", "WhatsApp gave no answer; such a message is never sent again"),
        ("Chain, place", "The records of the account, linked by hashes; a record's position in it"),
        ("Checkpoint", "A signature over a run of records: from then on a change is detected"),
        ("Signed tally", "Signed counts of a run of records: figures from it need no look at each record"),
        ("Proven", "Each counted record was verified with trusted keys, or is in a signed tally"),
    )
    return Section(
        "glossary", "Glossary", "What words mean here.", tables=(Table("Terms", ("", "Value"), rows, text_columns=2),)
    )


def sign_off(report: ComplianceReport) -> Section:
    """Space for whoever reviews the report."""
    line = "_" * 40
    rows = tuple((name, line) for name in ("Reviewed by", "Function", "Findings", "Place and date", "Signature"))
    return Section(
        "sign-off",
        "Review",
        f"Compliance report of {report.account.business_name}, {report.period.first_day} to {report.period.last_day}.",
        tables=(Table("Sign-off", ("", "Value"), rows, text_columns=2),),
    )


def fault_text(fault: FaultView) -> str:
    """Where the chain is broken, and how."""
    place = "" if fault.seq is None else f" at place {fault.seq:,} of the chain"
    record_id = "" if fault.record_id is None else f", record {fault.record_id}"
    checkpoint = "" if fault.checkpoint is None else f", checkpoint {fault.checkpoint:,}"
    return f"{fault.kind}{place}{record_id}{checkpoint}: {fault.meaning}"


def _named(record_id: str | None, at: str, place: int | None) -> str:
    if record_id is None:
        return NOTHING
    return f"{record_id}, {at}, position {NOTHING if place is None else f'{place:,}'} in the chain"
