"""Decisions and receipts as they are stored, and as earlier releases stored them."""

import json

from libs.contracts.decisions import Decision, RuleReceipt, withdrawn
from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerStatus

LINE = {"rule": "window_is_open", "version": 2, "passed": True}


def test_a_decision_is_read_back_as_it_was_stored() -> None:
    receipt = RuleReceipt(**LINE, inputs={"closes_at": None, "matched": ["link"]})
    decision = Decision(code=AnswerStatus.SKIPPED, reason="cooldown", details={"limit": 1}, receipt=(receipt,))

    assert Decision.from_stored(decision.stored()) == decision


def test_a_withdrawn_decision_refuses_and_says_so() -> None:
    read = Decision.from_stored(withdrawn().stored())

    assert (read.code, read.withdrawn, read.details) == (ErrorCode.GATEWAY_UNAVAILABLE, True, {})
    assert read.refused


def test_a_withdrawn_decision_of_an_earlier_release_is_read() -> None:
    kept = b'{"code":"gateway_unavailable","reason":null,"details":{"withdrawn":true},"receipt":[],"flagged":false}'

    assert Decision.from_stored(kept) == withdrawn()


def test_only_a_withdrawn_decision_has_the_field_in_its_json() -> None:
    assert "withdrawn" not in json.loads(Decision().model_dump_json())
    assert json.loads(withdrawn().model_dump_json())["withdrawn"] is True


def test_a_receipt_of_an_earlier_release_is_read() -> None:
    kept = {"receipt": [{**LINE, "saw": {"risk_score": 3}}]}

    (line,) = Decision.from_stored(json.dumps(kept).encode()).receipt

    assert line.inputs == {"risk_score": 3}
    assert json.loads(line.model_dump_json())["inputs"] == {"risk_score": 3}
