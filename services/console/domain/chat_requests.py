"""Request and response models of 3CX's chat: an integration's settings of it, and the test of its webhook."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StringConstraints

from libs.contracts.decisions import Purpose
from libs.contracts.identity import E164_PATTERN
from libs.store.accounts import Integration
from services.console.domain.addresses import origin_of
from services.console.domain.fields import Id, RequestBody, Url, field_error
from services.console.domain.pagination import View

MASKED_END: Final = "/…"
"""Stands for the rest of a masked URL; no URL that can be saved holds it."""
MainNumber = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=E164_PATTERN), Field(examples=["+4930123456"])
]


def _each_number_once(numbers: dict[str, str]) -> dict[str, str]:
    if len(set(numbers.values())) != len(numbers):
        raise field_error("must name each WhatsApp number once")
    return numbers


class ChatSettings(RequestBody):
    """The settings of 3CX's own chat."""

    chat_enabled: bool = False
    """Take agents' messages from 3CX's chat, and show customers' messages there."""
    chat_numbers: Annotated[dict[MainNumber, Id], Field(max_length=100), AfterValidator(_each_number_once)] = Field(
        default_factory=dict
    )
    """The main numbers of the trunks in 3CX, each with the id of the WhatsApp number that it stands for."""
    chat_purpose: Purpose = Purpose.SUPPORT
    """The `message_purpose` of agents' messages."""
    chat_repeat_seconds: Annotated[int, Field(ge=0, le=60)] = 3
    """An equal message in the same chat within this time is a repetition and not sent again; 0 switches that off."""
    chat_per_minute: Annotated[int, Field(ge=1, le=6_000)] = 600
    """Messages that the chat may send in any minute."""
    chat_notes: bool = True
    """Tell refusals and late failures in the chat."""
    chat_commands: bool = False
    """Let agents write `/template`, `/stop` and `/why`."""
    chat_webhook_url: Url | None = Field(default=None, repr=False)
    """The webhook URL that 3CX shows at the trunk's SMS settings. It is a secret: stored encrypted, shown masked."""


class ChatTestRequest(RequestBody):
    """Which chat gets the test line."""

    main_number: MainNumber | None = None
    """One of `chat_numbers`; the first one by default."""


class ChatTestView(View):
    """A test line on its way; `GET /forwards/{forward_id}` says what came back."""

    forward_id: str
    integration_id: str
    main_number: str


def masked_url(url: str | None) -> str | None:
    """A URL whose path is a secret: scheme and host alone."""
    origin = origin_of(url)
    return None if origin is None else f"{origin}{MASKED_END}"


def chat_url(public_url: str, integration_id: str) -> str:
    """The Provider URL that an administrator enters in 3CX."""
    return f"{public_url.rstrip('/')}/integrations/3cx/chat/{integration_id}"


def new_numbers(columns: Mapping[str, Any], standing: Integration | None) -> set[str]:
    """The ids of the WhatsApp numbers that an edit adds to the chat."""
    known = set() if standing is None else set(standing.chat_numbers.values())
    return set(columns.get("chat_numbers", {}).values()) - known
