"""`AcceptWebhook`: publishes a webhook as an event, waits for the event's result and answers with it.

An event is either accepted, and then has exactly one recorded result, or withdrawn for good before the caller learns
that it was not accepted.
"""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from libs.chassis.clock import Clock, NewId
from libs.chassis.replies import Replies
from libs.chassis.span_attributes import EVENT_ID
from libs.chassis.spans import annotate, is_exporting
from libs.chassis.telemetry import logger
from libs.contracts.decisions import withdrawn
from libs.contracts.errors import ErrorCode, GatewayError, unavailable
from libs.contracts.events import WebhookAnswered, WebhookPayload, WebhookReceived, answer_id
from libs.contracts.identity import Pseudonyms
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Integration
from libs.store.callers import Caller, CredentialKind
from libs.store.decisions import Decisions, Proposal, StandingDecision
from libs.store.idempotency import KEPT, Duplicate, Idempotency, Reused
from services.ingress import metrics
from services.ingress.domain.answers import Answer, answer_from, answer_from_stored, failure, stored_from
from services.ingress.handlers.pending_answers import PendingAnswers
from services.ingress.handlers.recent_answers import RecentAnswers
from services.ingress.handlers.refuse_request import RefuseRequest
from services.ingress.ports import Publisher, Recorder

log = logger(__name__)
PENDING: Final = AnswerStatus.PENDING.value
NOT_ACCEPTED: Final = ErrorCode.GATEWAY_UNAVAILABLE.value


