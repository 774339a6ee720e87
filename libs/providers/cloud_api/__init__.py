"""Meta's Cloud API: one webhook address for all numbers, signed with the app secret; errors have Meta's codes."""

from collections.abc import Sequence
from typing import Final

from libs.providers.cloud_api.api_versions import end_of
from libs.providers.cloud_api.client import CloudApiSender
from libs.providers.cloud_api.contact_books import CloudApiContactBooks
from libs.providers.cloud_api.media import CloudApiMedia
from libs.providers.cloud_api.read_receipts import CloudApiReadReceipts
from libs.providers.cloud_api.responses import ERRORS
from libs.providers.cloud_api.template_lists import CloudApiTemplateLists
from libs.providers.cloud_api.uploads import CloudApiUploads
from libs.providers.cloud_api.webhook import CloudApiWebhooks
from libs.providers.inbound import WebhookEndpoint
from libs.providers.provider import NumberProblem, Provider


def validate_number(*, phone_number_id: str, base_url: str | None) -> Sequence[NumberProblem]:  # noqa: ARG001 -- any id
    """A number has no address of its own: the deployment's settings hold the Cloud API's."""
    if base_url is None:
        return ()
    return (NumberProblem("base_url", "must not be given: the deployment's settings hold the Cloud API's address"),)


PROVIDER: Final = Provider(
    kind="cloud_api",
    endpoint=WebhookEndpoint(
        path="whatsapp", per_number=False, signs_body=True, handshake=True, repeats_after_4xx=True
    ),
    errors=ERRORS,
    validate_number=validate_number,
    webhooks=CloudApiWebhooks,
    sender=CloudApiSender,
    uploads=CloudApiUploads,
    template_lists=CloudApiTemplateLists,
    media=CloudApiMedia,
    read_receipts=CloudApiReadReceipts,
    contact_books=CloudApiContactBooks,
    api_end=end_of,
    recipient="Meta Platforms (WhatsApp Business), which delivers the messages.",
)
