"""Who may come in: nine reasons to be turned away that nobody outside can tell apart."""

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.e2e.driver import SECRET, Gateway, Line
from tests.e2e.raw import Headers, RawAnswer, post
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

TIMESTAMP, SIGNATURE = "X-WhatsApp-Gateway-Timestamp", "X-WhatsApp-Gateway-Signature"
JSON = ("Content-Type", "application/json")
BODY = b'{"event_type": "test"}'
GENERIC = b'{"success": false, "error": "invalid_3cx_webhook", "message": "Invalid 3CX webhook request."}'
STRANGER = "127.0.0.2"
"""A peer that is no trusted proxy."""


def signature(secret: str, timestamp: str, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def signed(line: Line, timestamp: str, body: bytes = BODY, *, secret: str | None = None) -> Headers:
    key = secret or line.secret
    told = f"sha256={signature(key, timestamp, body)}"
    return [JSON, (SECRET, key), (TIMESTAMP, timestamp), (SIGNATURE, told)]


def seconds_ago(seconds: float) -> str:
    return str(int(time.time() - seconds))


async def knock(gateway: Gateway, line: Line, headers: Headers, body: bytes = BODY, **options: str) -> RawAnswer:
    return await post(gateway.url(line.path), headers, body, **options)


Caller = Callable[[Gateway], Awaitable[tuple[Line, Headers]]]


async def to_nobody(gateway: Gateway) -> tuple[Line, Headers]:
    line = await gateway.open_line()
    nobody = Line(f"int_{uuid4().hex}", line.account_id, line.instance_id, line.number, line.secret)
    return nobody, [JSON, (SECRET, line.secret)]


async def to_a_closed_door(gateway: Gateway) -> tuple[Line, Headers]:
    line = await gateway.open_line(enabled=False)
    return line, [JSON, (SECRET, line.secret)]


async def from_elsewhere(gateway: Gateway) -> tuple[Line, Headers]:
    line = await gateway.open_line(allowed_ips=["203.0.113.0/24"])
    return line, [JSON, (SECRET, line.secret)]


async def without_secret(gateway: Gateway) -> tuple[Line, Headers]:
    return await gateway.open_line(), [JSON]


async def with_a_guess(gateway: Gateway) -> tuple[Line, Headers]:
    return await gateway.open_line(), [JSON, (SECRET, "guess")]


async def without_timestamp(gateway: Gateway) -> tuple[Line, Headers]:
    line = await gateway.open_line(auth_mode="secret_hmac")
    return line, [JSON, (SECRET, line.secret), (SIGNATURE, signature(line.secret, seconds_ago(0)))]


async def too_late(gateway: Gateway) -> tuple[Line, Headers]:
    line = await gateway.open_line(auth_mode="secret_hmac")
    return line, signed(line, seconds_ago(310))


async def without_signature(gateway: Gateway) -> tuple[Line, Headers]:
    line = await gateway.open_line(auth_mode="secret_hmac")
    return line, [JSON, (SECRET, line.secret), (TIMESTAMP, seconds_ago(0))]


async def wrongly_signed(gateway: Gateway) -> tuple[Line, Headers]:
    line = await gateway.open_line(auth_mode="secret_hmac")
    return line, signed(line, seconds_ago(0), b'{"event_type": "tesT"}')


REASONS: dict[str, Caller] = {
    "unknown_integration": to_nobody,
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

    answers = {reason: await knock(gateway, *caller) for reason, caller in callers.items()}

    assert {answer.undated for answer in answers.values()} == {answers["wrong_secret"].undated}
    assert (answers["wrong_secret"].status, answers["wrong_secret"].content) == (401, GENERIC)
    for reason, (line, _) in callers.items():
        query: dict[str, Any] = {"code": reason} if reason == "unknown_integration" else {"integration_id": line.id}
        [record, *_] = await gateway.recorded(type="webhook.rejected", **query)
        assert record["code"] == reason
        assert await gateway.metric("ingress", "gateway_webhook_rejections_total", reason=reason) >= 1


@pytest.mark.parametrize(
    "body", [b"x" * 300_000, b"", b"{", b'{"event_type": "fax"}'], ids=["huge", "empty", "broken", "fax"]
)
async def test_a_stranger_learns_nothing_from_any_body(gateway: Gateway, body: bytes) -> None:
    line = await gateway.open_line()

    told = await knock(gateway, line, [JSON, (SECRET, "guess")], body)
    usual = await knock(gateway, line, [JSON, (SECRET, "guess")])

    assert told.undated == usual.undated


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
async def test_a_signed_request_comes_in(gateway: Gateway, moment: Callable[[datetime], str]) -> None:
    line = await gateway.open_line(auth_mode="secret_hmac")

    answer = await knock(gateway, line, signed(line, moment(datetime.now(UTC))))

    assert (answer.status, answer.word) == (200, "ok")


async def test_a_bare_hex_signature_in_capitals_is_one(gateway: Gateway) -> None:
    line = await gateway.open_line(auth_mode="secret_hmac")
    now = seconds_ago(0)
    headers = [JSON, (SECRET, line.secret), (TIMESTAMP, now), (SIGNATURE, signature(line.secret, now).upper())]

    assert (await knock(gateway, line, headers)).status == 200


@pytest.mark.parametrize(
    "timestamp",
    [
        *("0", "-1", "1e9", "99999999999", "9" * 400, "NaN", "", "now", "0x65a", "1700000000.5"),
        *("2026-02-30T00:00:00Z", "2026-11-23T12:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:60Z"),
        "２０２６-11-23T12:00:00Z",
    ],
)
async def test_an_absurd_timestamp_is_stale_however_well_signed(gateway: Gateway, timestamp: str) -> None:
    line = await gateway.open_line()

    answer = await knock(
        gateway, line, [(name, v if isinstance(v, bytes) else v.encode()) for name, v in signed(line, timestamp)]
    )

    assert answer.status == 401
    [record] = await gateway.recorded(type="webhook.rejected", integration_id=line.id)
    assert record["code"] in {"stale_timestamp", "invalid_signature"}


async def test_in_mode_secret_what_is_sent_is_checked(gateway: Gateway) -> None:
    line = await gateway.open_line()
    now = seconds_ago(0)
    plain = [JSON, (SECRET, line.secret)]

    answers = [
        await knock(gateway, line, plain),
        await knock(gateway, line, [*plain, (TIMESTAMP, now)]),
        await knock(gateway, line, signed(line, now)),
        await knock(gateway, line, [*plain, (TIMESTAMP, seconds_ago(400))]),
        await knock(gateway, line, [*plain, (SIGNATURE, signature(line.secret, now))]),
        await knock(gateway, line, [*plain, (TIMESTAMP, now), (SIGNATURE, "0" * 64)]),
    ]

    assert [answer.status for answer in answers] == [200, 200, 200, 401, 401, 401]


async def test_an_old_secret_holds_for_its_overlap_and_no_longer(gateway: Gateway) -> None:
    line = await gateway.open_line(auth_mode="secret_hmac")
    rotated = await gateway.done("POST", f"/integrations/{line.id}/rotate-secret", {"overlap_seconds": 3})

    async def taken(secret: str) -> bool:
        headers = signed(line, seconds_ago(0), secret=secret)
        return [(await knock(gateway, line, headers)).status for _ in range(2)] == [200, 200]

    async def turned_away() -> bool:
        return not await taken(line.secret)

    await eventually(lambda: taken(rotated["secret"]), seconds=20)
    overlapping = await taken(line.secret)
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
        pytest.param("127.0.0.1", ["203.0.113.9, unknown"], 401, id="a hop that nobody knows"),
        pytest.param("127.0.0.1", [], 401, id="the proxy itself is not on the list"),
        pytest.param(STRANGER, ["203.0.113.9"], 401, id="a stranger's header is not believed"),
    ],
)
async def test_the_allowlist_is_asked_about_the_first_address_beyond_our_proxies(
    gateway: Gateway, peer: str, forwarded: list[str], status: int
) -> None:
    line = await gateway.open_line(allowed_ips=["203.0.113.0/24", "2001:db8::/32"])
    headers = [JSON, (SECRET, line.secret), *(("X-Forwarded-For", hops) for hops in forwarded)]

    assert (await knock(gateway, line, headers, source=peer)).status == status


