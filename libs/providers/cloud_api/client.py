"""The Cloud API's send call: `POST /{version}/{phone_number_id}/messages` (Meta's "Send messages" reference).

The API has no idempotency key, so a call is made once. "Not sent" is the outcome only when no byte left the gateway.
"""

from dataclasses import dataclass

from libs.providers.cloud_api.message_bodies import body_from
from libs.providers.cloud_api.responses import ERRORS, outcome_from, probe_outcome_from
from libs.providers.errors import ErrorTable
from libs.providers.http import fits_header, get_json, post_json
from libs.providers.outcomes import NotSent, ProbeOutcome, SendOutcome
from libs.providers.outgoing import NumberCredentials, Outgoing
from libs.providers.provider import SenderOptions


@dataclass(frozen=True, slots=True)
class CloudApiSender:
    """Sends to the deployment's API address. Errors and reprs hold no tokens, phone numbers or texts."""

    options: SenderOptions
    errors: ErrorTable = ERRORS

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> SendOutcome:
        """Offer one message once; see `libs.providers.provider.MessageSender`."""
        if not fits_header(number.access_token):
            return NotSent("invalid_token")
        base = (number.base_url or self.options.api_url).rstrip("/")
        return await post_json(
            self.options.session,
            f"{base}/{self.options.api_version}/{number.phone_number_id}/messages",
            body_from(outgoing),
            headers={"Authorization": f"Bearer {number.access_token}"},
            outcome_from=outcome_from,
            clock=self.options.clock,
            template="/{version}/{phone_number_id}/messages",
        )

    async def probe(self, number: NumberCredentials, *, throughput: bool = False) -> ProbeOutcome:
        """`GET /{version}/{phone_number_id}?fields=id`; see `libs.providers.provider.MessageSender`."""
        if not fits_header(number.access_token):
            return NotSent("invalid_token")
        base = (number.base_url or self.options.api_url).rstrip("/")
        fields = "id,throughput" if throughput else "id"
        return await get_json(
            self.options.session,
            f"{base}/{self.options.api_version}/{number.phone_number_id}?fields={fields}",
            headers={"Authorization": f"Bearer {number.access_token}"},
            outcome_from=probe_outcome_from,
            clock=self.options.clock,
            template="/{version}/{phone_number_id}",
        )
