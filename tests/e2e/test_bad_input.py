"""Invalid input is answered with a code of the catalogue; never with 500, and never too late."""

import gzip
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from tests.e2e.driver import SECRET, Gateway, Integration, outbound
from tests.e2e.raw import Headers, post

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = ("Content-Type", "application/json")
DEEP = b'{"event_type": "test", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
TEST = b'{"event_type": "test"}'


def door(integration: Integration, *more: tuple[str, str | bytes]) -> Headers:
    return [(SECRET, integration.secret), *more]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b" ", id="a space"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"test"', id="a string"),
        pytest.param(b"12", id="a number"),
        pytest.param(b"event_type=test", id="a form"),
        pytest.param(b"<xml/>", id="XML"),
        pytest.param(TEST + TEST, id="two objects"),
        pytest.param(TEST.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"event_type": "te\xffst"}', id="invalid UTF-8"),
        pytest.param(b'{"event_type": "te\xed\xa0\x80st"}', id="a surrogate in UTF-8"),
        pytest.param(b'{"event_type": "te\nst"}', id="a raw line break in a string"),
        pytest.param(b'{"event_type": NaN}', id="NaN"),
        pytest.param(b'{"event_type": "test", "x": Infinity}', id="Infinity"),
        pytest.param(b'{"event_type": "test", "x": -Infinity}', id="minus infinity"),
        pytest.param(b'{"event_type": "test", "event_type": "test"}', id="a key twice"),
        pytest.param(b'{"event_type": "test", "x": {"a": 1, "\\u0061": 2}}', id="a key twice, nested and escaped"),
        pytest.param(DEEP, id="100,000 levels deep"),
        pytest.param(b'{"a":' * 30_000 + b"1" + b"}" * 30_000, id="30,000 objects deep"),
        pytest.param(b"\x00" * 1000, id="zeros"),
        pytest.param(gzip.compress(TEST), id="compressed, and not said so"),
    ],
)
async def test_a_body_that_is_not_a_json_object_is_invalid_json(gateway: Gateway, body: bytes) -> None:
    integration = await gateway.create_integration()

    answer = await post(gateway.url(integration.path), door(integration, JSON), body)

    assert (answer.status, answer.result) == (400, "invalid_json")
    assert answer.body["details"]["field"] == "body"


@pytest.mark.parametrize(
    "types",
    [
        [],
        ["text/plain"],
        ["application/jsonx"],
        ["application/json, text/plain"],
        ["application/json"] * 2,
        [""],
        ["\xff"],
    ],
    ids=["none", "text", "nearly", "a list", "twice", "empty", "not ASCII"],
)
async def test_another_content_type_is_invalid_json(gateway: Gateway, types: Sequence[str]) -> None:
    integration = await gateway.create_integration()

    answer = await post(
        gateway.url(integration.path),
        door(integration, *(("Content-Type", content_type.encode()) for content_type in types)),
        TEST,
    )

    assert (answer.status, answer.result) == (400, "invalid_json")
    assert answer.body["details"]["field"] in {"Content-Type", "request"}


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
async def test_parameters_and_case_of_the_content_type_do_not_matter(gateway: Gateway, content_type: str) -> None:
    integration = await gateway.create_integration()

    assert (
        await post(gateway.url(integration.path), door(integration, ("Content-Type", content_type)), TEST)
    ).result == "ok"


JUNK: dict[str, Any] = {
    "null": None,
    "true": True,
    "a float": 1.5,
    "a negative": -1,
    "an endless number": 10**300,
    "a list": ["+966512345678"],
    "an object": {"to": "+966512345678"},
    "empty": "",
    "a thousand zeros": "\x00" * 1000,
    "a hundred thousand letters": "x" * 100_000,
    "right to left": "\u202e\u0645\u0631\u062d\u0628\u0627",
    "markup": "<script>{{7*7}}</script>'; DROP TABLE accounts;--",
}
FIELDS = ("event_type", "to", "from", "customer_phone", "caller", "phone", "message_text", "message", "message_purpose")
OTHER_FIELDS = ("conversation_id", "agent_extension", "queue", "call_time", "direction", "answered", "anything")
AT_MOST = {"unsupported_event_type", "missing_phone", "missing_message_text", "message_text_too_long"} | {
    "message_purpose_not_allowed",
    "conversation_window_closed",
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
async def test_a_wrong_type_in_any_field_is_a_missing_field(gateway: Gateway, junk: Any) -> None:
    integration = await gateway.create_integration()
    good = outbound(gateway.a_customer())
    bodies = [orjson.dumps(good)[:-1] + b", " + b'"x": 1}']
    for name in (*FIELDS, *OTHER_FIELDS):
        text = orjson.dumps(good | {name: 0}).replace(f'"{name}":0'.encode(), f'"{name}":'.encode() + _json(junk))
        bodies.append(text)

    answers = [await post(gateway.url(integration.path), door(integration, JSON), body) for body in bodies]

    assert {answer.result for answer in answers} <= AT_MOST
    assert all(answer.status in {409, 422} for answer in answers)


def _json(junk: Any) -> bytes:
    return str(junk).encode() if isinstance(junk, int) and not isinstance(junk, bool) else orjson.dumps(junk)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xef\xbb\xbf" + TEST, id="a byte order mark"),
        pytest.param(b'{"event_type": "test", "name": "Kim \\ud83d"}', id="half an emoji in a name"),
        pytest.param(b'{"event_type": "test", "name": "Kim \\u0000"}', id="an escaped NUL in a name"),
    ],
)
async def test_what_phone_systems_are_known_to_write_is_no_error(gateway: Gateway, body: bytes) -> None:
    integration = await gateway.create_integration()

    answer = await post(gateway.url(integration.path), door(integration, JSON), body)

    assert (answer.status, answer.result) == (200, "ok")