async def test_a_flood_of_guesses_is_recorded_twenty_times_and_keeps_nobody_out(gateway: Gateway) -> None:
    line = await gateway.open_line()

    for _ in range(20):
        assert (await knock(gateway, line, [JSON, (SECRET, "guess")])).status == 401
    for _ in range(20):
        assert (await post(gateway.url(line.path, 0), [JSON, (SECRET, "guess")], BODY)).status == 401
    rightful = await knock(gateway, line, [JSON, (SECRET, line.secret)])

    assert rightful.status == 200
    # Each of two ingresses counts for itself: 10 by turns and 20 more at the first, of which 10 are only counted.
    found = await gateway.recorded(30, type="webhook.rejected", integration_id=line.id)
    assert len(found) == 30


async def test_the_status_of_an_event_is_told_to_its_own_integration_alone(gateway: Gateway) -> None:
    line, other = await gateway.open_line(), await gateway.open_line()
    asked = orjson.loads((await knock(gateway, line, [JSON, (SECRET, line.secret)])).content)

    await gateway.recorded(event_id=asked["event_id"], type="webhook.answered")
    own = await gateway.status(line, asked["event_id"])
    guessed = await gateway.status(line, asked["event_id"], secret="guess")
    foreign = await gateway.status(other, asked["event_id"])
    unknown = await gateway.status(line, str(uuid4()))

    assert (own.status, own.word) == (200, "ok")
    assert (guessed.status, guessed.content) == (401, GENERIC)
    assert [foreign.status, unknown.status] == [404, 404]
    assert {**foreign.body} == {**unknown.body}
