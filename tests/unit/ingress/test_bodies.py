"""Bodies: one strict JSON object, of which the fields we know are kept if they are usable."""

import json
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from libs.contracts.events import WebhookPayload
from libs.contracts.text import without_controls
from services.ingress.domain.bodies import InvalidBody, is_encoded, object_from, payload_from, require_json

BAD = {
    "nothing": b"",
    "blanks": b"  \n",
    "half an object": b'{"event_type":',
    "two objects": b"{}{}",
    "a trailing comma": b'{"a":1,}',
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "invalid UTF-8": b'{"a":"\xff"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "a lone surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "a raw line break": b'{"a":"one\ntwo"}',
    "a raw control character": b'{"a":"\x01"}',
    "deep nesting of lists": b"[" * 100_000,
    "deep nesting in an object": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "a list": b"[]",
    "a string": b'"test"',
    "a number": b"1",
    "null": b"null",
    "a key twice": b'{"event_type":"test","event_type":"outbound_message"}',
    "a key twice in two spellings": b'{"to":"1","\\u0074o":"2"}',
    "a key twice further down": b'{"a":[{"b":{"c":1,"c":1}}]}',
    "form data": b"event_type=test",
    "a zip": b"\x1f\x8b\x08\x00\x00",
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBody) as caught:
        object_from(body)

    assert caught.value.field == "body"


