"""The operators' API, called as operators call it."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.events import (
    AccountChanged,
    IntegrationChanged,
    NumberChanged,
    SecretRotated,
    SuppressionAdded,
    SuppressionLifted,
)
from libs.contracts.identity import Pseudonyms
from libs.store.accounts import Integration
from libs.store.records import Record
from tests.unit.console.world import KEY, NOON, PHONE, World, a_world

EVENT_ID = "01234567-89ab-4cde-8f01-23456789abcd"


def a_record(id_: str, **changes: Any) -> Record:
    known: dict[str, Any] = {"at": NOON, "type": "webhook.answered", "account_id": "acc_1", "event_id": EVENT_ID}
    return Record(id=id_, **(known | changes))


async def stored(world: World, integration_id: str) -> Integration:
    found = await world.store.directory.integration(integration_id)
    assert found is not None
    return found


# ---------------------------------------------------------------- accounts


async def test_an_account_is_made_with_its_defaults_and_found_again(world: World) -> None:
    made = await world.account(daily_limit=250)

    assert made["id"].startswith("acc_")
    assert (made["plan"], made["threecx_enabled"], made["paused"], made["daily_limit"]) == ("starter", True, False, 250)
    assert await world.ok("GET", f"/accounts/{made['id']}") == made


async def test_making_an_account_is_an_event(world: World) -> None:
    made = await world.account()

    (event,) = world.broker.events
    assert isinstance(event, AccountChanged)
    assert (event.account_id, event.actor, event.created) == (made["id"], "admin", True)
    assert event.changes["name"] == {"new": "Acme"}


async def test_an_edit_changes_what_it_names_and_tells_old_and_new(world: World) -> None:
    made = await world.account(daily_limit=250)

    edited = await world.ok("PATCH", f"/accounts/{made['id']}", {"paused": True, "daily_limit": None})

    assert (edited["paused"], edited["daily_limit"], edited["name"], edited["version"]) == (True, None, "Acme", 2)
    event = world.broker.events[-1]
    assert isinstance(event, AccountChanged)
    assert event.changes == {"paused": {"new": True, "old": False}, "daily_limit": {"new": None, "old": 250}}


@pytest.mark.parametrize("body", [{}, {"name": "Acme"}], ids=["nothing", "what is so already"])
async def test_an_edit_that_changes_nothing_is_no_event(world: World, body: dict[str, Any]) -> None:
    made = await world.account()

    edited = await world.ok("PATCH", f"/accounts/{made['id']}", body)

    assert edited == made
    assert len(world.broker.events) == 1


async def test_edits_at_the_same_time_all_count(world: World) -> None:
    made = await world.account()
    path = f"/accounts/{made['id']}"

    await asyncio.gather(
        world.ok("PATCH", path, {"paused": True}),
        world.ok("PATCH", path, {"plan": "scale"}),
        world.ok("PATCH", path, {"name": "Acme Group"}),
    )

    after = await world.ok("GET", path)
    assert (after["paused"], after["plan"], after["name"], after["version"]) == (True, "scale", "Acme Group", 4)


async def test_a_list_comes_in_pages_that_miss_nothing(world: World) -> None:
    ids = sorted([(await world.account(name=f"Acme {number}"))["id"] for number in range(5)])
    seen, cursor = [], None

    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = await world.ok("GET", "/accounts", params=query)
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == ids


# ---------------------------------------------------------------- instances


async def test_a_numbers_token_is_sealed_and_never_shown(world: World) -> None:
    account = await world.account()

    made = await world.number(account["id"], access_token="the-providers-token")

    row = await world.store.directory.number(number_id=made["id"])
    assert row is not None
    assert world.sealer.open(row.sealed_token, owner=row.id, field_name="access_token") == "the-providers-token"
    assert "the-providers-token" not in row.model_dump_json()
    assert not {"access_token", "sealed_token"} & made.keys()
    event = world.broker.events[-1]
    assert isinstance(event, NumberChanged)
    assert event.changes["sealed_token"] == "set"
    assert row.sealed_token not in event.model_dump_json()


async def test_a_new_token_replaces_the_old_one_and_the_record_knows_only_that(world: World) -> None:
    account = await world.account()
    number = await world.number(account["id"])

    edit = {"access_token": "a-newer-token", "messages_per_second": 20}
    edited = await world.ok("PATCH", f"/accounts/{account['id']}/instances/{number['id']}", edit)

    row = await world.store.directory.number(number_id=number["id"])
    assert row is not None
    assert world.sealer.open(row.sealed_token, owner=row.id, field_name="access_token") == "a-newer-token"
    assert edited["messages_per_second"] == 20
    event = world.broker.events[-1]
    assert isinstance(event, NumberChanged)
    assert event.changes == {"sealed_token": "replaced", "messages_per_second": {"new": 20.0, "old": 80.0}}


async def test_two_numbers_cannot_have_the_same_id_at_the_provider(world: World) -> None:
    first, second = await world.account(), await world.account()
    await world.number(first["id"], phone_number_id="77")

    body = {"provider": "cloud_api", "phone_number_id": "77", "access_token": "another-token"}
    response = await world.call("POST", f"/accounts/{second['id']}/instances", json=body)

    assert (response.status, (await response.json())["error"]) == (409, "conflict")


async def test_an_accounts_numbers_are_its_own(world: World) -> None:
    first, second = await world.account(), await world.account()
    number = await world.number(first["id"], phone_number_id="77")

    of_first = await world.ok("GET", f"/accounts/{first['id']}/instances")
    of_second = await world.ok("GET", f"/accounts/{second['id']}/instances")
    under_second = await world.call("GET", f"/accounts/{second['id']}/instances/{number['id']}")

    assert ([item["id"] for item in of_first["items"]], of_second["items"]) == ([number["id"]], [])
    assert under_second.status == 404


# ---------------------------------------------------------------- integrations


async def test_a_new_integration_shows_its_url_and_secret_once(world: World) -> None:
    made = await world.integration()

    shown = await world.ok("GET", f"/integrations/{made['id']}")
    row = await stored(world, made["id"])
    assert made["webhook_url"] == f"https://gateway.example.com/integrations/3cx/webhook/{made['id']}"
    assert len(made["secret"]) >= 43  # 32 bytes in base64
    assert [s.sha256 for s in row.secrets] == [hashlib.sha256(made["secret"].encode()).hexdigest()]
    assert made["forward_secret"] is None
    assert not {"secret", "secrets", "forward_secret"} & shown.keys()
    assert all(made["secret"] not in event.model_dump_json() for event in world.broker.events)
    assert isinstance(world.broker.events[-1], IntegrationChanged)


async def test_the_first_forward_url_brings_a_secret_that_is_shown_once(world: World) -> None:
    made = await world.integration()

    edited = await world.ok("PATCH", f"/integrations/{made['id']}", {"forward_url": "https://pbx.example.com/in?k=v"})
    again = await world.ok("PATCH", f"/integrations/{made['id']}", {"forward_url": "https://pbx.example.com/other"})

    row = await stored(world, made["id"])
    sealed = row.sealed_forward_secret or ""
    assert edited["forward_secret"] == world.sealer.open(sealed, owner=row.id, field_name="forward_secret")
    assert again["forward_secret"] is None
    event = world.broker.events[-2]
    assert isinstance(event, IntegrationChanged)
    assert event.changes["forward_url"] == {"new": "https://pbx.example.com", "old": None}
    assert edited["forward_secret"] not in event.model_dump_json()


async def test_an_edit_of_one_template_leaves_the_others_and_its_own_text(world: World) -> None:
    templates = {
        "missed_call": {"enabled": True, "text": "We missed you, {{ customer_phone }}"},
        "voicemail": {"enabled": False, "text": "Thanks"},
    }
    made = await world.integration(templates=templates)

    edited = await world.ok("PATCH", f"/integrations/{made['id']}", {"templates": {"missed_call": {"enabled": False}}})

    expected = {"enabled": False, "text": "We missed you, {{ customer_phone }}"}
    assert edited["templates"] == templates | {"missed_call": expected}
    event = world.broker.events[-1]
    assert "We missed you" not in event.model_dump_json()


async def test_everything_about_an_integration_can_be_set(world: World) -> None:
    fields = {
        "auth_mode": "secret_hmac",
        "allowed_ips": ["203.0.113.7", "10.1.2.3/8", "2001:db8::1/32"],
        "enabled": False,
        "strict_window": False,
        "dialect": "k2m",
        "number_format": "international",
        "extension_roles": {"800": "queue", "*55": "voicemail"},
        "business_hours": {
            "zone": "Europe/Berlin",
            "weekly": {"monday": [{"opens": "13:00", "closes": "17:00"}, {"opens": "09:00", "closes": "12:00"}]},
            "holidays": ["2026-12-25"],
        },
        "window_template": {"name": "call_me", "language": "en_US"},
    }

    made = await world.integration(**fields)

    shown = await world.ok("GET", f"/integrations/{made['id']}")
    assert shown["allowed_ips"] == ["203.0.113.7", "10.0.0.0/8", "2001:db8::/32"]
    assert [hours["opens"] for hours in shown["business_hours"]["weekly"]["monday"]] == ["09:00", "13:00"]
    untouched = fields.keys() - {"allowed_ips", "business_hours"}
    assert {name: shown[name] for name in untouched} == {name: fields[name] for name in untouched}


async def test_old_secrets_live_on_for_their_overlap_and_several_may(world: World) -> None:
    made = await world.integration()
    path = f"/integrations/{made['id']}/rotate-secret"

    first = await world.ok("POST", path, {"overlap_seconds": 3600})
    world.clock.pass_by(minutes=10)
    second = await world.ok("POST", path, {"overlap_seconds": 7200})

    row = await stored(world, made["id"])
    held = {s.sha256: s.valid_until for s in row.secrets}
    assert held == {
        hashlib.sha256(second["secret"].encode()).hexdigest(): None,
        hashlib.sha256(first["secret"].encode()).hexdigest(): NOON + timedelta(minutes=130),
        hashlib.sha256(made["secret"].encode()).hexdigest(): NOON + timedelta(minutes=60),
    }
    event = world.broker.events[-1]
    assert isinstance(event, SecretRotated)
    assert (event.which, event.old_valid_until) == ("webhook", NOON + timedelta(minutes=130))


async def test_without_overlap_every_old_secret_ends_at_once(world: World) -> None:
    made = await world.integration()
    path = f"/integrations/{made['id']}/rotate-secret"
    await world.ok("POST", path, {"overlap_seconds": 3600})

    last = await world.ok("POST", path, {"overlap_seconds": 0})

    row = await stored(world, made["id"])
    assert [s.sha256 for s in row.secrets] == [hashlib.sha256(last["secret"].encode()).hexdigest()]
    assert last["old_valid_until"] is None


async def test_the_path_token_and_the_forward_secret_rotate_too(world: World) -> None:
    made = await world.integration(forward_url="https://pbx.example.com/in")
    path = f"/integrations/{made['id']}/rotate-secret"

    token = await world.ok("POST", path, {"which": "path"})
    forward = await world.ok("POST", path, {"which": "forward"})

    row = await stored(world, made["id"])
    assert token["webhook_url"] == f"{made['webhook_url']}/{token['secret']}"
    assert [s.sha256 for s in row.path_tokens] == [hashlib.sha256(token["secret"].encode()).hexdigest()]
    sealed = row.sealed_forward_secret or ""
    assert world.sealer.open(sealed, owner=row.id, field_name="forward_secret") == forward["secret"]
    assert forward["secret"] != made["forward_secret"]


# ---------------------------------------------------------------- suppressions


async def test_a_national_number_is_blocked_by_the_accounts_region_and_only_its_mask_is_shown(world: World) -> None:
    account = await world.account()

    made = await world.ok(
        "POST", "/suppressions", {"account_id": account["id"], "phone": "051 234 5678", "reason": "asked us"}
    )

    row = await world.store.suppressions.get(made["id"])
    assert row is not None
    assert row.customer_key == Pseudonyms(KEY.encode()).customer_key(account["id"], PHONE)
    assert (made["masked_phone"], made["kind"], made["actor"]) == ("+9665•••••678", "blocked", "admin")
    event = world.broker.events[-1]
    assert isinstance(event, SuppressionAdded)
    assert (event.customer, event.customer_key) == (None, row.customer_key)


async def test_blocking_twice_is_one_suppression_and_one_event(world: World) -> None:
    account = await world.account()
    body = {"account_id": account["id"], "phone": PHONE, "reason": "asked us"}

    first = await world.call("POST", "/suppressions", json=body)
    again = await world.call("POST", "/suppressions", json=body)

    assert (first.status, again.status) == (201, 200)
    assert await first.json() == await again.json()
    assert len(world.broker.events) == 2  # the account, the suppression


async def test_a_lifted_suppression_is_gone_from_the_list_and_cannot_be_lifted_again(world: World) -> None:
    account = await world.account()
    body = {"account_id": account["id"], "phone": PHONE, "reason": "asked us"}
    made = await world.ok("POST", "/suppressions", body)
    world.clock.pass_by(seconds=1)

    lifted = await world.ok("DELETE", f"/suppressions/{made['id']}", params={"reason": "asked again"})
    again = await world.call("DELETE", f"/suppressions/{made['id']}")

    assert (lifted["active"], again.status) == (False, 404)
    assert (await world.ok("GET", "/suppressions"))["items"] == []
    event = world.broker.events[-1]
    assert isinstance(event, SuppressionLifted)
    assert (event.reason, event.customer_key is not None, event.masked_phone) == (
        "asked again",
        True,
        made["masked_phone"],
    )


async def test_one_customers_suppressions_are_found_by_phone(world: World) -> None:
    account = await world.account()
    for phone in (PHONE, "+966512345679"):
        await world.ok("POST", "/suppressions", {"account_id": account["id"], "phone": phone, "reason": "asked us"})

    found = await world.ok("GET", "/suppressions", params={"account_id": account["id"], "phone": PHONE})

    assert [item["masked_phone"] for item in found["items"]] == ["+9665•••••678"]


# ---------------------------------------------------------------- events


async def test_events_are_filtered_and_paged_newest_first(world: World) -> None:
    records = [a_record(str(UUID(int=n)), at=NOON + timedelta(minutes=n), code="sent") for n in range(5)]
    await world.store.records.append([*records, a_record(str(UUID(int=99)), code="recipient_suppressed")])
    wanted = {"account_id": "acc_1", "code": "sent", "from": "2026-11-23T12:01:00Z", "limit": "2"}

    first = await world.ok("GET", "/events", params=wanted)
    rest = await world.ok("GET", "/events", params=wanted | {"cursor": first["next_cursor"]})

    assert [item["id"] for item in first["items"] + rest["items"]] == [str(UUID(int=n)) for n in (4, 3, 2, 1)]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("offset", ["+03:00", "%2B03:00", "-05:00", "Z"], ids=["a bare plus", "a plus", "minus", "UTC"])
async def test_a_period_may_be_given_in_any_offset(world: World, offset: str) -> None:
    response = await world.call("GET", f"/events?from=2026-11-23T12:00:00{offset}")

    assert response.status == 200


async def test_a_story_is_told_in_order(world: World) -> None:
    told = [a_record(str(UUID(int=n)), at=NOON + timedelta(seconds=n), type=f"type.{n}") for n in (2, 0, 1)]
    await world.store.records.append(told)

    story = await world.ok("GET", f"/events/{EVENT_ID.upper()}")

    assert [item["type"] for item in story["items"]] == ["type.0", "type.1", "type.2"]


# ---------------------------------------------------------------- the outbox


async def test_a_change_succeeds_while_the_broker_is_down_and_is_told_later_once(world: World) -> None:
    world.broker.down = True
    made = await world.account()
    await world.ok("PATCH", f"/accounts/{made['id']}", {"paused": True})
    world.broker.down = False

    delivered = await world.relay.flush()
    await world.relay.flush()

    assert delivered
    assert [getattr(event, "created", None) for event in world.broker.events] == [True, False]
    assert {at for _, _, at in world.broker.published} == {NOON}
    assert await world.store.outbox.unpublished(10) == []


async def test_more_changes_than_a_page_are_all_told(world: World) -> None:
    world.broker.down = True
    made = await world.account()
    for number in range(120):
        await world.ok("PATCH", f"/accounts/{made['id']}", {"name": f"Acme {number}"})
    world.broker.down = False

    await world.relay.flush()

    assert len(world.broker.events) == 121


async def test_no_phone_waits_in_the_outbox(world: World) -> None:
    account = await world.account()
    world.broker.down = True

    await world.ok("POST", "/suppressions", {"account_id": account["id"], "phone": PHONE, "reason": "asked us"})

    (waiting,) = await world.store.outbox.unpublished(10)
    assert PHONE.encode() not in waiting.body


async def test_private_forward_urls_are_taken_where_the_deployment_allows_them(tmp_path: Path) -> None:
    async with a_world(tmp_path, allow_private_forward=True) as world:
        made = await world.integration(forward_url="http://127.0.0.1:5000/in")

    assert made["forward_url"] == "http://127.0.0.1:5000/in"


async def test_times_are_in_utc(world: World) -> None:
    made = await world.account()

    assert datetime.fromisoformat(made["created_at"]).astimezone(UTC) == NOON
