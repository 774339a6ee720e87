"""When the clock may decide that records are old."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.audit import metrics
from services.audit.domain.clocks import Clocks, Disagreement, disagreement

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATELY = NOON - HOUR


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param({}, None, id="nothing else is known"),
        pytest.param({"accepted": NOON - HOUR}, None, id="an hour after the last look"),
        pytest.param({"accepted": NOON - DAY}, None, id="a day after the last look"),
        pytest.param({"accepted": NOON - DAY - HOUR}, Disagreement.JUMP, id="more than a day after it"),
        pytest.param({"accepted": NOON + HOUR}, None, id="set back by an hour"),
        pytest.param({"signed": NOON - 2 * DAY}, Disagreement.JUMP, id="a first look long after the last checkpoint"),
        pytest.param({"accepted": LATELY, "signed": NOON - 9 * DAY}, None, id="a quiet deployment"),
        pytest.param({"accepted": LATELY, "signed": NOON + 2 * DAY}, Disagreement.SIGNER, id="before a checkpoint"),
        pytest.param({"server": NOON - 2 * DAY}, Disagreement.STORE, id="the store is behind"),
        pytest.param({"server": NOON + 2 * DAY}, Disagreement.STORE, id="the store is ahead"),
        pytest.param({"server": NOON + HOUR}, None, id="the store is nearly the same"),
        pytest.param({"recorded": [(LATELY - 9 * DAY, LATELY)]}, Disagreement.PRODUCERS, id="all others are behind"),
        pytest.param({"recorded": [(LATELY - 9 * DAY, LATELY), (LATELY, LATELY)]}, None, id="one event was late"),
        pytest.param({"recorded": [(NOON - 99 * DAY, NOON - 90 * DAY)]}, None, id="nothing was recorded lately"),
    ],
)
def test_what_a_clock_disagrees_with(known: dict[str, Any], expected: Disagreement | None) -> None:
    assert disagreement(Clocks(**{"now": NOON, "accepted": None} | known)) is expected


def test_every_disagreement_has_a_series_from_the_start() -> None:
    series = {labels[0] for labels in metrics.PURGE_STOPPED._metrics}

    assert series == set(Disagreement)
