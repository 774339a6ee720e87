"""Judge what 3CX asks for: gather the facts, decide, say what was decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from libs.chassis.clock import Monotonic
from libs.chassis.consuming import Received
from libs.contracts.decisions import TEMPLATED, Decision, EventType
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import MessageApproved, WebhookAnswered, WebhookReceived
from libs.contracts.identity import do_not_contact, keyed_hash
from libs.store.accounts import Directory, Integration
from libs.store.conversations import Conversation
from libs.store.decisions import CoolingDown, Decisions, Exhausted, Place, Proposal, Question, StoredFacts, Usage
from libs.store.turns import Turns
from services.policy import metrics
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.deciding import (
    MESSAGING,
    cooldown_of,
    cooling_down,
    decide,
    exhausted,
)
from services.policy.domain.facts import Facts
from services.policy.domain.limits import budget_of, period_of
from services.policy.domain.phones import first_usable_phone
from services.policy.domain.templating import rendered
from services.policy.handlers.saying import said, values_of
from services.policy.rules import RULES

NOTHING_STORED = StoredFacts(conversation=Conversation(), suppressed=frozenset(), usage=Usage())


@dataclass(frozen=True, slots=True)
class _Stands:
    """The decision that stands; whether its message is known to be `in_line`, and behind which event."""

    decision: Decision
    in_line: bool = False
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """Answers every webhook with an approval or with its final word."""

    directory: Directory
    decisions: Decisions
    content: ContentPolicy
    key: bytes = field(repr=False)
    monotonic: Monotonic
    turns: Turns

    async def __call__(self, received: Received[WebhookReceived]) -> MessageApproved | WebhookAnswered:
        """Judge one webhook. Safe to repeat: what was decided first stands, and what follows has the same id."""
        begun = self.monotonic()
        facts = await self.gather(received)
        stands = await self._decision(received, facts)

        metrics.DECISION_SECONDS.observe(self.monotonic() - begun)
        metrics.DECISIONS.labels(str(stands.decision.code or "approved")).inc()
        said_now = said(received, facts, stands.decision)
        return await self._in_line(said_now, stands) if isinstance(said_now, MessageApproved) else said_now

    async def _in_line(self, approved: MessageApproved, stands: _Stands) -> MessageApproved:
        """The message with the one that goes before it: the place in line is the order of approval."""
        ahead = stands.after
        if not stands.in_line:
            ahead = await self.turns.take(
                number_id=approved.number_id,
                customer_key=approved.customer_key,
                event_id=str(approved.event_id),
                now=approved.received_at,
            )
        return approved if ahead is None else approved.model_copy(update={"after": UUID(ahead)})

    async def gather(self, received: Received[WebhookReceived]) -> Facts:
        """Everything the rules may know: configuration from the cache, the rest in one round trip."""
        webhook, now = received.event, received.at
        integration = await self.directory.integration(webhook.integration_id or "")
        account = await self.directory.account(webhook.account_id or "")
        if integration is None or account is None:
            # Rows are never deleted, so this is a store that lags behind the one that ingress read.
            raise GatewayError(ErrorCode.GATEWAY_UNAVAILABLE, {"unavailable": "configuration"})
        payload, period = webhook.payload, period_of(account, now)
        event_type = _type_of(payload.event_type)
        phone = first_usable_phone(candidates(webhook, event_type), account.default_region)
        customer_key = keyed_hash(self.key, account.id, phone) if phone else ""
        stored = NOTHING_STORED
        if event_type in MESSAGING:
            keys = (customer_key,) if customer_key else ()
            stored = await self.decisions.facts(
                Question(
                    event_id=str(received.id),
                    account_id=account.id,
                    number_id=integration.instance_id,
                    customer_keys=(*keys, *(do_not_contact(self.key, key) for key in keys)),
                    day=period.day,
                    month=period.month,
                    now=now,
                )
            )
        values = values_of(webhook.payload, phone, account, now)
        return Facts(
            rendered=_rendered(integration, event_type, values),
            now=now,
            account=account,
            integration=integration,
            number=await self.directory.number(number_id=integration.instance_id),
            event_type=event_type,
            phone=phone,
            customer_key=customer_key,
            stored=stored,
            period=period,
            content=self.content,
        )

    async def _decision(self, received: Received[WebhookReceived], facts: Facts) -> _Stands:
        """The decision that stands: an earlier one, or the rules' once the store has settled it."""
        if facts.stored.decision is not None:
            return _Stands(Decision.model_validate_json(facts.stored.decision))
        decision = decide(received.event, facts, RULES)
        if facts.event_type not in MESSAGING:
            return _Stands(decision)  # nothing is sent, so repeating it can do no harm
        return await self._settled(received, facts, decision)

    async def _settled(self, received: Received[WebhookReceived], facts: Facts, decision: Decision) -> _Stands:
        proposal = Proposal(
            event_id=str(received.id),
            outcome=decision.model_dump_json(exclude_defaults=True).encode(),
            budget=budget_of(facts.account, facts.period) if decision.approved else None,
            now=received.at,
            cooldown=cooldown_of(facts) if decision.approved else None,
            place=Place(number_id=facts.integration.instance_id, customer_key=facts.customer_key),
        )
        settled = await self.decisions.settle(proposal)
        if isinstance(settled, Exhausted):
            return await self._settled(received, facts, exhausted(decision, facts, settled))
        if isinstance(settled, CoolingDown):
            return await self._settled(received, facts, cooling_down(decision, settled))
        if not settled.fresh:
            return _Stands(Decision.model_validate_json(settled.outcome))
        return _Stands(decision, in_line=True, after=settled.after)


def _type_of(told: str | None) -> EventType | None:
    try:
        return EventType((told or "").strip().casefold())
    except ValueError:
        return None


def _rendered(integration: Integration, event_type: EventType | None, values: Mapping[str, str | None]) -> str | None:
    if event_type not in TEMPLATED:
        return None
    template = integration.templates.get(event_type or "")
    return None if template is None or not template.text.strip() else rendered(template.text, values)


def candidates(webhook: WebhookReceived, event_type: EventType | None) -> tuple[str | None, ...]:
    """The phone fields in the order in which they are tried for this type of event."""
    p = webhook.payload
    if event_type is EventType.OUTBOUND_MESSAGE:
        return (p.to, p.from_, p.customer_phone, p.caller, p.phone)
    return (p.customer_phone, p.caller, p.from_, p.phone, p.to)
