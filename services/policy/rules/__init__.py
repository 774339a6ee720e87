"""`RULES`: the policy, as a list of rules in the order in which they are applied. The first objection wins."""

from libs.contracts.decisions import CALL_EVENTS, TEMPLATED, EventType
from libs.contracts.events import CHAT_DIALECT, WebhookReceived
from services.policy.domain.decisions import MESSAGING, requires_opt_in
from services.policy.domain.facts import RuleBinding
from services.policy.rules.acceptable_use import account_is_not_paused, content_is_acceptable
from services.policy.rules.chat import chat_is_between_known_numbers, command_is_known
from services.policy.rules.consent import customer_has_not_opted_out, customer_has_opted_in, window_is_open
from services.policy.rules.content_form import (
    asks_for_template,
    every_template_value_fits,
    one_content_is_present,
    quoted_message_is_of_this_conversation,
    quotes_a_message,
    template_category_fits_purpose,
    template_is_approved,
    template_is_known,
)
from services.policy.rules.message_fields import (
    customer_phone_is_certain,
    customer_phone_is_usable,
    purpose_is_allowed,
    text_fits,
)
from services.policy.rules.quota import daily_limit_is_not_used_up, monthly_limit_is_not_used_up, speed_is_normal
from services.policy.rules.restrictions import no_restriction_stands
from services.policy.rules.switches import (
    call_events_are_enabled,
    event_type_is_supported,
    module_is_enabled,
    outbound_is_enabled,
)
from services.policy.rules.template_limit import template_limit_is_not_used_up
from services.policy.rules.templates import call_is_not_outbound, template_is_enabled

OUTBOUND = frozenset({EventType.OUTBOUND_MESSAGE})

RULES: tuple[RuleBinding, ...] = (
    RuleBinding(event_type_is_supported, version=2),
    RuleBinding(module_is_enabled),
    RuleBinding(outbound_is_enabled, event_types=OUTBOUND),
    RuleBinding(call_events_are_enabled, event_types=CALL_EVENTS),
    RuleBinding(customer_phone_is_usable, version=2, event_types=MESSAGING),
    RuleBinding(call_is_not_outbound, event_types=frozenset({EventType.CALL_ENDED})),
    RuleBinding(template_is_enabled, event_types=TEMPLATED),
    RuleBinding(customer_phone_is_certain, event_types=MESSAGING),
    RuleBinding(one_content_is_present, event_types=OUTBOUND),
    RuleBinding(text_fits, event_types=MESSAGING),
    RuleBinding(quoted_message_is_of_this_conversation, event_types=OUTBOUND, when=quotes_a_message),
    RuleBinding(template_is_known, event_types=OUTBOUND, when=asks_for_template),
    RuleBinding(every_template_value_fits, event_types=OUTBOUND, when=asks_for_template),
    RuleBinding(purpose_is_allowed, event_types=OUTBOUND),
    RuleBinding(template_category_fits_purpose, event_types=OUTBOUND, when=asks_for_template),
    RuleBinding(customer_has_not_opted_out, event_types=MESSAGING),
    RuleBinding(customer_has_opted_in, event_types=OUTBOUND, needed=requires_opt_in),
    RuleBinding(window_is_open, version=4, event_types=MESSAGING),
    RuleBinding(account_is_not_paused, event_types=MESSAGING),
    RuleBinding(template_is_approved, event_types=OUTBOUND, when=asks_for_template),
    RuleBinding(no_restriction_stands, event_types=MESSAGING),
    RuleBinding(template_limit_is_not_used_up, event_types=MESSAGING),
    RuleBinding(content_is_acceptable, version=3, event_types=MESSAGING),
    RuleBinding(daily_limit_is_not_used_up, event_types=MESSAGING),
    RuleBinding(monthly_limit_is_not_used_up, event_types=MESSAGING),
    RuleBinding(speed_is_normal, event_types=MESSAGING),
)

_CUSTOMER = next(place for place, binding in enumerate(RULES) if binding.rule is customer_phone_is_usable)
_BETWEEN = (*RULES[:_CUSTOMER], RuleBinding(chat_is_between_known_numbers))
CHAT_RULES: tuple[RuleBinding, ...] = (*_BETWEEN, *RULES[_CUSTOMER:])
"""The policy for what agents write in 3CX's chat: the same, and a rule about the chat's two numbers."""
COMMAND_RULES: tuple[RuleBinding, ...] = (*_BETWEEN, RULES[_CUSTOMER], RuleBinding(command_is_known))
"""The policy for commands in 3CX's chat: no message follows."""


def rules_for(webhook: WebhookReceived) -> tuple[RuleBinding, ...]:
    """The rules that apply to a webhook."""
    if webhook.dialect != CHAT_DIALECT:
        return RULES
    return CHAT_RULES if webhook.payload.command is None else COMMAND_RULES
