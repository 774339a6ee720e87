"""The operation that rotates the secret with which a number's own server (Evolution) authenticates its webhooks."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.providers.registry import PROVIDERS
from libs.store.accounts import Number
from services.console.domain.changes import number_changed
from services.console.domain.numbers import RotatedNumberSecretView, RotateNumberSecretRequest, webhook_set_from
from services.console.domain.refusals import conflict
from services.console.domain.secrets import rotation_of
from services.console.handlers.calls import Answer, Call
from services.console.handlers.changes import Change
from services.console.handlers.numbers import Numbers


@dataclass(frozen=True, slots=True)
class RotateNumberSecret:
    """`POST /accounts/{account_id}/instances/{instance_id}/rotate-secret`."""

    numbers: Numbers = field(repr=False)

    async def __call__(self, call: Call[None, RotateNumberSecretRequest]) -> Answer:
        """Make a new secret. Raises GatewayError(conflict) for a provider whose webhooks have no secret."""
        secret = self.numbers.new_secret()

        async def change_for(standing: Number, now: datetime) -> Change[Number, datetime | None]:
            provider = PROVIDERS.get(standing.provider)
            if provider is None or not provider.endpoint.per_number:
                raise conflict("the instance's provider has no webhook secret for each instance")
            overlap = timedelta(seconds=call.body.overlap_seconds)
            secrets, until = rotation_of(standing.webhook_secrets, secret, now=now, overlap=overlap)
            columns = {"webhook_secrets": secrets}
            return Change(columns, lambda old, new: [number_changed(old, new, call.principal.actor)], until)

        number, until = await self.numbers.changes.edit(lambda: self.numbers.number(call), change_for)
        provider = PROVIDERS[number.provider]
        url = provider.endpoint.url_for(number.id, self.numbers.public_url) or ""
        return Answer(
            RotatedNumberSecretView(
                instance_id=number.id,
                webhook_url=url,
                webhook_secret=secret,
                webhook_set=webhook_set_from(provider, url, secret) or {},
                old_valid_until=until,
                notice=provider.notice,
            )
        )