@pytest.mark.parametrize("event_type", ["TEST", " test "])
async def test_an_event_type_is_read_in_any_case_and_with_spaces(gateway: Gateway, event_type: str) -> None:
    integration = await gateway.create_integration()

    assert (await gateway.post(integration, {"event_type": event_type})).result == "ok"


@pytest.mark.parametrize(
    "keys",
    [[b""], [b"a b"], [b"\xe4"], [b"x" * 256], [b"a", b"a"], ["ключ".encode()], [b"\x7f"]],
    ids=["empty", "with a space", "latin-1", "256 long", "twice", "Cyrillic", "a control character"],
)
async def test_an_invalid_idempotency_key_is_named_in_the_refusal(gateway: Gateway, keys: list[bytes]) -> None:
    integration = await gateway.create_integration()

    answer = await post(
        gateway.url(integration.path), door(integration, JSON, *(("Idempotency-Key", key) for key in keys)), TEST
    )

    assert (answer.status, answer.result) == (400, "invalid_json")
    assert answer.body["details"]["field"] in {"Idempotency-Key", "request"}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([(SECRET, b"\xff\xfe")], id="a secret of other bytes"),
        pytest.param([(SECRET, "секрет".encode())], id="a secret in Cyrillic"),
        pytest.param([(SECRET, b"{secret}"), (SECRET, b"{secret}")], id="the right secret twice"),
        pytest.param([(SECRET, b"{secret}"), (SECRET, b"guess")], id="the right secret and a guess"),
        pytest.param([(SECRET, b"")], id="an empty secret"),
        pytest.param([(SECRET, b"x" * 7000)], id="a secret of 7,000 letters"),
        pytest.param(
            [(SECRET, b"{secret}"), ("X-WhatsApp-Gateway-Timestamp", b"\xff")], id="a timestamp of other bytes"
        ),
        pytest.param(
            [(SECRET, b"{secret}"), ("X-WhatsApp-Gateway-Timestamp", b"1"), ("X-WhatsApp-Gateway-Timestamp", b"2")],
            id="two timestamps",
        ),
        pytest.param(
            [(SECRET, b"{secret}"), ("X-WhatsApp-Gateway-Signature", "sha256=ﬀ".encode())],
            id="a signature of ligatures",
        ),
    ],
)
async def test_unusual_headers_do_not_authenticate(gateway: Gateway, headers: Sequence[tuple[str, bytes]]) -> None:
    integration = await gateway.create_integration()
    sent = [(name, value.replace(b"{secret}", integration.secret.encode())) for name, value in headers]

    answer = await post(gateway.url(integration.path), [JSON, *sent], TEST)

    assert (answer.status, answer.result) == (401, "invalid_3cx_webhook")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"entry": 1}', b'{"entry": [{"changes": [null]}]}', b"\xff", DEEP]
)
async def test_a_signed_whatsapp_webhook_with_unknown_content_is_accepted(gateway: Gateway, body: bytes) -> None:
    url = gateway.url("/integrations/whatsapp/webhook")
    key = gateway.stack.secrets["GATEWAY_WHATSAPP_APP_SECRET"].encode()
    good = "sha256=" + _hmac(key, body)

    taken = await post(url, [JSON, ("X-Hub-Signature-256", good)], body)
    forged = await post(url, [JSON, ("X-Hub-Signature-256", good[:-1] + ("0" if good[-1] != "0" else "1"))], body)
    twice = await post(url, [JSON, ("X-Hub-Signature-256", good), ("X-Hub-Signature-256", good)], body)

    assert [taken.status, forged.status, twice.status] == [200, 401, 401]


def _hmac(key: bytes, body: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()


async def test_the_gateway_still_works_after_invalid_input(gateway: Gateway) -> None:
    integration = await gateway.create_integration()

    answers = [await gateway.post(integration, {"event_type": "test"}, at=at) for at in range(2)]

    assert [answer.result for answer in answers] == ["ok", "ok"]
    assert all(process.running for process in gateway.stack.processes)