@dataclass(frozen=True, slots=True)
class Webhook:
    """An authenticated request within the rate limit, parsed and cleaned."""

    integration: Integration
    payload: WebhookPayload
    body: bytes = field(repr=False)
    idempotency_key: str | None = None
    dialect: str = "native"
    deduplication_key: tuple[str, ...] | None = field(default=None, repr=False)
    """Equal for two requests about the same call, whatever else they contain: the second is a duplicate."""
    kept: timedelta = KEPT
    """For how long a second request is a duplicate of the first."""
    credential: CredentialKind = CredentialKind.SECRET

    @property
    def caller(self) -> Caller:
        """Whose idempotency keys the request uses."""
        return Caller(self.integration.id, self.credential)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptWebhook:
    """Safe to repeat: requests with the same key share one event; a request without a key is an event of its own."""

    publisher: Publisher
    replies: Replies
    decisions: Decisions
    idempotency: Idempotency
    pending: PendingAnswers
    recorder: Recorder
    refuse: RefuseRequest
    clock: Clock
    new_id: NewId
    replica: str
    pseudonyms: Pseudonyms
    reply_timeout: float
    recent: RecentAnswers = field(default_factory=RecentAnswers, repr=False)
    in_flight: dict[UUID, asyncio.Task[Answer]] = field(default_factory=dict, repr=False)
    """Requests with a key that this process is working on; their duplicates wait for the same answer."""

    async def __call__(self, webhook: Webhook) -> Answer:
        """Answer one webhook. GatewayError(gateway_unavailable) means that nothing was accepted."""
        key, body = self._key_and_body(webhook)
        event_id = self.new_id()
        if key is None:
            return await self._deliver(webhook, event_id)
        claimed = await self.idempotency.claim(
            caller=webhook.caller,
            key=key,
            body_hash=self.pseudonyms.fingerprint(body),
            event_id=str(event_id),
            now=self.clock(),
            kept=webhook.kept,
        )
        if isinstance(claimed, Reused):
            code, first = ErrorCode.IDEMPOTENCY_KEY_REUSED, {"first_event_id": claimed.event_id}
            return self.refuse(webhook.integration, code, first, credential=webhook.credential)
        if isinstance(claimed, Duplicate):
            if claimed.answer is not None:
                return answer_from_stored(claimed.answer)
            event_id = UUID(claimed.event_id)
        return await self._deliver_once(webhook, key, event_id)

    def _key_and_body(self, webhook: Webhook) -> tuple[str | None, bytes]:
        """The idempotency key of the request, and the body that its duplicates must have.

        Keys made here contain a space, which callers' keys cannot, and a hash in place of the deduplication key, which
        may contain a phone number.
        """
        if webhook.idempotency_key is not None:
            return webhook.idempotency_key, webhook.body
        if webhook.deduplication_key is not None:
            return f"call {self.pseudonyms.fingerprint(chr(31).join(webhook.deduplication_key).encode())}", b""
        return None, b""

    async def _deliver_once(self, webhook: Webhook, key: str, event_id: UUID) -> Answer:
        """Deliver, or wait for the delivery that a duplicate started in this process."""
        task = self.in_flight.get(event_id)
        if task is None:
            task = asyncio.create_task(self._deliver_and_store(webhook, key, event_id))
            self.in_flight[event_id] = task
            task.add_done_callback(lambda _: self.in_flight.pop(event_id, None))
        return await asyncio.shield(task)

    async def _deliver_and_store(self, webhook: Webhook, key: str, event_id: UUID) -> Answer:
        answer = await self._deliver(webhook, event_id)
        caller, id_ = webhook.caller, str(event_id)
        try:
            if answer.uncertain:
                pass  # the broker may have the event: a repeated request must not become a second one
            elif answer.code == NOT_ACCEPTED:
                await self.idempotency.release(caller=caller, key=key, event_id=id_)
            elif answer.code != PENDING:
                await self.idempotency.answer(caller=caller, key=key, event_id=id_, answer=stored_from(answer))
        except GatewayError as error:
            # The answer is valid all the same; a duplicate is answered from the event's decision.
            log.warning("answer not stored for duplicates", event_id=id_, code=str(error.code))
        return answer

    async def _deliver(self, webhook: Webhook, event_id: UUID) -> Answer:
        integration = webhook.integration
        if is_exporting():
            annotate({EVENT_ID: str(event_id)})
        received = WebhookReceived(
            account_id=integration.account_id,
            integration_id=integration.id,
            reply_to=self.replica,
            payload=webhook.payload,
            dialect=webhook.dialect,
            call_events_only=webhook.credential is CredentialKind.PATH_TOKEN,
        )
        future = self.replies.expect(event_id)
        try:
            try:
                await self.publisher.publish(received, id=event_id)
            except GatewayError:
                refusal = await self._withdraw(received, event_id)
                if refusal is not None:
                    return refusal
            return await self._result(integration, event_id, future)
        finally:
            self.replies.forget(event_id, future)

    async def _result(
        self, integration: Integration, event_id: UUID, future: asyncio.Future[WebhookAnswered]
    ) -> Answer:
        """Wait for the result. The event is accepted: on a timeout, or any failure, the answer is `pending`."""
        try:
            answered = await self.replies.answer(future, seconds=self.reply_timeout)
        except TimeoutError:
            return await self.pending(integration, event_id)
        answer = answer_from(answered)
        self.recent.keep(event_id, integration.id, answer)
        return answer

    async def _withdraw(self, received: WebhookReceived, event_id: UUID) -> Answer | None:
        """Withdraw an event that the broker may have. None when policy has decided it: the event is accepted then."""
        cause = unavailable("broker")
        proposal = Proposal(event_id=str(event_id), decision=withdrawn(), budget=None, now=self.clock())
        try:
            result = await self.decisions.decide(proposal)
        except GatewayError:
            metrics.WITHDRAWN.labels("unknown").inc()
            details = {**cause.details, "unavailable": "broker and store", "outcome": "unknown"}
            return replace(failure(ErrorCode.GATEWAY_UNAVAILABLE, event_id, details), uncertain=True)
        if isinstance(result, StandingDecision) and not result.decision.withdrawn:
            metrics.WITHDRAWN.labels("accepted").inc()
            return None
        metrics.WITHDRAWN.labels("withdrawn").inc()
        answered = WebhookAnswered(
            account_id=received.account_id,
            integration_id=received.integration_id,
            event_id=event_id,
            reply_to=self.replica,
            code=ErrorCode.GATEWAY_UNAVAILABLE,
            details=dict(cause.details),
            chat=received.chat,
        )
        self.recorder.record(answered, answer_id(event_id))
        return answer_from(answered)
