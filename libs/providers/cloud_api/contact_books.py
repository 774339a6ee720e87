"""The Cloud API's contact book: `DELETE /{phone_number_id}/contact_book?messaging_product=whatsapp&bsuid=…`.

Meta, "Business-scoped user IDs": the book is filled by messages and by shared contacts, and keeps an entry for 30 days.
"""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from libs.providers.cloud_api.responses import refusal_in
from libs.providers.contact_books import DeletionOutcome, EntryDeleted
from libs.providers.http import HttpAnswer, delete, fits_header
from libs.providers.json_values import dict_in
from libs.providers.outcomes import NotSent, OutcomeUnknown, Refused
from libs.providers.outgoing import NumberCredentials
from libs.providers.provider import SenderOptions


@dataclass(frozen=True, slots=True)
class CloudApiContactBooks:
    """Deletes with the number's token. Errors and reprs hold no tokens and no user ids."""

    options: SenderOptions

    async def delete(self, number: NumberCredentials, user_id: str) -> DeletionOutcome:
        """As `libs.providers.contact_books.ContactBooks.delete`."""
        if not fits_header(number.access_token):
            return NotSent("invalid_token")
        base = (number.base_url or self.options.api_url).rstrip("/")
        return await delete(
            self.options.session,
            f"{base}/{self.options.api_version}/{number.phone_number_id}/contact_book"
            f"?messaging_product=whatsapp&bsuid={quote(user_id, safe='')}",
            headers={"Authorization": f"Bearer {number.access_token}"},
            outcome_from=outcome_from,
            clock=self.options.clock,
            template="/{version}/{phone_number_id}/contact_book",
        )


def outcome_from(answer: HttpAnswer) -> DeletionOutcome:
    """The outcome that an answer means; what does not say `success` proves nothing."""
    body = dict_in(answer.body)
    refused = refusal_in(answer, body.get("error"))
    if refused is not None:
        return refused
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return EntryDeleted() if body.get("success") is True else OutcomeUnknown("not_confirmed", answer.status)
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(code=None, http_status=answer.status, retry_after=answer.retry_after)
    return OutcomeUnknown("server_error", answer.status)
