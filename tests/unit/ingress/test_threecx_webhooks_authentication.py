"""The generic answer: the same bytes whatever failed; the reason goes to the record alone."""

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest

from libs.contracts.events import WebhookReceived, WebhookRejected
from libs.store.accounts import SecretHash
from services.ingress.domain.authentication import RejectionReason
from tests.unit.ingress.world import (
    NOW,
    SECRET,
    STAMP,
    STRICT,
    TEST_EVENT,
    World,
    http_client,
    integration,
    signature,
)

GENERIC = b'{"success": false, "error": "invalid_3cx_webhook", "message": "Invalid 3CX webhook request."}'
PATH = "/integrations/3cx/webhook/"
JSON = ("Content-Type", "application/json")
WRONG_SIGNATURE = ("X-WhatsApp-Gateway-Signature", "0" * 64)


def stamped(stamp: str = STAMP) -> tuple[str, str]:
    return ("X-WhatsApp-Gateway-Timestamp", stamp)


Failure = tuple[str, str | None, Sequence[tuple[str, str]], bytes]
FAILURES: dict[RejectionReason, Failure] = {
    RejectionReason.UNKNOWN_INTEGRATION: ("nobody", SECRET, [JSON], TEST_EVENT),
    RejectionReason.INTEGRATION_DISABLED: ("int-off", SECRET, [JSON], TEST_EVENT),
    RejectionReason.IP_NOT_ALLOWED: ("int-elsewhere", SECRET, [JSON], TEST_EVENT),
    RejectionReason.MISSING_SECRET: ("int-1", None, [JSON], TEST_EVENT),
    RejectionReason.WRONG_SECRET: ("int-1", "wrong", [JSON], TEST_EVENT),
    RejectionReason.MISSING_TIMESTAMP: ("int-strict", SECRET, [JSON], TEST_EVENT),
    RejectionReason.STALE_TIMESTAMP: ("int-1", SECRET, [JSON, stamped("0")], TEST_EVENT),
    RejectionReason.MISSING_SIGNATURE: ("int-strict", SECRET, [JSON, stamped()], TEST_EVENT),
    RejectionReason.INVALID_SIGNATURE: ("int-1", SECRET, [JSON, stamped(), WRONG_SIGNATURE], TEST_EVENT),
}


def failing_world() -> World:
    world = World()
    world.directory.integrations |= {
        "int-off": integration(id="int-off", enabled=False),
        "int-elsewhere": integration(id="int-elsewhere", allowed_ips=("198.51.100.0/24",)),
    }
    return world


def test_every_reason_is_provoked() -> None:
    of_chat = {RejectionReason.MISSING_BEARER, RejectionReason.WRONG_BEARER}  # test_threecx_chat.py

    assert set(FAILURES) == set(RejectionReason) - of_chat


async def test_every_failure_gets_the_same_bytes_and_headers() -> None:
    heads, bodies = set(), set()

    async with http_client(failing_world()) as client:
        for to, secret, headers, body in FAILURES.values():
            answer = await client.post(body, to=PATH + to, secret=secret, headers=headers)
            heads.add(re.sub(rb"Date: [^\r]*", b"Date:", answer.head))
            bodies.add(answer.body)

    assert bodies == {GENERIC}
    [head] = heads
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 401 Unauthorized",
        b"Content-Type: application/json",
        b"Cache-Control: no-store",
        b"Server: gateway",
        b"Content-Length: %d" % len(GENERIC),
        b"Date:",
        b"Connection: close",
        b"",
        b"",
    ]


@pytest.mark.parametrize(("reason", "sent"), FAILURES.items(), ids=[str(reason) for reason in FAILURES])
async def test_the_record_names_the_reason_and_policy_hears_nothing(reason: RejectionReason, sent: Failure) -> None:
    world = failing_world()
    to, secret, headers, body = sent

    async with http_client(world) as client:
        await client.post(body, to=PATH + to, secret=secret, headers=headers)

    [rejected] = world.rejections.events
    assert isinstance(rejected, WebhookRejected)
    assert (rejected.reason, rejected.claimed_integration, rejected.client_address, rejected.count) == (
        reason, to, "127.0.0.1", 1,
    )  # fmt: skip
    assert rejected.account_id == (None if reason is RejectionReason.UNKNOWN_INTEGRATION else "acc-1")
    assert world.broker.of(WebhookReceived) == []


