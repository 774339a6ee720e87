"""`RunChatCommand`: blocks a customer whom an agent stops in 3CX's chat, before the agent gets the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid5

from libs.chassis.subscriptions import Received
from libs.contracts.chat import ChatCommand
from libs.contracts.events import Event, SuppressionAdded, WebhookAnswered, WebhookReceived
from libs.contracts.identity import masked
from libs.contracts.results import AnswerStatus
from libs.store.conversations import OPERATOR, Suppression, SuppressionKind, Suppressions
from services.policy.handlers.customer_identities import CustomerIdentities
from services.policy.handlers.decide_webhook import DecideWebhook

AGENT: Final = "agent"
"""Actor and reason of a block that an agent asked for."""


@dataclass(frozen=True, slots=True)
class RunChatCommand:
    """Decides every webhook, and carries out `/stop`."""

    decide: DecideWebhook
    suppressions: Suppressions
    customer_identities: CustomerIdentities

    async def __call__(self, received: Received[WebhookReceived]) -> Event | Sequence[Event]:
        """Decide one webhook. Safe to repeat: the decision stands, and a suppression's id follows from the event's."""
        event = await self.decide(received)
        if received.event.payload.command != ChatCommand.STOP or not isinstance(event, WebhookAnswered):
            return event
        return (*await self._block(received, event), event) if event.code is AnswerStatus.RECORDED else event

    async def _block(self, received: Received[WebhookReceived], answered: WebhookAnswered) -> Sequence[Event]:
        """Block the customer under each of their keys; the first one is in the event."""
        account_id, customer = answered.account_id or "", answered.customer
        key = answered.customer_key or self.customer_identities.keys(account_id, customer)[0]
        identity = await self.customer_identities.link(account_id, [key], received.at)
        blocks = [self._suppression(received, account_id, each, customer) for each in identity.keys]
        standing = [await self.suppressions.suppress(each, ()) for each in blocks]
        if [row.id for row in standing] != [row.id for row in blocks]:
            return ()  # blocked already
        return (
            SuppressionAdded(
                account_id=account_id,
                integration_id=received.event.integration_id,
                suppression_id=blocks[0].id,
                kind=SuppressionKind.BLOCKED.value,
                source=OPERATOR,
                reason=AGENT,
                actor=AGENT,
                customer=customer,
                customer_key=key,
                customer_keys=sorted(identity.keys),
                masked_phone=blocks[0].masked_phone or None,
            ),
        )

    def _suppression(
        self, received: Received[WebhookReceived], account_id: str, key: str, customer: str | None
    ) -> Suppression:
        return Suppression(
            id=f"sup_{uuid5(received.id, f'{account_id}:{key}').hex}",
            account_id=account_id,
            customer_key=key,
            masked_phone=masked(customer) if customer else "",
            kind=SuppressionKind.BLOCKED,
            source=OPERATOR,
            reason=AGENT,
            actor=AGENT,
            since=received.at,
        )
