"""Outgoing messages as every provider takes them, and the credentials to send them; a repr shows nothing personal."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from libs.contracts.content import InteractiveRequest, MediaKind


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
class MediaFile:
    """A checked file that is to be sent. `open` gives a reader from its start, which the caller closes."""

    mime_type: str
    bytes: int
    sha256: str
    open: Callable[[], BinaryIO] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyMedia:
    """Media that a message can name: by the id that the provider's upload gave, by a link, else by the file itself."""

    kind: MediaKind
    file: MediaFile
    id: str | None = None
    link: str | None = field(default=None, repr=False)
    """Where WhatsApp fetches the file of a template; who has the link may open the file."""
    filename: str | None = field(default=None, repr=False)
    """Shown for a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingText:
    """A free text. A provider that supports callback data returns `callback` with every status of the message.

    `quotes` is WhatsApp's id of the message that this one answers.
    """

    to: Customer
    text: str = field(repr=False)
    callback: str
    quotes: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonValue:
    """The value of a template's button: `type` is `url` or `quick_reply`."""

    index: int
    type: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingTemplate:
    """An approved template with the values of its placeholders, in order; `callback` and `quotes` as in `OutgoingText`.

    `names` are those of the body's placeholders, where the template has named ones.
    """

    to: Customer
    name: str
    language: str
    parameters: tuple[str, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = ()
    header: tuple[str, ...] = field(default=(), repr=False)
    header_names: tuple[str, ...] = ()
    header_media: ReadyMedia | None = None
    buttons: tuple[ButtonValue, ...] = ()
    callback: str
    quotes: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMedia:
    """An image, a document, a sound or a film; `callback` and `quotes` as in `OutgoingText`."""

    to: Customer
    media: ReadyMedia
    caption: str | None = field(default=None, repr=False)
    callback: str
    quotes: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingInteractive:
    """A text with buttons or a list; `callback` and `quotes` as in `OutgoingText`."""

    to: Customer
    content: InteractiveRequest
    callback: str
    quotes: str | None = field(default=None, repr=False)


Outgoing = OutgoingText | OutgoingTemplate | OutgoingMedia | OutgoingInteractive
