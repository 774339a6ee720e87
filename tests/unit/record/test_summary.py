"""How records are counted, and that a change of it is a new version: signed tallies of the old one are made again."""

import ast
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from libs.record.canonical import FIELDS, Link
from libs.record.facets import COUNTING, value_at
from libs.record.summary import QUARTER, Summary, exact_quarters, prefix_of
from libs.record.tallies import body_from, summary_from

NOON: Final = 1_795_435_200_000_000
ROOT: Final = Path(__file__).parents[3]
DIGESTS: Final = {1: "46c44c5b2a82209e"}
"""The digest of what is counted and how, by version. A new version is a new row; the old ones stay."""


def a_link(seq: int, at: int = NOON, type_: Any = "x", details: Any = None, **values: Any) -> Link:
    """A record as it is stored."""
    text = details if isinstance(details, str) else orjson.dumps(details or {}).decode()
    fields = {"id": f"r-{seq}", "at": at, "type": type_, "details": text} | values
    return Link(seq, bytes(32), bytes([seq]) * 32, [fields.get(name) for name in FIELDS])


def counted(*links: Link, exact: frozenset[int] = frozenset()) -> Summary:
    summary = Summary(exact)
    summary.add(links)
    return summary


def test_records_of_a_quarter_of_an_hour_that_are_alike_are_one_cell() -> None:
    summary = counted(a_link(1), a_link(2, NOON + QUARTER - 1), a_link(3, NOON + QUARTER), a_link(4, code="sent"))

    assert sorted((cell.at, cell.code, n) for cell, n in summary.cells.items() if cell.code is None) == [
        (NOON, None, 2),
        (NOON + QUARTER, None, 1),
    ]
    assert len(summary.cells) == 3


def test_in_a_quarter_with_an_edge_each_time_is_a_cell_and_no_tally_of_it_fits() -> None:
    edge = NOON + 7
    exact = exact_quarters([edge, NOON + 2 * QUARTER])

    assert exact == {NOON}
    assert {cell.at for cell in counted(a_link(1, NOON + 6), a_link(2, edge), exact=exact).cells} == {NOON + 6, edge}
    assert not counted(a_link(1)).fits(exact)
    assert counted(a_link(1, NOON + QUARTER)).fits(exact)


def test_a_message_counts_on_the_day_of_its_webhook() -> None:
    received = datetime(2026, 11, 23, 11, tzinfo=UTC)
    details = {"received_at": received.isoformat(), "details": {}}

    [late] = counted(a_link(1, type_="webhook.answered", code="sent", details=details)).cells
    [refused] = counted(a_link(1, type_="webhook.answered", code="blocked", details=details)).cells

    assert late.received == (received - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert refused.received is None


def test_sent_messages_are_listed_by_customer_and_confirmations_are_not() -> None:
    sent: dict[str, Any] = {"type_": "webhook.answered", "code": "sent", "customer_hash": "c1"}
    confirmation = a_link(2, details={"event_type": "opt_out_confirmation"}, **sent)

    summary = counted(a_link(1, **sent), confirmation, a_link(3, **(sent | {"customer_hash": None})))

    assert [(each.seq, each.customer) for each in summary.sent] == [(1, prefix_of("c1"))]


def test_a_record_that_audit_flagged_is_listed_as_backdated_too() -> None:
    links = (a_link(1, details={"backdated": True}), a_link(2, details={"x": {"backdated": True}}))
    flagged = a_link(3, type_="suppression.added", details={"backdated": True})

    assert [(each.seq, each.type) for each in counted(*links, flagged).kept] == [
        (1, "record.backdated"),
        (3, "record.backdated"),
        (3, "suppression.added"),
    ]


def test_suppressions_and_unknown_outcomes_are_listed_one_by_one() -> None:
    unknown = {"details": {"outcome": "unknown"}}
    links = (
        a_link(1, type_="suppression.added"),
        a_link(2),
        a_link(3, type_="webhook.answered", code="gateway_send_failed", details=unknown),
    )

    assert [(each.seq, each.type) for each in counted(*links).kept] == [
        (1, "suppression.added"),
        (3, "message.unknown"),
    ]


@pytest.mark.parametrize("details", ["no JSON", "[]", "17", '{"details": 5, "receipt": {}, "event_type": []}'])
def test_what_nobody_but_an_attacker_writes_is_counted_as_nothing(details: str) -> None:
    [cell] = counted(a_link(1, type_="webhook.answered", code=5, details=details)).cells

    assert (cell.code, set(orjson.loads(cell.facets))) == (None, {None})


@pytest.mark.parametrize("link", [a_link(1, at="soon"), a_link(1, type_=None)])  # type: ignore[arg-type]  # as stored
def test_a_record_without_a_time_or_a_type_is_not_counted(link: Link) -> None:
    assert counted(link).cells == {}


def test_a_body_is_read_as_it_was_written_and_the_order_of_records_is_nothing() -> None:
    links = [a_link(n, NOON + n * QUARTER // 3, type_="suppression.added", actor="a") for n in range(1, 9)]
    body = body_from(counted(*links))

    assert body == body_from(counted(*reversed(links))) == body_from(summary_from(body))
    for bad in (b"", b"{}", b"[]", body[:-1], body.replace(b'"sent":""', b'"sent":"AA=="')):
        with pytest.raises(ValueError, match=r"."):
            summary_from(bad)


def test_what_is_counted_changes_with_its_version_alone() -> None:
    """After a change that counts otherwise: raise COUNTING and add a row. Else replace the digest of this version."""
    assert DIGESTS[max(DIGESTS)] == digest_of("facets.py", "summary.py")
    assert max(DIGESTS) == COUNTING


def digest_of(*names: str) -> str:
    trees = [ast.parse((ROOT / "libs/record" / name).read_text("utf-8")) for name in names]
    for node in (each for tree in trees for each in ast.walk(tree)):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [each for each in body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]  # every node with statements has it
    return sha256("\n".join(map(ast.unparse, trees)).encode()).hexdigest()[:16]


def test_a_path_leads_to_plain_values_alone() -> None:
    assert value_at({"a": [{"b": True}]}, ("a", -1, "b")) is True
    assert value_at({"a": [{"b": {}}]}, ("a", -1, "b")) is None
    assert value_at({"a": []}, ("a", -1)) is None
