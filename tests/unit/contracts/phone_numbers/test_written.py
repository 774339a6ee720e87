"""Numbers come in addresses, in every script and with every kind of spacing; all of that is taken off."""

import pytest

from libs.contracts.phone_numbers.addresses import Form
from libs.contracts.phone_numbers.written import LONGEST, with_lost_plus, written_number


@pytest.mark.parametrize(
    ("value", "digits", "has_plus"),
    [
        pytest.param("+966512345678", "966512345678", True, id="digits with a plus"),
        pytest.param("00966512345678", "00966512345678", False, id="zeros are digits"),
        pytest.param("(+966) 51-234.56/78", "966512345678", True, id="a bracket before the plus"),
        pytest.param("[051] 234 5678", "0512345678", False, id="square brackets"),
        pytest.param("\u202a+966\u00a051\u2009234\u30005678\u200e", "966512345678", True, id="spaces and marks"),
        pytest.param("+966 51–234‑56−78", "966512345678", True, id="dashes and a minus"),
        pytest.param("06·12·34·56·78", "0612345678", False, id="raised dots"),
        pytest.param("（０３）１２３４ー５６７８", "0312345678", False, id="full-width digits, brackets and dash"),
        pytest.param("＋９６６５１２３４５６７８", "966512345678", True, id="full-width plus"),
        pytest.param("٠٥١٢٣٤٥٦٧٨", "0512345678", False, id="Arabic digits"),
        pytest.param("%2B966%20512345678", "966512345678", True, id="percent-encoded"),
        pytest.param("++966512345678", "966512345678", True, id="two pluses"),
        pytest.param("+00966512345678", "00966512345678", False, id="a plus before the zeros that mean it"),
        pytest.param("'+966512345678", "966512345678", True, id="a spreadsheet's apostrophe"),
        pytest.param("966512345678.0", "966512345678", False, id="a spreadsheet's decimal"),
        pytest.param("0512345678;ext=12", "0512345678", False, id="an extension without a scheme"),
        pytest.param(512345678, "512345678", False, id="a JSON number"),
        pytest.param("\t0512345678\r\n", "0512345678", False, id="line ends around it"),
    ],
)
def test_a_number_is_reduced_to_its_digits(value: object, digits: str, has_plus: bool) -> None:  # noqa: FBT001
    written = written_number(value)

    assert written is not None
    assert (written.digits, written.has_plus, written.form) == (digits, has_plus, Form.PLAIN)


@pytest.mark.parametrize(
    ("value", "digits", "has_plus", "form"),
    [
        pytest.param("tel:+966-51-234-5678", "966512345678", True, Form.ADDRESS, id="tel"),
        pytest.param("TEL:+966512345678;ext=2", "966512345678", True, Form.ADDRESS, id="tel with an extension"),
        pytest.param("tel:030-901820;phone-context=+49", "49030901820", True, Form.ADDRESS, id="tel within a country"),
        pytest.param("tel:101;phone-context=pbx.example", "101", False, Form.ADDRESS, id="tel within a PBX"),
        pytest.param("sip:+966512345678@pbx.example.com", "966512345678", True, Form.ADDRESS, id="sip"),
        pytest.param("sips:%2B966512345678@[::1]:5061", "966512345678", True, Form.ADDRESS, id="sips, encoded"),
        pytest.param("sip:+966512345678;ext=2@h;user=phone", "966512345678", True, Form.ADDRESS, id="sip parameters"),
        pytest.param("sip:+966512345678:secret@h", "966512345678", True, Form.ADDRESS, id="a password"),
        pytest.param("sip:0512345678@h", "0512345678", False, Form.ADDRESS, id="sip without a plus"),
        pytest.param('"Kim" <sip:+966512345678@h>;tag=9', "966512345678", True, Form.ADDRESS, id="name and address"),
        pytest.param("Kim <tel:+966512345678>", "966512345678", True, Form.ADDRESS, id="a name without quotes"),
        pytest.param("<sip:+966512345678@h>", "966512345678", True, Form.ADDRESS, id="an address in brackets"),
        pytest.param(f'"{"Kim" * 100}" <sip:+966512345678@h>', "966512345678", True, Form.ADDRESS, id="a long name"),
        pytest.param("https://wa.me/966512345678", "966512345678", True, Form.ADDRESS, id="a link of WhatsApp"),
        pytest.param("whatsapp:+966512345678", "966512345678", True, Form.WHATSAPP, id="a whatsapp address"),
        pytest.param("966512345678@s.whatsapp.net", "966512345678", False, Form.WHATSAPP, id="a JID"),
        pytest.param("966512345678:12@s.whatsapp.net", "966512345678", False, Form.WHATSAPP, id="a JID of a device"),
    ],
)
def test_an_address_is_taken_off(value: str, digits: str, has_plus: bool, form: Form) -> None:  # noqa: FBT001
    written = written_number(value)

    assert written is not None
    assert (written.digits, written.has_plus, written.form) == (digits, has_plus, form)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("anonymous", id="a word"),
        pytest.param("sip:anonymous@anonymous.invalid", id="a withheld caller in an address"),
        pytest.param("[Number]", id="a variable of a CRM template"),
        pytest.param("%CallerNumber%", id="a variable of a script"),
        pytest.param("", id="nothing"),
        pytest.param("+", id="a plus alone"),
        pytest.param("+++966512345678", id="three pluses"),
        pytest.param("*98", id="a dial code"),
        pytest.param("0512345678 ext. 12", id="an extension in words"),
        pytest.param("0512345678.5", id="a decimal"),
        pytest.param("0512345678 (2)", id="a count in brackets"),
        pytest.param("+966512345678, +966512345679", id="two numbers"),
        pytest.param("1-800-FLOWERS", id="letters for digits"),
        pytest.param("0512345678²", id="a footnote"),
        pytest.param("123456789010005@lid", id="a hidden id of WhatsApp"),
        pytest.param("966512345678-1600000000@g.us", id="a group"),
        pytest.param("0" * (LONGEST + 1), id="longer than any number"),
        pytest.param("<" * 600, id="longer than any address"),
        pytest.param(True, id="a boolean"),
        pytest.param(-512345678, id="a negative number"),
        pytest.param(10**5000, id="a number too large to write out"),
        pytest.param(512345678.0, id="a fraction"),
        pytest.param(None, id="null"),
        pytest.param(["0512345678"], id="a list"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param("%\ud800", id="a lone surrogate behind a percent sign"),
    ],
)
def test_what_is_not_written_as_one_number_is_refused(value: object) -> None:
    assert written_number(value) is None


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        pytest.param(" 966512345678", "+966512345678", id="a number"),
        pytest.param(" 966 51 234-5678", "+966 51 234-5678", id="a number with spacing"),
        pytest.param("966512345678", "966512345678", id="no space"),
        pytest.param(" 0512345678", " 0512345678", id="a national number"),
        pytest.param(" 101", " 101", id="an extension"),
        pytest.param(" anonymous", " anonymous", id="a word"),
        pytest.param("  966512345678", "  966512345678", id="two spaces"),
    ],
)
def test_a_plus_that_a_query_lost_comes_back(text: str, whole: str) -> None:
    assert with_lost_plus(text) == whole
