"""Rules about the switches of the account and the integration."""

from libs.contracts.decisions import CALL_EVENTS, EventType
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from services.policy.domain.facts import Facts, Finding, Objection, Pass

WITHOUT_HEADERS = CALL_EVENTS | {EventType.TEST}
"""The event types of callers that authenticate with a token in the URL."""


def event_type_is_supported(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The event type is known; callers with a path token may send call events only."""
    name = (webhook.payload.event_type or "")[:64]
    if facts.event_type is None:
        supported = [t.value for t in EventType]
        return Objection(ErrorCode.UNSUPPORTED_EVENT_TYPE, {"field": "event_type", "supported": supported})
    if webhook.call_events_only and facts.event_type not in WITHOUT_HEADERS:
        return Objection(ErrorCode.UNSUPPORTED_EVENT_TYPE, {"field": "event_type", "reason": "call_events_only"})
    return Pass({"event_type": name})


def module_is_enabled(_: WebhookReceived, facts: Facts) -> Finding:
    """The account's 3CX module is on."""
    return _is_on("threecx_enabled", facts.account.threecx_enabled, ErrorCode.MODULE_NOT_ENABLED)


def outbound_is_enabled(_: WebhookReceived, facts: Facts) -> Finding:
    """The integration sends agents' messages."""
    return _is_on("outbound_enabled", facts.integration.outbound_enabled, ErrorCode.OUTBOUND_DISABLED)


def call_events_are_enabled(_: WebhookReceived, facts: Facts) -> Finding:
    """The integration accepts call events."""
    return _is_on("call_events_enabled", facts.integration.call_events_enabled, ErrorCode.CALL_EVENTS_DISABLED)


def _is_on(switch: str, value: bool, refusal: ErrorCode) -> Finding:  # noqa: FBT001 -- the switch itself
    return Pass({switch: True}) if value else Objection(refusal, inputs={switch: False})
