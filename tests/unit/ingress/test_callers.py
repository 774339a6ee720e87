"""What one caller of an integration uses up is missing to no other, and failures of the gateway use up nothing."""

import hashlib
from typing import Any

import pytest

from libs.contracts.errors import unavailable
from libs.contracts.events import WebhookAnswered, WebhookThrottled
from libs.contracts.results import AnswerStatus
from libs.store.accounts import SecretHash
from libs.store.callers import Caller, CredentialKind
from tests.unit.ingress.world import HttpAnswer, HttpClient, World, http_client, integration

TOKEN = "path-token"
WITH_TOKEN = f"/integrations/3cx/webhook/int-1/{TOKEN}"
JSON = ("Content-Type", "application/json")
MISSED = b'{"event_type":"missed_call","caller":"+966512345678"}'
SECRET_CALLER = Caller("int-1", CredentialKind.SECRET)
TOKEN_CALLER = Caller("int-1", CredentialKind.PATH_TOKEN)


def a_world(**told: Any) -> World:
    world = World(**told)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    world.directory.integrations["int-1"] = integration(path_tokens=(SecretHash(sha256=digest),))
    return world


async def by_secret(client: HttpClient, body: bytes = MISSED, *, key: str | None = None) -> HttpAnswer:
    return await client.post(body, headers=[JSON, *([("Idempotency-Key", key)] if key else [])])


async def by_token(client: HttpClient, body: bytes = MISSED, *, key: str | None = None) -> HttpAnswer:
    headers = [JSON, *([("Idempotency-Key", key)] if key else [])]
    return await client.post(body, to=WITH_TOKEN, secret=None, headers=headers)


async def test_a_key_that_the_path_token_used_is_free_for_the_secret() -> None:
    async with http_client(a_world()) as client:
        other = await by_token(client, b'{"event_type":"test"}', key="k1")
        answer = await by_secret(client, key="k1")

    assert (other.status, answer.status) == (200, 200)
    assert answer.json["event_id"] != other.json["event_id"]


async def test_the_path_token_does_not_get_the_answer_to_the_secrets_request() -> None:
    async with http_client(a_world()) as client:
        mine = await by_secret(client, key="k1")
        other = await by_token(client, key="k1")
        again = await by_secret(client, key="k1")

    assert other.json["event_id"] != mine.json["event_id"]
    assert again.json == mine.json


async def test_the_path_tokens_requests_leave_the_secrets_minute_alone() -> None:
    world = a_world()
    world.rate_limits.room = 2

    async with http_client(world) as client:
        token = [(await by_token(client)).status for _ in range(3)]
        secret = [(await by_secret(client)).status for _ in range(3)]

    assert token == [200, 200, 429]
    assert secret == [200, 200, 429]


async def test_the_path_tokens_refusals_leave_the_secrets_records_alone() -> None:
    world = a_world()
    world.rate_limits.room = 0

    async with http_client(world) as client:
        for _ in range(25):
            await by_token(client)
        await by_secret(client)
    world.served.publish_summaries(final=True)

    assert len(world.recorder.of(WebhookAnswered)) == 20 + 1
    assert [event.count for event in world.recorder.of(WebhookThrottled)] == [5]


def broker_away(world: World) -> None:
    world.broker.down = True


def broker_and_store_away(world: World) -> None:
    world.broker.down = world.decisions.down = True


def a_defect(world: World) -> None:
    world.idempotency.failure = RuntimeError("a defect")


def keys_away(world: World) -> None:
    world.idempotency.failure = unavailable("store")


RINGING = b'{"event":"ringing","callerid":"966512345678","user":"101","finishtype":"Missed","id":"261123120000_41-0"}'
FAILURES = {
    "the broker is away": (broker_away, MISSED),
    "the broker and the store are away": (broker_and_store_away, MISSED),
    "the keys cannot be claimed": (keys_away, MISSED),
    "a defect": (a_defect, MISSED),
    "the broker is away for an event that is only recorded": (broker_away, RINGING),
}


@pytest.mark.parametrize(("break_it", "body"), FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("post", [by_secret, by_token], ids=["secret", "path token"])
async def test_a_request_that_was_not_accepted_does_not_count(post: Any, break_it: Any, body: bytes) -> None:
    world = a_world()
    break_it(world)

    async with http_client(world) as client:
        answers = [await post(client, body, key=f"k{number}") for number in range(3)]

    assert [answer.status for answer in answers] == [503, 503, 503]
    assert world.rate_limits.counted.total() == 0


COUNTED: dict[str, tuple[bytes, int]] = {
    "an accepted event": (MISSED, 200),
    "no JSON": (b"{", 400),
}


@pytest.mark.parametrize(("body", "status"), COUNTED.values(), ids=COUNTED.keys())
async def test_what_was_answered_counts(body: bytes, status: int) -> None:
    world = a_world()

    async with http_client(world) as client:
        answer = await by_secret(client, body)

    assert answer.status == status
    assert world.rate_limits.counted == {SECRET_CALLER: 1}


async def test_an_event_without_a_result_counts() -> None:
    world = a_world(policy=lambda *_: None)

    async with http_client(world) as client:
        answer = await by_token(client)

    assert answer.json["status"] == AnswerStatus.PENDING
    assert world.rate_limits.counted == {TOKEN_CALLER: 1}
