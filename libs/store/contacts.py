"""`Contact`: the addresses of one customer, which the store keeps only sealed.

The rule: a contact is sealed for one row (its owner), so that a value that is copied to another row cannot be opened.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from libs.store.sealer import CannotOpen, Sealer

_FIELD: Final = "contact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """By what a customer is reached and named."""

    phone: str | None = field(default=None, repr=False)
    """The canonical number (E.164)."""
    wa_id: str | None = field(default=None, repr=False)
    """WhatsApp's own digits for the customer, where they differ from those of `phone`."""
    user_id: str | None = field(default=None, repr=False)
    parent_user_id: str | None = field(default=None, repr=False)

    @property
    def tells_more_than_one_key(self) -> bool:
        """True when who knows one identity of the customer learns another one from it; only then it is kept."""
        return self.wa_id is not None or (self.phone is not None and self.user_id is not None)

    def completed_by(self, known: "Contact | None") -> "Contact":
        """The contact, with what it lacks taken from `known`; WhatsApp's digits only with the same phone."""
        if known is None:
            return self
        phone, user_id = self.phone or known.phone, self.user_id or known.user_id
        keeps_digits = self.phone is None or (self.phone == known.phone and self.wa_id is None)
        return replace(
            self,
            phone=phone,
            wa_id=known.wa_id if keeps_digits else self.wa_id,
            user_id=user_id,
            parent_user_id=self.parent_user_id or (known.parent_user_id if user_id == known.user_id else None),
        )


_NAMES: Final = tuple(Contact.__dataclass_fields__)


def sealed_contact(contact: Contact, sealer: Sealer, *, owner: str) -> str:
    """The contact encrypted for the row `owner`."""
    known = {name: value for name in _NAMES if (value := getattr(contact, name)) is not None}
    return sealer.seal(orjson.dumps(known).decode(), owner=owner, field_name=_FIELD)


def contact_from(sealed: str | None, sealer: Sealer, *, owner: str) -> Contact | None:
    """The contact of the row `owner`; None without one, and when its sealing key is not configured any more."""
    if sealed is None:
        return None
    try:
        opened: dict[str, Any] = orjson.loads(sealer.open(sealed, owner=owner, field_name=_FIELD))
    except CannotOpen:
        return None
    return Contact(**{name: opened.get(name) for name in _NAMES})
