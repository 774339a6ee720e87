"""`TemplateFileLinks`: the address at which WhatsApp fetches the file of a template that a server cannot upload.

The rule: the link leads to us and never to the account's own address, and opens only the file that was checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from libs.contracts.content import MediaRequest
from libs.contracts.events import MessageApproved
from libs.store.sealer import SealingKey
from services.sender.domain.media_links import MEDIA_PATH
from services.sender.domain.media_tokens import MAX_TOKEN, MediaClaims, sealed
from services.sender.domain.outbound_files import CheckedFile

LIFETIME: Final = timedelta(hours=1)
"""WhatsApp fetches a file within seconds of taking the message; this leaves room for its retries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFileLinks:
    """Makes links with `keys`, the newest first; nothing about them is stored."""

    base_url: str | None
    """The public address of the media server; None: no links."""
    keys: Sequence[SealingKey] = field(repr=False)

    def link(
        self, approved: MessageApproved, media: MediaRequest, file: CheckedFile, *, name: str | None, now: datetime
    ) -> str | None:
        """The link to the checked file of a message; None where links cannot be made, or for an address too long."""
        if self.base_url is None:
            return None
        claims = MediaClaims(
            account_id=approved.account_id or "",
            integration_id=approved.integration_id or "",
            number_id=approved.number_id,
            media_id="",
            message_id=str(approved.event_id),
            kind=media.kind.value,
            sent_at=int(now.timestamp()),
            expires_at=int((now + LIFETIME).timestamp()),
            customers=(approved.customer_key,),
            mime_type=file.mime_type,
            sha256=file.sha256,
            filename=name,
            url=media.url,
            upload_id=media.upload_id,
            size=file.bytes,
        )
        token = sealed(claims, self.keys)
        return f"{self.base_url.rstrip('/')}{MEDIA_PATH}{token}" if len(token) <= MAX_TOKEN else None
