"""An import whose process is killed in the middle is sent again: each row is applied once, and each batch told of."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.imports import KINDS, prepare, step
from libs.store.factory import open_store

ROWS, BATCH = 3_000, 1_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_import_goes_on_where_it_was(tmp_path: Path, kind: str) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    asyncio.run(prepare(url, ("acc_1",)))
    sent = ("--account", "acc_1", "--kind", kind, "--rows", str(ROWS))

    killed = step("killed", url, *sent, until=BATCH)
    rest = step("the rest", url, *sent)
    again = step("again", url, *sent)

    assert killed == {"added": BATCH}
    assert rest["unchanged"] >= BATCH
    assert (rest.total(), again) == (ROWS, {"unchanged": ROWS})
    rows, told = asyncio.run(stored(url, kind))
    assert rows == ROWS
    assert {each["first_row"] for each in told} == {1, 1_001, 2_001}
    assert BATCH <= sum(each["results"].get("added", 0) for each in told) <= ROWS


async def stored(url: str, kind: str) -> tuple[int, list[dict[str, Any]]]:
    """How many rows there are, and what the record is told of the batches."""
    store = await open_store(url)
    if kind == "suppressions":
        ids = {
            each.id
            for each in await store.suppressions.page(account_id="acc_1", customer_key=None, after=None, limit=9_999)
        }
    else:
        ids = {each.id for each in await store.consents.page(account_id="acc_1", after=None, limit=9_999)}
    events = [orjson.loads(each.body) for each in await store.outbox.unpublished(99)]
    await store.close()
    return len(ids), events
