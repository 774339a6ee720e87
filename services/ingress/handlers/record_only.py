"""`RecordOnly`: records a call event that never leads to a message, such as a ringing phone, without a decision."""

from dataclasses import dataclass

from libs.chassis.clock import NewId
from libs.chassis.span_attributes import EVENT_ID
from libs.chassis.spans import annotate
from libs.contracts.events import WebhookAnswered, answer_id
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Integration
from services.ingress.domain.answers import Answer, answer_from
from services.ingress.domain.dialects import Translation
from services.ingress.ports import Publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOnly:
    """Publishes the answer `recorded`, which audit records. Safe to repeat: it only makes another record."""

    publisher: Publisher
    new_id: NewId
    replica: str

    async def __call__(self, integration: Integration, translation: Translation) -> Answer:
        """Answer `recorded` once the broker has confirmed, else raise GatewayError(gateway_unavailable)."""
        event_id = self.new_id()
        annotate({EVENT_ID: str(event_id)})
        answered = WebhookAnswered(
            account_id=integration.account_id,
            integration_id=integration.id,
            event_id=event_id,
            event_type=translation.payload.event_type,
            reply_to=self.replica,
            code=AnswerStatus.RECORDED,
            details={"dialect": translation.dialect},
        )
        await self.publisher.publish(answered, id=answer_id(event_id))
        return answer_from(answered)
