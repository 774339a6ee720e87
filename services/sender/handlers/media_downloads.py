"""`MediaDownloads`: gets a file from its provider, checks it while it passes through, and says what became of it.

The rule: the last piece of a file is passed on only after its digest was compared and `media.fetched` is on the broker,
so that nobody has a whole file of which there is no record.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID, uuid5

from libs.chassis.clock import Clock, NewId
from libs.chassis.spans import Kind, span
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.contracts.events import MediaFetched
from libs.providers.errors import Effect
from libs.providers.media import (
    MediaBroken,
    MediaDescription,
    MediaFault,
    MediaSource,
    MediaStream,
    MediaWanted,
    NoMedia,
    digest_from,
)
from services.sender import metrics
from services.sender.domain.media_tokens import MediaClaims
from services.sender.domain.refusals import RefusedMessage, cause_of
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.media_access import OpenedLink
from services.sender.handlers.refusal_effects import RefusalEffects
from services.sender.ports import Numbers, Publisher

log = logger(__name__)
MISMATCH: Final = "mismatch"
DELIVERED: Final = "delivered"
_NAMESPACE: Final = UUID("5b1a1f60-8d5e-5c5e-9d0a-4f0a6a1b7c22")  # fixed: a refusal has one id for each message
UNKNOWN_NUMBER: Final = NoMedia(MediaFault.GONE)


@dataclass(slots=True)
class StreamSlots:
    """How many files of one owner (an integration, or a number's templates) are being sent by this process at once."""

    limit: int
    _taken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def slot(self, owner: str) -> Generator[bool, None, None]:
        """True, and one slot is taken while the block runs; False when all of them are."""
        free = self._taken[owner] < self.limit
        self._taken[owner] += free
        try:
            yield free
        finally:
            self._taken[owner] -= free
            if not self._taken[owner]:
                del self._taken[owner]


class OutboundFiles(Protocol):
    """Gets the files that templates show."""

    def open(self, claims: MediaClaims, *, head: bool) -> AbstractAsyncContextManager[MediaStream | NoMedia]:
        """The file of a link, as `MediaSource.open`. Raises GatewayError(gateway_unavailable) without the store."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDownloads:
    """Safe to repeat: a download changes nothing but the record, where each has its own event."""

    sources: Mapping[str, MediaSource]
    outbound: OutboundFiles
    numbers: Numbers
    errors: ErrorTables
    effects: RefusalEffects
    publisher: Publisher
    clock: Clock
    new_id: NewId
    max_bytes: int

    @asynccontextmanager
    async def open(self, link: OpenedLink, *, head: bool) -> AsyncGenerator[MediaStream | NoMedia, None]:
        """Ask for the file, of its provider or where a template's comes from. A refused token stops the number."""
        if link.claims.outbound:
            async with self.outbound.open(link.claims, head=head) as found:
                yield found
            return
        source, credentials = self.sources.get(link.number.provider), self.numbers.credentials(link.number)
        if source is None or credentials is None:
            yield UNKNOWN_NUMBER if source is None else NoMedia(MediaFault.CREDENTIALS)
            return
        claims = link.claims
        wanted = MediaWanted(
            media_id=claims.media_id, message_id=claims.message_id, max_bytes=self.max_bytes, head=head
        )
        with span("GET", Kind.CLIENT):
            async with source.open(credentials, wanted) as found:
                if isinstance(found, NoMedia):
                    await self._apply(found, link)
                yield found

    async def checked(self, stream: MediaStream, link: OpenedLink, address: str) -> AsyncIterator[bytes]:
        """The file; MediaBroken instead of its last piece when it is not the one that WhatsApp told of.

        Raises GatewayError instead of the last piece when the event cannot be published.
        """
        digest, size, held = hashlib.sha256(), 0, b""
        async for piece in stream.pieces:
            if held:
                yield held
            held, size = piece, size + len(piece)
            digest.update(piece)
        found = digest.hexdigest()
        if any(each not in (None, found) for each in _expected_digests(stream.description, link)):
            raise MediaBroken(MISMATCH)
        await self.record(link, address, outcome=DELIVERED, size=size, sha256=found)
        yield held

    async def record(
        self, link: OpenedLink, address: str, *, outcome: str, size: int = 0, sha256: str | None = None
    ) -> None:
        """Publish what became of a download. Raises GatewayError."""
        claims = link.claims
        event = MediaFetched(
            account_id=claims.account_id,
            integration_id=claims.integration_id,
            number_id=claims.number_id,
            message_id=claims.message_id,
            customer_key=next(iter(claims.customers), None),
            kind=claims.kind,
            bytes=size,
            sha256=sha256,
            address=address,
            outcome=outcome,
        )
        await self.publisher.publish(event, id=self.new_id(), at=self.clock())

    async def try_to_record(self, link: OpenedLink, address: str, *, outcome: str, size: int = 0) -> None:
        """Publish that a file was not delivered; an event that the broker does not take is counted."""
        try:
            await self.record(link, address, outcome=outcome, size=size)
        except GatewayError:
            metrics.MEDIA_UNRECORDED.inc()

    async def _apply(self, found: NoMedia, link: OpenedLink) -> None:
        refused = found.refused
        if refused is None or found.fault is not MediaFault.CREDENTIALS:
            return
        claims, table = link.claims, await self.errors.of(link.number.id)
        classification = table.classify(refused)
        log.warning("media refused", number_id=link.number.id, cause=cause_of(refused))
        if classification.effect is Effect.STOP_CREDENTIALS:
            await self.effects(
                RefusedMessage(
                    event_id=uuid5(_NAMESPACE, f"{link.number.id}:{claims.message_id}"),
                    account_id=claims.account_id,
                    integration_id=claims.integration_id,
                    number_id=link.number.id,
                    customer_key=next(iter(claims.customers), ""),
                    customer=None,
                    message_id=claims.message_id,
                    code=refused.code,
                    cause=cause_of(refused),
                    classification=classification,
                    at=self.clock(),
                )
            )


def _expected_digests(description: MediaDescription, link: OpenedLink) -> Sequence[str | None]:
    """The digests that the provider and the webhook told; None for one that cannot be read."""
    return description.sha256, digest_from(link.claims.sha256)
