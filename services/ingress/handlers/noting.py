"""Note what leads to nothing: a phone that rings, a recording that is ready. One record, and no decision."""

from dataclasses import dataclass

from libs.chassis.clock import NewId
from libs.contracts.events import WebhookAnswered, answer_id
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Integration
from services.ingress.domain.answers import Answer, answer_from
from services.ingress.domain.dialects import Translation
from services.ingress.ports import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Repeating it makes another record, and nothing else."""

    outbox: Outbox
    new_id: NewId
    instance: str

    async def __call__(self, integration: Integration, said: Translation) -> Answer:
        """Answer `recorded` once the broker has the record; GatewayError(gateway_unavailable) when it cannot."""
        event_id = self.new_id()
        answered = WebhookAnswered(
            account_id=integration.account_id,
            integration_id=integration.id,
            event_id=event_id,
            event_type=said.payload.event_type,
            reply_to=self.instance,
            code=AnswerStatus.RECORDED,
            details={"dialect": said.dialect},
        )
        await self.outbox.publish(answered, id=answer_id(event_id))
        return answer_from(answered)
