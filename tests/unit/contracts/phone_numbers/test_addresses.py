"""Addresses, links and quotation marks are taken off; what stands inside is not changed."""

import pytest

from libs.contracts.phone_numbers.addresses import Form, unwrapped

NUMBER = "+966512345678"


@pytest.mark.parametrize(
    ("text", "inside", "form"),
    [
        pytest.param(NUMBER, NUMBER, Form.PLAIN, id="no address"),
        pytest.param("'0512345678", "0512345678", Form.PLAIN, id="a spreadsheet's apostrophe"),
        pytest.param('="0512345678"', "0512345678", Form.PLAIN, id="a spreadsheet's text"),
        pytest.param(f'"{NUMBER}"', NUMBER, Form.PLAIN, id="quotation marks"),
        pytest.param(f"{NUMBER};ext=12", NUMBER, Form.PLAIN, id="an extension without a scheme"),
        pytest.param("051-2345678;phone-context=+966", "+966051-2345678", Form.PLAIN, id="a country without a scheme"),
        pytest.param(f"tel:{NUMBER};ext=2", NUMBER, Form.ADDRESS, id="tel with an extension"),
        pytest.param(f"tel://{NUMBER}", NUMBER, Form.ADDRESS, id="tel with slashes"),
        pytest.param(f"callto:{NUMBER}", NUMBER, Form.ADDRESS, id="callto"),
        pytest.param(f'"Kim" <sip:{NUMBER}:secret@h;user=phone>;tag=9', NUMBER, Form.ADDRESS, id="a name and SIP"),
        pytest.param("https://wa.me/966512345678?text=Hi%20you", NUMBER, Form.ADDRESS, id="a link with a text"),
        pytest.param("wa.me/966512345678/", NUMBER, Form.ADDRESS, id="a link without a scheme"),
        pytest.param("https://api.whatsapp.com/send?phone=966512345678&text=a", NUMBER, Form.ADDRESS, id="a long link"),
        pytest.param("whatsapp://send?phone=+966512345678", NUMBER, Form.ADDRESS, id="a link to the app"),
        pytest.param(f"whatsapp:{NUMBER}", NUMBER, Form.WHATSAPP, id="a whatsapp address"),
        pytest.param(f"{NUMBER}@s.whatsapp.net", NUMBER[1:], Form.WHATSAPP, id="a JID behind a plus"),
        pytest.param("966512345678:12@c.us", NUMBER[1:], Form.WHATSAPP, id="a JID of a device"),
    ],
)
def test_an_address_is_taken_off(text: str, inside: str, form: Form) -> None:
    assert unwrapped(text) == (inside, form)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{NUMBER}@pbx.example", id="a host without a scheme may be a mail server's"),
        pytest.param(f"{NUMBER}@lid", id="a hidden id of WhatsApp"),
        pytest.param("https://wa.me/message/ABCDEF", id="a link to no number"),
        pytest.param("https://wa.me/966512345678/9", id="a link that goes on"),
        pytest.param("https://example.com/966512345678", id="a link of others"),
        pytest.param(f"{NUMBER};ext=x", id="an extension in letters"),
        pytest.param(f"{NUMBER} ext. 12", id="an extension in words"),
        pytest.param(f"'{NUMBER}' 2", id="quotation marks around a part"),
    ],
)
def test_what_is_no_address_of_a_phone_stays_as_it_is(text: str) -> None:
    assert unwrapped(text) == (text, Form.PLAIN)
