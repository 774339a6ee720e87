"""Whatever is on a dead-letter queue becomes a dead letter that any store can keep."""

import base64
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.amqp.dead_letter_messages import (
    MAX_BODY,
    MAX_LISTED,
    MAX_POST,
    MAX_REASON,
    bare,
    dead_letter_from,
    listed,
    message_from_dead_letter,
)
from libs.chassis.amqp.envelope import AT, ATTEMPT, DIED_AT, MAC, QUEUE, REASON, SINCE, VERSION
from libs.chassis.subscriptions import DeadLettered
from libs.chassis.topology import POSTS, WEBHOOKS

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
QUEUE_NAME = WEBHOOKS.name
A_MAC = f"1:ingress:k1:policy={'A' * 22},audit={'B' * 22}"


def arrived(body: bytes = b"{}", *, mac: object = A_MAC, headers: dict[str, Any] | None = None, **fields: Any) -> Any:
    known: dict[str, Any] = {
        "headers": {MAC: mac} | (headers or {}),
        "type": None, "message_id": None, "correlation_id": None, "app_id": None, "timestamp": None,
        "content_type": None,
    }  # fmt: skip
    return SimpleNamespace(body=body, **(known | fields))


def letter(body: bytes = b"{}", *, queue: str = QUEUE_NAME, **fields: Any) -> DeadLettered:
    return dead_letter_from(arrived(body, **fields), queue, now=NOW)


