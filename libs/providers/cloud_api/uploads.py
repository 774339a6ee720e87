"""Uploads at the Cloud API: `POST /{version}/{phone_number_id}/media` (Meta, "Media"). An id is good for 30 days."""

from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from libs.providers.cloud_api.responses import refusal_of_number_in
from libs.providers.http import HttpAnswer, fits_header, post
from libs.providers.json_values import dict_in, id_in
from libs.providers.outcomes import NotSent, OutcomeUnknown, Refused, Uploaded, UploadOutcome
from libs.providers.outgoing import MediaFile, NumberCredentials
from libs.providers.provider import SenderOptions

TIMEOUT_S = 15.0
"""Seconds that a small upload may take, connecting included."""
BYTES_A_SECOND = 2_000_000
"""The slowest connection on which a large upload is waited for."""


@dataclass(frozen=True, slots=True)
class CloudApiUploads:
    """Uploads to the deployment's API address. Errors and reprs hold no tokens."""

    options: SenderOptions

    async def upload(self, number: NumberCredentials, file: MediaFile) -> UploadOutcome:
        """As `libs.providers.provider.MediaUploads.upload`."""
        if not fits_header(number.access_token):
            return NotSent("invalid_token")
        base = (number.base_url or self.options.api_url).rstrip("/")
        with file.open() as content:
            form = _form(file, content)
            return await post(
                self.options.session,
                f"{base}/{self.options.api_version}/{number.phone_number_id}/media",
                form,
                headers={"Authorization": f"Bearer {number.access_token}", "Content-Type": form.content_type},
                outcome_from=outcome_from,
                clock=self.options.clock,
                template="/{version}/{phone_number_id}/media",
                timeout_s=TIMEOUT_S + file.bytes / BYTES_A_SECOND,
            )


def _form(file: MediaFile, content: object) -> aiohttp.MultipartWriter:
    """The form; the file has a constant name, since the message says which one is shown."""
    form = aiohttp.MultipartWriter("form-data")
    for name, value in (("messaging_product", "whatsapp"), ("type", file.mime_type)):
        form.append(value).set_content_disposition("form-data", name=name)
    part = form.append(content, {"Content-Type": file.mime_type})
    part.set_content_disposition("form-data", name="file", filename="file")
    return form


def outcome_from(answer: HttpAnswer) -> UploadOutcome:
    """The outcome that an answer of the media endpoint means."""
    body = dict_in(answer.body)
    refused = refusal_of_number_in(answer, body.get("error"))
    if refused is not None:
        return refused
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        media_id = id_in(body.get("id"))
        return OutcomeUnknown("no_media_id", answer.status) if media_id is None else Uploaded(media_id)
    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(code=None, http_status=answer.status, retry_after=answer.retry_after)
    return OutcomeUnknown("server_error", answer.status)
