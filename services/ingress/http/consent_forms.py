"""The endpoint of web forms: a customer's opt-in in, authenticated as an integration's webhooks are.

The rule: a post is one event, however often it arrives. It must carry a fresh timestamp, its
`Idempotency-Key`, or else its body, is claimed for a day, and the consent keeps the time that the form says: a post
that somebody repeats later is refused, one that is repeated at once is the same event, and neither outlives a
withdrawal. No id is derived from the body, which names the customer: ids stay in the record after an erasure.
"""

from dataclasses import dataclass
from uuid import UUID

from aiohttp import web

from libs.chassis.span_attributes import EVENT_ID
from libs.chassis.spans import annotate
from libs.contracts.errors import ErrorCode, OperatorCode
from libs.contracts.results import AnswerStatus
from libs.store.accounts import Integration
from libs.store.callers import Caller, CredentialKind
from libs.store.idempotency import Duplicate, Reused
from services.ingress.domain.answers import Answer, failure, success
from services.ingress.domain.bodies import InvalidBody
from services.ingress.domain.consent_forms import ConsentForm, consent_form_from, submitted_from
from services.ingress.http.request_body import BodyState, RequestBody
from services.ingress.http.threecx_webhooks import (
    IDEMPOTENCY_KEY_HEADER,
    TIMESTAMP_HEADER,
    ThreeCxWebhooks,
    fields_from,
    idempotency_key_from,
)
from services.ingress.ports import Publisher


@dataclass(frozen=True, slots=True)
class ConsentForms:
    """Reads an authenticated post within the integration's limit, and publishes it."""

    webhooks: ThreeCxWebhooks
    publisher: Publisher

    async def post(self, request: web.BaseRequest, integration_id: str) -> Answer:
        """Answer one post: `recorded` once the broker has confirmed. Raises GatewayError(gateway_unavailable)."""
        return await self.webhooks.post(request, integration_id, within_limit=self._within_limit)

    async def _within_limit(
        self, request: web.BaseRequest, integration: Integration, body: RequestBody, credential: CredentialKind
    ) -> Answer:
        try:
            if TIMESTAMP_HEADER not in request.headers:
                raise InvalidBody(TIMESTAMP_HEADER, "is required")  # noqa: TRY301 -- one refusal for all of them
            fields = fields_from(request, body)
            key = idempotency_key_from(request.headers.getall(IDEMPOTENCY_KEY_HEADER, ()))
        except InvalidBody as error:
            problem, broken = {"field": error.field, "problem": error.problem}, body.state is BodyState.INCOMPLETE
            return self.webhooks.refuse(
                integration, ErrorCode.INVALID_JSON, problem, credential=credential, closes_connection=broken
            )
        form = consent_form_from(fields, self.webhooks.clock())
        if not isinstance(form, ConsentForm):
            return failure(OperatorCode.INVALID_REQUEST, details=form)
        event_id = await self._event_id(Caller(integration.id, credential), key, body.body)
        if event_id is None:
            return self.webhooks.refuse(integration, ErrorCode.IDEMPOTENCY_KEY_REUSED, credential=credential)
        annotate({EVENT_ID: str(event_id)})
        await self.publisher.publish(submitted_from(form, integration), id=event_id)
        return success(AnswerStatus.RECORDED, event_id)

    async def _event_id(self, caller: Caller, key: str | None, body: bytes) -> UUID | None:
        """The id of the post's event, the same for a repetition; None for a key that was used for another body."""
        accept = self.webhooks.accept
        fingerprint = accept.pseudonyms.fingerprint(body)
        new = accept.new_id()
        claimed = await accept.idempotency.claim(
            caller=caller,
            key=key or f"form {fingerprint}",
            body_hash=fingerprint,
            event_id=str(new),
            now=accept.clock(),
        )
        if isinstance(claimed, Reused):
            return None
        return UUID(claimed.event_id) if isinstance(claimed, Duplicate) else new
