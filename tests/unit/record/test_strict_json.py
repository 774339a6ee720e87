"""What is verified is read in one way only."""

import pytest

from libs.record.strict_json import parsed, require_names


@pytest.mark.parametrize(
    "text",
    [b'{"a":1,"b":[{"c":null}]}\n', b'{ "a": 1, "b": [{"c": null}] }', b'{"a":1,"b":[{"c":null}]}\r\n'],
    ids=["compact", "with spaces", "with another line end"],
)
def test_json_is_read_in_any_layout(text: bytes) -> None:
    assert parsed(text) == {"a": 1, "b": [{"c": None}]}


@pytest.mark.parametrize(
    "text",
    [b'{"a":1,"a":1}', b'{"b":{"a":1,"a":2}}', b'[{"a":1, "\\u0061":2}]', b"{", b""],
    ids=["repeated", "repeated within", "repeated with an escape", "half", "nothing"],
)
def test_a_repeated_name_and_half_a_value_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parsed(text)


@pytest.mark.parametrize("body", [{"a": 1}, {"a": 1, "b": 2, "c": 3}, [], None])
def test_names_must_be_exactly_those_of_the_kind(body: object) -> None:
    require_names({"a": 1, "b": 2}, frozenset({"a", "b"}))

    with pytest.raises(ValueError, match="other names"):
        require_names(body, frozenset({"a", "b"}))
