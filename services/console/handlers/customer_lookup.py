"""`CustomerLookup`: the customer that an operator names, read as in the account's webhooks."""

from dataclasses import dataclass, field

from libs.contracts.identity import masked, recognised_user_id
from libs.contracts.phone_numbers import candidates, choose
from libs.store.accounts import Account
from libs.store.customers import Customers, known_phones
from libs.store.do_not_contact import DoNotContact
from services.console.domain.refusals import invalid

AMBIGUOUS = "may be another person's number: send it with a plus and the country code, such as +966500000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCustomer:
    """A customer of an account, by phone or by user id; nothing needs to be stored about them."""

    phone: str | None = field(default=None, repr=False)
    """Canonical E.164."""
    user_id: str | None = field(default=None, repr=False)
    key: str

    @property
    def masked_phone(self) -> str:
        """The masked phone; empty when the customer is known by user id alone."""
        return "" if self.phone is None else masked(self.phone)


@dataclass(frozen=True, slots=True)
class CustomerLookup:
    """Reads phones, and chooses between two readings by the customers that the account knows."""

    customers: Customers
    do_not_contact: DoNotContact

    async def __call__(
        self, account: Account, phone: str | None, user_id: str | None, *, certain: bool = False
    ) -> NamedCustomer:
        """The customer with this phone or user id: exactly one must be given; an id may stand in the phone's place.

        With `certain`, a phone that stays ambiguous is refused; otherwise the likelier reading holds, as it does for
        replies. Raises GatewayError(invalid_request).
        """
        if (phone is None) == (user_id is None):
            raise invalid("phone", "is required, or else `user_id`, but not both")
        user_id = user_id or recognised_user_id(phone or "")
        if user_id is not None:
            return NamedCustomer(user_id=user_id, key=self.do_not_contact.pseudonyms.customer_key(account.id, user_id))
        found = candidates(phone, region=account.default_region)
        phones = [reading.e164 for reading in found.to_look_up]
        reading = choose(found, await known_phones(self.customers, self.do_not_contact, account.id, phones))
        if reading is None:
            raise invalid("phone", "must be a valid phone number, in E.164 or national form")
        if certain and reading.is_ambiguous:
            raise invalid("phone", AMBIGUOUS)
        return NamedCustomer(
            phone=reading.e164, key=self.do_not_contact.pseudonyms.customer_key(account.id, reading.e164)
        )
