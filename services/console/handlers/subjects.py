"""`SubjectLookup` finds the data subject that an operator's phone number names, and the subject's records."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

from libs.chassis.clock import Clock
from libs.contracts.identity import Pseudonyms
from libs.store.accounts import Account, Directory
from libs.store.identities import Identities
from libs.store.records import Record, RecordFilter, Records
from libs.store.subjects import Subjects
from services.console.domain.phone_numbers import phone_in_field
from services.console.domain.principals import Principal
from services.console.domain.refusals import invalid
from services.console.handlers.accounts import account_in_field

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class DataSubject:
    """A customer of an account; anything or nothing may be stored about them."""

    account: Account
    phone: str = field(repr=False)
    customer_keys: tuple[str, ...]
    """The key of the phone first, then that of the user id that WhatsApp sent with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectLookup:
    """Finds data subjects and their pseudonyms."""

    directory: Directory
    identities: Identities
    subjects: Subjects
    clock: Clock
    pseudonyms: Pseudonyms

    async def find(self, principal: Principal, account_id: str | None, phone: str) -> DataSubject:
        """The data subject with this phone, which is read as in the account's webhooks.

        Raises GatewayError(invalid_request) for an account that is unknown or not covered, and for an invalid phone.
        """
        if account_id is None:
            raise invalid("account_id", "is required with `phone`")
        account = await account_in_field(self.directory, principal, account_id)
        number = phone_in_field(phone, account.default_region)
        key = self.pseudonyms.customer_key(account.id, number)
        identity = await self.identities.link(account.id, [key], self.clock())
        return DataSubject(account, number, identity.keys)

    def do_not_contact_hashes(self, subject: DataSubject) -> tuple[str, ...]:
        """The hashes under which the subject's suppressions stay after an erasure."""
        return tuple(map(self.pseudonyms.do_not_contact_hash, subject.customer_keys))

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
