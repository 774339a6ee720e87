"""The endpoint of web forms: who may post, what becomes of an opt-in, and that a post counts once."""

import hashlib
from datetime import timedelta
from typing import Any

import orjson
import pytest

from libs.contracts.events import ConsentSubmitted, WebhookRejected
from tests.unit.ingress.world import NOW, SECRET, HttpAnswer, HttpClient, World, http_client

PATH = "/integrations/3cx/consents/int-1"
JSON = ("Content-Type", "application/json")
PHONE = "+966512345678"
FORM = {
    "phone": PHONE,
    "at": (NOW - timedelta(minutes=1)).isoformat(),
    "scope": "support",
    "wording_version": "2026-11",
    "evidence": "[x] You may message me.",
}


def stamped(seconds: float = 0) -> tuple[str, str]:
    return ("X-WhatsApp-Gateway-Timestamp", str(int((NOW + timedelta(seconds=seconds)).timestamp())))


async def submit(
    client: HttpClient, *headers: tuple[str, str], secret: str | None = SECRET, to: str = PATH, **changes: Any
) -> HttpAnswer:
    body = {name: value for name, value in (FORM | changes).items() if value is not None}
    return await client.post(orjson.dumps(body), to=to, secret=secret, headers=[JSON, *headers])


async def test_an_opt_in_is_published_with_the_digest_of_its_evidence_alone() -> None:
    world = World()
    async with http_client(world) as client:
        answer = await submit(client, stamped())

    [event] = world.broker.of(ConsentSubmitted)
    assert (answer.status, answer.json["status"]) == (200, "recorded")
    assert (event.account_id, event.integration_id, event.customer, event.scope) == ("acc-1", "int-1", PHONE, "support")
    assert event.evidence_hash == hashlib.sha256(FORM["evidence"].encode()).hexdigest()
    assert "message me" not in event.model_dump_json()


async def test_a_repeated_post_is_the_same_event_and_another_one_is_not() -> None:
    world = World()
    async with http_client(world) as client:
        first, again = await submit(client, stamped()), await submit(client, stamped(-2))
        other = await submit(client, stamped(), scope="all")
        keyed = [await submit(client, stamped(), ("Idempotency-Key", "form-7")) for _ in range(2)]
        reused = await submit(client, stamped(), ("Idempotency-Key", "form-7"), scope="all")

    ids = [answer.json["event_id"] for answer in (first, again, other, *keyed)]
    assert ids[0] == ids[1]
    assert ids[3] == ids[4]
    assert len(set(ids)) == 3
    assert (reused.status, reused.json["error"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
async def test_a_time_that_nobody_can_have_agreed_at_is_refused(at: str) -> None:
    world = World()
    async with http_client(world) as client:
        answer = await submit(client, stamped(), at=at)

    assert (answer.status, answer.json["error"]) == (422, "invalid_request")
    assert [each["field"] for each in answer.json["details"]["errors"]] == ["at"]
    assert world.broker.of(ConsentSubmitted) == []


async def test_no_id_of_a_post_can_be_computed_from_what_it_says() -> None:
    ids = []
    for _ in range(2):
        async with http_client(World()) as client:
            ids.append((await submit(client, stamped())).json["event_id"])

    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("headers", "secret", "reason"),
    [
        pytest.param([stamped()], "wrong", "wrong_secret", id="a wrong secret"),
        pytest.param([stamped()], None, "missing_secret", id="no secret"),
        pytest.param([stamped(-301)], SECRET, "stale_timestamp", id="a post from before: somebody repeats it"),
        pytest.param([stamped(301)], SECRET, "stale_timestamp", id="a post from later"),
        pytest.param(
            [stamped(), ("X-WhatsApp-Gateway-Signature", "0" * 64)], SECRET, "invalid_signature", id="a wrong signature"
        ),
    ],
)
async def test_a_post_that_is_not_authentic_and_fresh_is_rejected(
    headers: list[tuple[str, str]], secret: str | None, reason: str
) -> None:
    world = World()
    async with http_client(world) as client:
        answer = await submit(client, *headers, secret=secret)

    assert answer.status == 401
    assert world.broker.of(ConsentSubmitted) == []
    assert [each.reason for each in world.rejections.of(WebhookRejected)] == [reason]


async def test_a_post_without_a_timestamp_is_refused() -> None:
    world = World()
    async with http_client(world) as client:
        answer = await submit(client)

    assert (answer.status, answer.json["error"]) == (400, "invalid_json")
    assert answer.json["details"]["field"] == "X-WhatsApp-Gateway-Timestamp"
    assert world.broker.of(ConsentSubmitted) == []


@pytest.mark.parametrize(
    "change",
    [
        {"phone": "0512345678"},
        {"phone": "+9991"},
        {"phone": None},
        {"user_id": "SA.77a"},
        {"scope": "everything"},
        {"at": "2026-11-01T10:00:00"},
        {"at": (NOW + timedelta(hours=1)).isoformat()},
        {"wording_version": "form 1"},
        {"wording_version": "966-512-345-678"},
        {"scop": "support"},
    ],
    ids=str,
)
async def test_a_form_that_could_not_count_is_refused_and_its_values_are_not_repeated(change: dict[str, Any]) -> None:
    world = World()
    async with http_client(world) as client:
        answer = await submit(client, stamped(), **change)

    assert (answer.status, answer.json["error"]) == (422, "invalid_request")
    assert world.broker.of(ConsentSubmitted) == []
    assert "512345678" not in answer.body.decode()


async def test_a_get_is_not_allowed_and_a_broker_that_is_away_accepts_nothing() -> None:
    world = World()
    async with http_client(world) as client:
        looked = await client.get(PATH)
        world.broker.down = True
        refused = await submit(client, stamped())

    assert (looked.status, looked.header("Allow")) == (405, "POST")
    assert (refused.status, refused.json["error"]) == (503, "gateway_unavailable")