SMUGGLED = {
    "the secret sent twice": [("X-WhatsApp-Gateway-3CX-Secret", SECRET)],
    "the timestamp sent twice": [stamped(), stamped()],
    "a signature without timestamp": [("X-WhatsApp-Gateway-Signature", signature("", TEST_EVENT))],
    "an absurd timestamp": [stamped("9" * 4000)],
    "a timestamp that is not ASCII": [stamped("١٧٦٤")],
    "a timestamp that is no UTF-8": [stamped("\udcff")],
    "a signature that is not ASCII": [stamped(), ("X-WhatsApp-Gateway-Signature", "é")],
}


@pytest.mark.parametrize("extra", SMUGGLED.values(), ids=SMUGGLED.keys())
async def test_odd_headers_beside_the_right_secret_get_the_generic_answer(
    extra: list[tuple[str, str]],
) -> None:
    async with http_client(World()) as client:
        answer = await client.post(headers=[JSON, *extra])

    assert (answer.status, answer.body) == (401, GENERIC)


async def test_a_body_over_the_limit_from_a_stranger_gets_the_generic_answer() -> None:
    async with http_client(World()) as client:
        answer = await client.post(b"x" * 300_000, secret="wrong")

    assert (answer.status, answer.body) == (401, GENERIC)


@pytest.mark.parametrize("timestamp", [STAMP, "2026-11-23T12:00:00Z"])
async def test_a_signed_request_is_taken(timestamp: str) -> None:
    signed = ("X-WhatsApp-Gateway-Signature", "sha256=" + signature(timestamp, TEST_EVENT))

    async with http_client(World()) as client:
        answer = await client.post(to=PATH + STRICT.id, headers=[JSON, stamped(timestamp), signed])

    assert (answer.status, answer.json["status"]) == (200, "ok")


async def test_both_secrets_are_taken_during_a_rotation() -> None:
    world = World()
    old = SecretHash(
        sha256=integration().secrets[0].sha256,
        valid_until=NOW + timedelta(seconds=60),
    )
    world.directory.integrations["int-1"] = integration(secrets=(SecretHash(sha256="00" * 32), old))

    async with http_client(world) as client:
        during = await client.post()
        world.seconds = 61
        after = await client.post()

    assert (during.status, after.status) == (200, 401)


async def test_a_changed_integration_counts_at_once() -> None:
    world = World()

    async with http_client(world) as client:
        before = await client.post()
        world.directory.integrations["int-1"] = integration(enabled=False)
        after = await client.post()

    assert (before.status, after.status) == (200, 401)


PROXIES = {
    "the client behind a trusted proxy counts": (("127.0.0.0/8",), "203.0.113.9", 200),
    "what the client wrote itself does not count": (("127.0.0.0/8",), "203.0.113.9, 192.0.2.1", 401),
    "the header is not believed without a trusted proxy": ((), "203.0.113.9", 401),
    "a proxy that knows no client lets nobody through": (("127.0.0.0/8",), "unknown", 401),
}


@pytest.mark.parametrize(("trusted", "forwarded", "status"), PROXIES.values(), ids=PROXIES.keys())
async def test_the_allowlist_sees_the_real_client(trusted: tuple[str, ...], forwarded: str, status: int) -> None:
    world = World(settings={"trusted_proxies": trusted})
    world.directory.integrations["int-1"] = integration(allowed_ips=("203.0.113.0/24",))

    async with http_client(world) as client:
        answer = await client.post(headers=[JSON, ("X-Forwarded-For", forwarded)])

    assert answer.status == status


async def test_a_flood_of_failures_becomes_twenty_records_and_a_summary() -> None:
    world = World()

    async with http_client(world) as client:
        for _ in range(25):
            await client.post(secret="wrong")
        honest = await client.post()
    world.seconds = 61
    world.served.publish_summaries()

    counts = [event.count for event in world.rejections.events if isinstance(event, WebhookRejected)]
    assert counts == [1] * 20 + [5]
    assert honest.status == 200


async def test_made_up_integrations_share_one_count() -> None:
    world = World()

    async with http_client(world) as client:
        for made_up in range(25):
            await client.post(to=f"{PATH}made-up-{made_up}")
    world.served.publish_summaries(final=True)

    assert [event.count for event in world.rejections.events if isinstance(event, WebhookRejected)] == [1] * 20 + [5]


async def test_without_its_store_ingress_says_so_and_accuses_nobody() -> None:
    world = World()
    world.directory.down = True

    async with http_client(world) as client:
        answer = await client.post()

    assert (answer.status, answer.json["error"]) == (503, "gateway_unavailable")
    assert answer.header("Retry-After") == "2"
    assert world.recorder.events == world.rejections.events == []
