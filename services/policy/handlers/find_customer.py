"""`FindCustomer`: finds whom a webhook is about. It asks the store only about phone numbers with two readings."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.contracts.decisions import Decision
from libs.store.customers import Customers, known_phones
from libs.store.do_not_contact import DoNotContact
from services.policy.domain.webhook_customers import (
    Customer,
    NamedCustomer,
    customer_from,
    customer_of_receipt,
    phones_to_look_up,
)
from services.policy.rules.message_fields import customer_phone_is_usable


@dataclass(frozen=True, slots=True)
class FindCustomer:
    """Chooses between the readings of a phone number by the customers that the account knows."""

    customers: Customers
    do_not_contact: DoNotContact

    async def __call__(self, account_id: str, named: Sequence[NamedCustomer]) -> Customer | None:
        """The customer; None when no field names one. Changes nothing."""
        known = await known_phones(self.customers, self.do_not_contact, account_id, phones_to_look_up(named))
        return customer_from(named, known)


def decided_customer(decision: Decision, named: Sequence[NamedCustomer], customer: Customer | None) -> Customer | None:
    """The customer of an earlier decision. An approval is for nobody else, whomever the account knows by now."""
    receipt = next((line.inputs for line in decision.receipt if line.rule == customer_phone_is_usable.__name__), {})
    decided = customer_of_receipt(named, receipt)
    return decided if decision.approved else decided or customer
