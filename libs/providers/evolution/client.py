"""Evolution's send calls: `POST {base_url}/message/sendText/{instance}` and `…/sendTemplate/{instance}`.

There is no idempotency key, so a call is made once, and no callback data: statuses find their message by its id.
Accounts choose the address, so it is checked like a forward's, by the address that is dialled.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from libs.providers.cloud_api.client import components_from
from libs.providers.errors import ErrorTable
from libs.providers.evolution.jids import LID_SUFFIX
from libs.providers.evolution.responses import ERRORS, outcome_from, probe_outcome_from
from libs.providers.http import fits_header, get_json, post_json
from libs.providers.outcomes import NotSent, ProbeOutcome, Refused, SendOutcome
from libs.providers.outgoing import Customer, NumberCredentials, Outgoing, OutgoingText
from libs.providers.provider import SenderOptions

NO_HTTP_STATUS = 0
"""The HTTP status of a refusal without a call."""


@dataclass(frozen=True, slots=True)
class EvolutionSender:
    """Sends only to addresses that the deployment allows. Errors and reprs hold no keys, phone numbers or texts."""

    options: SenderOptions
    errors: ErrorTable = ERRORS

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> SendOutcome:
        """Offer one message once; see `libs.providers.provider.MessageSender`."""
        if (problem := self._problem_with(number)) is not None:
            return NotSent(problem)
        base = number.base_url or ""
        recipient = recipient_from(outgoing.to)
        if recipient is None:
            return Refused(code=None, http_status=NO_HTTP_STATUS, reason="no_phone")
        call, body = call_from(outgoing, recipient)
        return await post_json(
            self.options.guarded_session,
            f"{base.rstrip('/')}/message/{call}/{quote(number.phone_number_id, safe='')}",
            body,
            headers={"apikey": number.access_token},
            outcome_from=outcome_from,
            clock=self.options.clock,
            template=f"/message/{call}/{{instance}}",
        )

    async def probe(self, number: NumberCredentials, *, throughput: bool = False) -> ProbeOutcome:  # noqa: ARG002 -- it says none
        """`GET {base_url}/instance/connectionState/{instance}`; see `libs.providers.provider.MessageSender`."""
        if (problem := self._problem_with(number)) is not None:
            return NotSent(problem)
        return await get_json(
            self.options.guarded_session,
            f"{(number.base_url or '').rstrip('/')}/instance/connectionState/{quote(number.phone_number_id, safe='')}",
            headers={"apikey": number.access_token},
            outcome_from=probe_outcome_from,
            clock=self.options.clock,
            template="/instance/connectionState/{instance}",
        )

    def _problem_with(self, number: NumberCredentials) -> str | None:
        """Why no call can be made with these credentials, as one word."""
        problem = self.options.addresses.problem_with(number.base_url or "")
        if problem is not None or not number.phone_number_id.strip("."):
            return problem or "invalid_instance"
        return None if fits_header(number.access_token) else "invalid_token"


def recipient_from(customer: Customer) -> str | None:
    """The recipient: the phone number's digits, or WhatsApp's own id of the customer, which Evolution takes alike."""
    if customer.digits is not None:
        return customer.digits
    user_id = customer.user_id or ""
    return user_id if user_id.endswith(LID_SUFFIX) else None


def call_from(outgoing: Outgoing, recipient: str) -> tuple[str, dict[str, Any]]:
    """The name of the call for a message, and its body."""
    if isinstance(outgoing, OutgoingText):
        return "sendText", {"number": recipient, "text": outgoing.text, "linkPreview": False}
    template = {"name": outgoing.name, "language": outgoing.language, "components": components_from(outgoing)}
    return "sendTemplate", {"number": recipient, **template}
