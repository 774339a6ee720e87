"""The operation that rotates an integration's secrets; old ones stay valid for the overlap that the request names."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from libs.contracts.events import SecretRotated
from libs.store.accounts import Integration
from services.console.domain.chat_requests import chat_url
from services.console.domain.integration_views import webhook_url
from services.console.domain.secrets import RotatedSecretView, RotateSecretRequest, SecretKind, rotation_of
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Change
from services.console.handlers.integrations import FORWARD_SECRET, Integrations

COLUMNS: Final = {
    SecretKind.WEBHOOK: "secrets",
    SecretKind.PATH: "path_tokens",
    SecretKind.CHAT: "chat_keys",
}
"""Where the hashes of secrets are stored that are rotated with an overlap."""


@dataclass(frozen=True, slots=True)
class RotateIntegrationSecret:
    """`POST /integrations/{integration_id}/rotate-secret`."""

    integrations: Integrations = field(repr=False)

    async def __call__(self, call: Call[None, RotateSecretRequest]) -> Answer:
        """Make a new secret; a repeated call makes another one, and earlier ones keep their overlap."""
        return Answer(await self.rotate(call))

    async def rotate(self, call: Call[None, RotateSecretRequest]) -> RotatedSecretView:
        """The new secret, once it is stored."""
        which, id_, secret = call.body.which, call.ids["integration_id"], self.integrations.new_secret()

        async def change_for(standing: Integration, now: datetime) -> Change[Integration, datetime | None]:
            columns, until = self._columns(standing, call.body, secret, now)
            event = SecretRotated(
                account_id=standing.account_id,
                integration_id=standing.id,
                actor=call.principal.actor,
                which=which.value,
                old_valid_until=until,
            )
            return Change(columns, lambda _, __: [event], until)

        _, until = await self.integrations.changes.edit(lambda: self.integrations.integration(call), change_for)
        address = chat_url if which is SecretKind.CHAT else webhook_url
        url = address(self.integrations.public_url, id_)
        return RotatedSecretView(
            integration_id=id_,
            which=which,
            secret=secret,
            old_valid_until=until,
            webhook_url=f"{url}/{secret}" if which is SecretKind.PATH else url,
        )

    def _columns(
        self, standing: Integration, request: RotateSecretRequest, secret: str, now: datetime
    ) -> tuple[dict[str, object], datetime | None]:
        """The columns that change, and until when old secrets are valid (None: no longer)."""
        if request.which is SecretKind.FORWARD:
            sealed = self.integrations.sealer.seal(secret, owner=standing.id, field_name=FORWARD_SECRET)
            return {"sealed_forward_secret": sealed}, None
        column = COLUMNS[request.which]
        overlap = timedelta(seconds=request.overlap_seconds)
        secrets, until = rotation_of(getattr(standing, column), secret, now=now, overlap=overlap)
        return {column: secrets}, until
