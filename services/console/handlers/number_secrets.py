"""A new secret for what a number's own server (Evolution) posts; the old ones live on for as long as is asked for."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from libs.contracts.events import NumberChanged
from libs.store.accounts import Number, ProviderKind
from services.console.domain.changes import changes_between
from services.console.domain.evolution import NOTICE, webhook_set, webhook_url
from services.console.domain.numbers import NumberSecretRotated, RotateNumberSecret
from services.console.domain.principals import conflict
from services.console.domain.secrets import hashed, rotated
from services.console.handlers.calling import Answer, Call
from services.console.handlers.numbers import Numbers


@dataclass(slots=True)
class _Until:
    """When the last of the old secrets ends, by the try that counted."""

    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RotateForNumber:
    """`POST /accounts/{account_id}/instances/{instance_id}/rotate-secret`."""

    numbers: Numbers = field(repr=False)

    async def __call__(self, call: Call[None, RotateNumberSecret]) -> Answer:
        """Make the new secret. Raises GatewayError(conflict) for a number whose webhooks are proven otherwise."""
        secret, until = self.numbers.new_secret(), _Until()

        async def change(standing: Number, now: datetime) -> tuple[dict[str, Any], Any]:
            if standing.provider is not ProviderKind.EVOLUTION:
                raise conflict("only an instance of Evolution has a secret of its own")
            old_until = now + timedelta(seconds=call.body.overlap_seconds)
            secrets = rotated(standing.webhook_secrets, hashed(secret), now=now, old_until=old_until)
            until.at = max((s.valid_until for s in secrets if s.valid_until), default=None)
            return {"webhook_secrets": secrets}, lambda old, new: NumberChanged(
                account_id=new.account_id,
                number_id=new.id,
                actor=call.principal.actor,
                changes=changes_between(old, new),
            )

        number = await self.numbers.changes.edit(lambda: self.numbers.number(call), change)
        url = webhook_url(self.numbers.public_url, number) or ""
        return Answer(
            NumberSecretRotated(
                instance_id=number.id,
                webhook_url=url,
                webhook_secret=secret,
                webhook_set=webhook_set(url, secret),
                old_valid_until=until.at,
                notice=NOTICE,
            )
        )
