"""The rules, in the order in which they are asked: this list is the policy. The first objection wins."""

from libs.contracts.decisions import CALL_EVENTS, TEMPLATED, EventType
from services.policy.domain.deciding import MESSAGING
from services.policy.domain.facts import Asked
from services.policy.rules.conduct import account_is_not_paused, content_is_acceptable
from services.policy.rules.consent import customer_has_not_opted_out, window_is_open
from services.policy.rules.form import customer_phone_is_usable, purpose_is_allowed, text_fits, text_is_present
from services.policy.rules.quota import daily_limit_is_not_used_up, monthly_limit_is_not_used_up, speed_is_normal
from services.policy.rules.switches import (
    call_events_are_enabled,
    event_type_is_supported,
    module_is_enabled,
    outbound_is_enabled,
)
from services.policy.rules.templates import call_is_not_outbound, template_is_enabled

OUTBOUND = frozenset({EventType.OUTBOUND_MESSAGE})

RULES: tuple[Asked, ...] = (
    Asked(event_type_is_supported, version=2),
    Asked(module_is_enabled),
    Asked(outbound_is_enabled, about=OUTBOUND),
    Asked(call_events_are_enabled, about=CALL_EVENTS),
    Asked(customer_phone_is_usable, about=MESSAGING),
    Asked(call_is_not_outbound, about=frozenset({EventType.CALL_ENDED})),
    Asked(template_is_enabled, about=TEMPLATED),
    Asked(text_is_present, about=OUTBOUND),
    Asked(text_fits, about=MESSAGING),
    Asked(purpose_is_allowed, about=OUTBOUND),
    Asked(customer_has_not_opted_out, about=MESSAGING),
    Asked(window_is_open, version=2, about=MESSAGING),
    Asked(account_is_not_paused, about=MESSAGING),
    Asked(content_is_acceptable, about=MESSAGING),
    Asked(daily_limit_is_not_used_up, about=MESSAGING),
    Asked(monthly_limit_is_not_used_up, about=MESSAGING),
    Asked(speed_is_normal, about=MESSAGING),
)
