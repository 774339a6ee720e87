"""Keeps what providers posted and ingress could not read, and reads it again when an operator replays it.

The rule: a provider learns 200 only when every part of its post is either published as an event or kept here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from multidict import CIMultiDict

from libs.chassis.settlement import GiveUp
from libs.chassis.subscriptions import Received
from libs.chassis.telemetry import logger
from libs.chassis.topology import POSTS
from libs.contracts.events import WhatsAppPostSetAside
from libs.contracts.identity import Pseudonyms
from libs.providers.inbound import Inbound, Skip, UnreadablePost, WebhookRequest, WebhookSource
from libs.store.accounts import Directory, Number
from libs.store.posts import PostSealer
from libs.store.sealer import CannotOpen
from services.ingress import metrics
from services.ingress.handlers.credentials import webhook_number_from
from services.ingress.handlers.receive import ReceiveProviderWebhook
from services.ingress.ports import DeadLetterPublisher

log = logger(__name__)
REASON: Final = "unreadable_post"
MAX_APART: Final = 50
"""Unreadable parts of one post that are kept each by itself; a post with more is kept whole."""
NAMESPACE: Final = UUID("5b1a7f0e-2c4d-5e8b-9a36-7d0c1e5f9b42")  # fixed: the same part always has the same id


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """An authentic request of a provider, as `KeepPosts` keeps it."""

    endpoint: str
    """The path of the provider's webhook address."""
    provider: str
    number: Number | None
    """The number that the address names."""
    arrived_at: datetime
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPosts:
    """Safe to repeat: a part that comes again has the same message id, and reading it twice gives the same events."""

    dead_letters: DeadLetterPublisher
    directory: Directory
    sealer: PostSealer
    pseudonyms: Pseudonyms

    async def __call__(self, post: Post, inbound: Inbound) -> None:
        """Keep what could not be read. Raises GatewayError(gateway_unavailable) when the provider must repeat the post.

        The whole post is kept where its reader does not tell which part it could not read.
        """
        apart = 0 < len(inbound.unreadable) <= MAX_APART
        for part in inbound.unreadable if apart else (UnreadablePost(post.body),):
            await self._keep(post, part)

    async def _keep(self, post: Post, part: UnreadablePost) -> None:
        body, number_id = part.body, post.number.id if post.number else None
        id_ = uuid5(NAMESPACE, f"{post.endpoint}:{number_id}:{self.pseudonyms.fingerprint(body)}")
        event = WhatsAppPostSetAside(
            account_id=await self._account_id(post, part),
            endpoint=post.endpoint,
            number_id=number_id,
            arrived_at=post.arrived_at,
            sealed=self.sealer.seal(body, id_),
        )
        await self.dead_letters.dead_letter(event, POSTS, id=id_, reason=REASON)
        metrics.POSTS_SET_ASIDE.labels(post.endpoint).inc()
        log.warning("post set aside", endpoint=post.endpoint, number_id=number_id, message_id=str(id_))

    async def _account_id(self, post: Post, part: UnreadablePost) -> str | None:
        """The account of the number that the address, or else the part, names; None when neither names one."""
        if post.number is not None or part.phone_number_id is None:
            return post.number.account_id if post.number else None
        number = await self.directory.number(phone_number_id=part.phone_number_id)
        return number.account_id if number is not None and number.provider == post.provider else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSource:
    """What reads the posts of one provider."""

    kind: str
    webhooks: WebhookSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPost:
    """Safe to repeat: the events' ids come from the post, and later services take each id once."""

    sources: Mapping[str, ProviderSource]
    """By the path of the webhook address."""
    receive: ReceiveProviderWebhook
    sealer: PostSealer

    async def __call__(self, received: Received[WhatsAppPostSetAside]) -> None:
        """Publish what can be read now. The post is a dead letter again while a part of it still cannot be read."""
        event = received.event
        source = self.sources.get(event.endpoint)
        if source is None:
            raise GiveUp("unknown_endpoint")
        try:
            body = self.sealer.open(event.sealed, received.id)
        except CannotOpen:
            raise GiveUp("sealing_key_missing") from None
        number = None if event.number_id is None else await self.receive.read_number(source.kind, event.number_id)
        if event.number_id is not None and number is None:  # deleted meanwhile
            metrics.PROVIDER_SKIPPED.labels(Skip.UNKNOWN_NUMBER.value).inc()
            return
        request = WebhookRequest(
            headers=CIMultiDict(),
            received_at=event.arrived_at,
            body=body,
            number=None if number is None else webhook_number_from(number),
        )
        inbound = await self.receive.large_posts.read(source.webhooks, request)
        await self.receive(source.kind, inbound, number)
        if not inbound.is_whole:
            raise GiveUp(REASON)
