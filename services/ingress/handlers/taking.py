"""Take responsibility for a webhook: publish it, wait for its one result, and tell that.

An event is either accepted, and then ends in exactly one record, or taken back for ever before the caller is told so.
"""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from libs.chassis.clock import Clock, NewId
from libs.chassis.telemetry import logger
from libs.contracts.decisions import Decision, withdrawn
from libs.contracts.errors import ErrorCode, GatewayError, unavailable
from libs.contracts.events import WebhookAnswered, WebhookPayload, WebhookReceived, answer_id
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Integration
from libs.store.decisions import Proposal, Settled
from libs.store.idempotency import Answers, Idempotency, Reused, Twin
from services.ingress import metrics
from services.ingress.domain.answers import Answer, answer_from, failure, packed, success, unpacked
from services.ingress.handlers.refusing import Refuse
from services.ingress.handlers.remembering import RecentAnswers
from services.ingress.ports import Outbox, Recorder, Replies, Settlements

log = logger(__name__)
OPEN: Final = AnswerStatus.PENDING.value
NOT_ACCEPTED: Final = ErrorCode.GATEWAY_UNAVAILABLE.value


@dataclass(frozen=True, slots=True)
class Webhook:
    """An authenticated request within its rate, read and cleaned."""

    integration: Integration
    payload: WebhookPayload
    body: bytes = field(repr=False)
    key: str | None = None
    """The caller's `Idempotency-Key`."""
    dialect: str = "native"
    subject: tuple[str, ...] | None = field(default=None, repr=False)
    """Equal for two requests that tell of the same call, whatever else they say: the second is a twin."""
    call_events_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Safe to repeat: with a key, the first request's event is told again; without one, each is an event of its own."""

    outbox: Outbox
    replies: Replies
    settlements: Settlements
    idempotency: Idempotency
    answers: Answers
    recorder: Recorder
    refuse: Refuse
    clock: Clock
    new_id: NewId
    instance: str
    hash_key: bytes = field(repr=False)
    reply_timeout: float
    recent: RecentAnswers = field(default_factory=RecentAnswers, repr=False)
    in_hand: dict[UUID, asyncio.Task[Answer]] = field(default_factory=dict, repr=False)
    """Keyed requests under way in this process, so that twins wait for the same answer."""

    async def __call__(self, webhook: Webhook) -> Answer:
        """Answer one webhook; GatewayError(gateway_unavailable) means that nothing was accepted."""
        key, body = self._key_of(webhook)
        if key is None:
            return await self._deliver(webhook, self.new_id())
        event_id = self.new_id()
        claimed = await self.idempotency.claim(
            integration_id=webhook.integration.id,
            key=key,
            body_hash=self._hash(body),
            event_id=str(event_id),
            now=self.clock(),
        )
        if isinstance(claimed, Reused):
            return await self.refuse(webhook.integration, ErrorCode.IDEMPOTENCY_KEY_REUSED)
        if isinstance(claimed, Twin):
            if claimed.answer is not None:
                return unpacked(claimed.answer)
            event_id = UUID(claimed.event_id)
        return await self._once(webhook, key, event_id)

    def _key_of(self, webhook: Webhook) -> tuple[str | None, bytes]:
        """What makes the request the same as another, and the body that it must have then.

        Our own keys hold a space, which no caller's key may; and no phone, which a subject may hold.
        """
        if webhook.key is not None:
            return webhook.key, webhook.body
        if webhook.subject is not None:
            return f"call {self._hash(chr(31).join(webhook.subject).encode())}", b""
        return None, b""

    def _hash(self, value: bytes) -> str:
        return hmac.new(self.hash_key, value, hashlib.sha256).hexdigest()

    async def _once(self, webhook: Webhook, key: str, event_id: UUID) -> Answer:
        """Deliver, or join the delivery that a twin began in this process."""
        task = self.in_hand.get(event_id)
        if task is None:
            task = asyncio.create_task(self._deliver_and_keep(webhook, key, event_id))
            self.in_hand[event_id] = task
            task.add_done_callback(lambda _: self.in_hand.pop(event_id, None))
        return await asyncio.shield(task)

    async def _deliver_and_keep(self, webhook: Webhook, key: str, event_id: UUID) -> Answer:
        answer = await self._deliver(webhook, event_id)
        owner = {"integration_id": webhook.integration.id, "key": key, "event_id": str(event_id)}
        try:
            if answer.uncertain:
                pass  # the broker may have it: a repetition must not become a second event
            elif answer.code == NOT_ACCEPTED:
                await self.idempotency.forget(**owner)
            elif answer.code != OPEN:
                await self.idempotency.answer(**owner, answer=packed(answer))
        except GatewayError as error:
            # The answer stands whether or not it is kept: a twin is then answered from the event's decision.
            log.warning("answer not kept for twins", event_id=str(event_id), code=str(error.code))
        return answer

    async def _deliver(self, webhook: Webhook, event_id: UUID) -> Answer:
        integration = webhook.integration
        received = WebhookReceived(
            account_id=integration.account_id,
            integration_id=integration.id,
            reply_to=self.instance,
            payload=webhook.payload,
            dialect=webhook.dialect,
            call_events_only=webhook.call_events_only,
        )
        future = self.replies.expect(event_id)
        try:
            try:
                await self.outbox.publish(received, id=event_id)
            except GatewayError:
                refusal = await self._withdraw(integration, event_id)
                if refusal is not None:
                    return refusal
            return await self._result(integration, event_id, future)
        finally:
            self.replies.forget(event_id, future)

    async def _result(
        self, integration: Integration, event_id: UUID, future: asyncio.Future[WebhookAnswered]
    ) -> Answer:
        """Wait; from here on the event is accepted, and whatever fails, the caller is told to ask later."""
        try:
            async with asyncio.timeout(self.reply_timeout):
                answer = answer_from(await future)
        except TimeoutError:
            pass
        else:
            self.recent.keep(event_id, integration.id, answer)
            return answer
        try:
            await self.answers.pending(str(event_id), integration.id, now=self.clock())
        except GatewayError as error:
            log.warning("pending not remembered", event_id=str(event_id), code=str(error.code))
        return success(AnswerStatus.PENDING, event_id)

    async def _withdraw(self, integration: Integration, event_id: UUID) -> Answer | None:
        """Take back an event that the broker may have; None when policy decided on it already: it was accepted."""
        gone = unavailable("broker")
        proposal = Proposal(
            event_id=str(event_id), outcome=withdrawn().model_dump_json().encode(), budget=None, now=self.clock()
        )
        try:
            settled = await self.settlements.settle(proposal)
        except GatewayError:
            metrics.WITHDRAWN.labels("unknown").inc()
            details = {**gone.details, "unavailable": "broker and store", "outcome": "unknown"}
            return replace(failure(ErrorCode.GATEWAY_UNAVAILABLE, event_id, details), uncertain=True)
        if isinstance(settled, Settled) and not _is_withdrawn(settled.outcome):
            metrics.WITHDRAWN.labels("accepted").inc()
            return None
        metrics.WITHDRAWN.labels("withdrawn").inc()
        answered = WebhookAnswered(
            account_id=integration.account_id,
            integration_id=integration.id,
            event_id=event_id,
            reply_to=self.instance,
            code=ErrorCode.GATEWAY_UNAVAILABLE,
            details=dict(gone.details),
        )
        self.recorder.tell(answered, answer_id(event_id))
        return answer_from(answered)


def _is_withdrawn(outcome: bytes) -> bool:
    return Decision.model_validate_json(outcome).details.get("withdrawn") is True
