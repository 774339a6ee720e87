"""The likely languages of a phone number's country."""

import pytest

from services.policy.domain.languages import languages_of


@pytest.mark.parametrize(
    ("phone", "languages"),
    [
        pytest.param("+966500000001", ["ar_SA", "ar"], id="a country with one language"),
        pytest.param("+919876543210", ["hi_IN", "hi", "en_IN", "en"], id="the first language by rank"),
        pytest.param("+15145550123", ["en_CA", "en", "fr_CA", "fr"], id="several countries share +1"),
        pytest.param("+41791234567", ["de_CH", "de", "fr_CH", "fr", "it_CH", "it"], id="three languages"),
        pytest.param("+819012345678", [], id="a country that is not listed"),
        pytest.param("+999123", [], id="no country"),
        pytest.param(None, [], id="a customer without phone"),
    ],
)
def test_the_likeliest_language_comes_first_with_its_country(phone: str | None, languages: list[str]) -> None:
    assert languages_of(phone) == languages
