"""A report with something in every section."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from libs.store.records import Record
from libs.store.tallies import Tally
from services.console.domain.reports.builder import ReportInputs, report_from
from services.console.domain.reports.counters import Counts
from services.console.domain.reports.model import ComplianceReport, RecordRange, Verification
from services.console.domain.reports.opt_outs import OptOutEffects
from services.console.domain.reports.periods import period_from
from tests.builders import an_account

MADE_AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def an_answer(code: str = "sent", *, records: int = 1, purpose: str | None = "support", **facets: Any) -> Tally:
    """Answers that are alike."""
    names = ("event_type", "flagged", "outcome", "scope", "reason", "period", "rule", "passed")
    told = {"event_type": "outbound_message"} | facets
    return Tally("webhook.answered", code, purpose, tuple(told.get(name) for name in names), None, records)


EVERYTHING = (
    an_answer(records=90),
    an_answer(flagged=True),
    an_answer("recorded", records=3),
    an_answer("policy_violation", rule="content_is_acceptable", passed=False),
    an_answer("sending_throttled", scope="pair"),
    an_answer("gateway_send_failed", outcome="unknown"),
    an_answer(event_type="opt_out_confirmation"),
    Tally("webhook.rejected", "wrong_secret", None, (17,), None, 2),
    Tally("webhook.throttled", None, None, (40,), None, 1),
    Tally("whatsapp.status_received", None, None, ("delivered", None), None, 80),
    Tally("whatsapp.status_received", None, None, ("failed", 131026), None, 2),
    Tally("suppression.added", None, None, ("keyword", "opt_out"), None, 1),
    Tally("forward.failed", None, None, ("gave_up",), None, 1),
    Tally("account.changed", None, None, (), None, 1),
)


def a_suppression(at: datetime, said_at: datetime | None = None, **fields: Any) -> Record:
    """A customer's opt-out on record."""
    evidence = {"evidence": {"at": said_at.isoformat()}} if said_at else {}
    known: dict[str, Any] = {"id": f"added-{at}", "type": "suppression.added", "customer_hash": "c1"}
    return Record(at=at, details={"kind": "opt_out", "source": "keyword", **evidence}, **(known | fields))


def a_message(at: datetime, **details: Any) -> Record:
    """A message that went out to the same customer."""
    return Record(
        id=f"sent-{at}",
        at=at,
        type="webhook.answered",
        code="sent",
        event_id="e-1",
        customer_hash="c1",
        masked_phone="+9665•••••000",
        details=details,
    )


def a_report(
    tallies: Sequence[Tally] = EVERYTHING, *, from_: str = "2026-11-23", to: str = "2026-11-25", **account: Any
) -> ComplianceReport:
    """A report of the tallies, all of them of the period's first day."""
    owner = an_account(**account)
    period = period_from(from_, to, owner.zone)
    counts, effects = Counts(period.zone), OptOutEffects(period.from_)
    for tally in tallies:
        counts.add(next(iter(period.days())), tally)
    if tallies:
        effects.add_suppression(a_suppression(NOON, NOON.replace(second=0)))
        effects.add_sent(a_message(NOON.replace(hour=13)))
    gathered = ReportInputs(
        account=owner,
        period=period,
        counts=counts,
        effects=effects,
        unknown={"e-2": None} if tallies else {},
        record=RecordRange(
            count=counts.records,
            chain=owner.id,
            first_id="r-1" if tallies else None,
            first_at=NOON if tallies else None,
            first_place=1 if tallies else None,
            last_id="r-9" if tallies else None,
            last_at=NOON if tallies else None,
            last_place=9 if tallies else None,
        ),
        verification=Verification(performed=True, ok=True, records=9, checkpoints=1, checkpoint="cp-1"),
    )
    return report_from(gathered, at=MADE_AT, by="admin")
