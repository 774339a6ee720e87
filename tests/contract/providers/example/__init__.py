"""A made-up provider, which proves that a provider is one folder and one line of the registry.

Accounts run its servers, like Evolution's. They sign the body, like Meta, with the SHA-256 of the number's secret.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from libs.contracts.events import WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.contracts.webhook_secrets import NO_SECRET
from libs.providers.errors import ErrorTable, packaged_table
from libs.providers.http import HttpAnswer, fits_header, get_json, post_json
from libs.providers.inbound import (
    Inbound,
    InboundEvent,
    Skip,
    UnreadablePost,
    WebhookEndpoint,
    WebhookNumber,
    WebhookRequest,
)
from libs.providers.json_values import Json, codes_in, dict_in, id_in, json_in, list_in, phone_in, time_in
from libs.providers.outcomes import Accepted, NotSent, OutcomeUnknown, ProbeOutcome, Refused, SendOutcome, Usable
from libs.providers.outgoing import NumberCredentials, Outgoing
from libs.providers.parts import inbound_from
from libs.providers.provider import NumberProblem, Provider, SenderOptions

ERRORS: Final = packaged_table("tests.contract.providers.example")
NAMESPACE: Final = UUID("3d6b5f60-5a1e-5f0b-9a0e-0d3a3c1b7a11")
SIGNATURE_HEADER: Final = "X-Example-Signature"


@dataclass(frozen=True, slots=True)
class ExampleWebhooks:
    """Bodies of the form `{"messages": [...], "statuses": [...]}`."""

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """None: there is no handshake."""
        return None

    def authenticate(self, request: WebhookRequest) -> bool:
        """True when the signature was made with one of the number's valid secrets."""
        presented, now = request.headers.getall(SIGNATURE_HEADER, []), request.received_at
        known = request.number.secrets if request.number else ()
        secrets = [secret for secret in known or NO_SECRET if not secret.valid_until or now < secret.valid_until]
        made = [hmac.new(secret.digest, request.body, hashlib.sha256).hexdigest() for secret in secrets]
        matches = [hmac.compare_digest((presented[0] if presented else "").encode(), each.encode()) for each in made]
        return any(matches) and len(presented) == 1 and request.number is not None

    def parse(self, request: WebhookRequest) -> Inbound:
        """The messages and statuses of a known number."""
        document = json_in(request.body)
        if request.number is None:
            return Inbound()
        if not isinstance(document, dict):
            return inbound_from((Skip.UNREADABLE, UnreadablePost(request.body, request.number.phone_number_id)))
        return inbound_from(_parts(document, request.number))


def _parts(document: Json, number: WebhookNumber) -> Iterator[InboundEvent | Skip]:
    for message in map(dict_in, list_in(document.get("messages"))):
        message_id, at, customer = id_in(message.get("id")), time_in(message.get("time")), phone_in(message.get("from"))
        if message_id is None or at is None or customer is None:
            yield Skip.UNREADABLE
            continue
        received = WhatsAppMessageReceived(
            number_id=number.phone_number_id,
            message_id=message_id,
            customer=customer,
            type="text",
            text=str(message.get("text")),
            sent_at=at,
        )
        yield InboundEvent(uuid5(NAMESPACE, f"{number.id}:{message_id}"), received)
    for status in map(dict_in, list_in(document.get("statuses"))):
        message_id, at, state = id_in(status.get("id")), time_in(status.get("time")), status.get("state")
        if message_id is None or at is None or state not in ("sent", "delivered", "failed"):
            yield Skip.UNKNOWN_STATUS
            continue
        codes = codes_in(status.get("errors"))
        updated = WhatsAppStatusReceived(
            number_id=number.phone_number_id, message_id=message_id, status=state, at=at, provider_codes=codes
        )
        yield InboundEvent(uuid5(NAMESPACE, f"{number.id}:{message_id}:{state}"), updated)


@dataclass(frozen=True, slots=True)
class ExampleSender:
    """Posts `{"to": …, "text": …}` to `{base_url}/send`."""

    options: SenderOptions
    errors: ErrorTable = ERRORS

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> SendOutcome:
        """Offer one message once."""
        base = number.base_url or ""
        if (problem := self.options.addresses.problem_with(base)) is not None:
            return NotSent(problem)
        if not fits_header(number.access_token):
            return NotSent("invalid_token")
        return await post_json(
            self.options.guarded_session,
            f"{base}/send",
            {"to": outgoing.to.phone, "text": getattr(outgoing, "text", None) or getattr(outgoing, "name", "")},
            headers={"X-Token": number.access_token},
            outcome_from=outcome_from,
            clock=self.options.clock,
            template="/send",
        )

    async def probe(self, number: NumberCredentials, *, throughput: bool = False) -> ProbeOutcome:
        """`GET {base_url}/me`."""
        return await get_json(
            self.options.guarded_session,
            f"{number.base_url or ''}/me",
            headers={"X-Token": number.access_token},
            outcome_from=probe_outcome_from,
            clock=self.options.clock,
            template="/me",
        )


def probe_outcome_from(answer: HttpAnswer) -> ProbeOutcome:
    """2xx: usable. 4xx: refused. Anything else: unknown."""
    if answer.status < 300:
        return Usable()
    return Refused(code=None, http_status=answer.status) if answer.status < 500 else OutcomeUnknown("server_error")


def outcome_from(answer: HttpAnswer) -> SendOutcome:
    """2xx with an id: accepted. An error code, or 4xx: refused. Anything else: unknown."""
    fields = dict_in(answer.body)
    code, message_id = fields.get("error"), id_in(fields.get("id"))
    if type(code) is int or 300 <= answer.status < 500:
        code = code if type(code) is int else None
        return Refused(code=code, http_status=answer.status, retry_after=answer.retry_after)
    if answer.status < 300 and message_id is not None:
        return Accepted(message_id=message_id)
    return OutcomeUnknown("no_message_id" if answer.status < 300 else "server_error", answer.status)


def validate_number(*, phone_number_id: str, base_url: str | None) -> Sequence[NumberProblem]:
    """A number needs its server's address."""
    return () if base_url else (NumberProblem("base_url", "is needed: the address of the server"),)


def webhook_setup(url: str, secret: str) -> dict[str, Any]:
    """The configuration of a server."""
    return {"callback": url, "signing_secret": secret}


PROVIDER: Final = Provider(
    kind="example",
    endpoint=WebhookEndpoint(path="example", per_number=True, signs_body=True, handshake=False, repeats_after_4xx=True),
    errors=ERRORS,
    validate_number=validate_number,
    webhooks=lambda _: ExampleWebhooks(),
    sender=ExampleSender,
    webhook_setup=webhook_setup,
)
