"""`SubjectLookup` finds the data subject that an operator names by phone or user id, and the subject's records."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

from libs.store.accounts import Account, Directory
from libs.store.contacts import Contact
from libs.store.do_not_contact import DoNotContact
from libs.store.records import Record, RecordFilter, Records
from libs.store.subjects import Subjects
from services.console.domain.principals import Principal
from services.console.domain.refusals import invalid
from services.console.handlers.accounts import account_in_field
from services.console.handlers.customer_keys import CustomerKeys
from services.console.handlers.customer_lookup import CustomerLookup

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class DataSubject:
    """A customer of an account; anything or nothing may be stored about them."""

    account: Account
    phone: str | None = field(repr=False)
    user_id: str | None = field(repr=False)
    customer_keys: tuple[str, ...]
    """The key of the phone or user id that was given first, then those of the identities that belong to it.

    Keys of other spellings, which an earlier release made, are the last ones.
    """
    contacts: tuple[Contact, ...] = field(default=(), repr=False)
    """The addresses that are kept sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectLookup:
    """Finds data subjects and their pseudonyms."""

    directory: Directory
    subjects: Subjects
    do_not_contact: DoNotContact
    customer: CustomerLookup
    keys: CustomerKeys

    async def find(
        self,
        principal: Principal,
        account_id: str | None,
        phone: str | None,
        user_id: str | None,
        *,
        certain: bool = False,
    ) -> DataSubject:
        """The data subject with this phone, which is read as in the account's webhooks, or with this user id.

        Raises GatewayError(invalid_request) for an account that is unknown or not covered, for an invalid phone, and
        with `certain` for a phone that may be another person's.
        """
        if account_id is None:
            raise invalid("account_id", "is required with `phone` and with `user_id`")
        account = await account_in_field(self.directory, principal, account_id)
        named = await self.customer(account, phone, user_id, certain=certain)
        keys = await self.keys.of_customer(account.id, named.key)
        contacts = await self.keys.contacts(account.id, keys)
        former = self.keys.former(account.id, [named.phone, *(contact.phone for contact in contacts)])
        return DataSubject(account, named.phone, named.user_id, tuple(dict.fromkeys((*keys, *former))), contacts)

    async def do_not_contact_hashes(self, subject: DataSubject) -> tuple[str, ...]:
        """The hash of each customer key, under which the subject's suppressions stay after an erasure."""
        return await self.do_not_contact.newest(subject.customer_keys)

    def fast_hashes(self, subject: DataSubject) -> tuple[str, ...]:
        """The hashes under which earlier releases stored the subject's opt-ins."""
        return tuple(map(self.do_not_contact.pseudonyms.do_not_contact_hash, subject.customer_keys))

    async def left_by_erasures(self, subject: DataSubject) -> tuple[str, ...]:
        """The kinds of suppression that an earlier erasure of the person left, sorted."""
        hashes = await self.do_not_contact.of(subject.account.id, subject.customer_keys)
        standing = await self.do_not_contact.look(subject.account.id, hashes)
        return tuple(sorted(kind.value for kind in standing.kinds))

    async def record_pseudonyms(self, subject: DataSubject) -> tuple[str, ...]:
        """The pseudonyms (`customer_hash`) of the subject in the record; none without records or after an erasure."""
        found = await self.subjects.find(customer_keys=subject.customer_keys)
        return tuple(sorted(subject.pseudonym for subject in found))


async def records_about(records: Records, account_id: str, pseudonyms: Collection[str]) -> AsyncIterator[Record]:
    """Every record of an account about the pseudonyms, newest first; none without a pseudonym."""
    wanted = RecordFilter(account_id=account_id, customers=frozenset(pseudonyms))
    cursor: str | None = None
    while pseudonyms:
        page = await records.page(wanted, limit=PAGE, cursor=cursor)
        for record in page.items:
            yield record
        cursor = page.next_cursor
        if cursor is None:
            return
