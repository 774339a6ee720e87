"""Evolution's send calls: `POST {base_url}/message/{call}/{instance}` (`libs.providers.evolution.message_calls`).

There is no idempotency key, so a call is made once, and no callback data: statuses find their message by its id.
Accounts choose the address, so it is checked like a forward's, by the address that is dialled.
"""

from dataclasses import dataclass
from urllib.parse import quote

import orjson

from libs.providers.errors import ErrorTable
from libs.providers.evolution.jids import LID_SUFFIX
from libs.providers.evolution.message_calls import body_with_file, call_from, unsupported_part_of
from libs.providers.evolution.responses import ERRORS, outcome_from, probe_outcome_from
from libs.providers.http import fits_header, get_json, post
from libs.providers.outcomes import NotSent, ProbeOutcome, Refused, SendOutcome
from libs.providers.outgoing import Customer, NumberCredentials, Outgoing
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
        if (reason := unsupported_part_of(outgoing)) is not None:
            return Refused(code=None, http_status=NO_HTTP_STATUS, reason=reason)
        call = call_from(outgoing, recipient)
        try:
            data = orjson.dumps(call.body) if call.file is None else body_with_file(call.body, call.file)
        except orjson.JSONEncodeError:
            return NotSent("invalid_message")
        return await post(
            self.options.guarded_session,
            f"{base.rstrip('/')}/message/{call.name}/{quote(number.phone_number_id, safe='')}",
            data,
            headers={"apikey": number.access_token, "Content-Type": "application/json"},
            outcome_from=outcome_from,
            clock=self.options.clock,
            template=f"/message/{call.name}/{{instance}}",
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
