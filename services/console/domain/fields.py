"""The base classes of request bodies, and the types of their fields. An error message never repeats the value."""

import re
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from libs.contracts.phone_numbers import is_region
from services.console.domain import addresses, templates

# Control characters except tab and line breaks, and lone surrogates: stores, terminals and PDF cannot hold them.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BREAKS: Final = re.compile("[\t\n\r]")

MIN_PREFIX: Final = 4
"""Fewest letters of a blocked word that is to be found with any ending; policy ignores the `*` of a shorter one."""

PRIVATE_URLS_ALLOWED: Final = "private_allowed"
"""Key of the validation context: True when URLs may have private addresses."""
PRIVATE_PROVIDER_URLS_ALLOWED: Final = "private_providers_allowed"
"""The same for servers of providers that an account runs itself."""


def field_error(problem: str) -> PydanticCustomError:
    """The error of a field; `problem` is the rest of a sentence that begins with the field's name."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem})


class RequestBody(BaseModel):
    """Base class of request bodies: unknown fields and values of another type are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        field.pop("default", None)


class PatchBody(RequestBody):
    """Base class of PATCH bodies: absent fields stay as they are, so defaults have no meaning."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    @property
    def given_fields(self) -> dict[str, Any]:
        """The fields in the request, with their values."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _require_one_line(text: str) -> str:
    if _CONTROLS.search(text) or _BREAKS.search(text):
        raise field_error("must be one line without control characters")
    return text


def _require_no_controls(text: str) -> str:
    if _CONTROLS.search(text):
        raise field_error("must not hold control characters")
    return text


def _require_blockable(word: str) -> str:
    letters = sum(map(str.isalnum, word))
    if not letters:
        raise field_error("must have a letter or a digit")
    stem, star, rest = word.partition("*")
    if star and (rest or sum(map(str.isalnum, stem)) < MIN_PREFIX):
        raise field_error(f"may have * only at its end, after at least {MIN_PREFIX} letters")
    return word


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _require_zone(name: str) -> str:
    if name not in _zone_names():
        raise field_error("must be a time zone of the IANA database, such as Asia/Riyadh")
    ZoneInfo(name)  # loaded here, so that no later reader of the row fails
    return name


def _require_region(code: str) -> str:
    if not is_region(code):
        raise field_error("must be a region with phone numbers, such as SA (ISO 3166-1 alpha-2)")
    return code


def _normalized_cidr(text: str) -> str:
    try:
        return addresses.cidr_from(text)
    except ValueError as error:
        raise field_error(str(error)) from None


def _require_template(text: str) -> str:
    if (problem := templates.template_problem(text)) is not None:
        raise field_error(problem)
    return text


def _require_url(url: str, info: ValidationInfo) -> str:
    return _require_usable(url, info, PRIVATE_URLS_ALLOWED)


def _require_usable(url: str, info: ValidationInfo, context_key: str) -> str:
    private_allowed = bool((info.context or {}).get(context_key))
    if (problem := addresses.url_problem(url, private_allowed=private_allowed)) is not None:
        raise field_error(problem)
    return url


def _normalized_provider_url(url: str, info: ValidationInfo) -> str:
    _require_usable(url, info, PRIVATE_PROVIDER_URLS_ALLOWED)
    if "?" in url:
        raise field_error("must not have a query")
    return url.rstrip("/")


def distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    """The items, each once."""
    return tuple(dict.fromkeys(items))


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_require_one_line)
]
"""A name: one line, trimmed."""
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_require_one_line)
]
"""An operator's reason for an action."""
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""An id that this API has issued."""
TimeZone = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_require_zone),
    Field(examples=["Asia/Riyadh", "Europe/Berlin"]),
]
Region = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{2}$"), AfterValidator(_require_region), Field(examples=["SA", "DE"])
]
Cidr = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_normalized_cidr),
    Field(examples=["203.0.113.7", "2001:db8::/32"]),
]
Cidrs = Annotated[tuple[Cidr, ...], Field(max_length=200), AfterValidator(distinct)]
Word = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), AfterValidator(_require_one_line)
]
Words = Annotated[tuple[Word, ...], Field(max_length=500), AfterValidator(distinct)]
BlockedWord = Annotated[Word, AfterValidator(_require_blockable), Field(examples=["casino", "lottery*", "free spins"])]
"""A word or phrase that the content policy blocks; with `*` at its end, longer words that begin so are blocked too."""
BlockedWords = Annotated[tuple[BlockedWord, ...], Field(max_length=500), AfterValidator(distinct)]
TemplateText = Annotated[
    str,
    StringConstraints(max_length=templates.MAX_LENGTH),
    AfterValidator(_require_no_controls),
    AfterValidator(_require_template),
    Field(examples=["Hello, we missed your call of {{call_time}}. {{business_name}}"]),
]
Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=addresses.MAX_URL_LENGTH),
    AfterValidator(_require_url),
    Field(examples=["https://pbx.example.com/hooks/whatsapp"]),
]
ProviderUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=addresses.MAX_URL_LENGTH),
    AfterValidator(_normalized_provider_url),
    Field(examples=["https://evolution.example.com"]),
]
Token = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,4096}$")]
"""A provider's access token: visible ASCII."""
