"""Customers: whom an account knows."""

from collections.abc import Collection
from typing import Protocol

from libs.store.do_not_contact import DoNotContact


class Customers(Protocol):
    """Looks up customers by their keys."""

    async def known(self, account_id: str, customer_keys: Collection[str]) -> frozenset[str]:
        """The keys that the account knows, read in one round trip.

        A key is known by a conversation with any of the account's numbers, by a suppression (also a lifted one), or by
        an identity (`identities`, `customer_links`). A do-not-contact hash is known by its suppression, so pass it as a
        key of its own.
        """


async def known_phones(
    customers: Customers, do_not_contact: DoNotContact, account_id: str, phones: Collection[str]
) -> frozenset[str]:
    """Which of these phones (canonical E.164) the account knows; no round trip without phones, otherwise two.

    Keys of earlier releases and erased customers who must not be contacted count as well.
    """
    if not phones:
        return frozenset()
    keys = {phone: await _keys_of(do_not_contact, account_id, phone) for phone in phones}
    found = await customers.known(account_id, frozenset[str]().union(*keys.values()))
    return frozenset(phone for phone, each in keys.items() if each & found)


async def _keys_of(do_not_contact: DoNotContact, account_id: str, phone: str) -> frozenset[str]:
    pseudonyms = do_not_contact.pseudonyms
    keys = (pseudonyms.customer_key(account_id, phone), *pseudonyms.former_customer_keys(account_id, phone))
    return frozenset((*keys, *await do_not_contact.of(account_id, keys)))
