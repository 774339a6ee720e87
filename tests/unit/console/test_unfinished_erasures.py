"""An erasure that is left half done, or cannot be finished yet, is finished later and recorded once."""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.errors import GatewayError, unavailable
from libs.contracts.events import (
    SubjectErased,
)
from libs.store.erasures import Erasure
from libs.store.store import Store
from tests.contract.store.builders import a_claim
from tests.unit.console.erasures import asked, bytes_in, erase, somebody, told, verified
from tests.unit.console.subjects import WAMID, a_subject, customer_key
from tests.unit.console.world import NOON, World, a_world


@dataclass
class Dying:
    """A port that lets so many calls through, and then fails as a store does that cannot be reached."""

    port: Any
    calls_left: list[int]

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.port, name)

        async def call(*args: Any, **named: Any) -> Any:
            if not self.calls_left[0]:
                raise unavailable("store")
            self.calls_left[0] -= 1
            return await real(*args, **named)

        return call


@pytest.mark.parametrize("steps", range(6))
async def test_an_erasure_that_dies_between_any_two_steps_is_finished_by_the_next_look(
    world: World, tmp_path: Path, steps: int
) -> None:
    account_id = await somebody(world)
    store, left = world.store, [steps]
    dying: dict[str, Any] = {
        name: Dying(getattr(store, name), left) for name in ("personal_data", "subjects", "erasures", "records")
    }
    job = Erasure(
        id="era_1",
        account_id=account_id,
        customer_keys=(customer_key(account_id),),
        do_not_contact=await world.deps.do_not_contact.newest([customer_key(account_id)]),
        pseudonyms=((await a_subject(world, account_id)).pseudonym,),
        reason="asked",
        actor="admin",
        asked_at=NOON,
    )
    await store.erasures.add(job)

    with suppress(GatewayError):
        await erase(world, replace(store, **dying)).resume()
    await erase(world, store).resume()

    assert list(await store.erasures.unfinished(9)) == []
    assert len(told(world, SubjectErased)) == 1
    assert customer_key(account_id).encode() not in bytes_in(tmp_path)
    assert await verified(world)


async def test_an_erasure_that_cannot_be_finished_now_is_accepted_and_goes_on(tmp_path: Path) -> None:
    left = [0]

    def with_dying_keys(store: Store) -> Store:
        return replace(store, personal_data=Dying(store.personal_data, left))

    async with a_world(tmp_path, with_dying_keys) as world:
        account_id = await somebody(world)
        response = await world.call("POST", "/erasures", json=asked(account_id))
        body = await response.json()
        left[0] = 99
        await erase(world, world.store).resume()

        assert (response.status, body["status"], body["removed"]) == (202, "under_way", {})
        assert [event.erasure_id for event in told(world, SubjectErased)] == [body["id"]]


@pytest.mark.parametrize("part", ["", "-subjects"])
async def test_an_erasure_is_not_finished_before_the_key_is_out_of_the_files(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    account_id = await somebody(world)
    monkeypatch.setattr("libs.store.sqlite.database.TRUNCATE_SECONDS", 0.0)
    reader = sqlite3.connect(tmp_path / f"gateway{part}.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    response = await world.call("POST", "/erasures", json=asked(account_id))
    reader.close()
    await erase(world, world.store).resume()

    assert (response.status, (await response.json())["status"]) == (202, "under_way")
    assert len(told(world, SubjectErased)) == 1
    assert list(await world.store.erasures.unfinished(9)) == []
    assert customer_key(account_id).encode() not in bytes_in(tmp_path)


async def test_an_erasure_that_was_cut_off_at_its_very_end_is_finished_without_being_told_again(
    world: World, tmp_path: Path
) -> None:
    account_id = await somebody(world)
    erased = await world.ok("POST", "/erasures", asked(account_id))
    job = Erasure(
        id=erased["id"],
        account_id=account_id,
        customer_keys=(),
        do_not_contact=(),
        pseudonyms=(),
        reason="",
        actor="admin",
        asked_at=NOON,
    )
    await world.store.erasures.add(job)

    await erase(world, world.store).resume()

    assert list(await world.store.erasures.unfinished(9)) == []
    assert len(told(world, SubjectErased)) == 1


async def test_an_erasure_cancels_what_waits_and_waits_for_a_call_that_is_in_progress(world: World) -> None:
    account_id = await somebody(world)
    claim = a_claim("event-1", account_id=account_id, customer_key=customer_key(account_id), now=NOON)
    await world.store.ledger.claim(claim)

    response = await world.call("POST", "/erasures", json=asked(account_id))
    plain = await world.store.erased_customers.erased_at(account_id, [customer_key(account_id)])
    marked = await world.deps.erased_customers.erased_at(account_id, [customer_key(account_id)])
    await world.store.ledger.finish("event-1", b"{}", now=NOON, message_id=WAMID)
    world.clock.pass_by(seconds=15)
    await erase(world, world.store).resume()
    found = await world.store.personal_data.find(account_id, [customer_key(account_id)])

    assert (response.status, (await response.json())["status"], marked) == (202, "under_way", NOON)
    assert plain is None  # the marker leads to nobody without the do-not-contact key
    assert len(told(world, SubjectErased)) == 1
    assert list(found.messages) == []
    marked = await world.deps.erased_customers.erased_at(account_id, [customer_key(account_id)])
    assert marked == NOON + timedelta(seconds=15)
