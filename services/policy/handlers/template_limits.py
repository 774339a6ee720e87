"""`TemplateLimits`: reads and raises the count of customers who got templates, where WhatsApp named a limit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from libs.contracts.events import WebhookReceived
from libs.store.restrictions import Restriction, RestrictionKind
from libs.store.template_recipients import TemplateRecipients
from services.policy import metrics
from services.policy.domain.decisions import delivery_plan
from services.policy.domain.delivery_plans import Delivery
from services.policy.domain.facts import Facts

LIMIT = "limit"
"""The name of the figure in the detail of the restriction."""
NEAR = 0.8
"""From this part of the limit on approvals are counted by the metric that the alert watches."""


@dataclass(frozen=True, slots=True)
class TemplateLimits:
    """Costs nothing but for templates of a business account with a known limit: a read, and a write if approved."""

    recipients: TemplateRecipients

    async def gather(self, webhook: WebhookReceived, facts: Facts) -> Facts:
        """The facts with the limit and its use, if the message would be a template and WhatsApp named a limit."""
        found = _smallest_limit(facts.stored.restrictions, facts)
        if found is None or not facts.customer_key:
            return facts
        if delivery_plan(webhook, facts).delivery is not Delivery.TEMPLATE:
            return facts
        limit = found.detail[LIMIT]
        use = await self.recipients.use(found.subject.key, facts.customer_key, limit=limit, now=facts.now)
        return replace(facts, template_limit=limit, template_use=use)

    async def count(self, facts: Facts) -> None:
        """The message was approved. Safe to repeat: a customer is counted once in 24 hours."""
        use = facts.template_use
        if use is None or facts.template_limit is None:
            return
        found = _smallest_limit(facts.stored.restrictions, facts)
        if found is None:
            return
        await self.recipients.count(found.subject.key, facts.account.id, facts.customer_key, facts.now)
        if use.customers + 1 >= NEAR * facts.template_limit:
            metrics.NEAR_TEMPLATE_LIMIT.inc()


def _smallest_limit(restrictions: Sequence[Restriction], facts: Facts) -> Restriction | None:
    limits = [
        each
        for each in restrictions
        if each.kind is RestrictionKind.TEMPLATE_LIMIT
        and each.stands_at(facts.now)
        and type(each.detail.get(LIMIT)) is int
    ]
    return min(limits, key=lambda each: int(each.detail[LIMIT]), default=None)
