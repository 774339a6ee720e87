"""The ledger check itself: it sees each kind of fault, so that its silence means something."""

from typing import Any

import pytest

from tests.e2e.driver import Answer
from tests.e2e.ledger_check import judged

SENT = Answer(200, {"status": "sent", "event_id": "e1", "message_id": "m1"})


def a_record(code: str = "sent", message_id: str | None = "m1", **details: Any) -> dict[str, Any]:
    return {"event_id": "e1", "code": code, "details": {"message_id": message_id, "details": details}}


def check(**changes: Any) -> dict[str, list[str]]:
    """The faults of one message that went well, but for the changes."""
    world: dict[str, Any] = {
        "told": {"e1": SENT},
        "terminal": [a_record()],
        "approved": {"e1"},
        "received": [("e1", "m1")],
        "claimed": {"e1"},
        "letters": {},
        "chain": None,
    }
    return judged(**(world | changes)).faults


def test_a_message_that_went_well_holds() -> None:
    assert check() == {}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"terminal": []}, "accepted without a record"),
        ({"terminal": [a_record(), a_record()]}, "more than one terminal record"),
        ({"letters": {"e9": ""}}, "dead without a reason"),
        ({"received": [("e1", "m1"), ("e1", "m2")]}, "sent twice"),
        ({"claimed": set()}, "sent without a claim"),
        ({"approved": set()}, "sent without an approval"),
        ({"terminal": [a_record("gateway_send_failed", None, outcome="unknown")]}, "told otherwise than recorded"),
        ({"received": []}, "recorded as sent, not received"),
        ({"terminal": [a_record("recipient_suppressed", None)]}, "received, recorded as refused"),
        ({"received": [("e1", "m2")]}, "another message id"),
        ({"chain": False}, "the chain does not verify"),
    ],
)
def test_a_fault_is_found_and_named(changes: dict[str, Any], fault: str) -> None:
    assert fault in check(**changes)


def test_a_dead_letter_with_a_reason_is_no_loss() -> None:
    assert check(terminal=[], received=[], letters={"e1": "failed 4 times"}) == {}


def test_an_unknown_outcome_may_have_been_received_and_may_not() -> None:
    told = Answer(502, {"error": "gateway_send_failed", "event_id": "e1", "details": {"outcome": "unknown"}})
    unknown = a_record("gateway_send_failed", None, outcome="unknown")

    assert check(told={"e1": told}, terminal=[unknown]) == {}
    assert check(told={"e1": told}, terminal=[unknown], received=[]) == {}
