"""Evolution's webhook requests as the same events that Meta's lead to. Only known fields are read.

So nothing else of the envelope goes on, which may hold the instance's own API key (`apikey`). `date_time` is local time
labelled as UTC and is not read: messages carry `messageTimestamp`, and other events have the time of their context.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from libs.contracts.webhook_secrets import NO_SECRET, matches_secret
from libs.providers.evolution.jids import phone_of
from libs.providers.evolution.parts import READERS, RequestContext
from libs.providers.inbound import Inbound, Part, Skip, UnreadablePost, WebhookNumber, WebhookRequest
from libs.providers.json_values import Json, dict_in, json_in
from libs.providers.parts import inbound_from, read_alone

SECRET_HEADER: Final = "X-GW-Secret"  # noqa: S105 -- a header's name


@dataclass(frozen=True, slots=True)
class EvolutionWebhooks:
    """Authenticates and reads Evolution's requests, which are not signed: a header holds the number's secret."""

    def challenge(self, query: Mapping[str, str]) -> str | None:  # noqa: ARG002 -- the protocol's
        """None: Evolution has no handshake."""
        return None

    def authenticate(self, request: WebhookRequest) -> bool:
        """True when `X-GW-Secret` came once and is one of the number's secrets that are valid now."""
        secrets = (request.number.secrets if request.number else ()) or NO_SECRET
        presented = request.headers.getall(SECRET_HEADER, [])
        return matches_secret(presented, secrets, now=request.received_at) and request.number is not None

    def parse(self, request: WebhookRequest) -> Inbound:
        """The events of a request for a known number."""
        document, number = json_in(request.body), request.number
        if number is None:
            return Inbound()
        if not isinstance(document, dict):
            return inbound_from((Skip.UNREADABLE, UnreadablePost(request.body, number.phone_number_id)))
        read = partial(_parts, request=request, number=number)
        posts = _single_posts(document)
        return inbound_from(
            part for post in posts for part in read_alone(post, read, phone_number_id=number.phone_number_id)
        )


def _single_posts(document: Json) -> Iterator[Json]:
    """The request, or one for each item of its `data`; none of them holds the instance's API key."""
    envelope = {name: value for name, value in document.items() if name != "apikey"}
    data = envelope.get("data")
    for part in data if isinstance(data, list) else (data,):
        yield {**envelope, "data": part}


def _parts(envelope: Json, request: WebhookRequest, number: WebhookNumber) -> Iterator[Part]:
    event, data = envelope.get("event"), envelope.get("data")
    read = READERS.get(event.lower().replace("_", ".")) if isinstance(event, str) else None
    if not isinstance(event, str):
        yield Skip.UNREADABLE
    elif envelope.get("instance") != number.phone_number_id:
        yield Skip.OTHER_INSTANCE
    elif read is None:
        yield Skip.OTHER_EVENT
    else:
        yield from read(dict_in(data), RequestContext(request, number, phone_of(envelope.get("sender"))))
