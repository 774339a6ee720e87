"""Numbers and their tokens."""

import base64

import pytest

from libs.store.accounts import Account, Integration, Number
from libs.store.sealer import Sealer, sealer_from
from services.sender.adapters.numbers import TOKEN_FIELD, DirectoryNumbers
from tests.unit.sender.gateway import a_number

KEY, OTHER = (f"{name}:{base64.b64encode(bytes([byte]) * 32).decode()}" for name, byte in (("k1", 1), ("k2", 2)))


class OneNumber:
    """A directory of one number."""

    def __init__(self, row: Number) -> None:
        self.row = row

    async def account(self, account_id: str) -> Account | None:
        return None

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        return self.row if number_id == self.row.id else None

    async def integration(self, integration_id: str) -> Integration | None:
        return None


def sealed(sealer: Sealer, *, owner: str = "n1") -> str:
    return sealer.seal("made-up-token", owner=owner, field_name=TOKEN_FIELD)


async def test_a_numbers_token_is_opened_and_shows_nowhere() -> None:
    sealer = sealer_from(KEY)
    row = a_number(sealed_token=sealed(sealer), base_url="https://elsewhere.example")
    numbers = DirectoryNumbers(OneNumber(row), sealer)

    credentials = numbers.credentials(row)

    assert await numbers.number("n1") == row
    assert await numbers.number("n2") is None
    assert credentials is not None
    assert (credentials.access_token, credentials.base_url) == ("made-up-token", "https://elsewhere.example")
    assert "made-up-token" not in repr(credentials)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("plain", id="never sealed"),
        pytest.param(sealed(sealer_from(OTHER)), id="sealed with a key that is gone"),
        pytest.param(sealed(sealer_from(KEY), owner="n2"), id="another number's"),
    ],
)
async def test_a_token_that_cannot_be_opened_gives_no_credentials(token: str) -> None:
    row = a_number(sealed_token=token)

    assert DirectoryNumbers(OneNumber(row), sealer_from(KEY)).credentials(row) is None
