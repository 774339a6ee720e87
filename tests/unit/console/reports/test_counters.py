"""What the counters make of cells, beyond what a recount on the stores compares."""

from datetime import date
from zoneinfo import ZoneInfo

from libs.store.instants import micros_from
from services.console.domain.reports.counters import Counts
from services.console.domain.reports.periods import period_from
from tests.unit.console.reports.samples import NOON, Counted, a_cell, an_answer

RIYADH = ZoneInfo("Asia/Riyadh")


def counted(*cells: Counted) -> Counts:
    counts, [day] = Counts(RIYADH), period_from("2026-11-23", "2026-11-24", RIYADH).days()
    for cell, records in cells:
        counts.add(day, cell, records)
    return counts


def test_sent_messages_are_counted_by_their_content_and_refused_ones_are_not() -> None:
    counts = counted(
        an_answer(records=2),
        an_answer(template="order_ready", media="image"),
        an_answer(media="document"),
        an_answer(interactive="list"),
        an_answer("policy_violation", template="order_ready"),
        an_answer(event_type="opt_out_confirmation"),
    )

    assert counts.contents == {"text": 2, "template": 1, "media: document": 1, "interactive: list": 1}
    assert counts.templates == {"order_ready": 1}


def test_evidence_of_opt_ins_is_counted_by_source_and_imports_by_what_they_added() -> None:
    counts = counted(
        a_cell("consent.recorded", None, "web_form", "marketing", records=3),
        a_cell("consent.withdrawn", None, "keyword", "all"),
        a_cell("import.applied", None, "consents", 900, records=2),
        a_cell("import.applied", None, "consents", None),
    )

    assert counts.consents == {
        ("consent.recorded", "web_form"): 3,
        ("consent.withdrawn", "keyword"): 1,
        ("import.applied", "consents"): 1_800,
    }


def test_readings_are_counted_by_who_and_what_and_are_no_changes() -> None:
    counts = counted(
        a_cell("data.read", None, "list_events", actor="ana", records=2),
        a_cell("access.refused", None, "show_event", 7, actor="bob"),
        a_cell("subject.exported", actor="ana"),
        a_cell("account.changed", actor="ana"),
    )

    assert counts.readings == {
        ("ana", "data.read", "list_events"): 2,
        ("bob", "access.refused", "show_event"): 7,
        ("ana", "subject.exported", "none"): 1,
    }
    assert counts.changes == {"account.changed": 1}


def test_a_message_counts_on_the_accounts_day_of_its_webhook() -> None:
    night = NOON.replace(day=22, hour=20, minute=45)  # 23:45 in Riyadh
    cell, records = an_answer(records=2)

    counts = counted((cell._replace(received=micros_from(night)), records), an_answer())

    assert counts.used == {date(2026, 11, 22): 2, date(2026, 11, 23): 1}
