"""Forwards through the operators' API."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.store.forwards import Attempt, Forward, ForwardState
from services.console.domain.principals import Principal, Role
from tests.unit.console.world import NOON, World


async def forwarded(world: World, number: int = 1, **changes: Any) -> None:
    known: dict[str, Any] = {
        "id": str(UUID(int=number)),
        "account_id": "acc_1",
        "integration_id": "int_1",
        "kind": "message.received",
        "event_id": str(UUID(int=99)),
        "masked_phone": "+9665•••••678",
        "requested_at": NOON + timedelta(seconds=number),
        "updated_at": NOON,
    }
    forward = Forward(**(known | changes))
    await world.store.forwards.start(forward, owner="s", now=NOON, lease=timedelta(seconds=20))


async def test_a_forward_is_shown_with_every_try(world: World) -> None:
    await forwarded(world)
    failed = Attempt(at=NOON, duration_ms=15_000, error="timeout")
    taken = Attempt(at=NOON + timedelta(seconds=20), duration_ms=30, status=200)
    await world.store.forwards.finish_attempt(
        str(UUID(int=1)), ForwardState.WAITING, owner="s", now=NOON, attempt=failed
    )
    await world.store.forwards.finish_attempt(
        str(UUID(int=1)), ForwardState.DELIVERED, owner="s", now=NOON, attempt=taken
    )

    told = await world.ok("GET", f"/forwards/{UUID(int=1)}")

    assert (told["status"], told["tries"], told["last_status"], told["last_error"]) == ("delivered", 2, 200, None)
    assert told["attempts"] == [
        {"at": "2026-11-23T12:00:00Z", "duration_ms": 15000, "status": None, "error": "timeout"},
        {"at": "2026-11-23T12:00:20Z", "duration_ms": 30, "status": 200, "error": None},
    ]


async def test_forwards_are_searched_by_integration_and_status(world: World) -> None:
    await forwarded(world, 1)
    await forwarded(world, 2, integration_id="int_2")
    await forwarded(world, 3)
    await world.store.forwards.finish_attempt(str(UUID(int=3)), ForwardState.FAILED, owner="s", now=NOON)

    of_one = await world.ok("GET", "/forwards?integration_id=int_1")
    failed = await world.ok("GET", "/forwards?integration_id=int_1&status=failed")

    assert [item["id"] for item in of_one["items"]] == [str(UUID(int=3)), str(UUID(int=1))]
    assert [item["id"] for item in failed["items"]] == [str(UUID(int=3))]


@pytest.mark.parametrize("query", ["status=lost", "cursor=made-up", "limit=0", "phone=1"])
async def test_a_query_that_makes_no_sense_is_refused(world: World, query: str) -> None:
    assert (await world.call("GET", f"/forwards?{query}")).status == 422


async def test_a_forward_of_another_account_is_unknown(world: World) -> None:
    world.tokens.held["scoped"] = Principal("op", Role.OPERATOR, frozenset({"acc_2"}))
    await forwarded(world)

    assert (await world.call("GET", f"/forwards/{UUID(int=1)}", token="scoped")).status == 404
