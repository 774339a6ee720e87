"""Callback data: signed text that names an event, and comes back in statuses."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.callback_data import callback_from, event_id_from
from libs.contracts.identity import Pseudonyms

KEY = Pseudonyms(b"k" * 32)
EVENT = UUID(int=7)


@given(st.uuids(), st.binary(min_size=1, max_size=64))
def test_a_callback_names_its_event_again(event_id: UUID, key: bytes) -> None:
    pseudonyms = Pseudonyms(key)

    callback = callback_from(event_id, pseudonyms)

    assert event_id_from(callback, pseudonyms) == event_id
    assert len(callback) <= 512


@pytest.mark.parametrize(
    "callback",
    [
        pytest.param(callback_from(EVENT, Pseudonyms(b"another key")), id="signed with another key"),
        pytest.param(callback_from(EVENT, KEY).replace("gw1", "gw2"), id="of another version"),
        pytest.param(callback_from(EVENT, KEY)[:-1], id="cut off"),
        pytest.param(callback_from(UUID(int=8), KEY)[:41] + callback_from(EVENT, KEY)[41:], id="of another event"),
        pytest.param("", id="empty"),
        pytest.param("gw1::", id="hollow"),
        pytest.param("é:é:é", id="not even ASCII"),
    ],
)
def test_a_callback_we_did_not_make_names_nothing(callback: str) -> None:
    assert event_id_from(callback, KEY) is None


@given(st.text())
def test_any_text_at_all_is_read_without_an_error(callback: str) -> None:
    assert event_id_from(callback, KEY) is None
