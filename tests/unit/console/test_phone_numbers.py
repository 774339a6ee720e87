"""Phone numbers that operators enter."""

import pytest

from services.console.domain.phone_numbers import e164_from


@pytest.mark.parametrize(
    ("text", "region", "phone"),
    [
        ("0512345678", "SA", "+966512345678"),
        ("+966 51 234 5678", "DE", "+966512345678"),
        ("00966512345678", "SA", "+966512345678"),
        ("966512345678", "US", "+966512345678"),
        (" 966512345678", "US", "+966512345678"),
        ("1234", "DE", None),
        ("+1 555 010 9999", "US", None),
        ("anonymous", "SA", None),
        ("0512345678" * 50, "SA", None),
        ("", "SA", None),
    ],
)
def test_a_phone_is_read_by_the_accounts_region(text: str, region: str, phone: str | None) -> None:
    assert e164_from(text, region) == phone
