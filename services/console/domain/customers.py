"""How operators name a customer: by phone, in any spelling, or by WhatsApp's user id."""

from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from libs.contracts.identity import user_id_from
from libs.contracts.phone_numbers import with_lost_plus
from services.console.domain.fields import field_error

LONGEST_PHONE: Final = 512
"""Characters: an address with a display name, such as `"Kim" <sip:+966500000000@pbx.example>`, has many."""


def _require_user_id(text: str) -> str:
    user_id = user_id_from(text)
    if user_id is None:
        raise field_error("must be a user id of WhatsApp, as in `customer.user_id` of a forward")
    return user_id


def _with_plus(value: object) -> object:
    return with_lost_plus(value) if isinstance(value, str) else value


PhoneText = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PHONE), Field(examples=["+966500000000"])]
QueryPhone = Annotated[PhoneText, BeforeValidator(_with_plus)]
"""A phone in a query."""
UserIdText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    AfterValidator(_require_user_id),
    Field(examples=["SA.13491208655302741918"]),
]
