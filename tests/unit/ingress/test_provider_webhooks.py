"""The webhook endpoint of every provider over HTTP: authentication, and answers that lose no event."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from libs.contracts.events import WhatsAppAccountUpdated, WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.store.accounts import Number, SecretHash
from services.ingress import metrics
from tests.evolution_stub import envelope_of, update, upsert
from tests.unit.ingress.world import (
    APP_SECRET,
    NOW,
    VERIFY_TOKEN,
    HttpAnswer,
    HttpClient,
    World,
    http_client,
    number,
    request,
)
from tests.unit.providers.cloud_api.samples import MESSAGE, STATUS, change_of, document_of, signature_of
from tests.unit.providers.cloud_api.samples import PATH as META_PATH

PATH = "/integrations/evolution/webhook/num-1"
SECRET = "an-evolution-secret"
OLD = "the-secret-before"


def hashed(secret: str, **more: Any) -> SecretHash:
    return SecretHash(sha256=hashlib.sha256(secret.encode()).hexdigest(), **more)


def a_world(**number: Any) -> World:
    world = World()
    known = {
        "id": "num-1",
        "account_id": "acc-1",
        "provider": "evolution",
        "phone_number_id": "main",
        "sealed_token": "sealed",
        "base_url": "https://evolution.example.com",
        "created_at": NOW,
        "updated_at": NOW,
        "webhook_secrets": (hashed(SECRET), hashed(OLD, valid_until=NOW + timedelta(seconds=60))),
    }
    world.directory.numbers["num-1"] = Number(**(known | number))
    return world


async def posted(
    world: World, body: object, *secrets: str, to: str = PATH, method: str = "POST", cut: int | None = None
) -> HttpAnswer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), *(("X-GW-Secret", secret) for secret in secrets)]
    whole = request(method, to, headers, data)
    async with http_client(world) as client:
        return await client.send(whole if cut is None else whole[:-cut])


async def test_a_message_is_with_the_broker_before_evolution_is_told_so() -> None:
    world = a_world()

    answer = await posted(world, envelope_of("main", "messages.upsert", upsert()), SECRET)

    assert (answer.status, answer.json) == (200, {"success": True})
    [event] = world.broker.of(WhatsAppMessageReceived)
    assert (event.number_id, event.account_id, event.text) == ("num-1", "acc-1", "Is it ready?")


async def test_a_repeated_post_is_the_same_event() -> None:
    world = a_world()
    body = envelope_of("main", "messages.upsert", upsert())

    for _ in range(2):
        await posted(world, body, SECRET)

    assert len(world.broker.taken) == 2
    assert len({id_ for id_, _ in world.broker.taken}) == 1


async def test_a_status_has_the_time_at_which_it_came() -> None:
    world = a_world()

    await posted(world, envelope_of("main", "messages.update", update("3EB0", "READ")), SECRET)

    [event] = world.broker.of(WhatsAppStatusReceived)
    assert (event.status, event.at) == ("read", NOW)


async def test_the_secret_before_a_rotation_is_taken_until_its_overlap_ends() -> None:
    world = a_world()
    body = envelope_of("main", "messages.upsert", upsert())

    first = await posted(world, body, OLD)
    world.seconds = 60
    late = await posted(world, body, OLD)

    assert (first.status, late.status) == (200, 401)


STRANGERS: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "no secret": ({}, (), PATH),
    "an empty secret": ({}, ("",), PATH),
    "a wrong secret": ({}, ("wrong",), PATH),
    "the right secret twice": ({}, (SECRET, SECRET), PATH),
    "an unknown number": ({}, (SECRET,), "/integrations/evolution/webhook/num-2"),
    "an endless id": ({}, (SECRET,), "/integrations/evolution/webhook/" + "n" * 500),
    "a number of the Cloud API": ({"provider": "cloud_api"}, (SECRET,), PATH),
    "a number without a secret": ({"webhook_secrets": ()}, ("",), PATH),
}


@pytest.mark.parametrize(("number", "secrets", "path"), STRANGERS.values(), ids=STRANGERS)
async def test_every_stranger_gets_the_same_answer_and_nothing_is_taken(
    number: dict[str, Any], secrets: tuple[str, ...], path: str
) -> None:
    world = a_world(**number)
    expected = await posted(a_world(), b"{}", "another wrong secret")

    answer = await posted(world, envelope_of("main", "messages.upsert", upsert()), *secrets, to=path)

    assert (answer.status, answer.body) == (401, expected.body)
    assert [line for line in answer.head.split(b"\r\n") if not line.startswith(b"Date")] == [
        line for line in expected.head.split(b"\r\n") if not line.startswith(b"Date")
    ]
    assert world.broker.taken == []


@pytest.mark.parametrize("down", ["broker", "directory"])
async def test_what_cannot_be_stored_is_asked_for_again(down: str) -> None:
    world = a_world()
    getattr(world, down).down = True

    answer = await posted(world, envelope_of("main", "messages.upsert", upsert()), SECRET)

    assert answer.status == 503
    assert answer.header("Retry-After") is not None


async def test_a_body_that_breaks_off_is_asked_for_again() -> None:
    answer = await posted(a_world(), envelope_of("main", "messages.upsert", upsert()), SECRET, cut=5)

    assert answer.status == 503


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"not json", id="no JSON"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"", id="nothing"),
        pytest.param(json.dumps(envelope_of("main", "send.message", upsert())).encode(), id="what we sent"),
        pytest.param(json.dumps(envelope_of("other", "messages.upsert", upsert())).encode(), id="another instance's"),
    ],
)
async def test_what_holds_nothing_for_us_is_taken_off_evolutions_hands(body: bytes) -> None:
    world = a_world()

    answer = await posted(world, body, SECRET)

    assert answer.status == 200
    assert world.broker.taken == []


MEGABYTE = 1024 * 1024


def with_media(length: int) -> bytes:
    """A request whose message holds a picture in base64."""
    message = upsert(message={"imageMessage": {"caption": "The broken part"}, "base64": "A" * length})
    return json.dumps(envelope_of("main", "messages.upsert", message)).encode()


async def test_a_body_with_thirty_megabytes_of_base64_is_taken_without_them() -> None:
    world = a_world()

    answer = await posted(world, with_media(30 * MEGABYTE), SECRET)

    assert answer.status == 200
    assert len(world.broker.of(WhatsAppMessageReceived)) == 1


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        pytest.param(b" " * (32 * MEGABYTE + 1), 32 * MEGABYTE, id="more than the address accepts"),
        pytest.param(b"[ ]," * (MEGABYTE + 1), 4 * MEGABYTE, id="too much that is no media"),
    ],
)
async def test_a_body_beyond_the_limits_of_its_address_is_refused_with_the_limit(body: bytes, limit: int) -> None:
    answer = await posted(a_world(), body, SECRET)

    assert (answer.status, answer.json["details"]) == (413, {"limit": limit})


async def test_a_stranger_learns_nothing_of_limits_and_encodings() -> None:
    async with http_client(a_world()) as client:
        large = await client.send(request("POST", PATH, [("Content-Length", str(40 * MEGABYTE))], None))
        encoded = await client.send(request("POST", PATH, [("Content-Encoding", "gzip")], b"{}"))

    assert (large.status, encoded.status) == (401, 401)


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
async def test_a_compressed_body_is_refused_before_it_is_read_and_counted(encoding: str) -> None:
    before = _answers("unsupported_encoding")
    head = [("Content-Encoding", encoding), ("Content-Length", "1000")]  # the body never comes
    secret = ("X-GW-Secret", SECRET)

    async with http_client(meta_world()) as client:
        meta = await client.send(request("POST", META_PATH, head, None))
    async with http_client(a_world()) as client:
        evolution = await client.send(request("POST", PATH, [*head, secret], None))

    for answer in (meta, evolution):
        assert (answer.status, answer.json["error"]) == (415, "unsupported_encoding")
        assert answer.header("Connection") == "close"
    assert _answers("unsupported_encoding") == before + 2


def _answers(outcome: str) -> float:
    return float(metrics.PROVIDER_WEBHOOKS.labels(outcome)._value.get())


async def test_a_post_just_below_four_megabytes_is_taken() -> None:
    world = a_world()
    many = [upsert(f"3A{n:06d}") for n in range(12_000)]
    body = json.dumps(envelope_of("main", "messages.upsert", many)).encode()

    answer = await posted(world, body, SECRET)

    assert 3_000_000 < len(body) < 4 * 1024 * 1024
    assert answer.status == 200
    assert len(world.broker.taken) == 12_000


async def test_only_post_is_known() -> None:
    answer = await posted(a_world(), b"", SECRET, method="GET")

    assert (answer.status, answer.header("Allow")) == (405, "POST")


def meta_world() -> World:
    made = World()
    made.directory.numbers["106540352242922"] = number("106540352242922")
    return made


def signed(body: bytes, secret: str = APP_SECRET) -> tuple[str, str]:
    return signature_of(body, secret)


async def sent(client: HttpClient, said: Any) -> HttpAnswer:
    body = said if isinstance(said, bytes) else orjson.dumps(said)
    return await client.send(request("POST", META_PATH, [signed(body)], body))


async def test_messages_and_statuses_become_events_of_our_number() -> None:
    around = meta_world()

    async with http_client(around) as client:
        answer = await sent(client, document_of(messages=[MESSAGE], statuses=[STATUS]))

    assert answer.status == 200
    assert around.broker.of(WhatsAppMessageReceived) == [
        WhatsAppMessageReceived(
            account_id="acc-1",
            number_id="num-of-106540352242922",
            message_id="wamid.A",
            customer="+16505551234",
            type="text",
            text="hello",
            sent_at=datetime.fromtimestamp(1749416383, UTC),
            profile_name="Ann",
        )
    ]
    assert around.broker.of(WhatsAppStatusReceived) == [
        WhatsAppStatusReceived(
            account_id="acc-1",
            number_id="num-of-106540352242922",
            message_id="wamid.B",
            status="delivered",
            at=datetime.fromtimestamp(1749416390, UTC),
            customer="+16505551234",
            callback_data="gw1:x",
        )
    ]


async def test_the_same_message_has_the_same_id_in_any_batch() -> None:
    around = meta_world()
    other = MESSAGE | {"id": "wamid.C"}

    async with http_client(around) as client:
        await sent(client, document_of(messages=[MESSAGE, MESSAGE]))
        await sent(client, document_of(messages=[other, MESSAGE]))

    ids = [id_ for id_, event in around.broker.taken if getattr(event, "message_id", "") == "wamid.A"]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_a_number_that_is_not_ours_is_passed_over() -> None:
    around = World()

    async with http_client(around) as client:
        answer = await sent(client, document_of(messages=[MESSAGE]))

    assert (answer.status, around.broker.taken) == (200, [])


SIGNATURES: dict[str, list[tuple[str, str]]] = {
    "no signature": [],
    "another secret's": [signed(b"{}", "other")],
    "another body's": [signed(b"[]")],
    "without its prefix": [("X-Hub-Signature-256", signed(b"{}")[1].removeprefix("sha256="))],
    "twice": [signed(b"{}"), signed(b"{}")],
    "not ASCII": [("X-Hub-Signature-256", "sha256=é")],
}


@pytest.mark.parametrize("headers", SIGNATURES.values(), ids=SIGNATURES.keys())
async def test_a_post_that_meta_did_not_sign_is_refused(headers: list[tuple[str, str]]) -> None:
    async with http_client(meta_world()) as client:
        answer = await client.send(request("POST", META_PATH, headers, b"{}"))

    assert (answer.status, answer.json["error"]) == (401, "unauthorized")


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"null", b"{}"])
async def test_a_signed_post_that_says_nothing_is_not_asked_for_again(body: bytes) -> None:
    async with http_client(meta_world()) as client:
        answer = await sent(client, body)

    assert answer.status == 200


async def test_what_the_broker_does_not_confirm_is_asked_for_again() -> None:
    around = meta_world()
    around.broker.down = True

    async with http_client(around) as client:
        answer = await sent(client, document_of(messages=[MESSAGE]))

    assert (answer.status, answer.header("Retry-After")) == (503, "2")


async def test_a_batch_beyond_256_kb_is_taken_whole() -> None:
    around = meta_world()
    messages = [MESSAGE | {"id": f"wamid.{i}", "text": {"body": "x" * 4000}} for i in range(200)]

    async with http_client(around) as client:
        answer = await sent(client, document_of(messages=messages))

    assert answer.status == 200
    assert len(around.broker.of(WhatsAppMessageReceived)) == 200


async def test_four_megabytes_are_the_limit() -> None:
    head = request("POST", META_PATH, [("Content-Length", str(4 * 1024 * 1024 + 1))], None)

    async with http_client(meta_world()) as client:
        answer = await client.send(head)

    assert (answer.status, answer.json["error"]) == (413, "payload_too_large")


HANDSHAKES = {
    "the right token": (f"hub.mode=subscribe&hub.challenge=42&hub.verify_token={VERIFY_TOKEN}", 200),
    "a wrong token": ("hub.mode=subscribe&hub.challenge=42&hub.verify_token=wrong", 403),
    "no token": ("hub.mode=subscribe&hub.challenge=42", 403),
    "another mode": (f"hub.mode=unsubscribe&hub.challenge=42&hub.verify_token={VERIFY_TOKEN}", 403),
    "nothing": ("", 403),
    "bytes that are no text": ("hub.mode=subscribe&hub.verify_token=%ff%fe", 403),
}


@pytest.mark.parametrize(("query", "status"), HANDSHAKES.values(), ids=HANDSHAKES.keys())
async def test_the_handshake_proves_that_the_webhook_is_ours(query: str, status: int) -> None:
    async with http_client(meta_world()) as client:
        answer = await client.send(request("GET", f"{META_PATH}?{query}", [], None))

    assert answer.status == status
    assert (answer.body == b"42") is (status == 200)


async def test_an_accounts_update_needs_no_number_of_ours() -> None:
    around = meta_world()

    async with http_client(around) as client:
        answer = await sent(client, change_of("account_alerts", {"alert_type": "X"}))

    assert answer.status == 200
    assert [type(event) for _, event in around.broker.taken] == [WhatsAppAccountUpdated]


async def test_what_is_passed_over_is_counted_by_its_reason() -> None:
    reasons = ("group", "unknown_number", "unknown_field")
    before = [_skipped(reason) for reason in reasons]
    strange = document_of(messages=[MESSAGE], metadata={"phone_number_id": "999"})
    group = document_of(messages=[MESSAGE | {"group_id": "g"}])

    async with http_client(meta_world()) as client:
        for post in (strange, group, change_of("history", {})):
            await sent(client, post)

    assert [_skipped(reason) for reason in reasons] == [count + 1 for count in before]


def _skipped(reason: str) -> float:
    return float(metrics.PROVIDER_SKIPPED.labels(reason)._value.get())
