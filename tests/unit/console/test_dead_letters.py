"""Dead letters: stored, counted, shown and replayed through the operators' API."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.subscriptions import DeadLettered
from libs.contracts.events import DeadLetterDiscarded, DeadLetterReplayed
from libs.store.dead_letters import DeadLetterFilter
from services.console import metrics
from services.console.app.dead_letters import store_dead_letter_from
from services.console.domain.principals import Principal, Role
from services.console.handlers import dead_letters
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
            "replayable": True,
            "replayed_at": None,
            "replayed_by": None,
            "discarded_at": None,
            "discarded_by": None,
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


async def test_a_letter_that_arrives_late_is_listed_for_its_whole_time(world: World) -> None:
    await store(world, a_dead_letter(died_at=NOON - timedelta(days=300)))

    (shown,) = (await world.ok("GET", "/dead-letters"))["items"]

    assert (shown["died_at"], shown["expires_at"]) == ("2026-01-27T12:00:00Z", "2026-12-07T12:00:00Z")


async def test_a_letter_that_was_not_kept_whole_says_so_and_is_not_replayed(world: World) -> None:
    await store(world, a_dead_letter(replayable=False))

    shown = await world.ok("GET", f"/dead-letters/dlt_{1:032x}")
    refused = await world.call("POST", f"/dead-letters/dlt_{1:032x}/replay")

    assert shown["replayable"] is False
    assert (refused.status, (await refused.json())["error"]) == (409, "not_replayable")
    assert world.broker.replayed == []


REASON = {"reason": "a test message"}


async def test_a_discard_deletes_the_content_and_is_on_record_with_its_reason(world: World) -> None:
    await store(world, a_dead_letter())

    discarded = await world.ok("POST", f"/dead-letters/dlt_{1:032x}/discard", REASON)

    (kept,) = await world.store.dead_letters.page(DeadLetterFilter(), after=None, limit=1)
    assert (discarded["discarded_at"], discarded["discarded_by"]) == ("2026-11-23T12:00:00Z", "admin")
    assert kept.sealed == ""
    assert world.broker.replayed == []
    assert world.broker.events == [
        DeadLetterDiscarded(
            account_id="acc_1",
            integration_id="int_1",
            actor="admin",
            dead_letter_id=f"dlt_{1:032x}",
            queue="sender.forwards",
            reason="a test message",
        )
    ]


@pytest.mark.parametrize("first", ["replay", "discard"])
@pytest.mark.parametrize("then", ["replay", "discard"])
async def test_a_letter_is_replayed_or_discarded_once(world: World, first: str, then: str) -> None:
    await store(world, a_dead_letter())
    bodies = {"replay": {}, "discard": REASON}
    await world.ok("POST", f"/dead-letters/dlt_{1:032x}/{first}", bodies[first])

    again = await world.call("POST", f"/dead-letters/dlt_{1:032x}/{then}", json=bodies[then])

    assert again.status == 409
    assert len(world.broker.events) == 1


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "two\nlines"}, {"reason": "x" * 501}])
async def test_a_discard_needs_a_reason_in_one_line(world: World, body: dict[str, str]) -> None:
    await store(world, a_dead_letter())

    assert (await world.call("POST", f"/dead-letters/dlt_{1:032x}/discard", json=body)).status == 422


async def test_letters_are_listed_by_what_became_of_them(world: World) -> None:
    await store(world, *(a_dead_letter(n) for n in (1, 2, 3)))
    await world.ok("POST", f"/dead-letters/dlt_{1:032x}/replay")
    await world.ok("POST", f"/dead-letters/dlt_{2:032x}/discard", REASON)

    listed = {
        status: [item["id"][-1] for item in (await world.ok("GET", f"/dead-letters?status={status}"))["items"]]
        for status in ("waiting", "replayed", "discarded")
    }

    assert listed == {"waiting": ["3"], "replayed": ["1"], "discarded": ["2"]}


HOSTILE = [
    pytest.param(b"[" * 100_000, id="a deep nest"),
    pytest.param(b'{"a":' * 900 + b"1" + b"}" * 900, id="a nest as deep as Python reads"),
    pytest.param(b'{"customer": "\\ud800", "account_id": "\\udfff"}', id="lone surrogates"),
    pytest.param(b'{"at": 4611686018427387904, "arrived_at": "9999-12-31T23:59:59-23:00"}', id="times beyond all"),
    pytest.param(b'{"at": ' + b"9" * 5000 + b"}", id="a number of 5,000 digits"),
    pytest.param(b"\xff\x00", id="no text"),
]


@pytest.mark.parametrize("body", HOSTILE)
async def test_a_hostile_letter_is_stored_and_listed(world: World, body: bytes) -> None:
    await world.integration()
    message = {"body": base64.b64encode(body).decode(), "headers": {"x-at": 2**62}, "message_id": "m"}
    hostile = a_dead_letter(account_id=None, serialized=json.dumps(message))

    await store(world, hostile)

    assert [item["id"] for item in (await world.ok("GET", "/dead-letters"))["items"]] == [hostile.id]


async def test_a_letter_with_200_000_texts_is_stored_and_holds_up_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "CHECK_SECONDS", 0.2)
    await world.integration()
    body = json.dumps([str(number) for number in range(200_000)]).encode()
    message = {"body": base64.b64encode(body).decode(), "headers": {}, "message_id": "m"}
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    running = asyncio.create_task(others())
    await store(world, a_dead_letter(account_id=None, serialized=json.dumps(message)))
    running.cancel()

    assert turns > 5
    assert len((await world.ok("GET", "/dead-letters"))["items"]) == 1


async def test_a_letter_in_which_nobody_can_be_looked_for_is_stored(world: World) -> None:
    async def fails(_: DeadLettered) -> bool:
        raise RecursionError

    keep = replace(store_dead_letter_from(settings(), world.deps), is_erased=fails)

    await keep(a_dead_letter())

    assert len((await world.ok("GET", "/dead-letters"))["items"]) == 1


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
