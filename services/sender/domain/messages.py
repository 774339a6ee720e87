"""What we owe WhatsApp, ready to be put on the wire; nothing personal shows in a repr."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberCredentials:
    """A WhatsApp business number and the right to send from it; `base_url` where it is not the provider's usual."""

    number_id: str
    phone_number_id: str
    access_token: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Whom a message is for: by phone (E.164), by business-scoped user id, or both; the phone wins."""

    phone: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingText:
    """A free text. `callback` comes back with every status of the message."""

    to: Customer
    text: str = field(repr=False)
    callback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingTemplate:
    """An approved template with the values of its body's placeholders, in order."""

    to: Customer
    name: str
    language: str
    parameters: tuple[str, ...] = field(default=(), repr=False)
    callback: str


Outgoing = OutgoingText | OutgoingTemplate
