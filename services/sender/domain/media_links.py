"""`MediaLinks`: the link to a customer's file in a forward; who holds it may open the file until it ends.

The link ends `media_link_hours` after the message, and at least an hour before WhatsApp forgets the file (7 days).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from libs.contracts.events import ForwardRequested
from libs.contracts.forwards import ForwardKind
from libs.contracts.identity import Pseudonyms
from libs.store.accounts import Integration, MediaLinkMode
from libs.store.sealer import SealingKey
from services.sender.domain.media_tokens import MediaClaims, sealed

KINDS: Final = frozenset({"image", "audio", "video", "document", "sticker"})
"""The types of messages that are a file."""
MESSAGES: Final = frozenset({ForwardKind.MESSAGE_RECEIVED, ForwardKind.CHAT_MESSAGE})
"""The kinds of forwards of a customer's message."""
IMAGES: Final = frozenset({"image", "sticker"})
LONGEST: Final = timedelta(days=7) - timedelta(hours=1)
"""WhatsApp keeps the media of a webhook for seven days (Meta, "Media")."""
MAX_FILE_NAME: Final = 120
MEDIA_PATH: Final = "/media/"


@dataclass(frozen=True, slots=True)
class LinkRules:
    """Which links an integration gets, and how long they live."""

    mode: MediaLinkMode = MediaLinkMode.ALL
    lifetime: timedelta = timedelta(hours=72)

    @classmethod
    def of(cls, integration: Integration) -> Self:
        """The rules of an integration."""
        return cls(integration.media_links, timedelta(hours=integration.media_link_hours))

    def allow(self, kind: str) -> bool:
        """Whether this kind of file gets a link, and whether such a link opens."""
        return self.mode is MediaLinkMode.ALL or (self.mode is MediaLinkMode.IMAGES and kind in IMAGES)


NO_LINKS: Final = LinkRules(MediaLinkMode.OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardedMedia:
    """A file in a message; `fields` is WhatsApp's object of it: `id`, `mime_type`, `sha256`, `filename`."""

    account_id: str
    integration_id: str
    number_id: str
    message_id: str
    sent_at: datetime
    kind: str
    fields: Mapping[str, Any] = field(repr=False)
    addresses: tuple[str, ...] = field(default=(), repr=False)
    """The phone number and the user id of who sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLink:
    """A link, and what WhatsApp says about the file."""

    url: str = field(repr=False)
    expires_at: datetime
    mime_type: str | None = None
    sha256: str | None = None
    filename: str | None = field(default=None, repr=False)

    def json(self) -> dict[str, Any]:
        """The object `media` of a forward."""
        fields = {
            "url": self.url,
            "expires_at": self.expires_at.isoformat(),
            "mime_type": self.mime_type,
            "sha256": self.sha256,
            "filename": self.filename,
        }
        return {name: value for name, value in fields.items() if value is not None}


def media_in(requested: ForwardRequested) -> ForwardedMedia | None:
    """The file in a customer's message; None when it has none."""
    message = requested.content.get("message")
    if requested.kind not in MESSAGES or not isinstance(message, dict):
        return None
    kind, fields = message.get("type"), message.get(str(message.get("type")))
    if kind not in KINDS or not isinstance(fields, dict) or not fields or requested.number_id is None:
        return None
    return ForwardedMedia(
        account_id=requested.account_id or "",
        integration_id=requested.integration_id or "",
        number_id=requested.number_id,
        message_id=str(message["id"]),
        sent_at=requested.at,
        kind=kind,
        fields=fields,
        addresses=tuple(each for each in (requested.customer, requested.customer_user_id) if each),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLinks:
    """Makes links with `keys`, the newest first. Equal files get equal links while keys and rules stay the same."""

    base_url: str | None
    """The public address of the media server; None: no links."""
    keys: Sequence[SealingKey] = field(repr=False)
    pseudonyms: Pseudonyms

    def in_forward(self, requested: ForwardRequested, rules: LinkRules) -> MediaLink | None:
        """The link of a customer's message; None without a file, or where the rules allow none."""
        media = media_in(requested)
        return None if media is None else self.link(media, rules)

    def link(self, media: ForwardedMedia, rules: LinkRules) -> MediaLink | None:
        """The link of a file; None where the rules allow none."""
        if self.base_url is None or not rules.allow(media.kind):
            return None
        claims = self._claims(media, rules)
        return MediaLink(
            url=f"{self.base_url.rstrip('/')}{MEDIA_PATH}{sealed(claims, self.keys)}",
            expires_at=datetime.fromtimestamp(claims.expires_at, UTC),
            mime_type=claims.mime_type,
            sha256=claims.sha256,
            filename=claims.filename,
        )

    def _claims(self, media: ForwardedMedia, rules: LinkRules) -> MediaClaims:
        name = _text(media.fields.get("filename"))
        key = self.pseudonyms.customer_key
        return MediaClaims(
            account_id=media.account_id,
            integration_id=media.integration_id,
            number_id=media.number_id,
            media_id=_text(media.fields.get("id")) or media.message_id,
            message_id=media.message_id,
            kind=media.kind,
            sent_at=int(media.sent_at.timestamp()),
            expires_at=int((media.sent_at + min(LONGEST, rules.lifetime)).timestamp()),
            customers=tuple(key(media.account_id, each) for each in media.addresses),
            mime_type=_text(media.fields.get("mime_type")),
            sha256=_text(media.fields.get("sha256")),
            filename=None if name is None else name[:MAX_FILE_NAME],
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
