"""Tokens: shown once, kept as digests, ended at once; and everybody who is not let in is on record."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.events import OperatorRejected, TokenCreated, TokenRevoked
from services.console.domain.principals import Principal, Role
from services.console.domain.secrets import sha256_of
from tests.unit.console.world import NOON, World

SINGLY = 20


def asked(**changes: Any) -> dict[str, Any]:
    return {"label": "Auditors", "role": "auditor"} | changes


async def rejections(world: World) -> list[OperatorRejected]:
    await world.relay.flush()
    return [event for event in world.broker.events if isinstance(event, OperatorRejected)]


async def test_a_token_works_and_its_secret_is_nowhere_but_in_the_first_answer(world: World, tmp_path: Path) -> None:
    made = await world.ok("POST", "/tokens", asked())

    (listed,) = (await world.ok("GET", "/tokens"))["items"]
    response = await world.call("GET", "/accounts", token=made["token"])
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert response.status == 200
    assert made["token"].startswith("gwo_")
    assert "token" not in listed
    assert made["token"].encode() not in stored
    assert sha256_of(made["token"]).encode() in stored


async def test_a_token_does_what_its_role_and_accounts_allow(world: World) -> None:
    own, other = (await world.account())["id"], (await world.account())["id"]
    made = await world.ok("POST", "/tokens", asked(role="operator", accounts=[own]))

    page = await world.ok("GET", "/accounts", token=made["token"])
    refused = await world.call("POST", "/accounts", token=made["token"], json={})
    unseen = await world.call("GET", f"/accounts/{other}", token=made["token"])

    assert [account["id"] for account in page["items"]] == [own]
    assert (refused.status, unseen.status) == (403, 404)


async def test_who_did_something_is_named_by_label_and_id(world: World) -> None:
    account = await world.account()
    made = await world.ok("POST", "/tokens", asked(label="Night shift", role="admin"))

    await world.ok("PATCH", f"/accounts/{account['id']}", {"paused": True}, token=made["token"])

    assert getattr(world.broker.events[-1], "actor", None) == f"Night shift ({made['id']})"


async def test_making_and_ending_a_token_are_told(world: World) -> None:
    account = await world.account()
    made = await world.ok("POST", "/tokens", asked(accounts=[account["id"]], expires_in_days=7))
    for _ in range(2):
        await world.ok("DELETE", f"/tokens/{made['id']}")

    created, revoked = world.broker.events[-2:]
    assert isinstance(created, TokenCreated)
    assert isinstance(revoked, TokenRevoked)
    assert (created.account_id, created.token_id, created.role, created.label, created.actor) == (
        account["id"],
        made["id"],
        "auditor",
        "Auditors",
        "admin",
    )
    assert created.expires_at == NOON + timedelta(days=7)
    assert made["token"] not in created.model_dump_json()
    assert (revoked.token_id, revoked.account_id) == (made["id"], account["id"])


async def test_a_revoked_token_is_refused_from_the_next_call_on(world: World) -> None:
    made = await world.ok("POST", "/tokens", asked())
    before = await world.call("GET", "/accounts", token=made["token"])

    ended = await world.ok("DELETE", f"/tokens/{made['id']}")

    after = await world.call("GET", "/accounts", token=made["token"])
    assert (before.status, after.status) == (200, 401)
    assert (ended["revoked_by"], ended["revoked_at"]) == ("admin", "2026-11-23T12:00:00Z")


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 401), (1, 401)])
async def test_a_token_ends_at_its_time(world: World, seconds: int, status: int) -> None:
    made = await world.ok("POST", "/tokens", asked(expires_in_days=1))

    world.clock.pass_by(days=1, seconds=seconds)

    assert (await world.call("GET", "/accounts", token=made["token"])).status == status


async def test_the_last_use_is_noted_to_the_minute(world: World) -> None:
    made = await world.ok("POST", "/tokens", asked())
    seen = []
    for seconds in (0, 30, 40, 3600):
        world.clock.pass_by(seconds=seconds)
        await world.call("GET", "/accounts", token=made["token"])
        seen.append((await world.ok("GET", "/tokens"))["items"][0]["last_used_at"])

    assert seen == [
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:01:10Z",
        "2026-11-23T13:01:10Z",
    ]


async def test_a_scoped_admin_gives_no_more_than_they_have(world: World) -> None:
    own, other = (await world.account())["id"], (await world.account())["id"]
    everywhere = await world.ok("POST", "/tokens", asked())
    world.tokens.held["scoped"] = Principal("adm", Role.ADMIN, frozenset({own}))

    statuses = [
        (await world.call("POST", "/tokens", json=asked(**said), token="scoped")).status
        for said in ({"accounts": [own]}, {"accounts": [own, other]}, {"accounts": [other]}, {})
    ]
    ended = await world.call("DELETE", f"/tokens/{everywhere['id']}", token="scoped")
    listed = await world.ok("GET", "/tokens", token="scoped")

    assert statuses == [201, 422, 422, 422]
    assert ended.status == 404
    assert [token["accounts"] for token in listed["items"]] == [[own]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"label": ""}, "label"),
        ({"role": "root"}, "role"),
        ({"accounts": []}, "accounts"),
        ({"accounts": ["acc_0"]}, "accounts"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 367}, "expires_in_days"),
        ({"token": "of-my-own-choice"}, "token"),
    ],
)
async def test_a_token_that_cannot_be_is_refused_by_field(world: World, change: dict[str, Any], field: str) -> None:
    response = await world.call("POST", "/tokens", json=asked(**change))

    body = await response.json()
    assert (response.status, [error["field"] for error in body["details"]["errors"]]) == (422, [field])


async def test_tokens_are_paged_within_the_scope(world: World) -> None:
    own = (await world.account())["id"]
    for n in range(7):
        await world.ok("POST", "/tokens", asked(accounts=[own] if n % 2 else None))
    world.tokens.held["scoped"] = Principal("adm", Role.ADMIN, frozenset({own}))

    first = await world.ok("GET", "/tokens?limit=2", token="scoped")
    second = await world.ok("GET", f"/tokens?limit=2&cursor={first['next_cursor']}", token="scoped")

    ids = [token["id"] for page in (first, second) for token in page["items"]]
    assert (len(set(ids)), second["next_cursor"]) == (3, None)


async def test_whoever_is_not_let_in_is_on_record_with_the_reason(world: World) -> None:
    account = await world.account()
    ended = await world.ok("POST", "/tokens", asked(accounts=[account["id"]]))
    await world.ok("DELETE", f"/tokens/{ended['id']}")
    short = await world.ok("POST", "/tokens", asked(expires_in_days=1))
    world.clock.pass_by(days=2)

    for token in (None, "a-guess", ended["token"], short["token"]):
        await world.call("GET", "/accounts", token=token)

    told = await rejections(world)
    assert [(event.reason, event.token_id, event.account_id) for event in told] == [
        ("missing_token", None, None),
        ("unknown_token", None, None),
        ("revoked_token", ended["id"], account["id"]),
        ("expired_token", short["id"], None),
    ]
    assert {(event.client_address, event.operation) for event in told} == {("127.0.0.1", "list_accounts")}


async def test_a_flood_of_guesses_does_not_flood_the_record(world: World) -> None:
    for n in range(SINGLY + 15):
        await world.call("GET", "/accounts", token=f"guess-{n}")

    told = await rejections(world)

    assert [event.count for event in told] == [1] * SINGLY
    assert not any("guess" in event.model_dump_json() for event in told)


async def test_who_holds_a_token_comes_in_during_a_flood(world: World) -> None:
    for n in range(SINGLY + 5):
        await world.call("GET", "/accounts", token=f"guess-{n}")

    assert (await world.call("GET", "/accounts")).status == 200
