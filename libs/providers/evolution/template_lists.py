"""Templates of an Evolution instance on WhatsApp's business API: `GET {base_url}/template/find/{instance}`.

The server passes on the first page of Meta's list without its cursor, and takes no query that would ask for another
one (2.3.7, and its development branch in November 2026). So a full page is told as incomplete. An instance of another
kind has no templates.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from libs.providers.cloud_api.template_lists import MAX_PAGE_BYTES, templates_in
from libs.providers.http import HttpAnswer, fits_header, get_json
from libs.providers.json_values import dict_in
from libs.providers.outcomes import NotSent, OutcomeUnknown, Refused, TemplatesOutcome, TemplatesRead
from libs.providers.outgoing import NumberCredentials
from libs.providers.provider import SenderOptions

META_PAGE: Final = 25
"""Templates on a page of Meta's list when no number is asked for (Meta, "Paginated results")."""
NO_TEMPLATES: Final = TemplatesRead(())


@dataclass(frozen=True, slots=True)
class EvolutionTemplateLists:
    """Reads only from addresses that the deployment allows."""

    options: SenderOptions

    async def read(self, number: NumberCredentials, business_account_id: str | None) -> TemplatesOutcome:  # noqa: ARG002 -- the server knows it
        """As `libs.providers.provider.TemplateLists.read`."""
        problem = self.options.addresses.problem_with(number.base_url or "")
        if problem is not None or not fits_header(number.access_token):
            return NotSent(problem or "invalid_token")
        return await get_json(
            self.options.guarded_session,
            f"{(number.base_url or '').rstrip('/')}/template/find/{quote(number.phone_number_id, safe='')}",
            headers={"apikey": number.access_token},
            outcome_from=_templates_from,
            clock=self.options.clock,
            template="/template/find/{instance}",
            max_bytes=MAX_PAGE_BYTES,
        )


def _templates_from(answer: HttpAnswer) -> TemplatesOutcome:
    """The list, bare or under `data`; an answer without one is an instance that has no templates, or a failure."""
    body = answer.body if isinstance(answer.body, list) else dict_in(answer.body).get("data")
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        if not isinstance(body, list):
            return NO_TEMPLATES
        found = tuple(templates_in([dict_in(each) for each in body]))
        return TemplatesRead(found, complete=len(body) < META_PAGE)
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(code=None, http_status=answer.status, retry_after=answer.retry_after)
    return OutcomeUnknown("server_error", answer.status)
