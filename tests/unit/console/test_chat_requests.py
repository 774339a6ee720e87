"""The settings of 3CX's chat: what is accepted, what is shown, and what is never shown."""

from typing import Any

import pytest

from libs.store.accounts import CHAT_WEBHOOK_URL
from tests.unit.console.world import World

URL = "https://pbx.example.com/sms/generic/0a1b2c3d"
MAIN = "+4930123456"


async def an_integration(world: World, **changes: Any) -> dict[str, Any]:
    made = await world.integration()
    chat = {"chat_enabled": True, "chat_numbers": {MAIN: made["instance_id"]}, "chat_webhook_url": URL}
    edited: dict[str, Any] = await world.ok("PATCH", f"/integrations/{made['id']}", chat | changes)
    return edited


async def test_a_new_integration_has_no_chat(world: World) -> None:
    made = await world.integration()

    shown = {name: value for name, value in made.items() if name.startswith("chat_")}
    assert shown == {
        "chat_enabled": False,
        "chat_numbers": {},
        "chat_purpose": "support",
        "chat_repeat_seconds": 3,
        "chat_per_minute": 600,
        "chat_notes": True,
        "chat_commands": False,
        "chat_webhook_url": None,
        "chat_url": made["webhook_url"].replace("/webhook/", "/chat/"),
    }


async def test_the_address_of_the_chat_is_stored_encrypted_and_shown_masked(world: World) -> None:
    edited = await an_integration(world)

    row = await world.store.directory.integration(edited["id"])
    assert edited["chat_webhook_url"] == "https://pbx.example.com/…"
    assert row is not None
    assert URL not in row.model_dump_json()
    assert row.sealed_chat_webhook_url is not None
    assert URL not in repr(row)
    assert "0a1b2c3d" not in str([event.model_dump() for event in world.broker.events])
    assert world.broker.events[-1].changes["sealed_chat_webhook_url"] == "set"  # type: ignore[attr-defined]
    assert CHAT_WEBHOOK_URL not in world.broker.events[-1].changes  # type: ignore[attr-defined]


async def test_an_address_can_be_taken_away(world: World) -> None:
    edited = await an_integration(world)

    await world.ok("PATCH", f"/integrations/{edited['id']}", {"chat_webhook_url": None})

    row = await world.store.directory.integration(edited["id"])
    assert row is not None
    assert row.sealed_chat_webhook_url is None


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a private address": ({"chat_webhook_url": "https://10.0.0.5/sms/generic/x"}, "chat_webhook_url"),
    "loopback": ({"chat_webhook_url": "https://127.0.0.1/sms"}, "chat_webhook_url"),
    "a mapped address": ({"chat_webhook_url": "https://[::ffff:10.0.0.5]/sms"}, "chat_webhook_url"),
    "user info": ({"chat_webhook_url": "https://a:b@pbx.example.com/sms"}, "chat_webhook_url"),
    "no TLS": ({"chat_webhook_url": "http://pbx.example.com/sms"}, "chat_webhook_url"),
    "the masked form": ({"chat_webhook_url": "https://pbx.example.com/…"}, "chat_webhook_url"),
    "a national main number": ({"chat_numbers": {"030123456": "num_1"}}, "chat_numbers"),
    "a number of nobody": ({"chat_numbers": {MAIN: "num_9"}}, "chat_numbers"),
    "a purpose of nobody": ({"chat_purpose": "marketing"}, "chat_purpose"),
    "no messages at all": ({"chat_per_minute": 0}, "chat_per_minute"),
    "a negative time": ({"chat_repeat_seconds": -1}, "chat_repeat_seconds"),
}


@pytest.mark.parametrize(("change", "field"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_used_is_refused_when_it_is_saved(
    world: World, change: dict[str, Any], field: str
) -> None:
    made = await world.integration()

    answer = await world.call("PATCH", f"/integrations/{made['id']}", json=change)
    body = await answer.json()

    assert (answer.status, body["error"]) == (422, "invalid_request")
    assert field in str(body["details"])
    assert "pbx.example.com" not in str(body)


async def test_a_number_stands_for_one_main_number_and_belongs_to_the_account(world: World) -> None:
    made, other = await world.integration(), await world.integration()
    one = f"/integrations/{made['id']}"

    twice = await world.call(
        "PATCH", one, json={"chat_numbers": {MAIN: made["instance_id"], "+4930999999": made["instance_id"]}}
    )
    foreign = await world.call("PATCH", one, json={"chat_numbers": {MAIN: other["instance_id"]}})

    assert (twice.status, foreign.status) == (422, 422)


async def test_a_chat_key_rotates_with_an_overlap_and_opens_nothing_else(world: World) -> None:
    edited = await an_integration(world)
    path = f"/integrations/{edited['id']}/rotate-secret"

    first = await world.ok("POST", path, {"which": "chat"})
    second = await world.ok("POST", path, {"which": "chat", "overlap_seconds": 60})

    row = await world.store.directory.integration(edited["id"])
    assert row is not None
    assert first["old_valid_until"] is None
    assert second["old_valid_until"] is not None
    assert second["webhook_url"] == edited["chat_url"]
    assert len(row.chat_keys) == 2
    assert (len(row.secrets), row.path_tokens) == (1, ())
    assert first["secret"] not in row.model_dump_json()
