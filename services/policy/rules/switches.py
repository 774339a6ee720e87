"""Rules about what the account and the integration have switched on."""

from libs.contracts.decisions import CALL_EVENTS, EventType
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookReceived
from services.policy.domain.facts import Facts, Finding, Objection, Pass

WITHOUT_HEADERS = CALL_EVENTS | {EventType.TEST}
"""What a sender may say whose only proof is a token in the URL."""


def event_type_is_supported(webhook: WebhookReceived, facts: Facts) -> Finding:
    """One of the ten event types; senders without headers may send call events alone."""
    told = (webhook.payload.event_type or "")[:64]
    if facts.event_type is None:
        supported = [t.value for t in EventType]
        return Objection(ErrorCode.UNSUPPORTED_EVENT_TYPE, {"field": "event_type", "supported": supported})
    if webhook.call_events_only and facts.event_type not in WITHOUT_HEADERS:
        return Objection(ErrorCode.UNSUPPORTED_EVENT_TYPE, {"field": "event_type", "reason": "call_events_only"})
    return Pass({"event_type": told})


def module_is_enabled(_: WebhookReceived, facts: Facts) -> Finding:
    """The account's 3CX module is on."""
    if facts.account.threecx_enabled:
        return Pass({"threecx_enabled": True})
    return Objection(ErrorCode.MODULE_NOT_ENABLED, saw={"threecx_enabled": False})


def outbound_is_enabled(_: WebhookReceived, facts: Facts) -> Finding:
    """The integration sends agents' messages."""
    if facts.integration.outbound_enabled:
        return Pass({"outbound_enabled": True})
    return Objection(ErrorCode.OUTBOUND_DISABLED, saw={"outbound_enabled": False})


def call_events_are_enabled(_: WebhookReceived, facts: Facts) -> Finding:
    """The integration takes call events."""
    if facts.integration.call_events_enabled:
        return Pass({"call_events_enabled": True})
    return Objection(ErrorCode.CALL_EVENTS_DISABLED, saw={"call_events_enabled": False})
