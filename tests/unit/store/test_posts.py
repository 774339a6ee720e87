"""Sealed posts: compressed, encrypted under their own keys, and bound to their message."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.store.posts import post_sealer_from
from libs.store.sealer import CannotOpen

ID, OTHER = UUID(int=1), UUID(int=2)


def key(number: int) -> str:
    return f"p{number}:{base64.b64encode(bytes([number]) * 32).decode()}"


@given(st.binary(max_size=300))
def test_a_post_comes_back_byte_for_byte(body: bytes) -> None:
    sealer = post_sealer_from(key(1))

    assert sealer.open(sealer.seal(body, ID), ID) == body


def test_a_sealed_post_shows_nothing_and_is_small() -> None:
    body = b'{"messages":[{"from":"966500000000"}]}' * 10_000

    sealed = post_sealer_from(key(1)).seal(body, ID)

    assert "966500000000" not in sealed
    assert len(sealed) < len(body) / 10


def test_a_post_opens_with_an_older_key_and_for_its_own_message_alone() -> None:
    sealed = post_sealer_from(key(1)).seal(b"post", ID)

    assert post_sealer_from(f"{key(2)},{key(1)}").open(sealed, ID) == b"post"
    for keys, id_ in ((key(1), OTHER), (key(2), ID)):
        with pytest.raises(CannotOpen):
            post_sealer_from(keys).open(sealed, id_)
