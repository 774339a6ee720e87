"""Other systems' words over HTTP: told twice and taken once, and a door at the side for senders without headers."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from libs.contracts.events import WebhookAnswered, WebhookReceived, WebhookRejected
from libs.store.accounts import AuthMode, SecretHash
from tests.unit.ingress.world import NOW, HttpAnswer, World, http_client, integration

PATH = "/integrations/3cx/webhook/int-1"
TOKEN = "path-token-of-int-1"
SIDE = f"{PATH}/{TOKEN}"
MISSED = {
    "event": "incoming",
    "callerid": "966512345678",
    "user": "101",
    "finishtype": "Missed",
    "id": "261123120000_41-0",
}


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def a_world(**changes: Any) -> World:
    world = World()
    known = {"path_tokens": (SecretHash(sha256=hashed(TOKEN)),)}
    world.directory.integrations["int-1"] = integration(**(known | changes))
    return world


def body(**changes: Any) -> bytes:
    return orjson.dumps(MISSED | changes)


def received_by(world: World) -> list[WebhookReceived]:
    return world.broker.of(WebhookReceived)


async def test_a_dialect_is_translated_and_named() -> None:
    world = a_world()

    async with http_client(world) as client:
        answer = await client.post(body())

    [event] = received_by(world)
    assert answer.json["status"] == "ok"
    assert (event.dialect, event.payload.event_type, event.payload.caller) == (
        "creomate",
        "missed_call",
        "966512345678",
    )
    assert not event.call_events_only


async def test_an_end_that_is_told_twice_is_one_event_with_one_answer() -> None:
    world = a_world()

    async with http_client(world) as client:
        first = await client.post(body())
        second = await client.post(body(title="the same call", transfer="False"))

    assert len(received_by(world)) == 1
    assert second.json == first.json


async def test_twins_at_the_same_moment_are_one_event() -> None:
    world = a_world()

    async with http_client(world) as client:
        answers = await asyncio.gather(*(client.post(body()) for _ in range(5)))

    assert len({answer.json["event_id"] for answer in answers}) == 1
    assert len({event.payload.event_type for event in received_by(world)}) == 1


async def test_the_recording_of_a_call_is_recorded_and_goes_no_further() -> None:
    world = a_world()

    async with http_client(world) as client:
        await client.post(body(finishtype="Ok"))
        recording = await client.post(body(finishtype="Ok", FILES=["https://pbx.example.com/1.wav"]))

    [ended] = received_by(world)
    [noted] = world.broker.of(WebhookAnswered)
    assert ended.payload.event_type == "call_ended"
    assert recording.json["status"] == "recorded"
    assert (noted.event_type, str(noted.event_id)) == ("recording_available", recording.json["event_id"])


async def test_a_record_that_the_broker_does_not_take_is_not_promised() -> None:
    world = a_world()
    world.broker.down = True

    async with http_client(world) as client:
        answer = await client.post(body(event="ringing"))

    assert (answer.status, answer.json["error"]) == (503, "gateway_unavailable")


async def test_no_phone_and_no_call_id_is_kept_to_know_a_call_by() -> None:
    world = a_world()

    async with http_client(world) as client:
        await client.post(body(id=""))

    [(_, key)] = world.idempotency.owners
    assert "966512345678" not in key
    assert "512345678" not in key


async def test_a_callers_own_key_cannot_be_one_of_ours() -> None:
    world = a_world()
    async with http_client(world) as client:
        await client.post(body())
        [(_, ours)] = world.idempotency.owners

        answer = await client.post(body(), headers=(("Content-Type", "application/json"), ("Idempotency-Key", ours)))

    assert answer.json["error"] == "invalid_json"


async def test_an_idempotency_key_counts_before_the_calls_id() -> None:
    world = a_world()
    keyed = (("Content-Type", "application/json"), ("Idempotency-Key", "k1"))

    async with http_client(world) as client:
        await client.post(body(), headers=keyed)
        reused = await client.post(body(id="261123120000_42-0"), headers=keyed)

    assert reused.json["error"] == "idempotency_key_reused"


async def test_a_path_token_is_proof_enough_for_call_events() -> None:
    world = a_world(auth_mode=AuthMode.SECRET_HMAC)

    async with http_client(world) as client:
        answer = await client.post(body(), to=SIDE, secret=None)

    [event] = received_by(world)
    assert answer.status == 200
    assert event.call_events_only


async def unauthenticated(world: World, path: str, method: str = "POST") -> HttpAnswer:
    async with http_client(world) as client:
        if method == "GET":
            return await client.get(path, secret=None)
        return await client.post(body(), to=path, secret=None)


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        pytest.param({}, f"{PATH}/wrong", "wrong_secret", id="a wrong token"),
        pytest.param({}, f"{PATH}/events", "wrong_secret", id="a word of ours"),
        pytest.param({"path_tokens": ()}, SIDE, "wrong_secret", id="an integration without tokens"),
        pytest.param({"path_tokens": ()}, f"{PATH}/{'0' * 64}", "wrong_secret", id="what stands in for no token"),
        pytest.param({"enabled": False}, SIDE, "integration_disabled", id="a disabled integration"),
        pytest.param({"allowed_ips": ("192.0.2.1",)}, SIDE, "ip_not_allowed", id="from elsewhere"),
        pytest.param({}, f"/integrations/3cx/webhook/int-9/{TOKEN}", "unknown_integration", id="another integration"),
        pytest.param(
            {"path_tokens": (SecretHash(sha256=hashed(TOKEN), valid_until=NOW),)},
            SIDE,
            "wrong_secret",
            id="a token whose overlap is over",
        ),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_every_failure_at_the_side_door_gets_the_same_answer(
    changes: dict[str, Any], path: str, reason: str, method: str
) -> None:
    world = a_world(allow_get=True, **changes)

    answer = await unauthenticated(world, path, method)
    plain = await unauthenticated(a_world(), PATH)

    [rejected] = [event for event in world.rejections.events if isinstance(event, WebhookRejected)]
    assert (answer.status, answer.body) == (401, plain.body)
    assert rejected.reason == reason
    assert TOKEN not in rejected.model_dump_json()


async def test_the_webhook_secret_is_no_path_token_and_a_path_token_no_secret() -> None:
    world = a_world()

    async with http_client(world) as client:
        as_token = await client.post(body(), to=f"{PATH}/right-secret", secret=None)
        as_secret = await client.post(body(), secret=TOKEN)

    assert (as_token.status, as_secret.status) == (401, 401)


async def test_an_old_token_is_taken_within_its_overlap() -> None:
    old = SecretHash(sha256=hashed(TOKEN), valid_until=NOW + timedelta(seconds=1))
    world = a_world(path_tokens=(SecretHash(sha256=hashed("new")), old))

    async with http_client(world) as client:
        answers = [await client.post(body(), to=f"{PATH}/{token}", secret=None) for token in ("new", TOKEN)]
        world.seconds = 1.0
        late = await client.post(body(), to=SIDE, secret=None)

    assert [answer.status for answer in answers] == [200, 200]
    assert late.status == 401


async def test_get_is_taken_where_it_is_allowed() -> None:
    world = a_world(allow_get=True)

    async with http_client(world) as client:
        answer = await client.get(f"{SIDE}?{urlencode(MISSED)}", secret=None)

    [event] = received_by(world)
    assert answer.json["status"] == "ok"
    assert (event.dialect, event.payload.event_type, event.payload.caller) == (
        "creomate",
        "missed_call",
        "966512345678",
    )


async def test_a_plus_that_a_query_lost_is_a_plus() -> None:
    world = a_world(allow_get=True)
    query = urlencode({name: value for name, value in MISSED.items() if name != "callerid"})

    async with http_client(world) as client:
        await client.get(f"{SIDE}?{query}&callerid=+966512345678", secret=None)

    [event] = received_by(world)
    assert event.payload.caller == "+966512345678"


async def test_get_is_refused_where_it_is_not_allowed_and_only_to_who_is_authenticated() -> None:
    world = a_world()

    async with http_client(world) as client:
        allowed = await client.get(f"{SIDE}?{urlencode(MISSED)}", secret=None)

    stranger = await unauthenticated(a_world(), f"{PATH}/wrong", "GET")
    assert (allowed.status, allowed.header("Allow")) == (405, "POST")
    assert stranger.status == 401
    assert received_by(world) == []


async def test_get_is_never_taken_at_the_front_door() -> None:
    async with http_client(a_world(allow_get=True)) as client:
        answer = await client.get(f"{PATH}?{urlencode(MISSED)}")

    assert (answer.status, answer.header("Allow")) == (405, "POST")


async def test_a_token_is_written_to_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    world = a_world(allow_get=True)
    world.broker.down = True

    async with http_client(world) as client:
        await client.post(body(), to=SIDE, secret=None)
        await client.post(b"{", to=SIDE, secret=None)
        await client.get(f"{PATH}/wrong-token-in-url", secret=None)

    told = capsys.readouterr()
    assert TOKEN not in told.out + told.err
    assert "wrong-token-in-url" not in told.out + told.err
