"""A report with something in every section."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from libs.record.summary import Cell
from libs.store.instants import micros_from
from libs.store.records import Record
from services.console.domain.reports.builder import ReportInputs, report_from
from services.console.domain.reports.counters import Counts
from services.console.domain.reports.model import (
    ComplianceReport,
    FaultView,
    HoldChange,
    PersonRequest,
    PurgeSummary,
    RecordRange,
    Retention,
    Verification,
)
from services.console.domain.reports.opt_outs import OptOutEffects
from services.console.domain.reports.periods import period_from
from tests.builders import an_account

MADE_AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


Counted = tuple[Cell, int]


def a_cell(type_: str, code: str | None = None, *facets: Any, records: int = 1, **fields: Any) -> Counted:
    """Records that are alike."""
    known: dict[str, Any] = {"purpose": None, "actor": None, "received": None} | fields
    cell = Cell(at=micros_from(NOON), type=type_, code=code, facets=orjson.dumps(facets).decode(), **known)
    return cell, records


def an_answer(code: str = "sent", *, records: int = 1, purpose: str | None = "support", **facets: Any) -> Counted:
    """Answers that are alike."""
    told = {"event_type": "outbound_message"} | facets
    names = ("event_type", "flagged", "outcome", "scope", "rule", "passed", "template", "media", "interactive")
    values = [told.get(name) for name in (*names, "provider_code")]
    return a_cell("webhook.answered", code, *values, records=records, purpose=purpose)


EVERYTHING = (
    an_answer(records=80),
    an_answer(records=6, template="order_ready"),
    an_answer(records=3, media="image"),
    an_answer(interactive="buttons"),
    an_answer(flagged=True),
    an_answer("recorded", records=3),
    an_answer("policy_violation", rule="content_is_acceptable", passed=False),
    an_answer("sending_throttled", scope="pair"),
    an_answer("gateway_send_failed", outcome="unknown"),
    an_answer(event_type="opt_out_confirmation"),
    a_cell("webhook.rejected", "wrong_secret", 17, records=2),
    a_cell("webhook.throttled", None, 40),
    a_cell("whatsapp.status_received", None, "delivered", None, records=80),
    a_cell("whatsapp.status_received", None, "failed", 131026, records=2),
    a_cell("suppression.added", None, "keyword", "opt_out"),
    a_cell("forward.failed", None, "gave_up"),
    a_cell("account.changed", actor="admin"),
    a_cell("report.read", None, "pdf", actor="auditor"),
    a_cell("data.read", None, "list_events", records=4, actor="auditor"),
)
PROVEN = Verification(state="proven", recomputed=9, checkpoint="1, up to place 9, signed with key k1", whole_at=NOON)
BROKEN = Verification(
    state="broken",
    unsealed=3,
    fault=FaultView(kind="altered", seq=7, record_id="r-7", checkpoint=None, meaning="the record was changed"),
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
    counted: Sequence[Counted] = EVERYTHING,
    *,
    from_: str = "2026-11-23",
    to: str = "2026-11-25",
    verification: Verification = PROVEN,
    **account: Any,
) -> ComplianceReport:
    """A report of the cells, all of them of the period's first day."""
    owner = an_account(**account)
    period = period_from(from_, to, owner.zone)
    counts, effects = Counts(period.zone), OptOutEffects(period.from_)
    for cell, records in counted:
        counts.add(next(iter(period.days())), cell, records)
    if counted:
        effects.add_suppression(a_suppression(NOON, NOON.replace(second=0)))
        effects.add_sent(a_message(NOON.replace(hour=13)))
    gathered = ReportInputs(
        account=owner,
        period=period,
        counts=counts,
        effects=effects,
        unknown={"e-2": None} if counted else {},
        record=RecordRange(
            count=counts.records,
            chain=owner.id,
            first_id="r-1" if counted else None,
            first_at=NOON if counted else None,
            first_place=1 if counted else None,
            last_id="r-9" if counted else None,
            last_at=NOON if counted else None,
            last_place=9 if counted else None,
        ),
        verification=verification,
        requests=(
            PersonRequest(kind="erasure", at=NOON, actor="admin", done=True, answer_by=NOON.date().replace(month=12)),
        )
        if counted
        else (),
        retention=Retention(
            record_days=365,
            legal_hold=False,
            hold_changes=(HoldChange(at=NOON, held=True, actor="admin"),) if counted else (),
            purges=(PurgeSummary(at=NOON, up_to=3, count=3, before=NOON),) if counted else (),
            purged_up_to=3 if counted else 0,
        ),
    )
    return report_from(gathered, at=MADE_AT, by="admin")
