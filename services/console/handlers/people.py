"""Whom an operator means by a phone: the account's customer, under every key that stands for them."""

from dataclasses import dataclass, field

from libs.chassis.clock import Clock
from libs.store.accounts import Account, Directory
from libs.store.identities import Identities
from libs.store.subjects import Subjects
from services.console.domain.phones import e164_from
from services.console.domain.principals import Principal, invalid
from services.console.ports import CustomerKey


@dataclass(frozen=True, slots=True)
class Person:
    """A customer of an account, known or not."""

    account: Account
    phone: str = field(repr=False)
    customer_keys: tuple[str, ...]
    """The phone's first, then that of the user id that WhatsApp showed with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Finds persons, and what their records call them."""

    directory: Directory
    identities: Identities
    subjects: Subjects
    clock: Clock
    customer_key: CustomerKey = field(repr=False)

    async def named(self, principal: Principal, account_id: str | None, phone: str) -> Person:
        """The person with this phone, read as the account's webhooks are.

        Raises GatewayError(invalid_request) for an account that is unknown or not seen, or no phone.
        """
        if account_id is None:
            raise invalid("account_id", "is required with `phone`")
        account = await self.directory.account(account_id) if principal.sees(account_id) else None
        if account is None:
            raise invalid("account_id", "is unknown")
        number = e164_from(phone, account.default_region)
        if number is None:
            raise invalid("phone", "must be a valid phone number, in E.164 or national form")
        key = self.customer_key(account.id, number)
        identity = await self.identities.link(account.id, [key], self.clock())
        return Person(account, number, identity.keys)

    async def pseudonyms(self, person: Person) -> tuple[str, ...]:
        """What the person's records call them; none for somebody without records, or erased."""
        found = await self.subjects.find(customer_keys=person.customer_keys)
        return tuple(sorted(subject.pseudonym for subject in found))
