"""`CustomerIdentities`: makes and links the keys of a customer, so that a suppression of one key holds for all.

A customer has a key for the phone number, one for the business-scoped user id, and one for each further phone number
by which WhatsApp finds the same account.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from libs.store.consents import Consents
from libs.store.conversations import Suppression, SuppressionKind, Suppressions
from libs.store.customer_links import CustomerLink, CustomerLinks, Relation
from libs.store.do_not_contact import DoNotContact
from libs.store.erased_customers import ErasedCustomers, cancels
from libs.store.identities import Identities, Identity

COPIES_NAMESPACE = UUID("0b9f1f0e-52a9-5d4c-8f5b-6a8a7f4f2d11")
"""The UUID namespace of copied suppressions: one suppression is copied to one key once."""
PAGE_SIZE = 10
"""More than there are kinds of suppression; a customer key has at most one active suppression of each kind."""

MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class CustomerIdentities:
    """Links customer keys and copies suppressions. Safe to repeat: the id of a copy is derived from its original."""

    identities: Identities
    suppressions: Suppressions
    do_not_contact: DoNotContact
    links: CustomerLinks
    erased_customers: ErasedCustomers
    consents: Consents
    _without_former: set[str] = field(default_factory=set)
    """Former keys under which nothing is left; it saves a look-up for every message."""

    def keys(self, account_id: str | None, *values: str | None) -> list[str]:
        """The customer keys of phone numbers and user ids; None and empty values have none."""
        return [self.do_not_contact.pseudonyms.customer_key(account_id or "", value) for value in values if value]

    async def move_former(self, account_id: str, phone: str | None) -> None:
        """Move what an earlier release stored under another spelling of the phone to the phone's key."""
        pseudonyms = self.do_not_contact.pseudonyms
        for former in pseudonyms.former_customer_keys(account_id, phone) if phone else ():
            if former not in self._without_former:
                key = pseudonyms.customer_key(account_id, phone or "")
                await self.links.rekey(account_id, former, key)
                hashes = [await self.do_not_contact.of(account_id, [each]) for each in (former, key)]
                for old, new in zip(*hashes, strict=True):
                    await self.links.rekey(account_id, old, new)
                if len(self._without_former) >= MAX_REMEMBERED:
                    self._without_former.clear()
                self._without_former.add(former)

    async def pair(self, account_id: str, key: str, at: datetime) -> Identity:
        """The customer of one key with the phone or user id that WhatsApp showed with it, without further numbers."""
        return await self.identities.link(account_id, [key], at)

    async def link(self, account_id: str, keys: Sequence[str], at: datetime) -> Identity:
        """The customer of one key, or of the phone's and the user id's key, which were seen together at `at`.

        `keys` come first in the result, then the other keys of the customer. A number that WhatsApp shows by itself is
        no other account's alias from then on: it may have a new owner.
        """
        pair = await self.identities.link(account_id, keys, at)
        found = await self.links.find(account_id, pair.keys)
        if any(row.customer_key == keys[0] and row.relation is Relation.ALIAS for row in found):
            await self.links.leave(account_id, keys[0], at)
            found = await self.links.find(account_id, pair.keys)
        if len(keys) > 1 and not _are_joined(found, keys):
            await self.links.join(account_id, keys[1], keys[0], Relation.USER_ID, at)
            found = await self.links.find(account_id, pair.keys)
        return replace(pair, keys=tuple(dict.fromkeys((*pair.keys, *(row.customer_key for row in found)))))

    async def main_key(self, account_id: str, key: str) -> str:
        """The main key of the customer with this key."""
        return next((row.main_key for row in await self.links.find(account_id, [key])), key)

    async def known_keys(self, account_id: str, key: str, at: datetime) -> tuple[str, ...]:
        """The key, then the customer's other keys as WhatsApp has shown them so far; links nothing and undoes none."""
        pair = await self.pair(account_id, key, at)
        found = await self.links.find(account_id, pair.keys)
        return tuple(dict.fromkeys((key, *pair.keys, *(row.customer_key for row in found))))

    async def join_alias(self, account_id: str, alias: str, main_key: str, at: datetime) -> Identity:
        """Make `alias` another phone key of the customer of `main_key`; what is under either is to be merged."""
        await self.links.join(account_id, alias, main_key, Relation.ALIAS, at)
        return await self.link(account_id, [main_key], at)

    async def merge(self, account_id: str, identity: Identity) -> None:
        """Copy the suppressions of each key to the others, unless that is done already."""
        if not identity.merged:
            await self.copy_suppressions(account_id, identity.keys, identity.keys)
            await self.identities.mark_merged(account_id, identity.keys[:2])

    async def lift(
        self, account_id: str, keys: Sequence[str], kind: SuppressionKind, *, at: datetime, deduplication_key: str
    ) -> list[Suppression]:
        """Lift one kind of suppression of every key, and of its do-not-contact hash, which remains after an erasure.

        What remains has the day of the opt-out alone. So an opt-in from before the erasure does not lift it: it may be
        older than the opt-out.
        """
        names = [(key, deduplication_key) for key in keys]
        if not cancels(await self.erased_customers.erased_at(account_id, keys), at):
            repeated = self.do_not_contact.pseudonyms.do_not_contact_hash(deduplication_key)
            names += [(hash_, repeated) for hash_ in await self.do_not_contact.of(account_id, keys)]
        lifted = [
            await self.suppressions.lift(
                account_id=account_id, customer_key=key, kind=kind, at=at, events=(), deduplication_key=name
            )
            for key, name in names
        ]
        return [row for row in lifted if row is not None]

    async def copy_suppressions(self, account_id: str, origins: Sequence[str], targets: Sequence[str]) -> None:
        """Give each of `targets` the active suppressions, the consents and their withdrawals of each of `origins`."""
        await self.consents.copy(account_id, origins, targets)
        for origin in origins:
            rows = await self.suppressions.page(account_id=account_id, customer_key=origin, after=None, limit=PAGE_SIZE)
            for row in rows:
                for target in targets:
                    if target != origin:
                        await self.suppressions.suppress(_copied(row, target), ())


def _are_joined(found: Sequence[CustomerLink], keys: Sequence[str]) -> bool:
    """Whether a phone and a user id are joined, and nothing is left to do that a process may have died before."""
    mains = {row.customer_key: row.main_key for row in found}
    users = {row.customer_key for row in found if row.relation is Relation.USER_ID}
    return users == {keys[1]} and mains[keys[1]] == mains.get(keys[0], keys[0]) and keys[1] not in mains.values()


def _copied(row: Suppression, key: str) -> Suppression:
    """The suppression for another key, as of the latest request that it includes."""
    copy_id = f"sup_{uuid5(COPIES_NAMESPACE, f'{row.id}:{key}').hex}"
    return replace(row, id=copy_id, customer_key=key, since=row.latest_at, repeated_at=None)
