"""The provider contract: the values and functions that a provider's package offers to ingress, sender and console."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

import aiohttp

from libs.providers.contact_books import ContactBooks
from libs.providers.errors import ErrorTable
from libs.providers.http import AddressRules
from libs.providers.inbound import WebhookEndpoint, WebhookSecrets, WebhookSource
from libs.providers.media import MediaSource
from libs.providers.outcomes import ProbeOutcome, SendOutcome, TemplatesOutcome, UploadOutcome
from libs.providers.outgoing import MediaFile, NumberCredentials, Outgoing
from libs.providers.read_receipts import ReadReceipts


class MessageSender(Protocol):
    """Sends messages through a provider."""

    @property
    def errors(self) -> ErrorTable:
        """The table that classifies the refusals."""
        ...

    async def send(self, number: NumberCredentials, outgoing: Outgoing) -> SendOutcome:
        """Offer one message once, in bounded time.

        Raises nothing but cancellation: every fault is an outcome. Never offers the message a second time.
        """
        ...

    async def probe(self, number: NumberCredentials, *, throughput: bool = False) -> ProbeOutcome:
        """Ask the provider whether it takes the credentials; with `throughput`, how fast the number may send too.

        Sends no message, in bounded time. Raises nothing but cancellation.
        """
        ...


class MediaUploads(Protocol):
    """Uploads files, so that a message can name them by id."""

    async def upload(self, number: NumberCredentials, file: MediaFile) -> UploadOutcome:
        """Upload one file once, in bounded time. Raises nothing but cancellation. Sends no message."""
        ...


class TemplateLists(Protocol):
    """Lists the templates that a number may send."""

    async def read(self, number: NumberCredentials, business_account_id: str | None) -> TemplatesOutcome:
        """All templates of the number's business account, in bounded time. Raises nothing but cancellation."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """What a provider's sender is made with.

    `session` is for the addresses of the deployment. `guarded_session` is for addresses that accounts choose
    (`NumberCredentials.base_url`); it connects only where `addresses` allows.
    """

    session: aiohttp.ClientSession
    guarded_session: aiohttp.ClientSession
    addresses: AddressRules
    clock: Callable[[], datetime]
    api_url: str
    api_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaOptions(SenderOptions):
    """What a provider's media source is made with: a sender's options, and what limits downloads.

    The Cloud API's files come from `hosts` alone (`name` or `*.name`). `timeout_s` limits each wait for bytes.
    """

    hosts: Collection[str]
    timeout_s: float


class NumberProblem(NamedTuple):
    """A field that the provider does not accept; `problem` continues a sentence that begins with `field`."""

    field: str
    problem: str


class NumberRules(Protocol):
    """Validates a number of the provider."""

    def __call__(self, *, phone_number_id: str, base_url: str | None) -> Sequence[NumberProblem]:
        """The problems of these values; none when the provider can serve the number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider. `libs.providers.registry` lists them; nothing else in the gateway names one."""

    kind: str
    """The value of `provider` in the API and in the store."""
    endpoint: WebhookEndpoint
    errors: ErrorTable
    validate_number: NumberRules
    webhooks: Callable[[WebhookSecrets], WebhookSource] = field(repr=False)
    sender: Callable[[SenderOptions], MessageSender] = field(repr=False)
    uploads: Callable[[SenderOptions], MediaUploads] | None = field(default=None, repr=False)
    """Uploads files before a message names them; None: the message itself holds the file."""
    template_lists: Callable[[SenderOptions], TemplateLists] | None = field(default=None, repr=False)
    """Lists templates; None: a number of the provider sends none that 3CX asks for."""
    media: Callable[[MediaOptions], MediaSource] | None = field(default=None, repr=False)
    """Gets the files that customers send; None: their messages have no links."""
    read_receipts: Callable[[SenderOptions], ReadReceipts] | None = field(default=None, repr=False)
    """Marks customers' messages as read; None: the provider takes no receipts."""
    contact_books: Callable[[SenderOptions], ContactBooks] | None = field(default=None, repr=False)
    """Deletes entries of numbers' contact books; None: the provider keeps none."""
    webhook_setup: Callable[[str, str], dict[str, Any]] | None = field(default=None, repr=False)
    """With `endpoint.per_number`: from a number's webhook URL and secret, the body that configures its server."""
    api_end: Callable[[str], date | None] | None = field(default=None, repr=False)
    """With a versioned API: the day on which the provider ends an `api_version`; None while it is not announced."""
    recipient: str | None = None
    """Who gets the messages, in a sentence for the customer (GDPR, Art. 15); None: the kind is named instead."""
    notice: str | None = None
    """The text that the provider's licence requires operators to see."""
