"""Authentication: nine reasons for a rejection, all with the same answer."""

import hashlib
import hmac
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.e2e.driver import SECRET, Gateway, Integration
from tests.e2e.raw import Headers, RawAnswer, post
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

TIMESTAMP, SIGNATURE = "X-WhatsApp-Gateway-Timestamp", "X-WhatsApp-Gateway-Signature"
JSON = ("Content-Type", "application/json")
BODY = b'{"event_type": "test"}'
GENERIC = b'{"success": false, "error": "invalid_3cx_webhook", "message": "Invalid 3CX webhook request."}'
STRANGER = "127.0.0.2"
ADDRESSES = (f"127.1.{number // 250}.{number % 250 + 1}" for number in itertools.count())
"""A peer that is no trusted proxy."""


def signature(secret: str, timestamp: str, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def signed(integration: Integration, timestamp: str, body: bytes = BODY, *, secret: str | None = None) -> Headers:
    key = secret or integration.secret
    signature_header = f"sha256={signature(key, timestamp, body)}"
    return [JSON, (SECRET, key), (TIMESTAMP, timestamp), (SIGNATURE, signature_header)]


def seconds_ago(seconds: float) -> str:
    return str(int(time.time() - seconds))


async def authenticate(
    gateway: Gateway, integration: Integration, headers: Headers, body: bytes = BODY, *, source: str | None = None
) -> RawAnswer:
    """Post from an address of its own, since of one address 20 rejections a minute are recorded one by one."""
    return await post(gateway.url(integration.path), headers, body, source=source or next(ADDRESSES))


Caller = Callable[[Gateway], Awaitable[tuple[Integration, Headers]]]


async def to_an_unknown_integration(gateway: Gateway) -> tuple[Integration, Headers]:
    integration = await gateway.create_integration()
    unknown = Integration(
        f"int_{uuid4().hex}", integration.account_id, integration.instance_id, integration.number, integration.secret
    )
    return unknown, [JSON, (SECRET, integration.secret)]


async def to_a_closed_door(gateway: Gateway) -> tuple[Integration, Headers]:
    integration = await gateway.create_integration(enabled=False)
    return integration, [JSON, (SECRET, integration.secret)]


async def from_elsewhere(gateway: Gateway) -> tuple[Integration, Headers]:
    integration = await gateway.create_integration(allowed_ips=["203.0.113.0/24"])
    return integration, [JSON, (SECRET, integration.secret)]


async def without_secret(gateway: Gateway) -> tuple[Integration, Headers]:
    return await gateway.create_integration(), [JSON]


async def with_a_guess(gateway: Gateway) -> tuple[Integration, Headers]:
    return await gateway.create_integration(), [JSON, (SECRET, "guess")]


async def without_timestamp(gateway: Gateway) -> tuple[Integration, Headers]:
    integration = await gateway.create_integration(auth_mode="secret_hmac")
    return integration, [JSON, (SECRET, integration.secret), (SIGNATURE, signature(integration.secret, seconds_ago(0)))]


async def too_late(gateway: Gateway) -> tuple[Integration, Headers]:
    integration = await gateway.create_integration(auth_mode="secret_hmac")
    return integration, signed(integration, seconds_ago(310))


async def without_signature(gateway: Gateway) -> tuple[Integration, Headers]:
    integration = await gateway.create_integration(auth_mode="secret_hmac")
    return integration, [JSON, (SECRET, integration.secret), (TIMESTAMP, seconds_ago(0))]


async def wrongly_signed(gateway: Gateway) -> tuple[Integration, Headers]:
    integration = await gateway.create_integration(auth_mode="secret_hmac")
    return integration, signed(integration, seconds_ago(0), b'{"event_type": "tesT"}')


REASONS: dict[str, Caller] = {
    "unknown_integration": to_an_unknown_integration,
    "integration_disabled": to_a_closed_door,
    "ip_not_allowed": from_elsewhere,
    "missing_secret": without_secret,
    "wrong_secret": with_a_guess,
    "missing_timestamp": without_timestamp,
    "stale_timestamp": too_late,
    "missing_signature": without_signature,
    "invalid_signature": wrongly_signed,
}


async def test_nine_reasons_have_one_answer_to_the_byte_and_nine_records(gateway: Gateway) -> None:
    callers = {reason: await make(gateway) for reason, make in REASONS.items()}

    answers = {reason: await authenticate(gateway, *caller) for reason, caller in callers.items()}

    assert {answer.undated for answer in answers.values()} == {answers["wrong_secret"].undated}
    assert (answers["wrong_secret"].status, answers["wrong_secret"].content) == (401, GENERIC)
    for reason, (integration, _) in callers.items():
        query: dict[str, Any] = (
            {"code": reason} if reason == "unknown_integration" else {"integration_id": integration.id}
        )
        [record, *_] = await gateway.wait_for_records(type="webhook.rejected", **query)
        assert record["code"] == reason
        assert await gateway.metric("ingress", "gateway_webhook_rejections_total", reason=reason) >= 1


@pytest.mark.parametrize(
    "body", [b"x" * 300_000, b"", b"{", b'{"event_type": "fax"}'], ids=["huge", "empty", "broken", "fax"]
)
async def test_an_unauthenticated_request_gets_one_answer_for_every_body(gateway: Gateway, body: bytes) -> None:
    integration = await gateway.create_integration()

    signature_header = await authenticate(gateway, integration, [JSON, (SECRET, "guess")], body)
    usual = await authenticate(gateway, integration, [JSON, (SECRET, "guess")])

    assert signature_header.undated == usual.undated


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda now: str(int(now.timestamp())), id="Unix seconds"),
        pytest.param(lambda now: now.isoformat(), id="RFC 3339 with microseconds"),
        pytest.param(lambda now: now.strftime("%Y-%m-%dT%H:%M:%SZ"), id="RFC 3339 with Z"),
        pytest.param(lambda now: now.astimezone(timezone(timedelta(hours=3))).isoformat(), id="another time zone"),
        pytest.param(lambda now: str(int(now.timestamp()) - 290), id="a clock 290 s slow"),
        pytest.param(lambda now: str(int(now.timestamp()) + 290), id="a clock 290 s fast"),
    ],
)
async def test_a_signed_request_is_accepted(gateway: Gateway, moment: Callable[[datetime], str]) -> None:
    integration = await gateway.create_integration(auth_mode="secret_hmac")

    answer = await authenticate(gateway, integration, signed(integration, moment(datetime.now(UTC))))

    assert (answer.status, answer.result) == (200, "ok")


