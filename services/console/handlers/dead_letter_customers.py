"""Whom a dead letter is about: found by its decrypted content, since nothing beside it names a person."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from libs.chassis.subscriptions import DeadLettered
from libs.contracts.identity import Pseudonyms
from libs.contracts.phone_numbers import NumberSource, candidates
from libs.store.accounts import Account, Page, Registry
from libs.store.erased_customers import ErasedCustomers, cancels
from libs.store.posts import PostSealer
from libs.store.sealer import CannotOpen
from services.console.domain.batches import batches_of
from services.console.domain.dead_letters import times_in
from services.console.domain.subjects import identifiers_in, sealed_post_in, short_texts_in

MAX_TEXTS: Final = 10_000
"""Texts of one letter that are looked at: more than any event or post of a provider holds, and some seconds' work."""
AT_ONCE: Final = 500
"""Customer keys in one look-up, and accounts in one page."""


@dataclass(frozen=True, slots=True)
class DeadLetterCustomers:
    """Makes the customer keys that a dead letter may be about."""

    pseudonyms: Pseudonyms
    post_sealer: PostSealer = field(repr=False)

    async def all_keys(self, packed: str, account_id: str, region: str) -> Sequence[str]:
        """The keys, each once; made in a thread, since a large letter may hold thousands of texts."""
        return await asyncio.to_thread(lambda: list(dict.fromkeys(self.keys(packed, account_id, region))))

    def keys(self, packed: str, account_id: str, region: str) -> Iterator[str]:
        """The keys of every phone and user id in the content, and each text, which may be a customer key itself."""
        for text in islice(dict.fromkeys(self._texts_in(packed)), MAX_TEXTS):
            yield text
            for address in _addresses_in(text, region):
                yield self.pseudonyms.customer_key(account_id, address)

    def _texts_in(self, packed: str) -> Iterator[str]:
        post = sealed_post_in(packed)
        if post is None:
            return short_texts_in(packed)
        id_, sealed = post
        try:
            return identifiers_in(self.post_sealer.open(sealed, id_))
        except CannotOpen:
            return iter(())  # nobody can decrypt it any more, and it is deleted when it expires


@dataclass(frozen=True, slots=True)
class ErasedDeadLetters:
    """Recognizes dead letters that arrive after the person they are about was erased."""

    customers: DeadLetterCustomers
    registry: Registry
    erased_customers: ErasedCustomers

    async def __call__(self, received: DeadLettered) -> bool:
        """Whether it is from before the erasure of a person whom it names. What they do later is new."""
        times = (received.died_at, *times_in(received.serialized))
        async for account in self._accounts(received.account_id):
            keys = await self.customers.all_keys(received.serialized, account.id, account.default_region)
            for some in batches_of(keys, AT_ONCE):
                if cancels(await self.erased_customers.erased_at(account.id, some), *times):
                    return True
        return False

    async def _accounts(self, account_id: str | None) -> AsyncIterator[Account]:
        """The account; every account for a post of no account."""
        after: str | None = None
        while rows := await self.registry.page(Account, Page(AT_ONCE, after, account_id)):
            for row in rows:
                yield row
            after = rows[-1].id


def _addresses_in(text: str, region: str) -> Iterator[str]:
    """The user ids and phones that a text may mean; of two readings the subject's counts, because it is known."""
    yield text
    for source in (NumberSource.ANY, NumberSource.WHATSAPP):  # posts hold WhatsApp's own form, which may be no number
        found = candidates(text, region=region, source=source)
        for reading in (*found.to_look_up, found.otherwise):
            if reading is not None:
                yield reading.e164
