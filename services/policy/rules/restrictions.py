"""The rule about restrictions: what WhatsApp forbids a number, its business account, a template or a customer."""

from libs.contracts.decisions import TEMPLATED
from libs.contracts.events import WebhookReceived
from libs.store.restriction_effects import Sending, answer_for, probe_is_due, standing_against
from libs.store.restrictions import Restriction
from services.policy.domain.decisions import delivery_plan
from services.policy.domain.delivery_plans import Delivery
from services.policy.domain.facts import Facts, Finding, Objection, Pass, RuleInputs


def no_restriction_stands(webhook: WebhookReceived, facts: Facts) -> Finding:
    """No restriction forbids the message, sent in the way that is planned for it.

    A restriction whose probe is due does not object: the message may find out whether it still stands, and sender
    lets one such message through. Restricted templates are left out of the plan (`window_is_open`).
    """
    if not facts.stored.restrictions:
        return Pass({"restricted": False})
    sending = Sending(
        now=facts.now,
        automatic=facts.event_type in TEMPLATED,
        template=delivery_plan(webhook, facts).delivery is Delivery.TEMPLATE,
        last_inbound_at=facts.stored.conversation.last_inbound_at,
    )
    probed = [each for each in facts.stored.restrictions if probe_is_due(each, facts.now)]
    found = standing_against([each for each in facts.stored.restrictions if each not in probed], sending)
    if found is not None:
        return Objection(*answer_for(found), _inputs_from(found))
    probe = standing_against(probed, sending)
    return Pass({"restricted": False} if probe is None else {"probe": True, **_inputs_from(probe)})


def _inputs_from(restriction: Restriction) -> RuleInputs:
    """The inputs for the receipt; the id leads to the restriction in the operators' list."""
    return {
        "restriction_id": restriction.id,
        "scope": restriction.subject.scope.value,
        "kind": restriction.kind.value,
        "cause": restriction.cause,
        "until": None if restriction.until is None else restriction.until.isoformat(),
    }
