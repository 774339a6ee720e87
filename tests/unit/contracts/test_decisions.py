"""Decisions and receipts as they are stored, and as earlier releases stored them."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from libs.contracts.decisions import Decision, RuleReceipt, Scalar, withdrawn
from libs.contracts.errors import ErrorCode
from libs.contracts.results import AnswerStatus

LINE = {"rule": "window_is_open", "version": 2, "passed": True}


def test_a_decision_is_read_back_as_it_was_stored() -> None:
    receipt = RuleReceipt("window_is_open", 2, passed=True, inputs={"closes_at": None, "matched": ["link"]})
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

    decision = Decision.from_stored(json.dumps(kept).encode())

    assert decision.receipt[0].inputs == {"risk_score": 3}
    assert json.loads(decision.stored())["receipt"] == [{**LINE, "inputs": {"risk_score": 3}}]


@pytest.mark.parametrize(
    "line",
    [
        {"version": 1, "passed": True},
        {**LINE, "version": "one"},
        {**LINE, "passed": None},
        {**LINE, "inputs": {"text": {"nested": 1}}},
        {**LINE, "inputs": {"texts": [[1]]}},
        {**LINE, "inputs": [1]},
    ],
)
def test_a_receipt_that_is_none_is_not_read(line: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Decision.from_stored(json.dumps({"receipt": [line]}).encode())


def test_a_receipt_with_a_field_of_a_later_release_is_read() -> None:
    kept = {"receipt": [{**LINE, "inputs": {}, "later": 1}]}

    assert Decision.from_stored(json.dumps(kept).encode()).receipt == (RuleReceipt("window_is_open", 2, passed=True),)


def test_every_kind_of_input_comes_back_as_it_was() -> None:
    inputs: dict[str, Scalar | list[Scalar]] = {"a": "1", "b": 1, "c": 1.0, "d": True, "e": None, "f": [1, "x", None]}
    decision = Decision(receipt=(RuleReceipt("text_fits", 1, passed=True, inputs=inputs),))

    read = Decision.from_stored(decision.stored()).receipt[0].inputs

    assert [*map(repr, read.values())] == [*map(repr, inputs.values())]


def test_a_receipt_is_validated_where_it_is_read_and_not_where_a_rule_makes_it() -> None:
    odd: Any = "two"
    made = RuleReceipt("text_fits", odd, passed=True)

    assert made.version is odd
    with pytest.raises(ValidationError):
        TypeAdapter(RuleReceipt).validate_json(b'{"rule": "text_fits", "version": "two", "passed": true}')
