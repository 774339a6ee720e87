"""Evolution's endpoint over HTTP: who is let in, and what is answered so that nothing is lost."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from libs.contracts.events import WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.store.accounts import Number, ProviderKind, SecretHash
from tests.evolution_stub import envelope_of, update, upsert
from tests.unit.ingress.world import NOW, Heard, World, open_door, request

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
        "provider": ProviderKind.EVOLUTION,
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
) -> Heard:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), *(("X-GW-Secret", secret) for secret in secrets)]
    whole = request(method, to, headers, data)
    async with open_door(world) as door:
        return await door.send(whole if cut is None else whole[:-cut])


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
    "a number of the Cloud API": ({"provider": ProviderKind.CLOUD_API}, (SECRET,), PATH),
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


async def test_a_body_over_four_megabytes_is_not_read() -> None:
    body = b" " * (4 * 1024 * 1024 + 1)

    answer = await posted(a_world(), body, SECRET)

    assert (answer.status, answer.json["details"]) == (413, {"limit": 4 * 1024 * 1024})


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
