"""Cursors of lists that are ordered by time and id."""

import base64

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import GatewayError, OperatorCode
from libs.store.cursors import cursor_from, position_from


@given(at=st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1), row_id=st.text().filter(str.isascii))
def test_a_cursor_names_the_row_that_it_was_made_from(at: int, row_id: str) -> None:
    assert position_from(cursor_from(at, row_id)) == (at, row_id)


def packed(value: object) -> str:
    """A value in the form of a cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="nothing"),
        pytest.param("no cursor!", id="other text"),
        pytest.param("ñ", id="text that is not ASCII"),
        pytest.param(packed([1]), id="one value"),
        pytest.param(packed([1, "a", 2]), id="three values"),
        pytest.param(packed(["1", "a"]), id="a time that is text"),
        pytest.param(packed([True, "a"]), id="a time that is true"),
        pytest.param(packed([1, 2]), id="an id that is a number"),
        pytest.param(packed([2**63, "a"]), id="a time beyond what databases store"),
        pytest.param(packed({"at": 1}), id="an object"),
    ],
)
def test_text_that_is_no_cursor_is_an_invalid_request(cursor: str) -> None:
    with pytest.raises(GatewayError) as refused:
        position_from(cursor)

    assert refused.value.code is OperatorCode.INVALID_REQUEST
