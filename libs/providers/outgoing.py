"""Outgoing messages as every provider takes them, and the credentials to send them; a repr shows nothing personal."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberCredentials:
    """A WhatsApp business number and its access token; `base_url` is the address of the account's own server."""

    number_id: str
    phone_number_id: str
    access_token: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The recipient: a phone number (E.164), a business-scoped user id, or both; the phone number takes precedence."""

    phone: str | None = field(default=None, repr=False)
    wa_id: str | None = field(default=None, repr=False)
    """WhatsApp's own digits for the phone number, where they are known to differ from it."""
    user_id: str | None = field(default=None, repr=False)

    @property
    def digits(self) -> str | None:
        """The digits by which WhatsApp knows the phone number; None without one."""
        return None if self.phone is None else self.wa_id or self.phone.removeprefix("+")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingText:
    """A free text. A provider that supports callback data returns `callback` with every status of the message."""

    to: Customer
    text: str = field(repr=False)
    callback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingTemplate:
    """An approved template with the values of its body's placeholders, in order; `callback` as in `OutgoingText`."""

    to: Customer
    name: str
    language: str
    parameters: tuple[str, ...] = field(default=(), repr=False)
    callback: str


Outgoing = OutgoingText | OutgoingTemplate