def can_be_kept(found: DeadLettered) -> bool:
    """What SQLite and MongoDB ask for: UTF-8 without surrogates, small listed fields, 64-bit numbers, a real time."""
    texts = (found.id, found.reason, found.name, found.message_id, found.account_id, found.integration_id)
    return (
        all(text.isprintable() and len(text.encode()) <= 4 * MAX_REASON for text in texts if text)
        and found.serialized.isascii()
        and 1 <= found.attempts <= 1_000_000
        and datetime(1970, 1, 1, tzinfo=UTC) <= found.died_at <= NOW + timedelta(minutes=5)
        and len(json.dumps(found.serialized)) < 16_000_000 / 4 * 3
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"account_id": "\\ud800", "integration_id": "\\udfff"}', id="lone surrogates"),
        pytest.param(b'{"account_id": "a\\u0000b"}', id="NUL characters"),
        pytest.param(b'{"account_id": "\x1b[2J"}', id="a terminal's escape sequence"),
        pytest.param(json.dumps({"account_id": "x" * 1_000_000}).encode(), id="an id of 1 MB"),
        pytest.param(b"[" * 100_000, id="a deep nest"),
        pytest.param(b'{"a":' * 100_000, id="a deep nest of objects"),
        pytest.param(b"\xff\xfe\x00", id="bytes that are no text"),
        pytest.param(b'{"account_id": ' + b"9" * 5000 + b"}", id="a number of 5,000 digits"),
        pytest.param(b'{"account_id": NaN}', id="NaN"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_hostile_body_is_kept_whole_and_its_ids_are_cleaned(body: bytes) -> None:
    found = letter(body)

    assert can_be_kept(found)
    assert base64.b64decode(json.loads(found.serialized)["body"]) == body
    assert found.replayable


@pytest.mark.parametrize("died", [2**62, -(2**63), 2**63 - 1, -1, 10**11, True, "x", b"x", [1], {"a": 1}, None, 1e300])
@pytest.mark.parametrize("by", ["service", "broker"])
def test_a_time_of_death_that_is_none_is_the_time_of_arrival(died: object, by: str) -> None:
    headers: dict[str, Any] = (
        {REASON: "gone", DIED_AT: died} if by == "service" else {"x-death": [{"reason": "rejected", "time": died}]}
    )

    found = letter(headers=headers)

    assert can_be_kept(found)
    assert found.died_at in {NOW, datetime.fromtimestamp(10**11 / 1_000_000, UTC)}


def test_a_time_of_death_that_lies_ahead_does_not_keep_the_letter_on_top_for_ever() -> None:
    far = int((NOW + timedelta(days=365)).timestamp() * 1_000_000)

    assert letter(headers={REASON: "gone", DIED_AT: far}).died_at == NOW


@pytest.mark.parametrize(
    ("queue", "limit"),
    [pytest.param(QUEUE_NAME, MAX_BODY, id="an event"), pytest.param(POSTS.name, MAX_POST, id="a provider's post")],
)
def test_a_body_up_to_the_limit_is_kept_whole_and_a_larger_one_cannot_be_replayed(queue: str, limit: int) -> None:
    whole, cut = letter(b"x" * limit, queue=queue), letter(b"x" * (limit + 1), queue=queue)

    assert (whole.replayable, cut.replayable) == (True, False)
    for found in (whole, cut):
        assert len(base64.b64decode(json.loads(found.serialized)["body"])) == limit
        assert len(found.serialized) * 4 / 3 < 16_000_000  # sealed, in one document of MongoDB


@pytest.mark.parametrize(
    "mac",
    [None, 7, b"1:ingress:k1", "", "1:ingress:k1", f"{A_MAC},", f"{A_MAC}\n", A_MAC.replace("1:", "2:", 1), "\ud800"],
)
def test_a_letter_that_no_key_makes_authentic_cannot_be_replayed(mac: object) -> None:
    found = letter(mac=mac)

    assert can_be_kept(found)
    assert not found.replayable
    assert MAC not in json.loads(found.serialized)["headers"]


def test_a_replay_has_the_code_of_the_producer() -> None:
    assert message_from_dead_letter(letter().serialized).headers[MAC] == A_MAC


def test_letters_with_the_same_cut_body_are_still_told_apart() -> None:
    bodies = [b"x" * MAX_BODY + ending for ending in (b"1", b"2")]

    assert len({letter(body).id for body in bodies}) == 2


def test_only_the_listed_fields_are_cut() -> None:
    found = letter(headers={REASON: "r" * 10_000}, type="t" * 255, message_id="m" * 255)

    assert (len(found.reason), len(found.name or ""), len(found.message_id or "")) == (
        MAX_REASON, MAX_LISTED, MAX_LISTED,
    )  # fmt: skip
    assert json.loads(found.serialized)["message_id"] == "m" * 255


def test_a_bare_letter_says_why_it_is_bare() -> None:
    whole = letter(b"body", message_id="m", type="t", headers={REASON: "gone"})

    first, second = (bare(whole, reason="KeyError", now=NOW, body=body) for body in (True, False))

    assert first.reason == second.reason == "could not be stored as it was: KeyError"
    assert (first.serialized, first.replayable) == (whole.serialized, True)
    assert (second.serialized, second.replayable) == ("{}", False)
    assert first.id == whole.id


ANY_TEXT = st.text(max_size=60) | st.text(alphabet=st.characters(categories=("Cs", "Cc", "Co", "Cn")), max_size=20)
FIELD_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats() | ANY_TEXT | st.binary(max_size=30)
    | st.datetimes(timezones=st.just(UTC)) | st.datetimes() | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from([AT, ATTEMPT, VERSION, SINCE, REASON, QUEUE, DIED_AT, "x-death", "x-unreadable"]) | ANY_TEXT,
    FIELD_VALUES,
    max_size=8,
)
DEATHS = st.fixed_dictionaries({}, optional={"reason": FIELD_VALUES, "time": FIELD_VALUES})
BODIES = st.binary(max_size=300) | st.dictionaries(
    st.sampled_from(["account_id", "integration_id", "at", "x"]), ANY_TEXT | st.integers() | st.none(), max_size=4
).map(lambda fields: json.dumps(fields).encode())
PROPERTY = st.none() | ANY_TEXT


@given(
    body=BODIES,
    headers=HEADERS,
    deaths=st.none() | st.lists(DEATHS, max_size=2),
    properties=st.fixed_dictionaries(
        dict.fromkeys(("type", "message_id", "correlation_id", "app_id", "content_type"), PROPERTY)
    ),
    at=st.none() | st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 -- naive bounds
)
def test_any_message_becomes_a_letter_that_can_be_kept_and_whose_content_is_whole(
    body: bytes, headers: dict[str, Any], deaths: Any, properties: dict[str, Any], at: datetime | None
) -> None:
    given_headers = headers if deaths is None else headers | {"x-death": deaths}

    found = letter(body, headers=given_headers, timestamp=at, **properties)

    assert can_be_kept(found)
    assert message_from_dead_letter(found.serialized).body == body


@given(st.text(max_size=400) | ANY_TEXT)
def test_a_listed_text_is_printable_and_no_longer_than_it_was(text: str) -> None:
    shown = listed(text)

    assert shown is not None
    assert shown.isprintable()
    assert len(shown) == min(len(text), MAX_LISTED)
