"""Keyed hashes are HMAC-SHA256, whatever the lengths, and a code leaves the next one as it would be."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.keyed_hashes import KeyedHash


@given(key=st.binary(min_size=1, max_size=200), values=st.lists(st.binary(max_size=5_000), max_size=4))
def test_codes_are_those_of_the_standard_library(key: bytes, values: list[bytes]) -> None:
    keyed = KeyedHash(key)

    assert [keyed.digest(value) for value in values] == [hmac.digest(key, value, "sha256") for value in values]
    assert [keyed.hexdigest(value) for value in values] == [hmac.digest(key, each, "sha256").hex() for each in values]


def test_keys_around_the_length_of_a_block_are_padded_or_hashed() -> None:
    for length in (63, 64, 65):
        key = bytes(range(length))

        assert KeyedHash(key).digest(b"value") == hmac.digest(key, b"value", "sha256")


def test_the_key_shows_in_no_repr() -> None:
    assert b"secret-key".decode() not in repr(KeyedHash(b"secret-key"))
