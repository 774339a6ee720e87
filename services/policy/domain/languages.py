"""The likely languages of a phone number's country; an estimate, used only to choose a template."""

from typing import Final

from libs.contracts.phone_numbers import region_of

_REGIONS_BY_LANGUAGE: Final = {
    "ar": "SA AE KW QA BH OM YE IQ JO LB SY PS EG LY SD TN DZ MA MR",
    "de": "DE AT CH LI",
    "en": "US GB IE AU NZ CA ZA NG GH KE IN PK SG PH",
    "es": "ES MX AR CO CL PE VE EC GT CU BO DO HN PY SV NI CR PA UY PR GQ",
    "fr": "FR BE LU MC CH CA SN CI CM ML BF NE TG BJ GA CG CD MG HT TN DZ MA",
    "hi": "IN",
    "it": "IT SM VA CH",
    "pt": "BR PT AO MZ CV GW ST",
    "tr": "TR CY",
    "ur": "PK",
}
_FIRST_LANGUAGE: Final = {"IN": "hi", "PK": "ur", "CA": "en"}
"""Countries whose first language is not the alphabetically first one."""


def languages_of(phone: str | None) -> list[str]:
    """Codes of the languages of the phone's country (E.164), the likeliest first, each with and without the country."""
    region = region_of(phone)
    if region is None:
        return []
    spoken = [code for code, regions in _REGIONS_BY_LANGUAGE.items() if region in regions.split()]
    spoken.sort(key=lambda code: code != _FIRST_LANGUAGE.get(region))
    return [code for language in spoken for code in (f"{language}_{region}", language)]
