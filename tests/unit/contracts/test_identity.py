"""Keyed hashes and masked phone numbers."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.identity import Pseudonyms, masked, recognised_user_id, region_of_customer, user_id_from

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


@pytest.mark.parametrize(
    ("spelling", "present"),
    [
        pytest.param("+551187654321", "+5511987654321", id="Brazil without the ninth digit"),
        pytest.param("+5215512345678", "+525512345678", id="Mexico with the 1"),
        pytest.param("+541123456789", "+5491123456789", id="Argentina without the 9"),
        pytest.param("+22507080910", "+2250707080910", id="Ivory Coast with 8 digits"),
        pytest.param("+22997000000", "+2290197000000", id="Benin with 8 digits"),
    ],
)
def test_every_spelling_of_one_account_has_the_key_of_the_present_number(spelling: str, present: str) -> None:
    assert PSEUDONYMS.customer_key("acc-1", spelling) == hashed(f"acc-1:{present}")


@pytest.mark.parametrize(
    "user_id",
    ["SA.900000001", "123456789010005@lid", "551187654321", "+55 1187654321", "+551187654321@lid", "+1", "+٥٥١١٨٧٦٥٤"],
)
def test_what_is_no_phone_number_is_hashed_as_it_is(user_id: str) -> None:
    assert PSEUDONYMS.customer_key("acc-1", user_id) == hashed(f"acc-1:{user_id}")


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


@pytest.mark.parametrize(
    ("text", "recognised", "given"),
    [
        pytest.param("SA.13491208655302741918", True, True, id="a business-scoped user id"),
        pytest.param(" US.ENT.11815799212886844830 ", True, True, id="a parent's, with spaces"),
        pytest.param("123456789010005@lid", True, True, id="Evolution's"),
        pytest.param("AB.Smith", False, True, id="what may be a name"),
        pytest.param("sa.123", False, True, id="small letters"),
        pytest.param("966512345678@s.whatsapp.net", False, True, id="an address of a phone"),
        pytest.param("+966512345678", False, False, id="a phone"),
        pytest.param("966512345678", False, False, id="digits"),
        pytest.param("Kim Lee", False, False, id="two words"),
        pytest.param("", False, False, id="nothing"),
        pytest.param(f"SA.{'1' * 126}", False, False, id="more characters than an id has"),
    ],
)
def test_a_user_id_is_told_from_a_phone_and_from_a_name(text: str, *, recognised: bool, given: bool) -> None:
    assert (recognised_user_id(text) is not None, user_id_from(text) is not None) == (recognised, given)


@pytest.mark.parametrize(
    ("phone", "user_id", "region"),
    [
        ("+966500000000", None, "SA"),
        ("+491713920012", "SA.1", "DE"),
        (None, "SA.1", "SA"),
        (None, "1@lid", None),
        (None, None, None),
    ],
)
def test_a_customers_region_is_that_of_the_phone_or_of_the_user_id(
    phone: str | None, user_id: str | None, region: str | None
) -> None:
    assert region_of_customer(phone, user_id) == region
