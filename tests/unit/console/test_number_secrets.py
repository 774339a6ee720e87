"""Numbers of Evolution in the operators' API: what they need, what is shown once, and what is never shown."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.events import NumberChanged
from tests.unit.console.world import World, a_world

SERVER = {"provider": "evolution", "phone_number_id": "main", "base_url": "https://evolution.example.com/"}


async def made(world: World, **changes: Any) -> tuple[str, dict[str, Any]]:
    account = await world.account()
    return f"/accounts/{account['id']}/instances", await world.number(account["id"], **(SERVER | changes))


async def test_a_new_instance_is_answered_with_all_that_its_server_must_be_told(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        _, number = await made(world)
        row = await world.store.directory.number(number_id=number["id"])

    url = f"https://gateway.example.com/integrations/evolution/webhook/{number['id']}"
    secret = number["webhook_secret"]
    assert (number["base_url"], number["webhook_url"]) == ("https://evolution.example.com", url)
    assert number["webhook_set"] == {
        "webhook": {
            "enabled": True,
            "url": url,
            "headers": {"X-GW-Secret": secret},
            "byEvents": False,
            "base64": False,
            "events": ["MESSAGES_UPSERT", "MESSAGES_UPDATE", "CONNECTION_UPDATE"],
        }
    }
    assert row is not None
    assert [kept.sha256 for kept in row.webhook_secrets] == [hashlib.sha256(secret.encode()).hexdigest()]


async def test_the_secret_is_shown_once_and_the_notice_of_the_licence_always(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        path, number = await made(world)
        shown = await world.ok("GET", f"{path}/{number['id']}")
        listed = (await world.ok("GET", path))["items"]

    for answer in (number, shown, *listed):
        assert "Evolution API" in answer["notice"]
    assert number["webhook_secret"] not in str([shown, listed])
    assert not [name for name in shown if "secret" in name]


async def test_a_number_of_the_cloud_api_has_neither_secret_nor_notice(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        account = await world.account()
        number = await world.number(account["id"])
        one = f"/accounts/{account['id']}/instances/{number['id']}"
        refused = await world.call("POST", f"{one}/rotate-secret", json={})
        moved = await world.call("PATCH", one, json={"base_url": "https://x.example.com", "access_token": "key"})

    assert [number[name] for name in ("webhook_url", "webhook_secret", "webhook_set", "notice")] == [None] * 4
    assert (refused.status, moved.status) == (409, 422)


async def test_a_rotation_gives_a_new_secret_and_lets_the_old_one_live_for_its_overlap(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        path, number = await made(world)
        told = await world.ok("POST", f"{path}/{number['id']}/rotate-secret", {"overlap_seconds": 60})
        row = await world.store.directory.number(number_id=number["id"])

    assert row is not None
    new, old = row.webhook_secrets
    assert new.sha256 == hashlib.sha256(told["webhook_secret"].encode()).hexdigest()
    assert (new.valid_until, old.valid_until is not None) == (None, True)
    assert told["webhook_set"]["webhook"]["headers"] == {"X-GW-Secret": told["webhook_secret"]}
    assert told["old_valid_until"] == "2026-11-23T12:01:00Z"


async def test_the_record_learns_of_the_instance_and_of_no_secret(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        path, number = await made(world)
        told = await world.ok("POST", f"{path}/{number['id']}/rotate-secret", {})

        events = [event for event in world.broker.events if isinstance(event, NumberChanged)]

    assert [event.changes["webhook_secrets"] for event in events] == ["set", "replaced"]
    written = "".join(event.model_dump_json() for event in events)
    assert not [
        secret for secret in (number["webhook_secret"], told["webhook_secret"], "provider-token") if secret in written
    ]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no address": ({"base_url": None}, "base_url"),
    "a private address": ({"base_url": "https://10.0.0.5"}, "base_url"),
    "no TLS": ({"base_url": "http://evolution.example.com"}, "base_url"),
    "a query": ({"base_url": "https://evolution.example.com/?a=b"}, "base_url"),
    "credentials in the address": ({"base_url": "https://a:b@evolution.example.com"}, "base_url"),
    "an address of the Cloud API": ({"provider": "cloud_api", "phone_number_id": "1"}, "base_url"),
    "a name like Meta's ids": ({"phone_number_id": "106540352242922"}, "phone_number_id"),
    "a name that climbs": ({"phone_number_id": ".."}, "phone_number_id"),
}


@pytest.mark.parametrize(("changes", "field"), REFUSED.values(), ids=REFUSED)
async def test_what_could_not_be_used_is_refused_by_its_field(
    changes: dict[str, Any], field: str, tmp_path: Path
) -> None:
    async with a_world(tmp_path) as world:
        account = await world.account()
        body = SERVER | {"access_token": "a-provider-token"} | changes
        answer = await world.call("POST", f"/accounts/{account['id']}/instances", json=body)

        told = await answer.json()

    assert answer.status == 422
    assert [error["field"] for error in told["details"]["errors"]] == [field]


@pytest.mark.parametrize("setting", ["allow_private_evolution", "allow_private_forward"])
async def test_a_private_server_is_taken_where_the_deployment_allows_it(setting: str, tmp_path: Path) -> None:
    changes: dict[str, Any] = {setting: True}
    async with a_world(tmp_path, **changes) as world:
        _, number = await made(world, base_url="http://10.0.0.5:8080")

    assert number["base_url"] == "http://10.0.0.5:8080"


async def test_private_evolution_servers_make_no_private_forwards(tmp_path: Path) -> None:
    async with a_world(tmp_path, allow_private_evolution=True) as world:
        made_ = await world.integration()
        answer = await world.call("PATCH", f"/integrations/{made_['id']}", json={"forward_url": "http://10.0.0.5/"})

    assert answer.status >= 400


async def test_a_new_address_needs_the_key_again_so_that_nobody_draws_it_to_a_server_of_theirs(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        path, number = await made(world)
        one = f"{path}/{number['id']}"
        alone = await world.call("PATCH", one, json={"base_url": "https://elsewhere.example.com"})
        same = await world.ok("PATCH", one, {"base_url": "https://evolution.example.com", "paused": True})
        moved = await world.ok("PATCH", one, {"base_url": "https://elsewhere.example.com", "access_token": "key"})

        told = await alone.json()

    assert [error["field"] for error in told["details"]["errors"]] == ["access_token"]
    assert (same["base_url"], same["paused"]) == ("https://evolution.example.com", True)
    assert moved["base_url"] == "https://elsewhere.example.com"
