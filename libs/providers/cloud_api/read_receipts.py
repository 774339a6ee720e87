"""The Cloud API's read receipt: `POST /{phone_number_id}/messages` with `status: read`.

Meta, "Mark messages as read" and "Typing indicators": the message is of the last 30 days.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from libs.providers.http import HttpAnswer, fits_header, post_json
from libs.providers.json_values import dict_in
from libs.providers.outcomes import Accepted, OutcomeUnknown, SendOutcome
from libs.providers.outgoing import NumberCredentials
from libs.providers.provider import SenderOptions

NO_ID = ""
"""The answer names no message."""


@dataclass(frozen=True, slots=True)
class CloudApiReadReceipts:
    """Marks with the number's token. Errors and reprs hold no tokens."""

    options: SenderOptions

    async def mark_read(self, number: NumberCredentials, message_id: str, *, typing: bool = False) -> bool:
        """As `libs.providers.read_receipts.ReadReceipts.mark_read`."""
        if not fits_header(number.access_token):
            return False
        base = (number.base_url or self.options.api_url).rstrip("/")
        body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
        if typing:
            body["typing_indicator"] = {"type": "text"}
        outcome = await post_json(
            self.options.session,
            f"{base}/{self.options.api_version}/{number.phone_number_id}/messages",
            body,
            headers={"Authorization": f"Bearer {number.access_token}"},
            outcome_from=_outcome_from,
            clock=self.options.clock,
            template="/{version}/{phone_number_id}/messages",
        )
        return isinstance(outcome, Accepted)


def _outcome_from(answer: HttpAnswer) -> SendOutcome:
    if answer.status < HTTPStatus.MULTIPLE_CHOICES and dict_in(answer.body).get("success") is True:
        return Accepted(message_id=NO_ID)
    return OutcomeUnknown("not_confirmed", answer.status)
