"""Requests for a customer's phone number: which messages are one, and how often a customer may get one.

A customer who is known to WhatsApp's businesses by a user id alone can share the phone number with a button (Meta,
"Business-scoped user IDs"). Somebody who is asked again and again reports the business instead.
"""

import math
from datetime import timedelta
from typing import Final

from libs.contracts.content import REQUEST_CONTACT_INFO, InteractiveForm
from libs.contracts.decisions import Decision, RuleReceipt
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookPayload
from libs.contracts.known_templates import KnownTemplate
from libs.store.decisions import Cooldown, CoolingDown
from services.policy.domain.facts import Facts

PERIOD: Final = timedelta(days=30)
"""A customer is asked at most once in this time, by all integrations of an account together."""
TEMPLATE_BUTTON: Final = REQUEST_CONTACT_INFO.upper()
SCOPE: Final = "contact_request"
"""`details.scope` of the refusal."""


def asks_for_contact(payload: WebhookPayload, known: KnownTemplate | None) -> bool:
    """Whether the message has WhatsApp's button for sharing the phone number, itself or in its template."""
    if payload.interactive is not None:
        return payload.interactive.form is InteractiveForm.CONTACT_REQUEST
    return known is not None and any(button.type == TEMPLATE_BUTTON for button in known.buttons)


def contact_request_cooldown(facts: Facts) -> Cooldown:
    """The time in which the customer is not asked again."""
    return Cooldown(
        owner_id=facts.account.id,
        event_type=REQUEST_CONTACT_INFO,
        customer_key=facts.contact_request_key,
        seconds=int(PERIOD.total_seconds()),
    )


def asked_already(decision: Decision, facts: Facts, found: CoolingDown) -> Decision:
    """The refusal of a request that comes too soon after another one."""
    until = found.until.isoformat()
    wait = max(1, math.ceil((found.until - facts.now).total_seconds()))
    line = RuleReceipt(rule="customer_was_not_asked_lately", version=1, passed=False, inputs={"until": until})
    return Decision(
        code=ErrorCode.SENDING_THROTTLED,
        details={"scope": SCOPE, "until": until, "retry_after": wait},
        receipt=(*decision.receipt, line),
    )
