"""Request models of integrations: the connection of one 3CX system, its switches and its templates."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from libs.contracts.decisions import EventType
from libs.contracts.phone_numbers import NumberFormat
from libs.store.accounts import AuthMode, MediaLinkMode, ReadReceiptMode, Template
from services.console.domain.business_hours import BusinessHours
from services.console.domain.chat_requests import ChatSettings
from services.console.domain.fields import Cidrs, Id, PatchBody, RequestBody, TemplateText, Url, distinct
from services.console.domain.pagination import ListQuery
from services.console.domain.refusals import invalid

TemplatedEvent = Literal[
    EventType.MISSED_CALL,
    EventType.VOICEMAIL,
    EventType.CALL_ENDED,
    EventType.QUEUE_CALLBACK,
    EventType.AFTER_HOURS,
]
Dialect = Literal["auto", "native", "creomate", "k2m", "crm_template"]
Extension = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*#._-]{1,32}$")]
ExtensionRole = Literal["ext", "ivr", "queue", "queue_callback", "voicemail"]


class TemplateRequest(RequestBody):
    """The text that an event type sends. In an edit, absent fields stay as they are."""

    enabled: bool = False
    text: TemplateText = Field(default="", repr=False)
    """May hold {{customer_phone}}, {{agent_extension}}, {{queue}}, {{call_time}} and {{business_name}}."""


Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_([A-Z]{2}|[0-9]{3}))?$")]
TemplateVariable = Literal["customer_phone", "agent_extension", "queue", "call_time", "business_name"]


class WindowTemplate(RequestBody):
    """The approved WhatsApp template that goes out when the window is closed and `strict_window` is off."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,512}$")]
    language: Language
    """The language for customers whose own is not in `languages`."""
    languages: Annotated[tuple[Language, ...], Field(max_length=100), AfterValidator(distinct)] = ()
    """Other languages that the template is approved in; a customer's own language is used if it is one of them."""
    parameters: Annotated[tuple[TemplateVariable, ...], Field(max_length=10)] = ()
    """The values of the placeholders in the template's body, in order; never the text of a message."""


class _Settings(ChatSettings):
    auth_mode: AuthMode = AuthMode.SECRET
    """`secret_hmac` also requires a timestamp and a signature on each request."""
    allowed_ips: Cidrs = ()
    """Addresses that may call the webhook; empty: all."""
    enabled: bool = True
    inbound_enabled: bool = True
    outbound_enabled: bool = True
    call_events_enabled: bool = True
    strict_window: bool = True
    """When false, a message outside the conversation window becomes the approved template instead of a refusal."""
    dialect: Dialect = "auto"
    """The field names of the webhooks; `auto` detects them."""
    number_format: NumberFormat = NumberFormat.AUTO
    """How the webhooks write phone numbers without a plus: always with the country code (`international`), in the form
    that is dialled within the account's region (`national`), or either (`auto`)."""
    allow_get: bool = False
    """When true, call events may be GET requests to the URL with the path token. Proxies log such URLs."""
    extension_roles: Annotated[dict[Extension, ExtensionRole], Field(max_length=2000)] = Field(default_factory=dict)
    """The kind of each extension, for the classification of calls."""
    business_hours: BusinessHours | None = None
    templates: dict[TemplatedEvent, TemplateRequest] = Field(default_factory=dict)
    """By event type; an edit changes only the event types that it contains."""
    forward_url: Url | None = None
    """URL that customers' messages are forwarded to, signed."""
    window_template: WindowTemplate | None = None
    media_links: MediaLinkMode = MediaLinkMode.ALL
    """Which files of customers have a link in forwards. Who holds a link may open the file until it ends."""
    media_link_hours: Annotated[int, Field(ge=1, le=167)] = 72
    """How long a link can be opened, from the message on; WhatsApp keeps files for 7 days."""
    read_receipts: ReadReceiptMode = ReadReceiptMode.OFF
    """Whether WhatsApp shows customers' messages as read, once they were forwarded or once a reply was sent; for the
    Cloud API's numbers."""
    typing_indicator: bool = False
    """Whether WhatsApp shows that somebody is typing while a reply waits to be sent; with `on_reply` alone."""


class CreateIntegrationRequest(_Settings):
    """The body that creates an integration."""

    account_id: Id
    instance_id: Id
    """The WhatsApp number that sends its messages."""


class EditIntegrationRequest(PatchBody, _Settings):
    """The body that edits an integration; absent fields stay as they are."""

    instance_id: Id = ""
    """The WhatsApp number that sends its messages."""


class IntegrationQuery(ListQuery):
    """Filters of the list of integrations."""

    account_id: Id | None = None


def columns_from(given: Mapping[str, Any], templates: Mapping[str, Template]) -> dict[str, Any]:
    """The row's columns for the given fields; `templates` are the integration's current ones."""
    columns = dict(given)
    for name in ("business_hours", "window_template"):
        if columns.get(name) is not None:
            columns[name] = columns[name].model_dump(mode="json", exclude_unset=name == "window_template")
    if "templates" in columns:
        columns["templates"] = _merged_templates(templates, columns["templates"])
    return columns


def _merged_templates(
    standing: Mapping[str, Template], given: Mapping[EventType, TemplateRequest]
) -> dict[str, Template]:
    merged = dict(standing)
    for event_type, request in given.items():
        changes = {name: getattr(request, name) for name in request.model_fields_set}
        template = merged.get(event_type.value, Template()).model_copy(update=changes)
        if template.enabled and not template.text.strip():
            raise invalid(f"templates.{event_type.value}.text", "is required while the template is enabled")
        merged[event_type.value] = template
    return merged
