"""Integrations as operators send them: one 3CX system's connection, its switches and its templates."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from libs.contracts.decisions import EventType
from libs.store.accounts import AuthMode, Template
from services.console.domain.business_hours import BusinessHours
from services.console.domain.fields import Asked, Cidrs, Edit, Id, TemplateText, Url, distinct
from services.console.domain.paging import Query
from services.console.domain.principals import invalid

Templated = Literal[
    EventType.MISSED_CALL,
    EventType.VOICEMAIL,
    EventType.CALL_ENDED,
    EventType.QUEUE_CALLBACK,
    EventType.AFTER_HOURS,
]
Dialect = Literal["auto", "native", "creomate", "k2m", "crm_template"]
Extension = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*#._-]{1,32}$")]
ExtensionRole = Literal["ext", "ivr", "queue", "queue_callback", "voicemail"]


class TemplateAsked(Asked):
    """The text that an event type sends. In an edit, what is left out stays."""

    enabled: bool = False
    text: TemplateText = Field(default="", repr=False)
    """May hold {{customer_phone}}, {{agent_extension}}, {{queue}}, {{call_time}} and {{business_name}}."""


Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_([A-Z]{2}|[0-9]{3}))?$")]
TemplateVariable = Literal["customer_phone", "agent_extension", "queue", "call_time", "business_name"]


class WindowTemplate(Asked):
    """The approved WhatsApp template that goes out when the window is closed and `strict_window` is off."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,512}$")]
    language: Language
    """The language that goes to whom no other fits."""
    languages: Annotated[tuple[Language, ...], Field(max_length=100), AfterValidator(distinct)] = ()
    """Others that the template is approved in; the customer's own is chosen where it is one of them."""
    parameters: Annotated[tuple[TemplateVariable, ...], Field(max_length=10)] = ()
    """What fills the placeholders of the template's body, in order; never the text of a message."""


class _Choices(Asked):
    auth_mode: AuthMode = AuthMode.SECRET
    """`secret_hmac` also demands timestamp and signature of each request."""
    allowed_ips: Cidrs = ()
    """From where the webhook may be called; empty: from anywhere."""
    enabled: bool = True
    inbound_enabled: bool = True
    outbound_enabled: bool = True
    call_events_enabled: bool = True
    strict_window: bool = True
    """Off: outside the conversation window the integration's approved template goes out instead of a refusal."""
    dialect: Dialect = "auto"
    """Which field names the 3CX side uses; `auto` detects them."""
    allow_get: bool = False
    """On: call events may come as GET at the URL with the path token; proxies log such URLs with what they say."""
    extension_roles: Annotated[dict[Extension, ExtensionRole], Field(max_length=2000)] = Field(default_factory=dict)
    """What is behind an extension, so that calls to it can be told apart."""
    business_hours: BusinessHours | None = None
    templates: dict[Templated, TemplateAsked] = Field(default_factory=dict)
    """By event type; an edit changes the event types that it names."""
    forward_url: Url | None = None
    """Where the customers' messages are forwarded to, signed."""
    window_template: WindowTemplate | None = None


class IntegrationCreate(_Choices):
    """A new integration."""

    account_id: Id
    instance_id: Id
    """The WhatsApp number that its messages go out from."""


class IntegrationEdit(Edit, _Choices):
    """Changes to an integration; what is left out stays."""

    instance_id: Id = ""
    """The WhatsApp number that its messages go out from."""


class IntegrationQuery(Query):
    """Which integrations to list."""

    account_id: Id | None = None


def columns_from(given: Mapping[str, Any], templates: Mapping[str, Template]) -> dict[str, Any]:
    """The row's columns for the fields that were given; `templates` are the ones that stand so far."""
    columns = dict(given)
    for name in ("business_hours", "window_template"):
        if columns.get(name) is not None:
            columns[name] = columns[name].model_dump(mode="json", exclude_unset=name == "window_template")
    if "templates" in columns:
        columns["templates"] = _merged(templates, columns["templates"])
    return columns


def _merged(standing: Mapping[str, Template], given: Mapping[EventType, TemplateAsked]) -> dict[str, Template]:
    merged = dict(standing)
    for event_type, asked in given.items():
        changes = {name: getattr(asked, name) for name in asked.model_fields_set}
        template = merged.get(event_type.value, Template()).model_copy(update=changes)
        if template.enabled and not template.text.strip():
            raise invalid(f"templates.{event_type.value}.text", "is required while the template is enabled")
        merged[event_type.value] = template
    return merged
