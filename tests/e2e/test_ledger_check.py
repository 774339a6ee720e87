"""The ledger check detects each kind of fault."""

from typing import Any

import pytest

from tests.e2e.driver import Answer
from tests.e2e.ledger_check import findings_from

SENT = Answer(200, {"status": "sent", "event_id": "e1", "message_id": "m1"})


def a_record(code: str = "sent", message_id: str | None = "m1", **details: Any) -> dict[str, Any]:
    return {"event_id": "e1", "code": code, "details": {"message_id": message_id, "details": details}}


def check(**changes: Any) -> dict[str, list[str]]:
    """The faults of one message that was sent successfully, with the given changes."""
    inputs: dict[str, Any] = {
        "answers": {"e1": SENT},
        "terminal": [a_record()],
        "approved": {"e1"},
        "received": [("e1", "m1")],
        "claimed": {"e1"},
        "dead_letters": {},
        "chain_intact": None,
    }
    return findings_from(**(inputs | changes)).faults


def test_a_message_that_was_sent_has_no_fault() -> None:
    assert check() == {}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"terminal": []}, "accepted without a record"),
        ({"terminal": [a_record(), a_record()]}, "more than one terminal record"),
        ({"dead_letters": {"e9": ""}}, "dead without a reason"),
        ({"received": [("e1", "m1"), ("e1", "m2")]}, "sent twice"),
        ({"claimed": set()}, "sent without a claim"),
        ({"approved": set()}, "sent without an approval"),
        ({"terminal": [a_record("gateway_send_failed", None, outcome="unknown")]}, "answer differs from the record"),
        ({"received": []}, "recorded as sent, not received"),
        ({"terminal": [a_record("recipient_suppressed", None)]}, "received, recorded as refused"),
        ({"received": [("e1", "m2")]}, "another message id"),
        ({"chain_intact": False}, "the chain does not verify"),
    ],
)
def test_a_fault_is_found_and_named(changes: dict[str, Any], fault: str) -> None:
    assert fault in check(**changes)


def test_a_dead_letter_with_a_reason_is_no_loss() -> None:
    assert check(terminal=[], received=[], dead_letters={"e1": "failed 4 times"}) == {}


def test_an_unknown_outcome_may_have_been_received_and_may_not() -> None:
    answers = Answer(502, {"error": "gateway_send_failed", "event_id": "e1", "details": {"outcome": "unknown"}})
    unknown = a_record("gateway_send_failed", None, outcome="unknown")

    assert check(answers={"e1": answers}, terminal=[unknown]) == {}
    assert check(answers={"e1": answers}, terminal=[unknown], received=[]) == {}
