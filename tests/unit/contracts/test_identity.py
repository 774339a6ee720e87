"""Keyed hashes and masked phone numbers."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.identity import Pseudonyms, masked

KEY = b"k" * 32
PSEUDONYMS = Pseudonyms(KEY)


def hashed(text: str) -> str:
    return hmac.digest(KEY, text.encode(), "sha256").hex()


def test_the_hashes_in_stores_and_records_stay_what_they_always_were() -> None:
    assert PSEUDONYMS.customer_key("acc-1", "+966500000000") == hashed("acc-1:+966500000000")
    assert PSEUDONYMS.text_hash("acc-1", "Hello") == hashed("acc-1:Hello")
    assert PSEUDONYMS.do_not_contact_hash("c1") == hashed("do-not-contact:c1")
    assert PSEUDONYMS.callback_signature("gw1:1") == hashed("callback:gw1:1")
    assert PSEUDONYMS.fingerprint(b"{}") == hashed("{}")


def test_a_person_has_another_customer_key_in_another_account_and_deployment() -> None:
    keys = {
        PSEUDONYMS.customer_key("acc-1", "+966500000000"),
        PSEUDONYMS.customer_key("acc-2", "+966500000000"),
        Pseudonyms(b"x" * 32).customer_key("acc-1", "+966500000000"),
    }

    assert len(keys) == 3


def test_the_key_does_not_show_in_a_repr() -> None:
    assert "kkk" not in repr(PSEUDONYMS)


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("+966500000000", "+9665•••••000"), ("+4930123456", "+49•••••456"), ("+1234567", "+•••••67")],
)
def test_a_masked_phone_shows_its_ends_alone(phone: str, shown: str) -> None:
    assert masked(phone) == shown


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_masked_phone_hides_five_digits_or_more(phone: str) -> None:
    assert masked(phone).count("•") >= 5
    assert len(masked(phone)) == len(phone)
