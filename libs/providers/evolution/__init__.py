"""Evolution API v2, which accounts run themselves: each number has its own server and webhook secret."""

from collections.abc import Sequence
from typing import Final

from libs.providers.evolution.client import EvolutionSender
from libs.providers.evolution.media import EvolutionMedia
from libs.providers.evolution.responses import ERRORS
from libs.providers.evolution.setup import NOTICE, webhook_setup
from libs.providers.evolution.template_lists import EvolutionTemplateLists
from libs.providers.evolution.webhook import EvolutionWebhooks
from libs.providers.inbound import MEGABYTE, WebhookEndpoint
from libs.providers.provider import NumberProblem, Provider


def validate_number(*, phone_number_id: str, base_url: str | None) -> Sequence[NumberProblem]:
    """A number needs its server's address, and an instance name that cannot be taken for Meta's ids (digits alone)."""
    problems = []
    if phone_number_id.strip(".0123456789") == "":
        problems.append(NumberProblem("phone_number_id", "must be the instance's name, which must not be digits alone"))
    if base_url is None:
        problems.append(NumberProblem("base_url", "is needed: the address of the Evolution server"))
    return problems


PROVIDER: Final = Provider(
    kind="evolution",
    endpoint=WebhookEndpoint(
        path="evolution",
        per_number=True,
        signs_body=False,
        handshake=False,
        repeats_after_4xx=False,
        max_body=32 * MEGABYTE,
        embeds_media=True,
    ),
    errors=ERRORS,
    validate_number=validate_number,
    webhooks=lambda _: EvolutionWebhooks(),
    sender=EvolutionSender,
    template_lists=EvolutionTemplateLists,
    media=EvolutionMedia,
    webhook_setup=webhook_setup,
    recipient="The Evolution server of the company, and WhatsApp, which deliver the messages.",
    notice=NOTICE,
)
