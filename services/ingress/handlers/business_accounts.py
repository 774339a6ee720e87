"""`AttributeUpdates`: for which accounts a notice about a WhatsApp business account is, and what it learns."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from libs.chassis.clock import Clock
from libs.chassis.telemetry import logger
from libs.contracts.errors import GatewayError
from libs.providers.inbound import InboundEvent
from libs.store.accounts import BusinessAccounts, Number
from services.ingress import metrics

log = logger(__name__)
MAX_REMEMBERED: Final = 10_000
Learn = Callable[[str, str, UUID, datetime], Awaitable[bool]]
"""Stores the business account of a number (`libs.store.business_accounts`); the UUID is the event that names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeUpdates:
    """Learns a number's business account from the posts that name both, and finds the numbers of a business account."""

    business_accounts: BusinessAccounts
    learn: Learn
    clock: Clock
    _learnt: dict[str, str] = field(default_factory=dict)
    """What this process has learnt, until its cache of numbers says the same."""

    async def for_each_account(self, provider: str, found: InboundEvent) -> list[InboundEvent]:
        """The notice for each account with a number in the business account; for no account when there is none.

        Safe to repeat: an account's copy has an id that follows from the notice's.
        """
        waba = found.business_account_id
        numbers = [] if waba is None else await self.business_accounts.numbers_of(waba)
        accounts = sorted({number.account_id for number in numbers if number.provider == provider})
        if not accounts:
            metrics.UNATTRIBUTED_UPDATES.inc()
            return [found]
        return [
            InboundEvent(uuid5(found.id, account), found.event.model_copy(update={"account_id": account}))
            for account in accounts
        ]

    async def learn_from(self, found: InboundEvent, number: Number) -> None:
        """Store the number's business account if it is another one; the next post tells it again if that fails."""
        waba = found.business_account_id
        if waba is None or waba in (number.business_account_id, self._learnt.get(number.id)):
            return
        try:
            await self.learn(number.id, waba, found.id, self.clock())
        except GatewayError as error:
            log.warning("business account not stored", number_id=number.id, code=error.code.value)
            return
        if len(self._learnt) >= MAX_REMEMBERED:
            self._learnt.clear()
        self._learnt[number.id] = waba
