"""Rules about a call event's message: whether there is one to send."""

from libs.contracts.decisions import EventType
from libs.contracts.events import WebhookReceived
from libs.contracts.results import AnswerStatus, SkipReason
from libs.store.accounts import Template
from services.policy.domain.facts import End, Facts, Finding, Pass

OUTBOUND_CALL = "outbound"


def call_is_not_outbound(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The end of a call that an agent made is no reason to write to the customer."""
    direction = webhook.payload.direction
    if facts.event_type is EventType.CALL_ENDED and direction == OUTBOUND_CALL:
        return End(AnswerStatus.RECORDED, saw={"direction": direction})
    return Pass({"direction": direction})


def template_is_enabled(_: WebhookReceived, facts: Facts) -> Finding:
    """The integration has something to say on this type of event, and wants to.

    Nothing written: the event is recorded. Written, but switched off or unusable: it is skipped.
    """
    template = facts.integration.templates.get(facts.event_type or "", Template())
    written = bool(template.text.strip())
    if not written:
        return End(AnswerStatus.RECORDED, saw={"template": "none"})
    if not template.enabled or facts.rendered is None:
        saw = "unusable" if template.enabled else "disabled"
        return End(AnswerStatus.SKIPPED, SkipReason.TEMPLATE_DISABLED, {"template": saw})
    return Pass({"template": "enabled", "length": len(facts.rendered)})