async def test_an_upper_case_hex_signature_is_accepted(gateway: Gateway) -> None:
    integration = await gateway.create_integration(auth_mode="secret_hmac")
    now = seconds_ago(0)
    headers = [
        JSON,
        (SECRET, integration.secret),
        (TIMESTAMP, now),
        (SIGNATURE, signature(integration.secret, now).upper()),
    ]

    assert (await authenticate(gateway, integration, headers)).status == 200


@pytest.mark.parametrize(
    "timestamp",
    [
        *("0", "-1", "1e9", "99999999999", "9" * 400, "NaN", "", "now", "0x65a", "1700000000.5"),
        *("2026-02-30T00:00:00Z", "2026-11-23T12:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:60Z"),
        "２０２６-11-23T12:00:00Z",
    ],
)
async def test_an_absurd_timestamp_is_stale_however_well_signed(gateway: Gateway, timestamp: str) -> None:
    integration = await gateway.create_integration()

    answer = await authenticate(
        gateway,
        integration,
        [(name, v if isinstance(v, bytes) else v.encode()) for name, v in signed(integration, timestamp)],
    )

    assert answer.status == 401
    [record] = await gateway.wait_for_records(type="webhook.rejected", integration_id=integration.id)
    assert record["code"] in {"stale_timestamp", "invalid_signature"}


