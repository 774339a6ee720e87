"""`ReceiveProviderWebhook` publishes the events of a provider's webhook request, all before the request is answered."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from libs.providers.inbound import Inbound, InboundEvent, Skip
from libs.store.accounts import Directory, Number
from services.ingress import metrics
from services.ingress.handlers.business_accounts import AttributeUpdates
from services.ingress.handlers.credentials import MAX_ID_LENGTH
from services.ingress.ports import Publisher

MAX_UNCONFIRMED: Final = 64  # publishes that wait for their confirm; a 4 MB request may hold ten thousand statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveProviderWebhook:
    """Safe to repeat: an event's id comes from the provider's own ids, and later services take each id once."""

    directory: Directory
    publisher: Publisher
    attribute: AttributeUpdates

    async def number(self, provider: str, number_id: str) -> Number | None:
        """The provider's number with this id. Raises GatewayError(gateway_unavailable) when the store fails."""
        number = await self.directory.number(number_id=number_id) if len(number_id) <= MAX_ID_LENGTH else None
        return number if number is not None and number.provider == provider else None

    async def __call__(self, provider: str, inbound: Inbound, number: Number | None = None) -> Counter[Skip]:
        """Publish every event; the number of parts skipped by reason. `number` is the one that the address names.

        Raises GatewayError(gateway_unavailable) when the provider must repeat the request.
        """
        events, unknown = await self._with_numbers(provider, inbound.events, number)
        skipped = inbound.skipped + Counter({Skip.UNKNOWN_NUMBER: unknown})
        for start in range(0, len(events), MAX_UNCONFIRMED):
            results = await asyncio.gather(
                *(self.publisher.publish(each.event, id=each.id) for each in events[start : start + MAX_UNCONFIRMED]),
                return_exceptions=True,
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        for each in events:
            metrics.PROVIDER_EVENTS.labels(each.event.name).inc()
        for name, count in inbound.fields.items():
            metrics.PROVIDER_FIELDS.labels(name).inc(count)
        for reason, count in skipped.items():
            metrics.PROVIDER_SKIPPED.labels(reason.value).inc(count)
        return skipped

    async def _with_numbers(
        self, provider: str, events: Sequence[InboundEvent], known: Number | None
    ) -> tuple[list[InboundEvent], int]:
        """The events with the gateway's ids in place of the provider's, and how many are of unknown numbers."""
        unknown = 0
        numbers = {known.phone_number_id: known} if known else await self._numbers(provider, events)
        found: list[InboundEvent] = []
        for each in events:
            if each.event.number_id is None:  # about a business account as a whole
                found += await self.attribute.for_each_account(provider, each)
            elif (number := numbers.get(each.event.number_id)) is not None:
                await self.attribute.learn_from(each, number)
                ids = {"number_id": number.id, "account_id": number.account_id}
                found.append(InboundEvent(each.id, each.event.model_copy(update=ids)))
            else:
                unknown += 1
        return found, unknown

    async def _numbers(self, provider: str, events: Sequence[InboundEvent]) -> dict[str, Number]:
        wanted = {each.event.number_id for each in events if each.event.number_id is not None}
        found = [await self.directory.number(phone_number_id=id_) for id_ in wanted]
        return {number.phone_number_id: number for number in found if number and number.provider == provider}
