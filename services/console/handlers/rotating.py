"""A new secret for an integration: the old ones live on for as long as the operator asks, and no longer."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from libs.contracts.events import SecretRotated
from libs.store.accounts import Directory, Integration
from services.console.domain.integrations_shown import webhook_url
from services.console.domain.secrets import RotateSecret, SecretRotatedShown, Which, hashed, rotated
from services.console.handlers.calling import Answer, Call
from services.console.handlers.changing import Changes
from services.console.handlers.integrations import FORWARD_SECRET, integration_of
from services.console.ports import NewSecret, Seals


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate:
    """`POST /integrations/{integration_id}/rotate-secret`."""

    directory: Directory
    changes: Changes
    seals: Seals
    new_secret: NewSecret = field(repr=False)
    public_url: str

    async def __call__(self, call: Call[None, RotateSecret]) -> Answer:
        """Make the new secret; a repetition makes another, and the ones before live on for their overlap."""
        return Answer(await self.rotated(call))

    async def rotated(self, call: Call[None, RotateSecret]) -> SecretRotatedShown:
        """The new secret, once it holds."""
        which, id_, secret = call.body.which, call.ids["integration_id"], self.new_secret()
        until: list[datetime | None] = [None]

        async def change(standing: Integration, now: datetime) -> tuple[dict[str, Any], Any]:
            columns, until[0] = self._columns(standing, call.body, secret, now)
            return columns, lambda _, new: SecretRotated(
                account_id=new.account_id,
                integration_id=new.id,
                actor=call.principal.actor,
                which=which.value,
                old_valid_until=until[0],
            )

        await self.changes.edit(lambda: integration_of(self.directory, call.principal, id_), change)
        url = webhook_url(self.public_url, id_)
        return SecretRotatedShown(
            integration_id=id_,
            which=which,
            secret=secret,
            old_valid_until=until[0],
            webhook_url=f"{url}/{secret}" if which is Which.PATH else url,
        )

    def _columns(
        self, standing: Integration, asked: RotateSecret, secret: str, now: datetime
    ) -> tuple[dict[str, Any], datetime | None]:
        """The columns that change, and until when old secrets are taken (None: no longer)."""
        if asked.which is Which.FORWARD:
            return {
                "sealed_forward_secret": self.seals.seal(secret, owner=standing.id, field_name=FORWARD_SECRET)
            }, None
        column = "secrets" if asked.which is Which.WEBHOOK else "path_tokens"
        old_until = now + timedelta(seconds=asked.overlap_seconds)
        secrets = rotated(getattr(standing, column), hashed(secret), now=now, old_until=old_until)
        return {column: secrets}, max((s.valid_until for s in secrets if s.valid_until), default=None)
