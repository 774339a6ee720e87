"""Replaying a sink's suppressions: in doubt the suppression stands, and the order of lines in the file is nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from uuid import UUID, uuid5

import pytest

from libs.contracts.identity import Pseudonyms
from libs.store.conversations import SuppressionKind
from libs.store.factory import open_store
from libs.store.instants import micros_from
from libs.store.restore_lines import ADDED, LIFTED, RestoreLine
from libs.store.store import Store
from tests.do_not_contact import hashes_over
from tools.restore.suppressions import ReplaySuppressions

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPACE = UUID("2f1d3c9e-7a55-5b7e-8d0e-1c5f7d9b6a32")
KEY = "c1" * 32


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    yield opened
    await opened.close()


def line(kind: str, second: float, *, source: str = "keyword", names: str | None = None) -> RestoreLine:
    at = NOON + timedelta(seconds=second)
    id_ = str(uuid5(SPACE, f"{kind}{second}{source}"))
    details = {"suppression_id": names or id_, "suppression": "opt_out", "source": source, "since": micros_from(at)}
    return RestoreLine(kind=kind, id=id_, at=at, account_id="acc-1", customer_keys=(KEY,), details=details)


STOP = line(ADDED, 0)
CASES = [
    pytest.param([STOP], True, id="a STOP"),
    pytest.param([STOP, line(LIFTED, 5)], False, id="STOP, then START"),
    pytest.param([line(LIFTED, 0), line(ADDED, 5)], True, id="START, then STOP"),
    pytest.param([STOP, line(LIFTED, 0)], True, id="a START in the second of the STOP"),
    pytest.param([STOP, line(LIFTED, 5), line(ADDED, 10)], True, id="STOP, START, STOP"),
    pytest.param(
        [STOP, line(LIFTED, 5, source="operator", names=STOP.details["suppression_id"])],
        False,
        id="a lift by an operator that names the STOP",
    ),
    pytest.param(
        [STOP, line(LIFTED, 5, source="operator")], True, id="a lift of another one, within the clocks' error"
    ),
    pytest.param([STOP, line(LIFTED, 3600, source="operator")], False, id="a lift by an operator an hour later"),
    pytest.param(
        [STOP, line(LIFTED, 5, source="operator", names=STOP.details["suppression_id"]), line(ADDED, 7)],
        True,
        id="a STOP after an operator's lift",
    ),
    pytest.param(
        [line(ADDED, 0, source="operator"), line(LIFTED, 3600, source="operator")], False, id="a block, lifted"
    ),
]


@pytest.mark.parametrize(("lines", "suppressed"), CASES)
async def test_what_stands_is_what_stood(store: Store, lines: list[RestoreLine], suppressed: bool) -> None:  # noqa: FBT001
    replay = ReplaySuppressions(store, hashes_over(store.do_not_contact_entries, Pseudonyms(b"h" * 32)))
    for order in permutations(lines):
        await replay(order)  # each time over what is there: a repetition changes nothing

        standing = await store.suppressions.standing("acc-1", [KEY])
        assert (SuppressionKind.OPT_OUT in standing) is suppressed, [each.kind for each in order]
    events = await store.outbox.unpublished(100)
    assert len({each.id for each in events}) == len(events)
