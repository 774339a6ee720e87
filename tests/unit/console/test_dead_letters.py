"""Dead letters: stored, counted, shown and replayed through the operators' API."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.subscriptions import DeadLettered
from libs.contracts.events import DeadLetterReplayed
from libs.store.dead_letters import DeadLetterFilter
from services.console import metrics
from services.console.app.dead_letters import store_dead_letter_from
from services.console.domain.principals import Principal, Role
from services.console.handlers.dead_letters import CountDeadLetters
from tests.unit.console.world import NOON, World, a_world, settings

TEXT = "the customer's own words"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


def a_dead_letter(number: int = 1, **changes: Any) -> DeadLettered:
    known: dict[str, Any] = {
        "id": f"dlt_{number:032x}",
        "queue": "sender.forwards",
        "reason": "out of time: timeout",
        "name": "forward.requested",
        "message_id": str(UUID(int=number)),
        "account_id": "acc_1",
        "integration_id": "int_1",
        "attempts": 30,
        "died_at": NOON,
        "serialized": TEXT,
    }
    return DeadLettered(**(known | changes))


async def store(world: World, *letters: DeadLettered) -> None:
    store_one = store_dead_letter_from(settings(), world.deps)
    for letter in letters:
        await store_one(letter)


async def test_a_letter_is_shown_with_its_reason_and_never_with_what_it_says(world: World) -> None:
    await store(world, a_dead_letter())

    page = await world.ok("GET", "/dead-letters")

    assert page["items"] == [
        {
            "id": f"dlt_{1:032x}",
            "queue": "sender.forwards",
            "reason": "out of time: timeout",
            "event": "forward.requested",
            "message_id": str(UUID(int=1)),
            "account_id": "acc_1",
            "integration_id": "int_1",
            "attempts": 30,
            "died_at": "2026-11-23T12:00:00Z",
            "expires_at": "2026-12-07T12:00:00Z",
            "replayed_at": None,
            "replayed_by": None,
        }
    ]


async def test_what_a_letter_says_is_nowhere_in_the_store_in_plain(world: World, tmp_path: Path) -> None:
    await store(world, a_dead_letter())
    await world.store.close()

    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert TEXT.encode() not in stored
    assert b"out of time" in stored


async def test_a_replay_puts_the_letter_back_and_is_on_record(world: World) -> None:
    await store(world, a_dead_letter())

    replayed = await world.ok("POST", f"/dead-letters/dlt_{1:032x}/replay")

    assert world.broker.replayed == [("sender.forwards", TEXT)]
    assert (replayed["replayed_at"], replayed["replayed_by"]) == ("2026-11-23T12:00:00Z", "admin")
    assert world.broker.events == [
        DeadLetterReplayed(
            account_id="acc_1",
            integration_id="int_1",
            actor="admin",
            dead_letter_id=f"dlt_{1:032x}",
            queue="sender.forwards",
        )
    ]


async def test_a_letter_is_replayed_once(world: World) -> None:
    await store(world, a_dead_letter())
    await world.ok("POST", f"/dead-letters/dlt_{1:032x}/replay")

    response = await world.call("POST", f"/dead-letters/dlt_{1:032x}/replay")

    assert response.status == 409
    assert len(world.broker.replayed) == 1


async def test_a_replay_that_the_broker_did_not_take_may_be_tried_again(world: World) -> None:
    await store(world, a_dead_letter())
    world.broker.down = True
    response = await world.call("POST", f"/dead-letters/dlt_{1:032x}/replay")
    world.broker.down = False

    replayed = await world.ok("POST", f"/dead-letters/dlt_{1:032x}/replay")

    assert response.status == 503
    assert replayed["replayed_at"] is not None


async def test_a_letter_whose_time_is_over_is_gone(world: World) -> None:
    await store(world, a_dead_letter())
    world.clock.pass_by(days=14)

    shown = await world.call("GET", f"/dead-letters/dlt_{1:032x}")
    replayed = await world.call("POST", f"/dead-letters/dlt_{1:032x}/replay")

    assert (shown.status, replayed.status) == (404, 404)


async def test_a_letter_that_was_moved_to_another_id_does_not_open(world: World) -> None:
    (letter,) = await _stored(world, a_dead_letter())
    await world.store.dead_letters.add(replace(letter, id=f"dlt_{2:032x}"))

    response = await world.call("POST", f"/dead-letters/dlt_{2:032x}/replay")

    assert response.status == 409
    assert world.broker.replayed == []


async def _stored(world: World, buried: DeadLettered) -> Any:
    await store(world, buried)
    return await world.store.dead_letters.page(DeadLetterFilter(), after=None, limit=1)


async def test_letters_are_searched_and_paged(world: World) -> None:
    await store(world, *(a_dead_letter(n) for n in (1, 2, 3)), a_dead_letter(4, queue="policy.webhooks"))
    await world.ok("POST", f"/dead-letters/dlt_{2:032x}/replay")

    first = await world.ok("GET", "/dead-letters?queue=sender.forwards&limit=2")
    second = await world.ok("GET", f"/dead-letters?queue=sender.forwards&limit=2&cursor={first['next_cursor']}")
    waiting = await world.ok("GET", "/dead-letters?status=waiting")

    assert [item["id"][-1] for item in (*first["items"], *second["items"])] == ["3", "2", "1"]
    assert second["next_cursor"] is None
    assert [item["id"][-1] for item in waiting["items"]] == ["4", "3", "1"]


async def test_a_token_for_one_account_sees_that_accounts_letters_alone(world: World) -> None:
    world.tokens.held["scoped"] = Principal("op", Role.OPERATOR, frozenset({"acc_1"}))
    await store(world, a_dead_letter(1), a_dead_letter(2, account_id="acc_2"), a_dead_letter(3, account_id=None))

    page = await (await world.call("GET", "/dead-letters", token="scoped")).json()
    others = [(await world.call("POST", f"/dead-letters/dlt_{n:032x}/replay", token="scoped")).status for n in (2, 3)]

    assert [item["id"][-1] for item in page["items"]] == ["1"]
    assert others == [404, 404]


async def test_an_auditor_replays_nothing(world: World) -> None:
    world.tokens.held["auditor"] = Principal("aud", Role.AUDITOR)
    await store(world, a_dead_letter())

    response = await world.call("POST", f"/dead-letters/dlt_{1:032x}/replay", token="auditor")

    assert response.status == 403


async def test_the_gauge_counts_letters_that_nobody_replayed(world: World) -> None:
    count = CountDeadLetters(world.store.dead_letters, world.clock)
    await store(world, a_dead_letter(1), a_dead_letter(2))
    await count()
    before = metrics.DEAD_LETTERS.labels("sender.forwards")._value.get()
    for n in (1, 2):
        await world.ok("POST", f"/dead-letters/dlt_{n:032x}/replay")

    await count()

    assert (before, metrics.DEAD_LETTERS.labels("sender.forwards")._value.get()) == (2, 0)
