"""Know who a customer is: by phone, by business-scoped user id, or by both; what holds for one holds for the other."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from libs.contracts.identity import do_not_contact
from libs.store.conversations import Suppression, SuppressionKind, Suppressions
from libs.store.identities import Identities, Identity

COPIES = UUID("0b9f1f0e-52a9-5d4c-8f5b-6a8a7f4f2d11")
"""The namespace of copies' ids: the same suppression is copied to the same key once."""
KINDS = 10
"""More than there are kinds of suppression, and one customer has at most one active row of each."""


@dataclass(frozen=True, slots=True)
class Know:
    """Links keys and spreads suppressions. Safe to repeat: a copy's id comes from its original's."""

    identities: Identities
    suppressions: Suppressions
    key: bytes = field(repr=False)

    async def who(self, account_id: str, keys: Sequence[str], at: datetime) -> Identity:
        """The customer behind one key, or two that were seen together at `at`."""
        return await self.identities.link(account_id, keys, at)

    async def merge(self, account_id: str, identity: Identity) -> None:
        """Let what holds for one of the customer's keys hold for all, unless that is done."""
        if not identity.merged:
            await self.spread(account_id, identity.keys, identity.keys)
            await self.identities.merged(account_id, identity.keys)

    async def lift(
        self, account_id: str, keys: Sequence[str], kind: SuppressionKind, *, at: datetime, word: str
    ) -> list[Suppression]:
        """Lift one kind for every key, and what stayed of it when the customer was erased (`do_not_contact`)."""
        heard = [*((key, word) for key in keys), *((self.unnamed(key), self.unnamed(word)) for key in keys)]
        lifted = [
            await self.suppressions.lift(
                account_id=account_id, customer_key=key, kind=kind, at=at, events=(), word=said
            )
            for key, said in heard
        ]
        return [row for row in lifted if row is not None]

    def unnamed(self, word: str) -> str:
        """How a customer key or a message's id stands with what stays of somebody who was erased."""
        return do_not_contact(self.key, word)

    async def spread(self, account_id: str, origins: Sequence[str], targets: Sequence[str]) -> None:
        """Suppress each of `targets` as each of `origins` is suppressed now."""
        for origin in origins:
            rows = await self.suppressions.page(account_id=account_id, customer_key=origin, after=None, limit=KINDS)
            for row in rows:
                for target in targets:
                    if target != origin:
                        await self.suppressions.suppress(_copied(row, target), ())


def _copied(row: Suppression, key: str) -> Suppression:
    return replace(row, id=f"sup_{uuid5(COPIES, f'{row.id}:{key}').hex}", customer_key=key)
