from datetime import timedelta
from typing import Any

import pytest

from libs.store.records import Record
from services.console.domain.reports.opt_outs import OptOutEffects
from tests.unit.console.reports.samples import NOON, a_message, a_suppression

SECOND = timedelta(seconds=1)


def lifted(seconds: float, **fields: Any) -> Record:
    record = a_suppression(NOON + seconds * SECOND, **fields)
    return Record(**{**{name: getattr(record, name) for name in record.__slots__}, "type": "suppression.lifted"})


def told(*messages: Record, suppressions: tuple[Record, ...]) -> OptOutEffects:
    effects = OptOutEffects(NOON - timedelta(days=1))
    for record in suppressions:
        effects.add_suppression(record)
    for message in messages:
        effects.add_sent(message)
    return effects


STOPPED = a_suppression(NOON + 2 * SECOND, NOON)


@pytest.mark.parametrize(
    ("seconds", "asked", "expected"),
    [
        pytest.param(-1, -2, (0, 0), id="before the customer's word"),
        pytest.param(0.9, 0.5, (0, 0), id="in the second of the customer's word"),
        pytest.param(1, 0.5, (1, 0), id="while the word was on its way"),
        pytest.param(3, 1, (1, 0), id="asked for before it was in effect, sent after"),
        pytest.param(5, 4, (0, 1), id="asked for after it was in effect"),
        pytest.param(5, None, (0, 1), id="nobody knows when it was asked for"),
    ],
)
def test_a_message_after_a_stop_is_counted_by_when_it_was_asked_for(
    seconds: float, asked: float | None, expected: tuple[int, int]
) -> None:
    details = {} if asked is None else {"received_at": (NOON + asked * SECOND).isoformat()}

    effects = told(a_message(NOON + seconds * SECOND, **details), suppressions=(STOPPED,))

    assert (effects.before_effect, effects.after_effect) == expected
    assert [named.event_id for named in effects.named] == ["e-1"] * sum(expected)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.999])
def test_in_the_second_of_an_opt_out_nothing_is_a_violation_but_after_an_operators_block_it_is(fraction: float) -> None:
    blocked = a_suppression(NOON + 0.2 * SECOND)
    blocked.details["kind"] = "blocked"
    message = a_message(NOON + max(fraction, 0.3) * SECOND, received_at=(NOON + 0.25 * SECOND).isoformat())

    tied, late = told(message, suppressions=(STOPPED,)), told(message, suppressions=(blocked,))

    assert (tied.before_effect, tied.after_effect, tied.named) == (0, 0, [])
    assert (late.before_effect, late.after_effect) == (0, 1)


def test_a_named_message_has_the_time_of_the_opt_out_and_that_of_its_record() -> None:
    [named] = told(a_message(NOON + SECOND), suppressions=(STOPPED,)).named

    assert (named.stopped_at, named.effective_at, named.sent_at) == (NOON, NOON + 2 * SECOND, NOON + SECOND)


def test_the_confirmation_of_an_opt_out_is_no_message_to_a_suppressed_customer() -> None:
    effects = told(a_message(NOON + 5 * SECOND, event_type="opt_out_confirmation"), suppressions=(STOPPED,))

    assert (effects.before_effect, effects.after_effect) == (0, 0)


def test_who_opted_in_again_may_be_written_to() -> None:
    effects = told(a_message(NOON + 9 * SECOND), suppressions=(STOPPED, lifted(8)))

    assert effects.after_effect == 0


def test_a_lifted_opt_out_leaves_an_operators_block_in_force() -> None:
    blocked = a_suppression(NOON + 3 * SECOND, id="blocked")
    blocked.details["kind"] = "blocked"

    effects = told(a_message(NOON + 9 * SECOND), suppressions=(STOPPED, blocked, lifted(8)))

    assert effects.after_effect == 1


def test_a_marketing_suppression_stops_no_message() -> None:
    marketing = a_suppression(NOON)
    marketing.details["kind"] = "marketing"

    assert told(a_message(NOON + SECOND), suppressions=(marketing,)).customers == frozenset()


def test_how_fast_is_told_by_rank_and_only_for_the_period() -> None:
    early = a_suppression(NOON - timedelta(days=2), NOON - timedelta(days=3))
    others = [a_suppression(NOON + n * SECOND, NOON, customer_hash=f"c{n}") for n in range(1, 21)]

    effects = told(suppressions=(early, *others))

    assert len(effects.seconds) == 20
    assert (effects.quantile(0.5), effects.quantile(0.95), effects.quantile(1.0)) == (10.0, 19.0, 20.0)


def test_a_clock_that_is_ahead_makes_no_negative_time() -> None:
    assert told(suppressions=(a_suppression(NOON, NOON + SECOND),)).seconds == [0.0]


@pytest.mark.parametrize("evidence", ["soon", 17, None, "2026-11-23", {}])
def test_evidence_that_cannot_be_read_is_no_evidence(evidence: Any) -> None:
    record = a_suppression(NOON)
    record.details["evidence"] = {"at": evidence}

    effects = told(suppressions=(record,))

    assert effects.seconds == []
    assert effects.customers == {"c1"}
