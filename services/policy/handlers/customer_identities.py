"""`CustomerIdentities`: makes and links the keys of a customer, so that a suppression of one key holds for all.

A customer has a key for the phone number, one for the business-scoped user id, or both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from libs.contracts.identity import Pseudonyms
from libs.store.conversations import Suppression, SuppressionKind, Suppressions
from libs.store.identities import Identities, Identity

COPIES_NAMESPACE = UUID("0b9f1f0e-52a9-5d4c-8f5b-6a8a7f4f2d11")
"""The UUID namespace of copied suppressions: one suppression is copied to one key once."""
PAGE_SIZE = 10
"""More than there are kinds of suppression; a customer key has at most one active suppression of each kind."""


@dataclass(frozen=True, slots=True)
class CustomerIdentities:
    """Links customer keys and copies suppressions. Safe to repeat: the id of a copy is derived from its original."""

    identities: Identities
    suppressions: Suppressions
    pseudonyms: Pseudonyms

    def keys(self, account_id: str | None, *values: str | None) -> list[str]:
        """The customer keys of phone numbers and user ids; None and empty values have none."""
        return [self.pseudonyms.customer_key(account_id or "", value) for value in values if value]

    async def link(self, account_id: str, keys: Sequence[str], at: datetime) -> Identity:
        """The customer of one key, or of two keys that were seen together at `at`."""
        return await self.identities.link(account_id, keys, at)

    async def merge(self, account_id: str, identity: Identity) -> None:
        """Copy the suppressions of each key to the others, unless that is done already."""
        if not identity.merged:
            await self.copy_suppressions(account_id, identity.keys, identity.keys)
            await self.identities.mark_merged(account_id, identity.keys)

    async def lift(
        self, account_id: str, keys: Sequence[str], kind: SuppressionKind, *, at: datetime, deduplication_key: str
    ) -> list[Suppression]:
        """Lift one kind of suppression of every key, and of its do-not-contact hash, which remains after an erasure."""
        hashed = self.pseudonyms.do_not_contact_hash
        names = [
            *((key, deduplication_key) for key in keys),
            *((hashed(key), hashed(deduplication_key)) for key in keys),
        ]
        lifted = [
            await self.suppressions.lift(
                account_id=account_id, customer_key=key, kind=kind, at=at, events=(), deduplication_key=name
            )
            for key, name in names
        ]
        return [row for row in lifted if row is not None]

    async def copy_suppressions(self, account_id: str, origins: Sequence[str], targets: Sequence[str]) -> None:
        """Give each of `targets` the active suppressions of each of `origins`."""
        for origin in origins:
            rows = await self.suppressions.page(account_id=account_id, customer_key=origin, after=None, limit=PAGE_SIZE)
            for row in rows:
                for target in targets:
                    if target != origin:
                        await self.suppressions.suppress(_copied(row, target), ())


def _copied(row: Suppression, key: str) -> Suppression:
    return replace(row, id=f"sup_{uuid5(COPIES_NAMESPACE, f'{row.id}:{key}').hex}", customer_key=key)