REPAIRED = {
    "a byte order mark": (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
    "the first half of an emoji": (b'{"a":"Kim \\ud83d"}', {"a": "Kim \ufffd"}),
    "the second half of an emoji": (b'{"a":"\\uDE00 Kim"}', {"a": "\ufffd Kim"}),
    "two first halves": (b'{"a":"\\ud83d\\ud83d\\ude00"}', {"a": "\ufffd\U0001f600"}),
    "half an emoji before another escape": (b'{"a":"\\ud83d\\n"}', {"a": "\ufffd\n"}),
    "half an emoji in a key": (b'{"\\ud83d":1}', {"\ufffd": 1}),
    "an escaped NUL": (b'{"a":"\\u0000"}', {"a": "\ufffd"}),
    "a whole emoji": (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    "an escaped backslash before the letters": (b'{"a":"\\\\ud83d \\\\u0000"}', {"a": "\\ud83d \\u0000"}),
}


@pytest.mark.parametrize(("body", "read"), REPAIRED.values(), ids=REPAIRED.keys())
def test_what_phone_systems_are_known_to_write_is_repaired(body: bytes, read: Any) -> None:
    assert object_from(body) == read


@pytest.mark.parametrize("half", range(0xD800, 0xE000, 31))
def test_any_half_of_any_pair_becomes_one_replacement_character(half: int) -> None:
    for form in (f"\\u{half:04x}", f"\\u{half:04X}"):
        assert object_from(f'{{"a":"x{form}y"}}'.encode()) == {"a": "x\ufffdy"}


@pytest.mark.parametrize(
    ("headers", "encoded"),
    [
        ((), False),
        (("identity",), False),
        (("Identity ",), False),
        (("",), False),
        (("gzip",), True),
        (("identity, gzip",), True),
        (("identity", "br"), True),
        (("deflate",), True),
        (("unheard-of",), True),
    ],
)
def test_every_encoding_but_identity_is_one(headers: tuple[str, ...], *, encoded: bool) -> None:
    assert is_encoded(headers) is encoded


@given(st.binary(max_size=200))
def test_bytes_give_an_object_or_are_refused(body: bytes) -> None:
    try:
        read = object_from(body)
    except InvalidBody:
        return

    payload_from(read)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
FIELDS = [
    "event_type", "to", "from", "customer_phone", "caller", "phone", "user_id", "message_text", "message",
    "message_purpose", "conversation_id", "agent_extension", "queue", "call_time", "direction", "answered",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(), JSON, max_size=8))
def test_any_type_in_any_field_is_kept_or_absent(read: dict[str, Any]) -> None:
    payload = payload_from(read)

    kept = payload.model_dump(exclude={"message_purpose"}).values()  # folded besides, by Unicode's rules
    assert all(value is None or without_controls(value) == value for value in kept)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_strict_reading_agrees_with_the_standard_library(value: dict[str, Any]) -> None:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assume(rb"\u0000" not in body)

    assert object_from(body) == json.loads(body)


KEPT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text fields are kept": ({"event_type": "test", "queue": "800"}, {"event_type": "test", "queue": "800"}),
    "a phone may be a number": ({"to": 966500000000}, {"to": "966500000000"}),
    "an extension may be a number": ({"agent_extension": 101}, {"agent_extension": "101"}),
    "a phone is not a fraction": ({"to": 9665.5}, {}),
    "a phone is not true": ({"to": True}, {}),
    "a phone is not negative": ({"to": -5}, {}),
    "a user id has a field of its own": ({"user_id": " SA.900000001 "}, {"user_id": "SA.900000001"}),
    "a user id may stand in an object": ({"to": {"user_id": "123456@lid"}}, {"user_id": "123456@lid"}),
    "the field wins over the object": ({"user_id": "SA.1", "to": {"user_id": "SA.2"}}, {"user_id": "SA.1"}),
    "a user id in the place of a phone is left to policy": ({"to": "SA.900000001"}, {"to": "SA.900000001"}),
    "a phone is no user id": ({"user_id": "+966500000000"}, {}),
    "digits are no user id": ({"user_id": "966500000000"}, {}),
    "a number is no user id": ({"user_id": 966500000000}, {}),
    "two words are no user id": ({"user_id": "Kim Lee"}, {}),
    "a user id is not longer than any": ({"user_id": "S" * 129}, {}),
    "an object without a user id is nothing": ({"to": {"phone": ["+966500000000"]}}, {}),
    "a phone is not a list": ({"to": ["+966500000000"]}, {}),
    "an event type is not a number": ({"event_type": 7}, {}),
    "from has a name of its own": ({"from": "+966500000000"}, {"from_": "+966500000000"}),
    "the text comes from message_text": ({"message_text": "a", "message": "b"}, {"text": "a"}),
    "the text comes from message otherwise": ({"message": "b"}, {"text": "b"}),
    "a blank message_text gives way to message": ({"message_text": " ", "message": "b"}, {"text": "b"}),
    "a message_text of another type gives way": ({"message_text": 5, "message": "b"}, {"text": "b"}),
    "a text is not a number": ({"message": 5}, {}),
    "the text is trimmed": ({"message": "  hi \n"}, {"text": "hi"}),
    "line breaks inside stay": ({"message": "a\r\n\tb"}, {"text": "a\r\n\tb"}),
    "NUL and control characters go": ({"message": "a\x00b\x1bc\x85"}, {"text": "abc"}),
    "control characters go from labels": ({"conversation_id": "a\x00b"}, {"conversation_id": "ab"}),
    "long labels are cut": ({"conversation_id": "x" * 999}, {"conversation_id": "x" * 256}),
    "long text is left to the rules": ({"message": "x" * 5000}, {"text": "x" * 5000}),
    "a purpose is trimmed and case folded": ({"message_purpose": " Support\t"}, {"message_purpose": "support"}),
    "unknown keys are gone": ({"__class__": "x", "$where": "1"}, {}),
}


@pytest.mark.parametrize(("read", "expected"), KEPT.values(), ids=KEPT.keys())
def test_fields_are_kept_when_usable(read: dict[str, Any], expected: dict[str, Any]) -> None:
    payload = payload_from(read)

    assert payload == WebhookPayload(**{"text": None, **expected})


TYPES = {
    "plain": (["application/json"], True),
    "with a charset": (["application/json; charset=utf-8"], True),
    "in capitals": (["Application/JSON ;v=1"], True),
    "none": ([], False),
    "text": (["text/json"], False),
    "a form": (["application/x-www-form-urlencoded"], False),
    "a relative of JSON": (["application/problem+json"], False),
    "twice": (["application/json", "application/json"], False),
    "twice in one line": (["application/json, application/json"], False),
    "not ASCII": (["application/json\udcff"], False),
    "empty": ([""], False),
}


@pytest.mark.parametrize(("headers", "accepted"), TYPES.values(), ids=TYPES.keys())
def test_only_application_json_is_read(headers: list[str], *, accepted: bool) -> None:
    with nullcontext() if accepted else pytest.raises(InvalidBody, match="application/json"):
        require_json(headers)
