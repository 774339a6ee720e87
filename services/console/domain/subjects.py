"""Request and response models of erasures and exports of a data subject's data."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum, unique
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from libs.contracts.events import WhatsAppPostSetAside
from libs.contracts.json_repair import repaired
from libs.store.contact_book import DeletionStatus
from services.console.domain.customers import PhoneText, UserIdText
from services.console.domain.events import RecordView
from services.console.domain.fields import Id, Reason, RequestBody
from services.console.domain.pagination import View
from services.console.domain.subject_information import SubjectInformation

MAX_IDENTIFIER_LENGTH = 128
"""No phone or user id is longer."""
WORD = re.compile(r"[+\w.:@-]{5,128}", re.ASCII)
DEVICE = re.compile(r":\d{1,3}@", re.ASCII)
"""The number of a linked device in one of WhatsApp's addresses."""


class SubjectRequest(RequestBody):
    """The body that names one customer of one account."""

    account_id: Id
    phone: PhoneText | None = Field(default=None, repr=False)
    """E.164, or a national number of the account's region; required unless there is a `user_id`."""
    user_id: UserIdText | None = Field(default=None, repr=False)
    """The customer's id on WhatsApp, in place of the phone."""
    reason: Reason
    """Why, such as the channel of the request. It stays in the record, so it must not identify the person."""


@unique
class ErasureStatus(StrEnum):
    """The state of an erasure."""

    FINISHED = "finished"
    UNDER_WAY = "under_way"
    """It continues in the background; repeating the request is unnecessary and harmless."""


class ContactBookView(View):
    """The deletion of the person from the contact book that WhatsApp keeps for a number."""

    number_id: str
    status: DeletionStatus
    """`failed`: WhatsApp did not confirm it within seven days; it may tell the phone number again for 30 days."""
    tries: int
    problem: str | None
    """Why the last try failed, as a word."""


class ErasureView(View):
    """The result of an erasure; it does not identify the person."""

    id: str
    account_id: str
    status: ErasureStatus
    pseudonyms: tuple[str, ...]
    """The person's pseudonyms (`customer_hash`) in the record; they stay there."""
    removed: dict[str, int]
    """How many entries of each kind were removed."""
    contact_book: tuple[ContactBookView, ...] = ()
    """For each number that has one; none when no user id of the person is known. Later outcomes are in the record
    (`contact_book.deletion_ended`) and at `/erasures/{erasure_id}/contact-book`."""


class WindowView(View):
    """The person's conversation window with one of the account's numbers."""

    number_id: str
    last_inbound_at: AwareDatetime | None
    closed_at: AwareDatetime | None


class SuppressionDetail(View):
    """A suppression, active or lifted, with its evidence."""

    id: str
    kind: str
    source: str
    reason: str | None
    actor: str | None
    since: AwareDatetime
    masked_phone: str
    evidence: dict[str, Any]
    active: bool


class ConsentDetail(View):
    """One entry of the person's consents: an opt-in, or that the person took opt-ins of a scope back."""

    id: str | None = None
    scope: str
    source: str
    """`keyword` (START or STOP), `operator`, `import`, `web_form` or `provider`."""
    wording_version: str | None = None
    at: AwareDatetime
    evidence_hash: str | None = None
    """The SHA-256 of the evidence, which the business keeps."""
    origin: str | None = None
    actor: str | None
    import_id: str | None = None
    recorded_at: AwareDatetime | None = None
    withdrawn: bool = False
    """Of an opt-in: whether the person took it back."""
    withdrawal: bool = False
    """Whether this entry is a withdrawal."""


class CustomerRestrictionView(View):
    """What WhatsApp forbids to send to the person."""

    id: str
    number_id: str | None
    """The number that may not send it; null: all numbers of the account."""
    kind: str
    cause: str
    since: AwareDatetime
    until: AwareDatetime | None


class MessageView(View):
    """A message to the person, of the last 30 days."""

    event_id: str
    number_id: str | None
    state: str
    at: AwareDatetime | None
    message_id: str | None


class ChatNumberView(View):
    """The number under which 3CX's chat shows the person, who has hidden the phone number."""

    integration_id: str
    number: str = Field(repr=False)


class AddressView(View):
    """Identities of the person that WhatsApp has shown together; they are stored encrypted."""

    phone: str | None = Field(default=None, repr=False)
    wa_id: str | None = Field(default=None, repr=False)
    """WhatsApp's own digits for the person, where they differ from the phone."""
    user_id: str | None = Field(default=None, repr=False)
    parent_user_id: str | None = Field(default=None, repr=False)


class SubjectExport(View):
    """Everything that is stored about one person. Message texts are not stored."""

    account_id: str
    phone: str | None = Field(repr=False)
    """As in the request, in E.164 form; null when the request has a `user_id`."""
    user_id: str | None = Field(repr=False)
    addresses: tuple[AddressView, ...] = Field(default=(), repr=False)
    """The person's other identities."""
    chat_numbers: tuple[ChatNumberView, ...] = Field(default=(), repr=False)
    exported_at: AwareDatetime
    pseudonyms: tuple[str, ...]
    """The person's pseudonyms in the record."""
    windows: tuple[WindowView, ...]
    suppressions: tuple[SuppressionDetail, ...]
    restrictions: tuple[CustomerRestrictionView, ...]
    consents: tuple[ConsentDetail, ...]
    """The person's opt-ins, and when the person took them back, in the order of time."""
    do_not_contact: tuple[str, ...]
    """Kinds of suppression that an earlier erasure left."""
    messages: tuple[MessageView, ...]
    dead_letters: tuple[str, ...]
    """Ids of failed deliveries about the person, which are stored encrypted until they expire."""
    records: tuple[RecordView, ...]
    """Every record about the person, newest first: webhooks, messages, answers, statuses, forwards, suppressions, and
    what operators did about the person."""
    information: SubjectInformation
    """What the person is told with it (GDPR article 15): purposes, recipients, retention, source and rights."""


def short_texts_in(packed: str) -> Iterator[str]:
    """Every short text of a dead letter's event; identifiers of people are among them. None if it cannot be parsed."""
    try:
        body = json.loads(base64.b64decode(json.loads(packed)["body"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    yield from _texts(body)


def sealed_post_in(packed: str) -> tuple[UUID, str] | None:
    """The id and the sealed body of a provider's post that ingress could not read; None for any other dead letter."""
    try:
        message = json.loads(packed)
        event = WhatsAppPostSetAside.model_validate_json(base64.b64decode(message["body"]))
        return UUID(message["message_id"]), event.sealed
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def identifiers_in(post: bytes) -> Iterator[str]:
    """Every short text of a post, and every word of one that is no JSON; identifiers of people are among them."""
    text = repaired(post).decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        yield from _texts(json.loads(text))
    for word in WORD.finditer(text):
        yield word[0]
        yield DEVICE.sub("@", word[0])


def _texts(value: object) -> Iterator[str]:
    """Every short text in a JSON value, in its order; without recursion, since it may be nested as deep as it likes."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str) and len(each) <= MAX_IDENTIFIER_LENGTH and _is_text(each):
            yield each
        elif isinstance(each, dict | list):
            left += reversed(list(each.values()) if isinstance(each, dict) else each)


def _is_text(value: str) -> bool:
    """False for a text with half a character, which names nobody and cannot be hashed."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
