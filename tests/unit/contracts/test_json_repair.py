"""The repair of JSON: what strict parsers refuse becomes U+FFFD, and everything else stays as it is."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.json_repair import repaired, with_whole_escapes, without_byte_order_mark

TABLE: dict[str, tuple[bytes, Any]] = {
    "a byte order mark": (b"\xef\xbb\xbf{}", {}),
    "half an emoji": (rb'{"a":"\ud83d"}', {"a": "\ufffd"}),
    "half an emoji cut in its middle": (rb'{"a":"\ud83d\ud"}', {"a": "\ufffd\ufffdud"}),
    "an escaped NUL": (rb'{"a":"x\u0000y"}', {"a": "x\ufffdy"}),
    "a raw NUL": (b'{"a":"x\x00y"}', {"a": "x\ufffdy"}),
    "a raw line break in a text": (b'{"a":"one\ntwo"}', {"a": "one\ufffdtwo"}),
    "line breaks between values": (b'{\r\n\t"a":1\n}\n', {"a": 1}),
    "a control character between values": (b'{"a":\x0b1}\x00\x00', {"a": 1}),
    "a control character in a key": (b'{"a\x01":1}', {"a\ufffd": 1}),
    "invalid UTF-8": (b'{"a":"\xff\xfe"}', {"a": "\ufffd\ufffd"}),
    "a cut character": (b'{"a":"\xd9"}', {"a": "\ufffd"}),
    "half an emoji in UTF-8": (b'{"a":"\xed\xa0\xbdx"}', {"a": "\ufffd\ufffd\ufffdx"}),
    "Latin-1": ('{"a":"é"}'.encode("latin-1"), {"a": "\ufffd"}),
    "an unknown escape": (rb'{"a":"\x41\'"}', {"a": "\ufffdx41\ufffd'"}),
    "an escaped backslash before the letters of an escape": (rb'{"a":"\\ud83d\\u0000"}', {"a": r"\ud83d\u0000"}),
    "an escaped quote": (b'{"a":"\\"\x01\\\\"}', {"a": '"\ufffd\\'}),
    "a whole pair": (rb'{"a":"\ud83d\ude00\uD83D"}', {"a": "\U0001f600\ufffd"}),
}


@pytest.mark.parametrize(("body", "read"), TABLE.values(), ids=TABLE)
def test_each_bad_character_becomes_a_replacement_character(body: bytes, read: Any) -> None:
    assert orjson.loads(repaired(body)) == read


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1,}', b"no json", b"{'a':1}", b'{"a":"b'])
def test_what_is_no_json_for_another_reason_stays_none(body: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(repaired(body))


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=JSON, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_valid_json_without_nul_is_not_changed(value: Any, *, ascii_only: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert orjson.loads(repaired(body)) == json.loads(json.dumps(value).replace("\\u0000", "\\ufffd"))


@given(st.text(st.characters(codec=None, categories=None), max_size=30))
def test_a_text_of_any_code_units_is_readable_once_it_is_repaired(text: str) -> None:
    escaped = json.dumps({"a": text}).encode()

    read = orjson.loads(repaired(escaped))["a"]

    halves = [unit for unit in text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if unit != "\ufffd"]
    assert [unit for unit in read if unit not in "\ufffd\x00"] == [unit for unit in halves if unit != "\x00"]


@given(st.binary(max_size=120))
def test_no_bytes_make_the_repair_fail_and_a_second_repair_changes_nothing(body: bytes) -> None:
    once = repaired(body)

    assert repaired(once) == once
    assert with_whole_escapes(once) == once
    assert without_byte_order_mark(body) in {body, body[3:]}
