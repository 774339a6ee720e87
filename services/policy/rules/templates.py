"""Rules about call events: whether there is a message to send."""

from libs.contracts.decisions import EventType
from libs.contracts.events import WebhookReceived
from libs.contracts.results import AnswerStatus, SkipReason
from libs.store.accounts import Template
from services.policy.domain.facts import Facts, Finding, NoMessage, Pass

OUTBOUND_CALL = "outbound"


def call_is_not_outbound(webhook: WebhookReceived, facts: Facts) -> Finding:
    """The call that ended was not made by an agent; such a call leads to no message."""
    direction = webhook.payload.direction
    if facts.event_type is EventType.CALL_ENDED and direction == OUTBOUND_CALL:
        return NoMessage(AnswerStatus.RECORDED, inputs={"direction": direction})
    return Pass({"direction": direction})


def template_is_enabled(_: WebhookReceived, facts: Facts) -> Finding:
    """The integration has an enabled template for this type of event.

    Without a template the event is recorded. With a disabled or invalid template it is skipped.
    """
    template = facts.integration.templates.get(facts.event_type or "", Template())
    written = bool(template.text.strip())
    if not written:
        return NoMessage(AnswerStatus.RECORDED, inputs={"template": "none"})
    if not template.enabled or facts.rendered is None:
        inputs = "unusable" if template.enabled else "disabled"
        return NoMessage(AnswerStatus.SKIPPED, SkipReason.TEMPLATE_DISABLED, {"template": inputs})
    return Pass({"template": "enabled", "length": len(facts.rendered)})
