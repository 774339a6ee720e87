"""The kinds of fields that requests are made of, each refusing what could not be used later.

A problem is told in words and never repeats the value.
"""

import re
from functools import cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from services.console.domain import addresses, phones, templates

# Controls but tab and line breaks, and lone surrogates: stores, terminals and PDF choke on them.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BREAKS: Final = re.compile("[\t\n\r]")

PRIVATE_ALLOWED: Final = "private_allowed"
"""Key of the validation context: True when URLs may lead to private addresses."""
PRIVATE_PROVIDERS: Final = "private_providers_allowed"
"""The same for the servers of providers that an account runs itself."""


def wrong(problem: str) -> PydanticCustomError:
    """The error of a field; `problem` continues a sentence that begins with the field's name."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem})


class Asked(BaseModel):
    """A request's body: only the fields named, each of exactly its type."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )


def _without_defaults(schema: dict[str, Any]) -> None:
    for told in schema.get("properties", {}).values():
        told.pop("default", None)


class Edit(Asked):
    """A PATCH body: what is left out stays as it is, so defaults mean nothing here."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were sent, with their values."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _one_line(text: str) -> str:
    if _CONTROLS.search(text) or _BREAKS.search(text):
        raise wrong("must be one line without control characters")
    return text


def _lines(text: str) -> str:
    if _CONTROLS.search(text):
        raise wrong("must not hold control characters")
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> str:
    if name not in _zones():
        raise wrong("must be a time zone of the IANA database, such as Asia/Riyadh")
    ZoneInfo(name)  # loaded here, so that no reader of the row can fail on it
    return name


def _region(code: str) -> str:
    if not phones.is_region(code):
        raise wrong("must be a region with phone numbers, such as SA (ISO 3166-1 alpha-2)")
    return code


def _cidr(text: str) -> str:
    try:
        return addresses.cidr_from(text)
    except ValueError as error:
        raise wrong(str(error)) from None


def _template(text: str) -> str:
    if (problem := templates.problem_with(text)) is not None:
        raise wrong(problem)
    return text


def _url(url: str, info: ValidationInfo) -> str:
    allowed = bool((info.context or {}).get(PRIVATE_ALLOWED))
    if (problem := addresses.problem_with_url(url, private_allowed=allowed)) is not None:
        raise wrong(problem)
    return url


def _provider_url(url: str, info: ValidationInfo) -> str:
    allowed = bool((info.context or {}).get(PRIVATE_PROVIDERS))
    if (problem := addresses.problem_with_url(url, private_allowed=allowed)) is not None:
        raise wrong(problem)
    if "?" in url:
        raise wrong("must not have a query")
    return url.rstrip("/")


def distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    """The items, each once."""
    return tuple(dict.fromkeys(items))


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
"""A name: one line, trimmed."""
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_one_line)
]
"""Why an operator does something."""
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""An id that this API gave out."""
TimeZone = Annotated[
    str, StringConstraints(max_length=64), AfterValidator(_zone), Field(examples=["Asia/Riyadh", "Europe/Berlin"])
]
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), AfterValidator(_region), Field(examples=["SA", "DE"])]
Cidr = Annotated[
    str, StringConstraints(max_length=64), AfterValidator(_cidr), Field(examples=["203.0.113.7", "2001:db8::/32"])
]
Cidrs = Annotated[tuple[Cidr, ...], Field(max_length=200), AfterValidator(distinct)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), AfterValidator(_one_line)]
Words = Annotated[tuple[Word, ...], Field(max_length=500), AfterValidator(distinct)]
TemplateText = Annotated[
    str,
    StringConstraints(max_length=templates.LONGEST),
    AfterValidator(_lines),
    AfterValidator(_template),
    Field(examples=["Hello, we missed your call of {{call_time}}. {{business_name}}"]),
]
Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=addresses.LONGEST_URL),
    AfterValidator(_url),
    Field(examples=["https://pbx.example.com/hooks/whatsapp"]),
]
ProviderUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=addresses.LONGEST_URL),
    AfterValidator(_provider_url),
    Field(examples=["https://evolution.example.com"]),
]
Token = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,4096}$")]
"""A provider's access token: visible ASCII."""
