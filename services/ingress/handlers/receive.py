"""`ReceiveProviderWebhook` publishes the events of a provider's webhook request, all before the request is answered."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from libs.providers.inbound import Inbound, InboundEvent, Skip
from libs.store.accounts import Number
from services.ingress import metrics
from services.ingress.handlers.business_accounts import AttributeUpdates
from services.ingress.handlers.credentials import MAX_ID_LENGTH, STAND_IN_NUMBER, UNKNOWN_ID, webhook_number_from
from services.ingress.handlers.large_posts import LargePosts
from services.ingress.ports import CallerDirectory, Publisher

MAX_UNCONFIRMED: Final = 64
"""Publishes of one request that wait for their confirm at once."""
LARGE_POST_SLICE: Final = 8
"""The same for a request with more events, of which 4 MB hold 15,000. Eight publishes hold the event loop for 1 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveProviderWebhook:
    """Safe to repeat: an event's id comes from the provider's own ids, and later services take each id once."""

    directory: CallerDirectory
    publisher: Publisher
    attribute: AttributeUpdates
    large_posts: LargePosts

    def cached_number(self, provider: str, number_id: str) -> Number | None:
        """The provider's number with this id if it is cached."""
        return _of_provider(provider, self.directory.cached_number(number_id))

    async def read_number(self, provider: str, number_id: str) -> Number | None:
        """The provider's number with this id, by one read. Raises GatewayError(gateway_unavailable)."""
        id_ = number_id if len(number_id) <= MAX_ID_LENGTH else UNKNOWN_ID
        number = await self.directory.read_number(id_)
        if number is None:
            webhook_number_from(Number.model_validate_json(STAND_IN_NUMBER))  # what a number would cost
        return _of_provider(provider, number)

    async def __call__(self, provider: str, inbound: Inbound, number: Number | None = None) -> Counter[Skip]:
        """Publish every event; the number of parts skipped by reason. `number` is the one that the address names.

        Raises GatewayError(gateway_unavailable) when the provider must repeat the request.
        """
        skipped = Counter(inbound.skipped)
        is_large = len(inbound.events) > MAX_UNCONFIRMED
        slice_ = LARGE_POST_SLICE if is_large else MAX_UNCONFIRMED
        for start in range(0, len(inbound.events), slice_):
            events, unknown = await self._with_numbers(provider, inbound.events[start : start + slice_], number)
            skipped[Skip.UNKNOWN_NUMBER] += unknown
            if is_large and events:
                async with self.large_posts.turn(events[0].event.account_id or "", events=len(events)):
                    await self._publish(events)
            else:
                await self._publish(events)
        for name, count in inbound.fields.items():
            metrics.PROVIDER_FIELDS.labels(name).inc(count)
        for reason, count in (+skipped).items():
            metrics.PROVIDER_SKIPPED.labels(reason.value).inc(count)
        return +skipped

    async def _publish(self, events: Sequence[InboundEvent]) -> None:
        results = await asyncio.gather(
            *(self.publisher.publish(each.event, id=each.id) for each in events), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        for name, count in Counter(each.event.name for each in events).items():
            metrics.PROVIDER_EVENTS.labels(name).inc(count)

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


def _of_provider(provider: str, number: Number | None) -> Number | None:
    return number if number is not None and number.provider == provider else None
