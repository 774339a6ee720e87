"""Lines of the sink that a restore applies: they can be opened by the key alone, and only as they were sealed."""

from datetime import UTC, datetime

import orjson
import pytest

from libs.store.restore_lines import (
    ADDED,
    RestoreLine,
    asked_at,
    is_restore_line,
    opened_keys,
    sealed_keys,
    sorted_keys,
)
from libs.store.sealer import CannotOpen, sealer_from

SEALER = sealer_from(f"k1:{'A' * 43}=")
OTHER = sealer_from(f"k1:{'B' * 42}A=")
NOON = datetime(2026, 11, 23, 12, 0, 0, 250, tzinfo=UTC)
LINE = RestoreLine(
    kind=ADDED,
    id="01234567-89ab-4cde-8f01-23456789abcd",
    at=NOON,
    account_id="acc_1",
    customer_keys=("c1", "c2"),
    details={"suppression_id": "sup_1", "suppression": "opt_out", "source": "keyword", "since": 1_795_435_200_000_000},
)


def test_a_line_is_read_as_it_was_written() -> None:
    text = LINE.sealed_with(SEALER)

    assert RestoreLine.opened(orjson.loads(text), SEALER) == LINE
    assert '"c1' not in text  # with its quote: sealed values are letters and digits at random
    assert LINE.since == datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", ["kind", "id", "at", "account_id", "suppression_id", "source", "since"])
def test_a_line_of_which_anything_was_changed_cannot_be_opened(name: str) -> None:
    body = orjson.loads(LINE.sealed_with(SEALER))
    body[name] = body[name] + 1 if isinstance(body[name], int) else body[name] + "x"

    with pytest.raises(CannotOpen):
        RestoreLine.opened(body, SEALER)


@pytest.mark.parametrize(
    "body", [{"kind": ADDED}, {"kind": ADDED, "customer_keys": 1}, {"kind": ADDED, "customer_keys": "k1:a:b"}]
)
def test_what_is_no_line_cannot_be_opened(body: dict[str, object]) -> None:
    assert is_restore_line(body)
    with pytest.raises(CannotOpen):
        RestoreLine.opened(body, SEALER)


def test_another_key_opens_neither_a_line_nor_the_keys_of_an_erasure() -> None:
    sealed = sealed_keys(["c2", "c1"], SEALER, erasure_id="era_1")

    assert opened_keys(sealed, SEALER, erasure_id="era_1") == ("c1", "c2")
    with pytest.raises(CannotOpen):
        opened_keys(sealed, SEALER, erasure_id="era_2")
    with pytest.raises(CannotOpen):
        opened_keys(sealed, OTHER, erasure_id="era_1")
    with pytest.raises(CannotOpen):
        RestoreLine.opened(orjson.loads(LINE.sealed_with(SEALER)), OTHER)


def test_checkpoints_and_other_lines_are_none() -> None:
    others: list[object] = [{"chain": "acc_1"}, {"kind": "checkpoint"}, [], None, {"kind": 1}]

    assert not any(is_restore_line(body) for body in others)


@pytest.mark.parametrize(
    ("evidence", "asked"),
    [
        pytest.param({"at": "2026-11-22T10:00:00+00:00"}, datetime(2026, 11, 22, 10, tzinfo=UTC), id="whatsapp's time"),
        pytest.param({"at": "2026-11-22T10:00:00"}, datetime(2026, 11, 22, 10, tzinfo=UTC), id="without an offset"),
        pytest.param({"at": "yesterday"}, NOON, id="no time"),
        pytest.param({}, NOON, id="an operator's"),
    ],
)
def test_a_customer_asked_when_the_evidence_says(evidence: dict[str, str], asked: datetime) -> None:
    assert asked_at(evidence, NOON) == asked


def test_keys_are_sorted_and_without_repetition() -> None:
    assert sorted_keys(["b", None, "a", "b", ""]) == ("a", "b")