async def test_in_secret_mode_a_signature_is_checked_when_present(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    now = seconds_ago(0)
    plain = [JSON, (SECRET, integration.secret)]

    answers = [
        await authenticate(gateway, integration, plain),
        await authenticate(gateway, integration, [*plain, (TIMESTAMP, now)]),
        await authenticate(gateway, integration, signed(integration, now)),
        await authenticate(gateway, integration, [*plain, (TIMESTAMP, seconds_ago(400))]),
        await authenticate(gateway, integration, [*plain, (SIGNATURE, signature(integration.secret, now))]),
        await authenticate(gateway, integration, [*plain, (TIMESTAMP, now), (SIGNATURE, "0" * 64)]),
    ]

    assert [answer.status for answer in answers] == [200, 200, 200, 401, 401, 401]


async def test_a_rotated_secret_is_valid_until_the_end_of_its_overlap(gateway: Gateway) -> None:
    integration = await gateway.create_integration(auth_mode="secret_hmac")
    rotated = await gateway.done("POST", f"/integrations/{integration.id}/rotate-secret", {"overlap_seconds": 3})

    async def taken(secret: str) -> bool:
        headers = signed(integration, seconds_ago(0), secret=secret)
        return [(await authenticate(gateway, integration, headers)).status for _ in range(2)] == [200, 200]

    async def turned_away() -> bool:
        return not await taken(integration.secret)

    await eventually(lambda: taken(rotated["secret"]), seconds=20)
    overlapping = await taken(integration.secret)
    await eventually(turned_away, seconds=8, pause=0.3)

    assert overlapping
    assert await taken(rotated["secret"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        pytest.param("127.0.0.1", ["203.0.113.9"], 200, id="the proxy names an allowed client"),
        pytest.param("127.0.0.1", ["203.0.113.9:4711"], 200, id="with its port"),
        pytest.param("127.0.0.1", ["::ffff:203.0.113.9"], 200, id="in IPv6 clothes"),
        pytest.param("127.0.0.1", ["[2001:db8::7]:443"], 200, id="an allowed IPv6 client"),
        pytest.param("127.0.0.1", ["198.51.100.1, 203.0.113.9"], 200, id="what the client wrote itself is not read"),
        pytest.param("127.0.0.1", ["203.0.113.9, 198.51.100.1"], 401, id="a client cannot write itself in"),
        pytest.param("127.0.0.1", ["203.0.113.9", "198.51.100.1"], 401, id="not with two headers either"),
        pytest.param("127.0.0.1", ["203.0.113.9, 127.0.0.1"], 200, id="two trusted proxies in a row"),
        pytest.param("127.0.0.1", ["203.0.113.9, unknown"], 401, id="an unknown hop"),
        pytest.param("127.0.0.1", [], 401, id="the proxy itself is not on the list"),
        pytest.param(STRANGER, ["203.0.113.9"], 401, id="a stranger's header is not believed"),
    ],
)
async def test_the_allowlist_checks_the_first_untrusted_address(
    gateway: Gateway, peer: str, forwarded: list[str], status: int
) -> None:
    integration = await gateway.create_integration(allowed_ips=["203.0.113.0/24", "2001:db8::/32"])
    headers = [JSON, (SECRET, integration.secret), *(("X-Forwarded-For", hops) for hops in forwarded)]

    assert (await authenticate(gateway, integration, headers, source=peer)).status == status


async def test_many_rejections_are_recorded_twenty_times_and_block_no_valid_request(gateway: Gateway) -> None:
    integration = await gateway.create_integration()

    source = next(ADDRESSES)
    for _ in range(20):
        assert (await authenticate(gateway, integration, [JSON, (SECRET, "guess")], source=source)).status == 401
    for _ in range(20):
        url = gateway.url(integration.path, 0)
        assert (await post(url, [JSON, (SECRET, "guess")], BODY, source=source)).status == 401
    rightful = await authenticate(gateway, integration, [JSON, (SECRET, integration.secret)])

    assert rightful.status == 200
    # Each of two ingresses counts for itself: 10 by turns and 20 more at the first, of which 10 are only counted.
    found = await gateway.wait_for_records(30, type="webhook.rejected", integration_id=integration.id)
    assert len(found) == 30


async def test_the_status_of_an_event_is_visible_to_its_own_integration_only(gateway: Gateway) -> None:
    integration, other = await gateway.create_integration(), await gateway.create_integration()
    asked = orjson.loads((await authenticate(gateway, integration, [JSON, (SECRET, integration.secret)])).content)

    await gateway.wait_for_records(event_id=asked["event_id"], type="webhook.answered")
    own = await gateway.status(integration, asked["event_id"])
    guessed = await gateway.status(integration, asked["event_id"], secret="guess")
    foreign = await gateway.status(other, asked["event_id"])
    unknown = await gateway.status(integration, str(uuid4()))

    assert (own.status, own.result) == (200, "ok")
    assert (guessed.status, guessed.content) == (401, GENERIC)
    assert [foreign.status, unknown.status] == [404, 404]
    assert {**foreign.body} == {**unknown.body}
